"""`tailormail user`: for operators, also where nobody can sign in any more; and what `serve` prints at first."""

from __future__ import annotations

import json
import re

import pytest
from flows_people import PASSWORD, token_of

from campaigns.commands.serve import welcome
from campaigns.commands.user_command import ROLES
from campaigns.core.errors import BadToken
from campaigns.models import Role
from campaigns.runtime import Runtime
from tests.shop import Command


def link_in(out: str) -> str:
    found = re.search(r"https?://\S+/console/\S+", out)
    assert found, out
    return found[0]


def test_the_command_knows_the_roles_that_there_are() -> None:
    assert tuple(Role) == ROLES


def test_somebody_is_invited_changed_and_switched_off(command: Command, runtime: Runtime) -> None:
    status, out, _ = command("user", "invite", "Tove", "--role", "approver")
    assert status == 0
    runtime.people.use_link(token_of(link_in(out)), PASSWORD)
    assert command("user", "role", "tove", "author")[1] == "Tove: author, in use\n"
    assert command("user", "off", "Tove")[1] == "Tove: author, off\n"
    assert command("user", "on", "Tove", "--json")[0] == 0
    (shown,) = json.loads(command("user", "list", "--json")[1])
    assert (shown["name"], shown["role"], shown["state"]) == ("Tove", "author", "in use")
    assert "Tove" in command("user", "list")[1]


def test_what_is_refused_is_said(command: Command, runtime: Runtime) -> None:
    runtime.people.use_link(token_of(runtime.people.invite("Ola", Role.ADMIN, "cli")[1]), PASSWORD)
    for arguments, said in (
        (("user", "role", "Ola", "viewer"), "last admin"),
        (("user", "off", "Ola"), "last admin"),
        (("user", "on", "Eva"), "nobody is called Eva"),
        (("user", "invite", "ola"), "called ola already"),
    ):
        status, _, err = command(*arguments)
        assert (status, said in err) == (1, True), err
    assert command("user", "invite", "Eva", "--role", "owner")[0] == 2


def test_the_last_admin_comes_back_in_without_password_and_phone(command: Command, runtime: Runtime) -> None:
    ola = runtime.people.use_link(token_of(runtime.people.invite("Ola", Role.ADMIN, "cli")[1]), PASSWORD)
    status, out, _ = command("user", "reset", "Ola", "--second-factor")
    assert status == 0
    back = runtime.people.use_link(token_of(link_in(out)), "lingon and cloudberry")
    assert (back.number, back.second_factor) == (ola.number, False)
    assert runtime.signing_in.person_by_password("Ola", PASSWORD) is None


def test_the_first_start_prints_a_link_that_makes_an_admin_once(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    welcome(runtime)
    link = link_in(capsys.readouterr().out.partition("Open this link once")[2])
    welcome(runtime)
    assert link in capsys.readouterr().out, "a start that was missed costs nothing"
    ola = runtime.signing_in.use_first(token_of(link), "Ola", PASSWORD)
    assert ola.role == Role.ADMIN
    welcome(runtime)
    assert "Open this link" not in capsys.readouterr().out
    with pytest.raises(BadToken):
        runtime.signing_in.use_first(token_of(link), "Eva", PASSWORD)
