"""The checks of `verify`, one for each redundancy: they yield what is wrong, or raise `NotPossible`."""
