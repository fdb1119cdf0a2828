"""Signing up with double opt-in: somebody asks, whoever has the mailbox confirms, and only that counts.

Asking does the same work whether the address is new, a customer's, or one that must not be mailed: neither the
answer nor its time tells which. It keeps no IP address: the ledger's evidence is when was asked, when was
confirmed, on which form and in which language.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.consent import record, states
from campaigns.audience.customers import find_by_address
from campaigns.audience.engagement import wake
from campaigns.audience.favourites import Liked, add_favourites
from campaigns.audience.import_values import email as checked_address
from campaigns.audience.suppression import LIFTED_BY_CONSENT, lift, sealed_address, suppressed_by
from campaigns.compose.content import one_line
from campaigns.compose.links import UNKNOWN_CAMPAIGN
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, NotFound
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.customers.notices import queue_notice
from campaigns.flows.customers.signup_form import MARKETING, Said, SignupForm
from campaigns.flows.customers.signup_forms import find_form
from campaigns.flows.opening.open_states import OpenStates
from campaigns.models import Customer, Signup

log = get_logger(__name__)

ADDRESS_CONTEXT = "signups.email"
NAME_CONTEXT = "signups.first_name"
LONGEST_NAME = 80
_TOKEN = "signup"


@dataclass(frozen=True, slots=True)
class SignupRequest:
    """What somebody filled in; `version` is that of the words that they read."""

    email: str
    version: str
    purposes: frozenset[str]
    favourites: Sequence[Liked] = ()
    first_name: str = ""


@dataclass(frozen=True, slots=True)
class AskedSignup:
    """A request that can be confirmed: in which language, and to what the person agrees."""

    form: SignupForm
    said: Said
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Welcome:
    """A confirmed sign-up; `preferences` is the path of the page where everything can be changed."""

    asked: AskedSignup
    preferences: str


class SigningUp:
    """Takes requests and confirms them."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        jobs: Jobs,
        open_states: OpenStates,
        meters: Meters,
        public_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._jobs = jobs
        self._open_states = open_states
        self._meters = meters
        self._public_url = public_url

    def form(self, name: str) -> SignupForm:
        """The form of this name.

        Raises:
            NotFound: there is none, or it was stopped.
        """
        with self._db.transaction() as session:
            return _active(session, name)

    @staticmethod
    def problems(form: SignupForm, request: SignupRequest) -> tuple[str, ...]:
        """What must be mended before it can be taken: of email, name, marketing, version."""
        found = []
        try:
            checked_address(request.email)
        except ValueError:
            found.append("email")
        if len(request.first_name) > LONGEST_NAME:
            found.append("name")
        if MARKETING not in request.purposes:
            found.append(MARKETING)
        said = form.wordings.get(request.version)
        if said is None or not request.purposes <= said.purposes.keys():
            found.append("version")
        return tuple(found)

    def ask(self, name: str, request: SignupRequest, may_mail: bool = True) -> None:
        """Keep the request and write down the mail that asks to confirm it.

        Args:
            may_mail: False where this address was written to often enough lately: the same is done, and no
                mail goes out.

        Raises:
            NotFound: there is no such form, or it was stopped.
            BadInput: names the field; see `problems`.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            form = _active(session, name)
            for problem in self.problems(form, request):
                raise BadInput("does not fit", where=problem)
            email = checked_address(request.email)
            said = form.wordings[request.version]
            expires = now + timedelta(hours=form.file.confirm_hours)
            signup = self._kept(session, form, said, email, request, now, expires)
            token = self._signer.sign(_TOKEN, signup.id)
            dead = [
                one
                for one in suppressed_by(session, self._keyring, email)
                if one.domain or one.reason not in LIFTED_BY_CONSENT
            ]
            queue_notice(
                session,
                self._keyring,
                kind="confirm_signup",
                email=email,
                language=said.language,
                sender=form.file.sender,
                values={
                    "url": f"{self._public_url}/s/{form.name}/{token}",
                    "until": expires.isoformat(timespec="minutes"),
                    "postal_address": form.file.postal_address,
                },
                now=now,
                lives=expires - now,
                jobs=self._jobs,
                withheld="suppressed" if dead else "" if may_mail else "too many",
            )
        self._meters.add("signups", step="asked")

    def _kept(
        self,
        session: Session,
        form: SignupForm,
        said: Said,
        email: str,
        request: SignupRequest,
        now: datetime,
        expires: datetime,
    ) -> Signup:
        first_name = one_line(request.first_name)
        signup = Signup(
            form_id=form.id,
            email_cipher=self._keyring.encrypt(email, ADDRESS_CONTEXT),
            email_hmac=self._keyring.address_hmac(email),
            first_name_cipher=self._keyring.encrypt(first_name, NAME_CONTEXT)
            if first_name and form.file.asks_name
            else None,
            language=said.language,
            purposes=[purpose for purpose in said.purposes if purpose in request.purposes],
            favourites=[
                [kind, value] for kind, value in dict.fromkeys(request.favourites) if form.offers(kind, value)
            ],
            wording_version=said.version,
            wording=json.dumps(said.to_json(), ensure_ascii=False),
            asked_at=now,
            expires_at=expires,
        )
        session.add(signup)
        session.flush()
        return signup

    def asked(self, name: str, token: str) -> AskedSignup | None:
        """What the link of a confirmation mail is about; None where it is too old. Changes nothing.

        Raises:
            NotFound: there is no such form.
            BadToken: forged or damaged.
        """
        with self._db.transaction() as session:
            found = self._find(session, name, token)
            return found[0] if found else None

    def confirm(self, name: str, token: str) -> Welcome | None:
        """Make it count: the customer, their consents and favourites. The same again changes nothing.

        None where the link is too old.

        Raises:
            NotFound: there is no such form.
            BadToken: forged or damaged.
        """
        with self._db.transaction() as session:
            found = self._find(session, name, token, lock=True)
            if found is None:
                return None
            asked, signup = found
            email = self._keyring.decrypt(signup.email_cipher, ADDRESS_CONTEXT)
            customer = find_by_address(session, self._keyring, email)
            if customer is None and signup.confirmed_at is not None:
                return None  # has another address by now, or was erased: nobody is made anew by an old link
            customer = customer or self._newcomer(session, signup, email)
            if signup.confirmed_at is None:
                signup.confirmed_at = self._clock.now()
                lift(session, self._keyring, email, _source(asked))
                self._agree(session, customer.id, asked, signup, signup.confirmed_at)
                self._meters.add("signups", step="confirmed")
                number = customer.id
                session.after_commit(lambda: self._open_states.write_through([number]))
            path = "/p/" + self._signer.sign("preferences", UNKNOWN_CAMPAIGN, customer.id, 0)
        return Welcome(asked, path)

    def forget_expired(self) -> int:
        """Delete requests that nobody can confirm any more; returns how many."""
        with self._db.transaction() as session:
            old = delete(Signup).where(Signup.expires_at < self._clock.now())
            return int(session.execute(old).rowcount)  # type: ignore[attr-defined]

    def _find(
        self, session: Session, name: str, token: str, lock: bool = False
    ) -> tuple[AskedSignup, Signup] | None:
        (number,) = self._signer.verify(_TOKEN, token, 1)
        form = find_form(session, name)
        query = select(Signup).where(Signup.id == number, Signup.form_id == form.id)
        signup = session.scalars(query.with_for_update() if lock else query).one_or_none()
        if signup is None or signup.expires_at < self._clock.now():
            return None
        said = Said.from_json(json.loads(signup.wording))
        return AskedSignup(form, said, tuple(signup.purposes)), signup

    def _newcomer(self, session: Session, signup: Signup, email: str) -> Customer:
        now = self._clock.now()
        first_name = (
            self._keyring.decrypt(signup.first_name_cipher, NAME_CONTEXT) if signup.first_name_cipher else ""
        )
        session.execute(
            insert(Customer)
            .values(
                external_id=f"signup-{signup.id}",
                first_name=first_name,
                locale=signup.language,
                created_at=now,
                updated_at=now,
                **sealed_address(session, self._keyring, email),
            )
            .on_conflict_do_nothing()
        )
        # Whoever was faster with the same address, an import or another sign-up, has made this customer.
        made = find_by_address(session, self._keyring, email)
        if made is None:
            raise BadToken("this sign-up cannot be confirmed any more")
        return made

    def _agree(
        self, session: Session, customer_id: int, asked: AskedSignup, signup: Signup, now: datetime
    ) -> None:
        evidence = {
            "form": asked.form.name,
            "language": signup.language,
            "asked_at": signup.asked_at.isoformat(),
            "confirmed_at": now.isoformat(),
        }
        for purpose in asked.purposes:
            record(
                session,
                customer_id,
                purpose,
                "granted",
                ". ".join(asked.said.purposes[purpose]),
                _source(asked),
                now,
                evidence=json.dumps(evidence),
                wording_version=signup.wording_version,
            )
        wake(session, [customer_id], now)  # who was let go for silence has said something
        if "profiling" in states(session, [customer_id])[customer_id]:
            # Without this consent nothing could be done with them, so nothing is kept.
            add_favourites(session, customer_id, [(kind, value) for kind, value in signup.favourites], now)


def _source(asked: AskedSignup) -> str:
    return f"form:{asked.form.name}"


def _active(session: Session, name: str) -> SignupForm:
    form = find_form(session, name)
    if not form.active:
        raise NotFound(f"the sign-up form {name} was stopped")
    return form
