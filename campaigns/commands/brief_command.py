"""`tailormail brief`: briefs that campaigns use again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table


@click.group()
def brief() -> None:
    """Briefs that are kept, in versions, and used by several campaigns."""


@brief.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def save(name: str, file: Path, json_: bool) -> None:
    """Keep the brief of a TOML file under a name; a campaign file may then say `brief = "NAME"`.

    FILE holds the fields of a brief, alone or under [brief] as in a campaign file. What is kept already is
    not kept twice; anything else is a new version, and older ones stay as they are.
    """
    from campaigns.commands.parts import connected
    from campaigns.core.described_file import read_toml

    described = read_toml(file)
    inner = described.get("brief")
    with connected() as runtime:
        version, new = runtime.briefs.save(name, inner if isinstance(inner, dict) else described, "cli")
    if json_:
        as_json({"name": name, "version": version, "new": new})
        return
    click.echo(
        f"brief {name} is kept as version {version}" if new else f"version {version} says that already"
    )


@brief.command(name="list")
@json_option
def list_(json_: bool) -> None:
    """All briefs that are kept, with the campaigns made from them."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        found = [one.to_json() for one in runtime.briefs.list()]
    if json_:
        as_json(found)
        return
    columns = ("name", "version", "goal", "languages", "by", "at", "campaigns")
    show_table(columns, [[_in_a_row(one[column]) for column in columns] for one in found])


@brief.command()
@click.argument("reference", metavar="NAME[@VERSION]")
@json_option
def show(reference: str, json_: bool) -> None:
    """One brief, the newest version unless another is named, and all versions that there are."""
    from campaigns.commands.parts import connected
    from campaigns.flows.describing.briefs import parse_reference

    name, version = parse_reference(reference)
    with connected() as runtime:
        one = runtime.briefs.get(name, version)
        history = [version.to_json() for version in runtime.briefs.history(name)]
    if json_:
        as_json(
            {**one.to_json(), "digest": one.brief.digest, "brief": one.brief.as_json(), "history": history}
        )
        return
    said = [(field, value) for field, value in one.brief.as_json().items() if value]
    show_pairs(f"brief {one.name}@{one.version}", said)
    columns = ("version", "by", "at", "campaigns")
    show_table(columns, [[_in_a_row(version[column]) for column in columns] for version in history])


@brief.command()
@click.argument("one", metavar="NAME@1")
@click.argument("other", metavar="NAME@2")
@json_option
def diff(one: str, other: str, json_: bool) -> None:
    """What the second brief says differently from the first, field by field."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        changes = runtime.briefs.diff(one, other)
    if json_:
        as_json([asdict(change) for change in changes])
        return
    if not changes:
        click.echo("they say the same")
    for change in changes:
        click.echo(change.field)
        before, after = _entries(change.before), _entries(change.after)
        for sign, entries, others in (("-", before, after), ("+", after, before)):
            for entry in entries:
                if entry not in others:
                    click.echo(f"  {sign} {entry}")
        if sorted(before) == sorted(after):
            click.echo(f"  + in this order: {', '.join(after)}")


def _entries(value: Any) -> list[str]:
    """The entries of a list, or the one value; none of what is not said."""
    return [str(entry) for entry in (value if isinstance(value, list) else [value]) if entry is not None]


def _in_a_row(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
