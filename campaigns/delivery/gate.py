"""The gate before the relays: which relay takes a mail, and whether it may go now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from campaigns.core.clock import Clock
from campaigns.delivery.bucket_arithmetic import Limit, Rate
from campaigns.delivery.buckets import Buckets
from campaigns.delivery.relay_choice import RelayChoice
from campaigns.delivery.relay_health import RelayHealth
from campaigns.delivery.relay_plan import RelayPlan

# A wait is asked again at the latest after this long: limits may be raised, and clocks may be put right.
LONGEST_WAIT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A mail that wants to go. Domains are those after the @ of the envelope; `per_second` the campaign's."""

    send_id: int
    campaign_id: int
    per_second: float | None
    sender_domain: str
    recipient_domain: str


@dataclass(frozen=True, slots=True)
class Pass:
    """`wait` 0.0: it may go now to `relay`, its tokens are taken. Else: nothing was taken, and it is to ask
    again after so many seconds. `relay` is "" where no relay is set and mail is captured."""

    relay: str
    wait: float


class Gate:
    """Knows the relays, their health and all limits. One object belongs to one thread of one process."""

    def __init__(
        self, plan: RelayPlan, buckets: Buckets, clock: Clock, health: RelayHealth | None = None
    ) -> None:
        self._plan = plan
        self._buckets = buckets
        self._clock = clock
        self._relays = {relay.name: relay for relay in plan.relays}
        self._choice = RelayChoice({relay.name: relay.weight for relay in plan.relays})
        self._health = health or RelayHealth(self._relays)

    def admit(self, asks: Sequence[Ask]) -> list[Pass]:
        """One pass for each ask, in their order; granted in that order where all limits have room.

        At most one round trip to Redis, none where no limit applies (and one more where Redis lost the
        count of a warming domain). When all relays are down the likeliest is named: its mails come back
        `unreached`, and are tried again.
        """
        if not asks:
            return []
        healthy = self.healthy()
        chosen = self._chosen(len(asks), healthy)
        wants = [self._limits(ask, relay) for ask, relay in zip(asks, chosen, strict=True)]
        waits = self._buckets.take(wants) if any(wants) else [0.0] * len(asks)
        for relay, wait in zip(chosen, waits, strict=True):
            if relay and not wait:
                # Only mails that go count: a relay at its limit keeps its claim on the next ones.
                self._goes(relay, healthy)
        return [
            Pass(relay, min(wait, LONGEST_WAIT_SECONDS)) for relay, wait in zip(chosen, waits, strict=True)
        ]

    def healthy(self) -> list[str]:
        """The relays worth a mail now; when all are down, the one that may come back first."""
        up = [relay for relay in self._relays if self._health.up(relay)]
        return up or ([self._health.best_guess(self._relays)] if self._relays else [])

    @property
    def closed(self) -> bool:
        """Whether every relay is being left alone just now: then no mail needs to be prepared."""
        return bool(self._relays) and not any(self._health.up(relay) for relay in self._relays)

    def report(self, relay: str, ok: bool) -> None:
        """What came of a mail: `ok` when the relay answered it, whatever it said; not when it was away."""
        self._health.report(relay, ok)

    def instead(self, lost: Collection[str]) -> str:
        """Another relay that is up, for mails that certainly were not handed over; "" where there is none."""
        others = [relay for relay in self._relays if relay not in lost and self._health.up(relay)]
        return self._choice.copy().next(others) if others else ""

    def spare(self, relay: str) -> bool:
        """Whether this relay has room for one mail more, which is then taken; not asked where it has no limit."""
        limits = self._relay_limits(relay)
        if limits and self._buckets.take([limits])[0]:
            return False
        self._goes(relay, self.healthy())
        return True

    def _chosen(self, count: int, healthy: list[str]) -> list[str]:
        """The relays of the next mails, by weight, if all of them go."""
        if len(healthy) < 2:
            return (healthy or [""]) * count
        trial = self._choice.copy()
        chosen = []
        for _ in range(count):
            chosen.append(trial.next(healthy))
            trial.used(chosen[-1], healthy)
        return chosen

    def _goes(self, relay: str, healthy: list[str]) -> None:
        if len(self._relays) > 1:
            self._choice.used(relay, healthy)
            self._health.trying(relay)

    def _limits(self, ask: Ask, relay: str) -> list[Limit]:
        limits = self._relay_limits(relay)
        if ask.per_second:
            limits.append(Rate(f"campaign:{ask.campaign_id}", ask.per_second))
        if (limit := self._plan.domain_limit(ask.recipient_domain)) is not None:
            limits.append(Rate(f"domain:{limit[0]}", limit[1]))
        warm_up = self._plan.warm_up.get(ask.sender_domain.lower()) if self._plan.warm_up else None
        if warm_up and (quota := warm_up.quota(ask.sender_domain.lower(), self._clock.now())) is not None:
            limits.append(quota)
        return limits

    def _relay_limits(self, relay: str) -> list[Limit]:
        rate = self._relays[relay].per_second if relay else None
        return [Rate(f"relay:{relay}", rate)] if rate else []
