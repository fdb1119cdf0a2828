"""The calendar as a feed (iCalendar, RFC 5545) behind a link of one's own, which can be taken back."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar as ICalendar
from icalendar import Event as ICalendarEvent

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.tokens import Signer
from campaigns.flows.console.audit import record
from campaigns.flows.scheduling.calendar import Calendar, Entry
from campaigns.models import CalendarLink, ConsoleUser

KIND = "calendar"
BACK, AHEAD = timedelta(days=60), timedelta(days=120)
_WORDS = {
    "planned": "planned",
    "running": "running",
    "sent": "sent",
    "cancelled": "cancelled",
    "run": "series",
}


class CalendarFeed:
    """Makes and takes back links, and answers them. `page` gives the address of a campaign's page."""

    def __init__(
        self, db: Database, clock: Clock, signer: Signer, calendar: Calendar, page: Callable[[int], str]
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._calendar = calendar
        self._page = page

    def token(self, user_id: int) -> str:
        """The token of this person's link; "" where they have none."""
        with self._db.transaction() as session:
            link = session.get(CalendarLink, user_id)
        return self._signer.sign(KIND, user_id, link.nonce) if link else ""

    def renew(self, user_id: int, by: str) -> str:
        """A new link for this person; the one before leads nowhere from now on. Its token."""
        nonce = secrets.randbits(48)
        with self._db.transaction() as session:
            session.merge(CalendarLink(user_id=user_id, nonce=nonce, made_at=self._clock.now()))
            record(session, self._clock.now(), by, "calendar.linked")
        return self._signer.sign(KIND, user_id, nonce)

    def revoke(self, user_id: int, by: str) -> None:
        """Take the link back."""
        with self._db.transaction() as session:
            link = session.get(CalendarLink, user_id)
            if link is not None:
                session.delete(link)
                record(session, self._clock.now(), by, "calendar.unlinked")

    def feed(self, token: str) -> bytes:
        """The calendar for whoever has this token.

        Raises:
            BadToken: it is forged or damaged.
            NotFound: it was taken back, or the person may not sign in any more.
        """
        user_id, nonce = self._signer.verify(KIND, token, count=2)
        with self._db.transaction() as session:
            link, user = session.get(CalendarLink, user_id), session.get(ConsoleUser, user_id)
            known = link is not None and link.nonce == nonce and user is not None and user.off_since is None
        if not known:
            raise NotFound("this calendar was taken back")
        now = self._clock.now()
        return self._written(self._calendar.between(now - BACK, now + AHEAD), now)

    def _written(self, entries: list[Entry], now: datetime) -> bytes:
        calendar = ICalendar()
        calendar.add("prodid", "-//Tailormail//Campaigns//EN")
        calendar.add("version", "2.0")
        calendar.add("x-wr-calname", "Tailormail campaigns")
        calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
        for entry in entries:
            calendar.add_component(self._event(entry, now))
        return bytes(calendar.to_ical())

    def _event(self, entry: Entry, now: datetime) -> ICalendarEvent:
        event = ICalendarEvent()
        at = entry.at.astimezone(UTC).replace(microsecond=0)
        # A run still to come has no number of its own: the time tells it from the others.
        which = f"{entry.campaign_id}-{at:%Y%m%dT%H%M%S}" if entry.kind == "run" else str(entry.campaign_id)
        event.add("uid", f"campaign-{which}@tailormail")
        event.add("dtstamp", now)
        event.add("dtstart", at)
        event.add("dtend", at + timedelta(hours=1))
        event.add("summary", f"{entry.name} ({_WORDS.get(entry.kind, entry.kind)})")
        event.add(
            "status",
            {"planned": "CONFIRMED", "run": "CONFIRMED", "cancelled": "CANCELLED"}.get(
                entry.kind, "CONFIRMED"
            ),
        )
        event.add("transp", "TRANSPARENT")
        event.add("url", self._page(entry.campaign_id))
        if entry.audience is not None:
            held = f", about {entry.capped:,} of them held back by the frequency cap" if entry.capped else ""
            event.add("description", f"About {entry.audience:,} customers{held}.")
        return event
