"""Accounts: invitations, links that end, roles, being switched off, and the last admin."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flows_people import PASSWORD, House, token_of

from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, Conflict, Refused
from campaigns.core.tokens import Signer
from campaigns.models import Role


@pytest.fixture
def house(db: Database, keyring: KeyRing, signer: Signer) -> House:
    return House.on(db, keyring, signer)


def test_roles_are_in_order() -> None:
    assert Role.ADMIN.includes(Role.VIEWER) and Role.AUTHOR.includes(Role.AUTHOR)
    assert not Role.AUTHOR.includes(Role.APPROVER)
    assert Role.APPROVER.included_in == (Role.APPROVER, Role.ADMIN)


def test_whoever_is_invited_chooses_a_password_once(house: House) -> None:
    number, link = house.people.invite("Tove", Role.AUTHOR, "Ola")
    assert house.signing_in.person_by_password("Tove", "") is None
    assert house.people.of_link(token_of(link)).name == "Tove"
    joined = house.people.use_link(token_of(link), PASSWORD)
    assert (joined.number, joined.role, joined.joined) == (number, Role.AUTHOR, True)
    with pytest.raises(BadToken):
        house.people.use_link(token_of(link), PASSWORD)
    found = house.signing_in.person_by_password("tove", PASSWORD)
    assert found and found.number == number
    assert house.recorded()[0] == ("Ola", "person.invited", f"person {number}")


@pytest.mark.parametrize("password", ["short", "x" * 201, "Tove  tove 1998", "tove-tove-tove!"])
def test_a_password_that_says_nothing_is_refused_and_the_link_stays(house: House, password: str) -> None:
    _, link = house.people.invite("Tove", Role.AUTHOR, "Ola")
    with pytest.raises(BadInput):
        house.people.use_link(token_of(link), password)
    assert house.people.use_link(token_of(link), PASSWORD).joined


def test_a_link_ends_after_seven_days_and_when_it_is_withdrawn(house: House) -> None:
    number, link = house.people.invite("Tove", Role.AUTHOR, "Ola")
    house.clock.moment += timedelta(days=7, seconds=1)
    with pytest.raises(BadToken):
        house.people.of_link(token_of(link))
    fresh = house.people.reset(number, "Ola")
    with pytest.raises(BadToken):
        house.people.of_link(token_of(link))
    assert house.people.of_link(token_of(fresh)).name == "Tove"
    assert house.people.withdraw_link(number, "Ola") is False
    with pytest.raises(BadToken):
        house.people.of_link(token_of(fresh))
    assert house.people.list() == []  # so the name is free again
    house.people.invite("Tove", Role.VIEWER, "Ola")


def test_a_link_of_one_kind_is_none_of_another(house: House, signer: Signer) -> None:
    number, link = house.people.invite("Tove", Role.ADMIN, "Ola")
    with pytest.raises(BadToken):
        house.signing_in.check_first(token_of(link))
    for forged in (signer.sign("first-sign-in", number, 1), signer.sign("console-link", number, 1), "x"):
        with pytest.raises(BadToken):
            house.people.of_link(forged)


@pytest.mark.parametrize("name", ["", "x", " Tove", "Tove\n", "cli", "Scheduler", "api:shop", "t" * 81])
def test_names_that_nobody_may_have(house: House, name: str) -> None:
    with pytest.raises(BadInput):
        house.people.invite(name, Role.AUTHOR, "Ola")


def test_names_differ_by_more_than_their_case(house: House) -> None:
    house.people.invite("Tove", Role.AUTHOR, "Ola")
    with pytest.raises(Conflict):
        house.people.invite("TOVE", Role.AUTHOR, "Ola")


def test_a_reset_ends_the_password_and_the_sessions(house: House) -> None:
    house.joined("Ola")
    tove = house.joined("Tove", Role.AUTHOR)
    link = house.people.reset(tove.number, "Ola")
    assert house.signing_in.by_session(tove.number, tove.key) is None
    assert house.signing_in.person_by_password("Tove", PASSWORD) is None
    house.clock.moment += timedelta(days=1, seconds=1)
    with pytest.raises(BadToken):
        house.people.of_link(token_of(link))


def test_who_is_switched_off_is_out_at_once_and_comes_back_with_the_same_password(house: House) -> None:
    house.joined("Ola")
    tove = house.joined("Tove", Role.AUTHOR)
    house.people.switch(tove.number, False, "Ola")
    assert house.signing_in.by_session(tove.number, tove.key) is None
    assert house.signing_in.person_by_password("Tove", PASSWORD) is None
    with pytest.raises(Refused):
        house.people.reset(tove.number, "Ola")
    house.people.switch(tove.number, True, "Ola")
    # The sessions from before do not live up again.
    assert house.signing_in.by_session(tove.number, tove.key) is None
    assert house.signing_in.person_by_password("Tove", PASSWORD)


def test_ending_sessions_keeps_the_password(house: House) -> None:
    ola = house.joined("Ola")
    house.people.end_sessions(ola.number, "Ola")
    assert house.signing_in.by_session(ola.number, ola.key) is None
    assert house.signing_in.person_by_password("Ola", PASSWORD)


def test_the_last_admin_stays(house: House) -> None:
    ola = house.joined("Ola")
    house.joined("Tove", Role.APPROVER)
    house.people.invite("Per", Role.ADMIN, "Ola")  # has not come yet, and does not count
    for change in (
        lambda: house.people.change_role(ola.number, Role.APPROVER, "Ola"),
        lambda: house.people.switch(ola.number, False, "Ola"),
        lambda: house.people.reset(ola.number, "Ola"),
    ):
        with pytest.raises(Refused, match="last admin"):
            change()
    kept = house.people.get(ola.number)
    assert (kept.role, kept.off, kept.joined) == (Role.ADMIN, False, True)
    # Whoever has the machine has the way back in.
    assert house.people.use_link(token_of(house.people.reset(ola.number, "cli")), PASSWORD)


def test_of_two_admins_who_demote_each_other_at_once_one_stays(house: House) -> None:
    ola, tove = house.joined("Ola"), house.joined("Tove")
    refused = []

    def demote(number: int) -> None:
        try:
            house.people.change_role(number, Role.VIEWER, "the other")
        except Refused:
            refused.append(number)

    threads = [threading.Thread(target=demote, args=(one.number,)) for one in (ola, tove)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert sorted(one.role for one in house.people.list()) == [Role.ADMIN, Role.VIEWER]


def test_the_first_link_is_the_same_until_somebody_has_come(house: House) -> None:
    link = house.signing_in.first_link()
    assert link and house.signing_in.first_link() == link
    assert house.signing_in.awaits_first()
    with pytest.raises(BadInput):
        house.signing_in.use_first(token_of(link), "cli", PASSWORD)
    ola = house.signing_in.use_first(token_of(link), "Ola", PASSWORD)
    assert ola.role == Role.ADMIN
    assert house.signing_in.first_link() is None and not house.signing_in.awaits_first()
    with pytest.raises(BadToken):
        house.signing_in.check_first(token_of(link))


def test_the_first_link_outlives_others_who_came_before_the_first_admin(house: House) -> None:
    link = house.signing_in.first_link()
    house.joined("Tove", Role.APPROVER)
    assert link and house.signing_in.first_link() == link
    assert house.signing_in.use_first(token_of(link), "Ola", PASSWORD).role == Role.ADMIN


def test_a_guess_at_a_name_that_nobody_has_is_recorded_without_it(house: House) -> None:
    assert house.signing_in.person_by_password("my password in the wrong field", "x") is None
    assert house.recorded() == [("unknown", "person.sign_in_refused", "")]


def test_what_is_done_to_accounts_is_recorded_by_number(house: House) -> None:
    house.joined("Ola")
    tove = house.joined("Tove", Role.AUTHOR)
    house.people.change_role(tove.number, Role.APPROVER, "Ola")
    house.people.switch(tove.number, False, "Ola")
    house.signing_in.person_by_password("Tove", "a wrong one")
    subject = f"person {tove.number}"
    assert house.recorded()[-3:] == [
        ("Ola", "person.role_changed", subject),
        ("Ola", "person.switched_off", subject),
        ("unknown", "person.sign_in_refused", subject),
    ]
