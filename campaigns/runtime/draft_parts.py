"""Campaigns that are still being written, and what they would do."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class DraftParts(ConsentParts):
    """Campaigns that are still being written, and what they would do."""
