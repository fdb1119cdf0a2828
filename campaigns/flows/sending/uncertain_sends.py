"""Sends of which nobody knows whether they arrived: finding them, and moving them on with a record of why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from campaigns.flows.sending.counters import add_counts
from campaigns.flows.webhooks.webhook_walks import look_again
from campaigns.models import ResolutionVerdict, ResolvedBy, SendResolution, SendStatus
from campaigns.models.send import TRANSITIONS

# The clocks of the relay and of the database may differ, and a relay may think long about the final dot.
_BEFORE = timedelta(minutes=5)
_AFTER = timedelta(minutes=30)

_TARGETS = {
    ResolutionVerdict.SENT: SendStatus.SENT,
    ResolutionVerdict.FAILED: SendStatus.FAILED,
    ResolutionVerdict.RESEND: SendStatus.PLANNED,
}


@dataclass(frozen=True, slots=True)
class UncertainSend:
    """An uncertain send and what was found or decided last; `verdict` is empty before that.

    `intent_at` is when it was about to be handed over, None for sends of an older version.
    """

    campaign_id: int
    send_id: int
    customer_id: int
    external_id: str
    sender: str
    reason: str
    reply: str
    created_at: datetime
    intent_at: datetime | None
    finished_at: datetime | None
    verdict: str
    evidence: str
    decided_by: str
    decided_at: datetime | None

    @property
    def key(self) -> tuple[int, int]:
        """(campaign id, send id)."""
        return self.campaign_id, self.send_id

    @property
    def domain(self) -> str:
        """The domain that sends."""
        return parseaddr(self.sender)[1].rpartition("@")[2]

    @property
    def let_be(self) -> bool:
        """Whether a person has settled that it stays unknown."""
        return self.verdict == ResolutionVerdict.LET_BE

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """From when until when a relay's log must reach to prove that the mail did not arrive there."""
        if self.intent_at is not None:
            return self.intent_at - _BEFORE, self.intent_at + _AFTER
        return self.created_at - _BEFORE, (self.finished_at or now) + _AFTER


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is to be remembered of a finding or decision; see `models.resolution`."""

    campaign_id: int
    send_id: int
    how: ResolvedBy
    verdict: ResolutionVerdict
    evidence: str
    by: str
    at: datetime


_FIND = text(
    """
    select s.campaign_id, s.id, s.customer_id, c.external_id, k.sender, s.reason, s.smtp_reply,
           s.created_at, s.intent_at, k.finished_at, coalesce(r.verdict, ''), coalesce(r.evidence, ''),
           coalesce(r.by, ''), r.at
    from sends s
    join campaigns k on k.id = s.campaign_id
    join customers c on c.id = s.customer_id
    left join lateral (
        select verdict, evidence, by, at from send_resolutions
        where campaign_id = s.campaign_id and send_id = s.id order by id desc limit 1
    ) r on true
    where s.status = 'uncertain' and (cast(:campaign_id as bigint) is null or s.campaign_id = :campaign_id)
    order by s.campaign_id, s.id
    """
)


def uncertain_sends(session: Session, campaign_id: int | None) -> list[UncertainSend]:
    """All uncertain sends of a campaign, or of all campaigns, with those that were let be."""
    rows = session.execute(_FIND, {"campaign_id": campaign_id})
    return [UncertainSend(*row) for row in rows]


_LOCK = text("select status from sends where campaign_id = :campaign_id and id = :send_id for update")
# Planned anew it is due now and not fresh: workers that claim in the order of ids have passed this one. Its
# worker is forgotten, so that no late answer and no journal of it moves the send again.
_MOVE = text(
    """
    update sends set status = :status, reason = :reason,
        smtp_reply = case when :reply <> '' then :reply else smtp_reply end,
        sent_at = case when :status = 'sent' then cast(:at as timestamptz) end,
        not_before = case when :status = 'planned' then cast(:at as timestamptz) end,
        claimed_by = case when :status = 'planned' then '' else claimed_by end
    where campaign_id = :campaign_id and id = :send_id
    """
)


class Resolver:
    """Moves uncertain sends in one transaction, and the counters with them at its end (`count`)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._moved: Counter[tuple[int, SendStatus]] = Counter()
        self._anew: dict[int, list[int]] = {}
        self._at: datetime | None = None

    def move(self, resolution: Resolution, reason: str, reply: str = "", at: datetime | None = None) -> bool:
        """Resolve one send; False when somebody else has meanwhile.

        `at` is the moment of the move where it is not that of the resolution: when the relay took it.
        """
        where = {"campaign_id": resolution.campaign_id, "send_id": resolution.send_id}
        if self._session.scalar(_LOCK, where) != SendStatus.UNCERTAIN:
            return False
        target = _TARGETS[resolution.verdict]
        assert target in TRANSITIONS[SendStatus.UNCERTAIN]
        values = {"status": target.value, "reason": reason, "reply": reply, "at": at or resolution.at}
        self._session.execute(_MOVE, {**where, **values})
        self.note(resolution)
        self._moved[resolution.campaign_id, target] += 1
        self._anew.setdefault(resolution.campaign_id, []).append(resolution.send_id)
        self._at = resolution.at
        return True

    def note(self, resolution: Resolution) -> None:
        """Remember a finding that leaves the send uncertain."""
        self._session.execute(insert(SendResolution), asdict(resolution))

    def count(self) -> Counter[SendStatus]:
        """Move the counters; returns how many sends went where."""
        tally: Counter[SendStatus] = Counter()
        deltas: dict[int, Counter[SendStatus]] = {}
        for (campaign_id, target), n in self._moved.items():
            change = deltas.setdefault(campaign_id, Counter())
            change[target] += n
            change[SendStatus.UNCERTAIN] -= n
            tally[target] += n
        for campaign_id, change in sorted(deltas.items()):
            add_counts(self._session, campaign_id, change)
            if self._at is not None:
                look_again(self._session, campaign_id, self._anew.get(campaign_id, []), self._at)
        self._moved.clear()
        self._anew.clear()
        return tally
