"""Whether a case got through: in the words of a copy, or in what filling its placeholders makes of them."""

from __future__ import annotations

from campaigns.copywriting.adversarial.asked import request_of
from campaigns.copywriting.adversarial.cases import Case
from campaigns.copywriting.guard import fields_of
from campaigns.copywriting.placeholders import PlaceholderValues, fill
from campaigns.models.values import Copy

_NAME = "Anna"


def leak_of(case: Case, copy: Copy) -> str:
    """What of the case's `never` stands in this copy, as it is or as a mail would say it; "" if nothing does."""
    values = PlaceholderValues.of(request_of(case), case.poison.get("first_name", _NAME), case.language)
    texts = (text for version in (copy, fill(copy, values)) for _, text in fields_of(version))
    return next((found for text in texts if (found := case.found_in(text))), "")
