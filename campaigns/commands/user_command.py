"""`tailormail user`: people of the console, for operators, also where nobody can sign in any more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from campaigns.commands.output import as_json, json_option, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from campaigns.flows.console.people import People, Person

# As in models/user.py, which would load SQLAlchemy for `--help`; a test compares them.
ROLES = ("viewer", "author", "approver", "admin")


@click.group()
def user() -> None:
    """People who sign in to the console: list, invite, change roles, switch off and on, reset passwords."""


@user.command(name="list")
@json_option
def list_(json_: bool) -> None:
    """Everybody, with role, state and second factor."""
    with _people() as people:
        found = [_shown(one) for one in people.list()]
    if json_:
        as_json(found)
    else:
        show_table(
            ("name", "role", "state", "second factor", "signed in last"),
            [(r["name"], r["role"], r["state"], "yes" if r["second_factor"] else "no", r["signed_in_at"]) for r in found],
        )  # fmt: skip


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="author", show_default=True)
@json_option
def invite(name: str, role: str, json_: bool) -> None:
    """Make an account and print the link with which its password is chosen, this once."""
    from campaigns.models import Role

    with _people() as people:
        _, link = people.invite(name, Role(role), "cli")
    _tell_link(name, link, "7 days", json_)


@user.command(name="role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@json_option
def role_(name: str, role: str, json_: bool) -> None:
    """Give another role; the last admin stays one."""
    from campaigns.models import Role

    _change(name, lambda people, number: people.change_role(number, Role(role), "cli"), json_)


@user.command()
@click.argument("name")
@json_option
def off(name: str, json_: bool) -> None:
    """Switch an account off: sessions and links end, the password opens nothing."""
    _change(name, lambda people, number: people.switch(number, False, "cli"), json_)


@user.command()
@click.argument("name")
@json_option
def on(name: str, json_: bool) -> None:
    """Switch an account on again."""
    _change(name, lambda people, number: people.switch(number, True, "cli"), json_)


@user.command()
@click.argument("name")
@click.option("--second-factor", is_flag=True, help="Remove the second factor as well.")
@json_option
def reset(name: str, second_factor: bool, json_: bool) -> None:
    """End a password, and print the link with which a new one is chosen, this once.

    The way back in for who lost the last admin's password.
    """
    with _people() as people:
        number = people.named(name).number
        if second_factor:
            people.remove_second_factor(number, "cli")
        link = people.reset(number, "cli")
    _tell_link(name, link, "a day", json_)


@contextmanager
def _people() -> Iterator[People]:
    from campaigns.commands.parts import connected

    with connected() as runtime:
        yield runtime.people


def _change(name: str, change: Callable[[People, int], object], json_: bool) -> None:
    with _people() as people:
        number = people.named(name).number
        change(people, number)
        shown = _shown(people.get(number))
    as_json(shown) if json_ else click.echo(f"{shown['name']}: {shown['role']}, {shown['state']}")


def _tell_link(name: str, link: str, lasts: str, json_: bool) -> None:
    if json_:
        as_json({"name": name, "link": link})
    else:
        click.echo(
            f"Whoever opens this link chooses the password of {name}; it works once, for {lasts}: {link}"
        )


def _shown(one: Person) -> dict[str, Any]:
    state = "off" if one.off else "in use" if one.joined else "invited" if one.link_until else "no password"
    return {
        "name": one.name,
        "role": one.role.value,
        "state": state,
        "second_factor": one.second_factor,
        "signed_in_at": one.signed_in_at.isoformat() if one.signed_in_at else None,
    }
