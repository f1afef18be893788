"""``python -m dnamask_plugins`` is the command ``dnamask`` (for torchrun and accelerate launch)."""

from dnamask_plugins.cli import main

if __name__ == "__main__":
    main()
