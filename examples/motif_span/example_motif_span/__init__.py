"""Masks occurrences of transcription-factor motifs."""
