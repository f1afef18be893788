"""The training loop: masking at the moment a batch is consumed, the curriculum, validation, checkpoints.

Works for any model; a whole run is put together in `pretrain`.

May import values, the contracts, `masking`, `masks`, `strategies.building` and `models`.
"""
