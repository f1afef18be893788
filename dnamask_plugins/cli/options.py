"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ExecutorName = Annotated[
    str, typer.Option("--executor", help="local, or ray: many machines, GPUs shared out.")
]
Address = Annotated[str | None, typer.Option(help="Of a running Ray cluster; else one is started here.")]

Model = Annotated[
    str,
    typer.Option(help="Folder, owner/name[@revision] on the hub, or a floor: baseline:kmers, :onehot, :cnn."),
]
