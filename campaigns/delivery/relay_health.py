"""Which relays answer, as this process found: a breaker for each, that lets one mail try after a pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from campaigns.core.log import get_logger

_log = get_logger(__name__)

_FAILURES_IN_A_ROW = 2
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class _State:
    failures: int = 0
    pause: float = _FIRST_PAUSE_SECONDS
    down_until: float = float("-inf")
    on_trial: bool = False


class RelayHealth:
    """Reports go in, what is worth trying comes out. Of one process and one thread.

    After two failures in a row a relay is down for a pause, which doubles with each attempt that fails
    again, from 2 to 60 seconds. After the pause the relay may be tried once: `trying` says that it is.
    """

    def __init__(self, relays: Iterable[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._states = {relay: _State() for relay in relays}
        self._monotonic = monotonic

    def report(self, relay: str, ok: bool) -> None:
        """A mail was answered by this relay (`ok`, whatever it said), or it was out of reach."""
        state = self._states.get(relay)
        if state is None:
            return
        if ok:
            if state.failures >= _FAILURES_IN_A_ROW:
                _log.info("relay_up", relay=relay)
            self._states[relay] = _State()
            return
        state.failures += 1
        now = self._monotonic()
        if state.on_trial or (state.failures > _FAILURES_IN_A_ROW and now >= state.down_until):
            state.pause = min(2 * state.pause, _LONGEST_PAUSE_SECONDS)
        elif state.failures != _FAILURES_IN_A_ROW:
            return  # the rest of a group fails at once with its relay: one failure, not fifty
        state.on_trial = False
        state.down_until = now + state.pause
        _log.warning("relay_down", relay=relay, pause_seconds=state.pause)

    def up(self, relay: str) -> bool:
        """Whether a mail may be offered to it now."""
        state = self._states.get(relay)
        return state is None or self._monotonic() >= state.down_until

    def trying(self, relay: str) -> None:
        """A mail is on its way; while a relay that was down is tried, nobody else tries it."""
        state = self._states.get(relay)
        if state is not None and state.failures >= _FAILURES_IN_A_ROW:
            now = self._monotonic()
            if now >= state.down_until:
                state.on_trial = True
                state.down_until = now + state.pause

    def best_guess(self, relays: Collection[str]) -> str:
        """Of relays that are all down, the one whose pause ends first."""
        return min(relays, key=lambda relay: self._states[relay].down_until)
