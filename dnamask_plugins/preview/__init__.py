"""What a strategy does to a sequence, to look at: as text, JSON, HTML or a picture.

Public: `masked.mask_sequences` and `masked.measure`. May import values, `guard` and `masks`.
"""
