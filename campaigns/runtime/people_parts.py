"""People of the console, and the record of who did what."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class PeopleParts(ConsentParts):
    """People of the console, and the record of who did what."""
