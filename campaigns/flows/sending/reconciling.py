"""Reconciliation: naming every mail of which nobody knows whether it arrived, and finding it out.

Four ways lead out of `uncertain`, and each is recorded with when, by whom and on what evidence: a relay's log,
what providers tell, a person who has it sent again, a person who lets it be. Nothing is ever resent by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Literal

from sqlalchemy import select

from campaigns.compose.identity import message_ids, numbers_in, parse_message_id
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadToken, Refused
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.delivery.nameless import without_people
from campaigns.delivery.relaylog import LogReading, read_logs
from campaigns.delivery.relaylog_values import SendKey, Sighting, Trace, Wanted
from campaigns.flows.console.audit import record
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.feedback.bounces import USUAL_SOFT_LIMIT, suppress_for_good
from campaigns.flows.feedback.provider_events import ProviderEvent, settle_by_events, take_in
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.uncertain_sends import Resolution, Resolver, UncertainSend, uncertain_sends
from campaigns.models import (
    Campaign,
    CampaignStatus,
    ResolutionVerdict,
    ResolvedBy,
    SendResolution,
    SendStatus,
)

log = get_logger(__name__)

Which = Literal["all", "not-taken"] | Sequence[int]
"""The sends that a person means: all that are open, those that the relay did not take, or these numbers."""

_OUTSIDE = "outside"
_UNKNOWN_TO_THE_LOG = "not in the relay's log, which covers the time"


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What a relay's log says of one uncertain send.

    `verdict` is sent, failed, not_taken (the log covers the time and does not know it) or outside (the log
    does not cover the time from `since` to `until`, so nothing is concluded).
    """

    campaign_id: int
    send_id: int
    external_id: str
    verdict: str
    evidence: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class LogResult:
    """What was read, and the verdict on every send that was uncertain before."""

    reading: LogReading
    verdicts: tuple[LogVerdict, ...]


