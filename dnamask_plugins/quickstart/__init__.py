"""The machinery end to end, in minutes, from genomes that ship with the package."""
