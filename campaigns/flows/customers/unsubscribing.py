"""Unsubscribing: at once, whoever brings the wish, and never lost.

Where PostgreSQL does not answer in time, the wish is written to disk (core/spool.py), the person is told that it is
done, and it is applied as soon as it can be: by this process, or by any other one on this host. It counts from the
moment at which it was said.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, text

from campaigns.audience.consent import withdraw, withdraw_all
from campaigns.compose.content import language_of
from campaigns.compose.links import read_link
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.patience import Patience
from campaigns.core.spool import Spool, abandoned
from campaigns.core.tokens import Signer
from campaigns.flows.feedback.happenings import Happening, record_event
from campaigns.flows.opening.mailed import mailed
from campaigns.models import Customer

log = get_logger(__name__)

ONE_CLICK = "one-click unsubscribe"
OWN_PAGE = "unsubscribe page"
BY_MAIL = "unsubscribe by mail"

PATIENCE_SECONDS = 6.0
"""Mail providers wait some ten seconds for the answer to their POST."""

_TRY_AGAIN_SECONDS = (1.0, 2.0, 5.0, 15.0)
# Below PATIENCE_SECONDS, so that a wish that waits for a lock is given up there before it is written to disk here.
_LIMITS = text("set local lock_timeout = '3s'; set local statement_timeout = '5s'")


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants no more marketing mail; `send_id` and `campaign_id` say which mail moved them, 0 where none.

    `everything`: they withdraw every purpose, and not marketing alone.
    """

    campaign_id: int
    customer_id: int
    send_id: int
    at: datetime
    source: str
    everything: bool = False

    def line(self) -> bytes:
        """As it stands in the spool: numbers only, no address."""
        facts = [self.campaign_id, self.customer_id, self.send_id, self.at.isoformat(), self.source]
        return json.dumps([*facts, True] if self.everything else facts).encode()

    @classmethod
    def of_line(cls, line: bytes) -> Wish:
        """The reverse of `line`.

        Raises:
            ValueError: it is no such line.
        """
        try:
            campaign_id, customer_id, send_id, at, source, *everything = json.loads(line)
            return cls(
                int(campaign_id),
                int(customer_id),
                int(send_id),
                datetime.fromisoformat(at),
                str(source),
                everything == [True],
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a wish to unsubscribe: {error}") from None


class Unsubscribing:
    """One object serves all threads of a process. `folder` is where wishes wait while PostgreSQL is away."""

    def __init__(self, db: Database, clock: Clock, signer: Signer, meters: Meters, folder: Path) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._meters = meters
        self._folder = folder
        self._patience = Patience("PostgreSQL", PATIENCE_SECONDS, at_once=16)
        self._spool = Spool(folder)
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._applier: threading.Thread | None = None
        self._ending = threading.Event()

    def check(self, token: str) -> str | None:
        """The language to ask in, None while PostgreSQL is away; changes nothing.

        Raises:
            BadToken: forged or damaged.
        """
        _, customer_id, _ = read_link(self._signer, "unsubscribe", token)
        try:
            return self._patience.ask(lambda: self._language(customer_id))
        except Exception as error:
            log.info("language_unknown", why=type(error).__name__)
            return None

    def by_link(self, token: str, source: str = ONE_CLICK) -> None:
        """Withdraw consent to marketing; the same again changes nothing.

        Raises:
            BadToken: forged or damaged.
            ServiceUnavailable: neither the database nor the disk could take it; whoever asked has to ask again.
        """
        campaign_id, customer_id, send_id = read_link(self._signer, "unsubscribe", token)
        self.take(Wish(campaign_id, customer_id, send_id, self._clock.now(), source))

    def from_everything(self, token: str, source: str) -> None:
        """Withdraw every purpose, by the link to somebody's choices; the same again changes nothing.

        Raises:
            BadToken: forged or damaged.
            ServiceUnavailable: as `by_link`.
        """
        campaign_id, customer_id, send_id = read_link(self._signer, "preferences", token)
        self.take(Wish(campaign_id, customer_id, send_id, self._clock.now(), source, everything=True))

    def by_mail(self, campaign_id: int, customer_id: int, send_id: int) -> None:
        """The same, asked by a mail to the address in List-Unsubscribe; the numbers are proven already.

        Raises:
            ServiceUnavailable: as `by_link`.
        """
        self.take(Wish(campaign_id, customer_id, send_id, self._clock.now(), BY_MAIL))

    def take(self, wish: Wish) -> None:
        """Do what the wish asks, now or later.

        Raises:
            ServiceUnavailable: as `by_link`.
        """
        try:
            self._patience.ask(lambda: self._apply(wish))
        except Exception as error:
            # Whatever it is, an unsubscribe is not lost for it. Should the answer only have come too late, then
            # applying the wish once more changes nothing.
            log.warning("unsubscribe_put_by", why=type(error).__name__)
            self._put_by(wish)

    def catch_up(self) -> int:
        """Apply what processes of this host that are gone have put by; returns how many wishes that were."""
        applied = 0
        for left in abandoned(self._folder):
            done, all_of_them = self._apply_all(left.lines())
            applied += done
            if not all_of_them:
                break
            left.remove()
        return applied

    @property
    def waiting(self) -> bool:
        """Whether a wish of this process still waits for PostgreSQL."""
        with self._lock:
            return not self._spool.empty

    def close(self) -> None:
        """Try once more what still waits; what is left then stays on disk for the next process."""
        self._ending.set()
        if self._applier is not None and self._owner == os.getpid():
            self._applier.join(PATIENCE_SECONDS)
        with self._lock:
            self._spool.close()

    def _language(self, customer_id: int) -> str:
        with self._db.transaction() as session:
            session.execute(_LIMITS)
            locale = session.scalar(select(Customer.locale).where(Customer.id == customer_id))
        return language_of(locale or "en")

    def _apply(self, wish: Wish) -> None:
        with self._db.transaction() as session:
            session.execute(_LIMITS)
            fulfil(session, wish, self._clock.now(), self._meters)

    def _put_by(self, wish: Wish) -> None:
        with self._lock:
            self._mine()
            try:
                self._spool.append(wish.line())
            except OSError as error:
                log.error("unsubscribe_not_put_by", why=error.strerror or type(error).__name__)
                raise ServiceUnavailable("PostgreSQL", "and the disk takes nothing either") from None
            if self._applier is None or not self._applier.is_alive():
                self._applier = threading.Thread(target=self._apply_later, daemon=True, name="unsubscribes")
                self._applier.start()
        self._meters.add("unsubscribes_put_by")

    def _mine(self) -> None:
        """After a fork the spool, and its lock, are the parent's."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._spool.abandon()
            self._applier = None

    def _apply_later(self) -> None:
        tries = 0
        while not self._ending.wait(_TRY_AGAIN_SECONDS[min(tries, len(_TRY_AGAIN_SECONDS) - 1)]):
            tries += 1
            with self._lock:
                wishes = list(self._spool.lines())
            _, all_of_them = self._apply_all(wishes)
            if not all_of_them:
                continue
            with self._lock:
                if len(list(self._spool.lines())) == len(wishes):
                    self._spool.clear()
                    return

    def _apply_all(self, lines: Iterable[bytes]) -> tuple[int, bool]:
        """How many were applied, and whether that was all of them."""
        done, missed = 0, 0
        for line in lines:
            try:
                self._apply(Wish.of_line(line))
                done += 1
            except ServiceUnavailable:
                return done, False
            except Exception:
                # It stays on disk, named, and keeps nobody else's from being applied.
                log.error("unsubscribe_cannot_be_applied", exc_info=True)
                missed += 1
        if done:
            log.info("unsubscribes_applied", wishes=done)
        return done, not missed


def fulfil(session: UnitOfWork, wish: Wish, now: datetime, meters: Meters) -> None:
    """Withdraw in this transaction what the wish names, and record the event; the same again changes nothing.

    The moments are those of `consent.withdraw`.
    """
    customer = session.get(Customer, wish.customer_id, with_for_update=True)
    if customer is None or customer.erased_at is not None:
        return
    if wish.everything:
        withdraw_all(session, wish.customer_id, wish.source, wish.at, now)
    else:
        withdraw(session, wish.customer_id, "marketing", wish.source, wish.at, now)
    send = mailed(session, wish.campaign_id, wish.send_id)
    record_event(
        session,
        Happening(
            name="unsubscribed",
            key=f"unsubscribed:{wish.customer_id}:{wish.send_id}",
            at=wish.at,
            campaign_id=send.campaign_id if send else 0,
            send_id=wish.send_id,
            customer_id=wish.customer_id,
            detail={"source": wish.source},
        ),
        meters,
    )
