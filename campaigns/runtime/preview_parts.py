"""Mails shown and tried before anybody gets them."""

from __future__ import annotations

from campaigns.runtime.consent_parts import ConsentParts


class PreviewParts(ConsentParts):
    """Mails shown and tried before anybody gets them."""
