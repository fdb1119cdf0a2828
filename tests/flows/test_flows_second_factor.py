"""The second factor: codes that are used once, recovery codes, and what a password alone opens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flows_people import PASSWORD, House
from sqlalchemy import text

from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, Refused
from campaigns.core.tokens import Signer
from campaigns.flows.console.own_account import NEW_PASSWORD, OLD_PASSWORD
from campaigns.flows.console.passwords import is_outdated


@pytest.fixture
def house(db: Database, keyring: KeyRing, signer: Signer) -> House:
    return House.on(db, keyring, signer)


def test_a_second_factor_is_in_force_once_a_code_was_typed(house: House) -> None:
    ola = house.joined("Ola")
    address, secret = house.own.enrolment(ola.number)
    assert address.startswith("otpauth://totp/Tailormail:Ola?") and f"secret={secret}" in address
    assert house.own.enrolment(ola.number)[1] == secret  # a reload makes no other one
    with pytest.raises(BadInput):
        house.own.confirm(ola.number, "000000")
    assert not house.people.get(ola.number).second_factor
    house.app_of(ola)
    kept = house.people.get(ola.number)
    assert kept.second_factor and kept.recovery_codes == 10
    assert house.signing_in.by_session(ola.number, ola.key) is None  # other sessions end
    with pytest.raises(Refused):
        house.own.enrolment(ola.number)


def test_a_code_is_used_once_and_an_older_one_not_after_it(house: House) -> None:
    ola = house.joined("Ola")
    app = house.app_of(ola)
    half_way = house.signing_in.person_by_password("Ola", PASSWORD)
    assert half_way and half_way.second_factor
    used = house.code(app)  # the one that confirmed it
    assert house.signing_in.person_by_code(ola.number, half_way.key, used) is None
    house.clock.moment += timedelta(seconds=30)
    code = house.code(app)
    assert house.signing_in.person_by_code(ola.number, half_way.key, f" {code[:3]} {code[3:]} ")
    assert house.signing_in.person_by_code(ola.number, half_way.key, code) is None
    house.clock.moment += timedelta(seconds=60)
    older = app.at(house.clock.now() - timedelta(seconds=60))
    assert older == code
    assert house.signing_in.person_by_code(ola.number, half_way.key, older) is None


def test_a_phone_whose_clock_is_half_a_minute_off_still_works(house: House) -> None:
    ola = house.joined("Ola")
    app = house.app_of(ola)
    house.clock.moment += timedelta(minutes=5)
    half_way = house.signing_in.person_by_password("Ola", PASSWORD)
    assert half_way
    late = app.at(house.clock.now() - timedelta(seconds=30))
    assert house.signing_in.person_by_code(ola.number, half_way.key, late)
    far_off = app.at(house.clock.now() + timedelta(seconds=90))
    assert house.signing_in.person_by_code(ola.number, half_way.key, far_off) is None


def test_a_recovery_code_is_used_up(house: House, db: Database) -> None:
    ola = house.joined("Ola")
    house.app_of(ola)
    codes = house.own.renew_recovery_codes(ola.number, PASSWORD)
    assert len(set(codes)) == 10
    half_way = house.signing_in.person_by_password("Ola", PASSWORD)
    assert half_way
    typed = codes[3].replace("-", " ").upper()
    let_in = house.signing_in.person_by_code(ola.number, half_way.key, typed)
    assert let_in and let_in.recovery_codes == 9
    assert house.signing_in.person_by_code(ola.number, half_way.key, codes[3]) is None
    with db.transaction() as session:
        kept = str(session.execute(text("select recovery_codes, totp_secret from console_users")).one())
    assert not any(code in kept for code in codes)


def test_what_ends_sessions_ends_the_step_between(house: House) -> None:
    ola = house.joined("Ola")
    app = house.app_of(ola)
    half_way = house.signing_in.person_by_password("Ola", PASSWORD)
    assert half_way
    house.clock.moment += timedelta(minutes=1)
    house.own.end_other_sessions(ola.number)
    assert house.signing_in.person_by_code(ola.number, half_way.key, house.code(app)) is None


def test_the_secret_is_encrypted(house: House, db: Database) -> None:
    ola = house.joined("Ola")
    _, secret = house.own.enrolment(ola.number)
    with db.transaction() as session:
        stored = bytes(session.scalar(text("select totp_secret from console_users")))
    assert secret.encode() not in stored


def test_own_password_asks_the_old_one(house: House) -> None:
    ola = house.joined("Ola")
    with pytest.raises(BadInput) as wrong:
        house.own.change_password(ola.number, "not the old one", "lingon and cloudberry")
    assert wrong.value.where == OLD_PASSWORD
    with pytest.raises(BadInput) as wrong:
        house.own.change_password(ola.number, PASSWORD, "Ola-ola-ola-123")
    assert wrong.value.where == NEW_PASSWORD
    changed = house.own.change_password(ola.number, PASSWORD, "lingon and cloudberry")
    assert house.signing_in.by_session(ola.number, ola.key) is None
    assert house.signing_in.by_session(ola.number, changed.key)
    assert house.signing_in.person_by_password("Ola", PASSWORD) is None


def test_removing_the_factor_asks_the_password(house: House) -> None:
    ola = house.joined("Ola")
    house.app_of(ola)
    with pytest.raises(BadInput):
        house.own.remove_second_factor(ola.number, "a guess")
    house.own.remove_second_factor(ola.number, PASSWORD)
    kept = house.people.get(ola.number)
    assert (kept.second_factor, kept.recovery_codes) == (False, 0)


def test_a_password_hashed_with_older_parameters_is_hashed_anew(house: House, db: Database) -> None:
    house.joined("Ola")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with db.transaction() as session:
        session.execute(text("update console_users set password_hash = :weak"), {"weak": weak})
    let_in = house.signing_in.person_by_password("Ola", PASSWORD)
    assert let_in
    with db.transaction() as session:
        stored = session.scalar(text("select password_hash from console_users"))
    assert stored != weak and not is_outdated(stored)
    # The session that begins with it is not ended by it.
    assert house.signing_in.by_session(let_in.number, let_in.key)
