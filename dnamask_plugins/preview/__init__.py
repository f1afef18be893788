"""What a strategy does to a sequence, to look at: as text, JSON, HTML or a picture."""
