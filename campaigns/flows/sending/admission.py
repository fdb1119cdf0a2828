"""Which mails of a batch may go now: by the hour where the customer is, and by every limit on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from campaigns.core.clock import Clock
from campaigns.core.meters import Meters
from campaigns.delivery.gate import Ask, Gate
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.send_moves import Move
from campaigns.flows.sending.tailoring import Fit
from campaigns.models import SendStatus

# How long a worker waits for the turn of mails that it holds, before it leaves them to whoever comes later.
_PATIENCE_SECONDS = 1.5
_NAP_SECONDS = 0.25


class Admission:
    """Lets mails of a batch through as their turn comes. One object belongs to one process."""

    def __init__(self, gate: Gate, clock: Clock, meters: Meters, default_zone: str) -> None:
        self._gate = gate
        self._clock = clock
        self._meters = meters
        self._zone = default_zone
        self._put_off: list[Move] = []

    def admitted(
        self, plan: CampaignPlan, fit: Sequence[Fit], stop: Callable[[], bool]
    ) -> Iterator[list[tuple[Fit, str]]]:
        """Those who may go now, each with its relay; and again as others get their turn, for a short while.

        Ends early when `stop` says so. Afterwards `put_off` tells what did not get its turn.
        """
        self._put_off = []
        waiting = self._awake(plan, fit)
        until = time.monotonic() + _PATIENCE_SECONDS
        waits: list[float] = []
        while waiting and not stop():
            passes = self._gate.admit([_ask(plan, one) for one in waiting])
            going = [(one, p.relay) for one, p in zip(waiting, passes, strict=True) if not p.wait]
            waits = [p.wait for p in passes if p.wait]
            waiting = [one for one, p in zip(waiting, passes, strict=True) if p.wait]
            if going:
                yield going
            elif time.monotonic() + min(waits) > until:
                break
            else:
                self._meters.add("pacing_waits", limit="any")
                self._nap(min(waits), stop)
        if not stop():
            self._leave(waiting, waits)

    def put_off(self) -> list[Move]:
        """What to record of those who did not get their turn."""
        return self._put_off

    def asleep(self, plan: CampaignPlan, zones: Mapping[int, str]) -> list[Move]:
        """Of these sends, with the time zones of their customers, those for whom it is a quiet hour: put off."""
        quiet = plan.terms.quiet(self._zone)
        if quiet is None:
            return []
        now = self._clock.now()
        ends = {send_id: quiet.until(zone, now) for send_id, zone in zones.items()}
        return [
            Move(send_id, SendStatus.PLANNED, "quiet hours", not_before=end)
            for send_id, end in ends.items()
            if end is not None
        ]

    def _awake(self, plan: CampaignPlan, fit: Sequence[Fit]) -> list[Fit]:
        """Those for whom it is not a quiet hour."""
        asleep = self.asleep(plan, {one.send.id: one.person.timezone for one in fit})
        self._put_off += asleep
        put_off = {move.send_id for move in asleep}
        return [one for one in fit if one.send.id not in put_off]

    def _nap(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Sleep until the next one's turn, in short naps between which a pause or an end is noticed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not stop():
            time.sleep(min(left, _NAP_SECONDS))
        self._meters.add("pacing_wait_seconds", seconds, limit="any")

    def _leave(self, waiting: Sequence[Fit], waits: Sequence[float]) -> None:
        """Put them off until their turn; the gate's waits are staggered, so they are not all back at once."""
        now = self._clock.now()
        self._put_off += [
            Move(
                one.send.id,
                SendStatus.PLANNED,
                "its turn comes later",
                not_before=now + timedelta(seconds=wait),
            )
            for one, wait in zip(waiting, waits, strict=True)
        ]


def _ask(plan: CampaignPlan, one: Fit) -> Ask:
    return Ask(
        one.send.id, plan.id, plan.terms.per_second, plan.domain, one.person.email.rpartition("@")[2].lower()
    )
