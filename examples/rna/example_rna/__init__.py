"""RNA language models of the library multimolecule, for dnamask."""
