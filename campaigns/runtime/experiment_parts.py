"""Experiments: arms, holdouts, decisions."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class ExperimentParts(ConsentParts):
    """Experiments: arms, holdouts, decisions."""
