"""Reports, and how well the recommender serves whom."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class InsightParts(ConsentParts):
    """Reports, and how well the recommender serves whom."""
