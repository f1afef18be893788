"""The machinery end to end, in minutes, from genomes that ship with the package.

May import `pretrain` and `harness`, whose commands it runs.
"""
