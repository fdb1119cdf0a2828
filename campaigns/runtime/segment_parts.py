"""Segments with their counts, files on their way in, and what is known of one customer."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class SegmentParts(ConsentParts):
    """Segments with their counts, files on their way in, and what is known of one customer."""