class Reconciling:
    """Names and resolves uncertain sends."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        jobs: Jobs,
        meters: Meters,
        soft_limit: int = USUAL_SOFT_LIMIT,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._soft_limit = soft_limit
        self._signer = signer
        self._jobs = jobs
        self._meters = meters

    def named(self, campaign_id: int | None = None) -> list[dict[str, Any]]:
        """Every open uncertain send of a campaign (or of all): who, when, why, and its Message-ID.

        Those that somebody let be are not open; `let_be_count` tells how many they are.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            if campaign_id is not None:
                get_campaign(session, campaign_id)
            rows = [send for send in uncertain_sends(session, campaign_id) if not send.let_be]
            people = load_addressees(session, self._keyring, [send.customer_id for send in rows])
        emails = {customer_id: person.email for customer_id, person in people.items()}
        return [self._as_row(send, emails.get(send.customer_id, "")) for send in rows]

    def _as_row(self, send: UncertainSend, address: str) -> dict[str, Any]:
        newest, *older = message_ids(self._signer, send.campaign_id, send.send_id, send.domain)
        found = f"{send.evidence} ({send.decided_by})" if send.verdict == ResolutionVerdict.NOT_TAKEN else ""
        return {
            "campaign": send.campaign_id,
            "send": send.send_id,
            "customer": send.external_id,
            "address": address,
            "when": send.intent_at.isoformat() if send.intent_at else "",
            "message_id": f"<{newest}>",
            # A mail from before the secret key was rotated carries the code of the older key.
            "older_message_ids": [f"<{identity}>" for identity in older],
            "why": send.reason,
            "reply": send.reply,
            "found": found,
        }

    def let_be_count(self, campaign_id: int | None = None) -> int:
        """How many uncertain sends a person has settled to leave unknown."""
        with self._db.transaction() as session:
            return sum(send.let_be for send in uncertain_sends(session, campaign_id))

    def history(self, campaign_id: int) -> list[dict[str, Any]]:
        """Everything found out and decided about uncertain sends of a campaign, oldest first."""
        with self._db.transaction() as session:
            get_campaign(session, campaign_id)
            rows = session.scalars(
                select(SendResolution)
                .where(SendResolution.campaign_id == campaign_id)
                .order_by(SendResolution.id)
            ).all()
        return [
            {
                "at": row.at.isoformat(),
                "send": row.send_id,
                "how": row.how,
                "verdict": row.verdict,
                "evidence": row.evidence,
                "by": row.by,
            }
            for row in rows
        ]

    def by_log(
        self,
        campaign_id: int | None,
        files: Sequence[str],
        by: str,
        zone: tzinfo | None = None,
        format_name: str = "",
    ) -> LogResult:
        """Look for the uncertain sends in a relay's log files, and resolve what they prove.

        A mail in the relay's queue was sent; one that bounced has failed, and a dead address is suppressed.
        One that is not there, though the log covers the time, is named so and stays for a person to decide.

        Raises:
            NotFound: there is no such campaign.
            BadInput: a file cannot be read, or is of no known format.
        """
        with self._db.transaction() as session:
            if campaign_id is not None:
                get_campaign(session, campaign_id)
            sends = {send.key: send for send in uncertain_sends(session, campaign_id)}
            people = load_addressees(session, self._keyring, [send.customer_id for send in sends.values()])
        emails = {k: people[s.customer_id].email for k, s in sends.items() if s.customer_id in people}
        now = self._clock.now()
        wanted = Wanted(lambda text: self._identify(text, sends), emails)
        reading = read_logs(files, wanted, zone, now, format_name)
        with self._db.transaction() as session:
            resolver = Resolver(session)
            verdicts = [
                self._conclude(session, resolver, send, reading, by, emails.get(send.key, ""))
                for send in sends.values()
            ]
            resolver.count()
        tally = Counter(verdict.verdict for verdict in verdicts)
        log.info("uncertain_sends_looked_up", lines=reading.lines, **tally)
        return LogResult(reading, tuple(verdicts))

    def _identify(self, text: str, sends: Mapping[SendKey, UncertainSend]) -> SendKey | None:
        numbers = numbers_in(text)
        if numbers is None or numbers not in sends:
            return None
        try:
            return parse_message_id(self._signer, text)
        except BadToken:
            return None

    def _conclude(
        self,
        session: UnitOfWork,
        resolver: Resolver,
        send: UncertainSend,
        reading: LogReading,
        by: str,
        address: str,
    ) -> LogVerdict:
        now = self._clock.now()
        since, until = send.window(now)
        seen = reading.sightings.get(send.key)
        if seen is not None:
            seen = replace(seen, reply=without_people(seen.reply, address))
        verdict, evidence = _verdict(seen, reading.covers(since, until))
        told = LogVerdict(send.campaign_id, send.send_id, send.external_id, verdict, evidence, since, until)
        if verdict == _OUTSIDE:
            return told
        found = Resolution(
            campaign_id=send.campaign_id,
            send_id=send.send_id,
            how=ResolvedBy.LOG,
            verdict=ResolutionVerdict(verdict),
            evidence=evidence,
            by=by,
            at=now,
        )
        if found.verdict is ResolutionVerdict.NOT_TAKEN:
            if send.verdict not in (ResolutionVerdict.NOT_TAKEN, ResolutionVerdict.LET_BE):
                resolver.note(found)
            return told
        assert seen is not None
        failed = found.verdict is ResolutionVerdict.FAILED
        reason = "bounced, the relay's log says" if failed else ""
        resolver.move(found, reason, seen.reply, min(seen.at or now, now))
        if seen.address_is_dead and address:
            suppress_for_good(session, self._keyring, address, "bounced", "relay's log", now)
        return told

    def heard(
        self,
        reference: str | tuple[int, int],
        name: str,
        at: datetime,
        reply: str = "",
        event_id: str = "",
        permanent: bool = True,
    ) -> SendStatus | None:
        """Take in what a provider tells of a mail; harmless when repeated, and in any order.

        Args:
            reference: the mail's Message-ID, or (campaign id, send id) where they are already proven.
            name: delivered, deferred, bounced, complained or unsubscribed.
            at: when it happened, aware.
            reply: what the other side said ("550 5.1.1 no such user"); addresses are taken out of it.
            event_id: the provider's own number of the event.
            permanent: False for a bounce after which the provider tries on.

        Returns the status that an uncertain send has now, None when none was moved.

        Raises:
            BadToken: the Message-ID is not one of ours.
            NotFound: the send is gone.
            BadInput: an unknown name, or a time without a zone.
        """
        if isinstance(reference, str):
            reference = parse_message_id(self._signer, reference)
        event = ProviderEvent(*reference, name, at, reply, event_id, permanent)
        with self._db.transaction() as session:
            moved = take_in(session, self._keyring, self._meters, event, self._clock.now(), self._soft_limit)
        return next(iter(moved), None)

    def settle_by_events(self, campaign_id: int | None = None) -> dict[str, int]:
        """Resolve what an event had told of before it became uncertain; how many went where, by status."""
        with self._db.transaction() as session:
            moved = settle_by_events(session, campaign_id, self._clock.now())
        return {status.value: n for status, n in moved.items()}

    def chosen(self, campaign_id: int, which: Which) -> list[int]:
        """The numbers of the uncertain sends that a person means; changes nothing.

        Raises:
            NotFound: there is no such campaign.
            Refused: a send by number is not uncertain.
        """
        with self._db.transaction() as session:
            get_campaign(session, campaign_id)
            return [send.send_id for send in _meant(uncertain_sends(session, campaign_id), which)]

    def resend(self, campaign_id: int, which: Which, by: str, why: str = "") -> list[int]:
        """Plan uncertain sends anew because a person says so; returns their numbers.

        They keep their Message-ID and their count of attempts, and consent is checked again on the way. A
        campaign that had ended is reopened. The customer gets the mail twice if the first one did arrive.

        Raises:
            NotFound: there is no such campaign.
            Refused: it was cancelled, or a send by number is not uncertain.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status == CampaignStatus.CANCELLED:
                raise Refused(f"campaign {campaign_id} was cancelled: nothing of it is sent any more")
            meant = _meant(uncertain_sends(session, campaign_id), which)
            resolver = Resolver(session)
            moved = [
                send.send_id
                for send in meant
                if resolver.move(_decision(send, ResolutionVerdict.RESEND, by, why, now), "resent by hand")
            ]
            resolver.count()
            if moved:
                self._reopen(session, campaign, len(moved), by, why, now)
                told = {"sends": len(moved), "why": why}
                record(session, now, by, "uncertain_sends.resent", f"campaign {campaign_id}", told)
        log.info("uncertain_sends_resent", campaign_id=campaign_id, sends=len(moved))
        return moved

    def _reopen(
        self, session: UnitOfWork, campaign: Campaign, resent: int, by: str, why: str, now: datetime
    ) -> None:
        if campaign.status == CampaignStatus.SENT:
            words = f"reopened by {by} to send {resent} uncertain again" + (f": {why}" if why else "")
            session.add(campaign.move(CampaignStatus.SENDING, now, by, words))
            campaign.finished_at = None
        if campaign.status == CampaignStatus.SENDING:
            session.after_commit(lambda: self._jobs.send(1))

    def let_be(self, campaign_id: int, which: Which, by: str, why: str = "") -> list[int]:
        """Settle that uncertain sends stay unknown because a person says so; returns their numbers.

        Raises:
            NotFound: there is no such campaign.
            Refused: a send by number is not uncertain.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            get_campaign(session, campaign_id, lock=True)
            resolver = Resolver(session)
            meant = [send for send in _meant(uncertain_sends(session, campaign_id), which) if not send.let_be]
            for send in meant:
                resolver.note(_decision(send, ResolutionVerdict.LET_BE, by, why, now))
            if meant:
                told = {"sends": len(meant), "why": why}
                record(session, now, by, "uncertain_sends.let_be", f"campaign {campaign_id}", told)
        return [send.send_id for send in meant]


