"""The report of a fine-tuning, as one page: curves, mistakes, calibration, and on what they depend."""
