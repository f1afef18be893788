"""Options of the commands, each declared once: `common` to several kinds of commands, and one module a kind.

May import what the command line may.
"""
