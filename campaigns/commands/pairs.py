"""Options that give a value to a field, such as `--map email=Mail`."""

from __future__ import annotations

import click


def pairs_of(values: tuple[str, ...], option: str) -> dict[str, str]:
    """{field: rest} of `FIELD=rest`.

    Raises:
        click.BadParameter: one has no field or no equals sign.
    """
    pairs = {}
    for value in values:
        field, equals, rest = value.partition("=")
        if not equals or not field:
            raise click.BadParameter(f"{value!r} must look like FIELD=...", param_hint=option)
        pairs[field] = rest
    return pairs
