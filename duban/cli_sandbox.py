"""The commands demo and sandbox."""

import typer


def register(app: typer.Typer) -> None:
    """Add them."""
