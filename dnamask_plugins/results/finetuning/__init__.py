"""What a fine-tuning came to, as one page: curves, mistakes, calibration, and on what they depend."""