def _verdict(seen: Sighting | None, covered: bool) -> tuple[str, str]:
    if seen is not None and seen.taken:
        verdict = ResolutionVerdict.FAILED if seen.trace is Trace.BOUNCED else ResolutionVerdict.SENT
        when = f" at {seen.at.isoformat()}" if seen.at else ""
        return verdict.value, f"{seen.trace.name.lower()}{when}: {seen.reply}"
    if not covered:
        return _OUTSIDE, "the log does not cover the time"
    return ResolutionVerdict.NOT_TAKEN.value, seen.reply if seen is not None else _UNKNOWN_TO_THE_LOG


def _meant(sends: Iterable[UncertainSend], which: Which) -> list[UncertainSend]:
    everything = list(sends)
    if which == "all":
        return [send for send in everything if not send.let_be]
    if which == "not-taken":
        return [send for send in everything if send.verdict == ResolutionVerdict.NOT_TAKEN]
    by_number = {send.send_id: send for send in everything}
    wrong = [number for number in which if number not in by_number]
    if wrong:
        raise Refused(f"send {wrong[0]} is not uncertain; `tailormail reconcile ID` names those that are")
    return [by_number[int(number)] for number in dict.fromkeys(which)]


def _decision(
    send: UncertainSend, verdict: ResolutionVerdict, by: str, why: str, now: datetime
) -> Resolution:
    return Resolution(
        campaign_id=send.campaign_id,
        send_id=send.send_id,
        how=ResolvedBy.PERSON,
        verdict=verdict,
        evidence=why,
        by=by,
        at=now,
    )
