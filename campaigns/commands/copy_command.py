"""`tailormail copy`: what a model is to write, what it wrote, and how well it does."""

from __future__ import annotations

import click


@click.group()
def copy() -> None:
    """Copy written by a language model: what it will cost, samples to approve, how well it does."""
