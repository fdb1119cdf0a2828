"""What writing offline and the guard load once in a process."""

from __future__ import annotations

from campaigns.copywriting import claims, phrases


def prepare() -> None:
    """Load it now, in half a second, and not with the first mails: for a process that is about to fork."""
    phrases.prepare()
    claims.prepare()
