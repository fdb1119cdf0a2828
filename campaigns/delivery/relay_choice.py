"""The weighted choice of a relay: smooth over time, in short runs of mails."""

from __future__ import annotations

from collections.abc import Collection, Mapping

# Mails of a run go over the same connections without waiting for another relay's replies in between.
RUN = 10


class RelayChoice:
    """Each relay gets its share by weight; how far it is behind its share is its credit, in mails.

    A relay that cannot take its share (a limit, an outage) does not save up credit beyond one run: the
    others go on, and it is not flooded when it is back.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0.0)
        self._current = ""

    def copy(self) -> RelayChoice:
        """The same standing, to try out choices on."""
        twin = RelayChoice(self._weights)
        twin._credit = dict(self._credit)
        twin._current = self._current
        return twin

    def next(self, healthy: Collection[str]) -> str:
        """The relay for the next mail, one of `healthy` (not empty); `used` is for the caller to call."""
        if self._current not in healthy or self._credit[self._current] <= -RUN / 2:
            self._current = max(healthy, key=lambda relay: self._credit[relay])
        return self._current

    def used(self, relay: str, healthy: Collection[str]) -> None:
        """This relay got a mail; its share was to be taken from `healthy`."""
        self._current = relay
        total = sum(self._weights[one] for one in healthy) or 1
        for one in healthy:
            self._credit[one] = min(RUN, self._credit[one] + self._weights[one] / total)
        self._credit[relay] = max(-RUN, self._credit[relay] - 1)
