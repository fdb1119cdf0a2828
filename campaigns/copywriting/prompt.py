"""The messages for a language model: rules and brief first, what varies last.

Servers cache a prompt by its prefix, so nothing of a cell may stand before the last message. Product text
is data from strangers: cleaned, cut, encoded as JSON that cannot close its own delimiter. Of the customer
there is only what `CopyRequest` holds, which has no place for a name, an address or an order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from campaigns.copywriting.prompt_brief import as_data, system_message
from campaigns.copywriting.prompt_data import cell_facts
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest

__all__ = ["PROMPT_VERSION", "Message", "build_messages", "read_data"]

Message = dict[str, str]

_DATA = re.compile(r"<data>(.*)</data>", re.DOTALL)


def build_messages(request: CopyRequest) -> list[Message]:
    """The messages of the first round: a system message that the whole campaign shares, then the cell's."""
    data = as_data(cell_facts(request))
    return [
        {"role": "system", "content": system_message(request.brief, request.in_parts)},
        {"role": "user", "content": f"<data>{data}</data>\nWrite the copy for this email."},
    ]


def read_data(messages: Sequence[Message]) -> dict[str, Any]:
    """What the cell's message says, taken apart again; {} if these are not messages of this module."""
    for message in messages:
        found = _DATA.search(message.get("content", "")) if message.get("role") == "user" else None
        if found:
            facts = json.loads(found.group(1))
            return facts if isinstance(facts, dict) else {}
    return {}
