"""What programs of the shop ask for and are told."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class ApiParts(ConsentParts):
    """What programs of the shop ask for and are told."""
