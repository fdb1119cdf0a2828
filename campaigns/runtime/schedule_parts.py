"""When campaigns go out, how they are going, and what is tried again."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class ScheduleParts(ConsentParts):
    """When campaigns go out, how they are going, and what is tried again."""
