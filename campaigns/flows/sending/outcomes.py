"""What follows for a send from how handing it over ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from campaigns.delivery.retry import USUAL_PLAN, RetryPlan, next_attempt
from campaigns.delivery.transport import Kind, Outcome
from campaigns.flows.sending.send_moves import Move
from campaigns.models import SendStatus

# A relay that restarts is back in seconds, unlike a recipient's server that greylists; and one that is away
# for a day must not cost a campaign its mails: about 25 hours, on average.
AFTER_LOST_CONNECTION = RetryPlan(
    attempts=60, least=timedelta(seconds=2), first=timedelta(seconds=3), longest=timedelta(hours=1)
)


def moves_after(
    outcomes: Sequence[Outcome], tried: Mapping[int, tuple[int, int]], now: datetime, random: Random
) -> list[Move]:
    """The next status of each send; `tried` by send id: attempts before this one, and times without a relay.

    The two are counted apart: a relay that was away for an hour is no reason to give up at the first 4xx.
    """
    return [_move_after(outcome, *tried[outcome.send_id], now, random) for outcome in outcomes]


def _move_after(outcome: Outcome, answered: int, unreached: int, now: datetime, random: Random) -> Move:
    send_id = outcome.send_id
    reply = outcome.reply
    if outcome.kind is Kind.SENT:
        return Move(send_id, SendStatus.SENT, reply=reply, sent_at=now)
    if outcome.kind is Kind.UNCERTAIN:
        return Move(send_id, SendStatus.UNCERTAIN, "no reply after the mail was handed over", reply)
    if outcome.kind is Kind.REJECTED:
        fault = outcome.fault.value if outcome.fault else "unknown"
        return Move(send_id, SendStatus.FAILED, f"rejected ({fault}'s fault)", reply)
    away = outcome.kind is Kind.UNREACHED
    retry = AFTER_LOST_CONNECTION if away else USUAL_PLAN
    attempts = (unreached if away else answered) + 1
    wait = next_attempt(attempts, random, retry)
    if wait is None:
        return Move(send_id, SendStatus.FAILED, f"gave up after {attempts} attempts", reply)
    return Move(send_id, SendStatus.PLANNED, outcome.kind.value, reply, not_before=now + wait, away=away)
