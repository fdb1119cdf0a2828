"""When to try again: exponential backoff with full jitter, ending after a number of attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """After attempt n wait `least` plus a random part of min(longest, first * 2**(n-1)).

    The usual plan gives a mail about seven hours, on average. Greylisting relays want some minutes.
    """

    attempts: int = 8
    least: timedelta = timedelta(minutes=1)
    first: timedelta = timedelta(minutes=8)
    longest: timedelta = timedelta(hours=6)


USUAL_PLAN = RetryPlan()


def next_attempt(attempt: int, rng: random.Random, plan: RetryPlan = USUAL_PLAN) -> timedelta | None:
    """How long to wait after attempt number `attempt` (1 is the first) failed; None: give up.

    The jitter is "full" (uniform from zero to the bound), which spreads the retries of a whole campaign
    most evenly after an outage; `least` keeps a lucky draw from hammering the relay.
    """
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    if attempt >= plan.attempts:
        return None
    # The exponent is bounded so that a plan with very many attempts cannot overflow a timedelta.
    bound = min(plan.longest, plan.first * 2 ** min(attempt - 1, 20))
    return plan.least + bound * rng.random()
