"""What a trained model is used for: labels, embeddings, likelihoods and variant effects of sequences.

Everything here reads its sequences as a stream, so that memory does not grow with the input, and writes in
finished parts, so that a killed command goes on where it stopped.

May import `harness` for sources of models, and all below it.
"""
