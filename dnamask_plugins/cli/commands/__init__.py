"""The commands of ``dnamask``: a module each, with a Typer ``app``; found by their file names."""
