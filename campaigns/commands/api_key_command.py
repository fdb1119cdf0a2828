"""`tailormail api-key`: keys for programs that use /api/v1."""

from __future__ import annotations

import click

from campaigns.commands.output import as_json, json_option, show_table

# As in models/api_key.py, which would load SQLAlchemy for `--help`; a test compares them.
SCOPES = ("read", "write", "privacy", "send", "recommend", "events", "admin")


@click.group(name="api-key")
def api_key() -> None:
    """Make, list and revoke keys of programs that use /api/v1."""


@api_key.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Repeatable; default: read."
)
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after so many days; default: never.")
@click.option("--per-minute", type=click.IntRange(1, 6000), help="Requests a minute; default: 600.")
@json_option
def create(name: str, scopes: tuple[str, ...], days: int | None, per_minute: int | None, json_: bool) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from datetime import timedelta

    from campaigns.commands.parts import connected

    with connected() as runtime:
        ends = runtime.clock.now() + timedelta(days=days) if days else None
        key = runtime.api_keys.create(name, scopes or ("read",), expires_at=ends, per_minute=per_minute)
    as_json({"name": name, "key": key}) if json_ else click.echo(key)


@api_key.command(name="list")
@json_option
def list_(json_: bool) -> None:
    """All keys: what they may do, and when they were used last."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        keys = runtime.api_keys.list()
    if json_:
        as_json(keys)
        return
    show_table(
        ("name", "scopes", "made", "last used", "ends", "revoked"),
        [
            (
                k["name"],
                " ".join(k["scopes"]),
                k["created_at"],
                k["last_used_at"] or "",
                k["expires_at"] or "",
                k["revoked_at"] or "",
            )
            for k in keys
        ],
    )


@api_key.command()
@click.argument("name")
@json_option
def revoke(name: str, json_: bool) -> None:
    """From now on this key opens nothing."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        runtime.api_keys.revoke(name)
    as_json({"name": name, "revoked": True}) if json_ else click.echo(f"{name} is revoked")
