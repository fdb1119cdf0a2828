"""Which cells sends belong to: noted when they begin to wait for words, or had them at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from campaigns.copywriting.request import CopyRequest
from campaigns.core.db import rows
from campaigns.flows.copy.copy_cells import end_known, leave, register
from campaigns.flows.sending.send_moves import park
from campaigns.flows.sending.tailoring import Ready, Unworded
from campaigns.models import SendStatus

_BELONG = """
    update sends s set cell_number = (e->>1)::bigint from jsonb_array_elements(%(sends)s::jsonb) as e
    where s.campaign_id = %(campaign)s and s.id = (e->>0)::bigint and s.status in ('planned', 'claimed')
"""


def park_waiting(session: Session, campaign_id: int, worker: str, unworded: Sequence[Unworded]) -> set[int]:
    """Let go of sends that wait for words as `picked`, each in its cell; returns the ids that this worker held."""
    if not unworded:
        return set()
    # Who waited before and comes again is counted once, wherever they belong now.
    numbers = _join(session, campaign_id, [(one.cell, one.request) for one in unworded])
    counted = Counter(n for one in unworded if (n := one.send.cell_number) is not None)
    leave(session, campaign_id, counted, Counter(numbers[one.cell] for one in unworded))
    waiting = [one.waiting(numbers[one.cell]) for one in unworded]
    return park(session, campaign_id, worker, SendStatus.PICKED, waiting)


def note_ahead(
    session: Session, campaign_id: int, ready: Sequence[Ready], unworded: Sequence[Unworded]
) -> None:
    """Count sends that may not go yet in their cells, so that their words are written before their time comes."""
    members = [(one.send.id, one.cell, one.request) for one in ready if one.request is not None]
    members += [(one.send.id, one.cell, one.request) for one in unworded]
    if members:
        numbers = _join(session, campaign_id, [(cell, request) for _, cell, request in members])
        end_known(session, campaign_id, {one.cell for one in ready})
        told = json.dumps([[send_id, numbers[cell]] for send_id, cell, _ in members])
        rows(session, _BELONG, {"campaign": campaign_id, "sends": told})


def note_worded(session: Session, campaign_id: int, ready: Sequence[Ready]) -> dict[str, int]:
    """Count sends whose words were there when they were looked for; returns the numbers of their cells by key.

    Those of them that have not gone yet are theirs from now on, so that they are not counted when they come again.
    """
    found = [
        (one.send.id, one.cell, one.request)
        for one in ready
        if one.request is not None and one.send.cell_number is None
    ]
    if not found:
        return {}
    numbers = _join(session, campaign_id, [(cell, request) for _, cell, request in found])
    end_known(session, campaign_id, numbers)
    told = json.dumps([[send_id, numbers[cell]] for send_id, cell, _ in found])
    rows(session, _BELONG, {"campaign": campaign_id, "sends": told})
    return numbers


def _join(session: Session, campaign_id: int, members: Sequence[tuple[str, CopyRequest]]) -> dict[str, int]:
    first = dict(reversed(members))
    facts = {cell: request.facts() for cell, request in first.items()}
    salts = {cell: request.salt for cell, request in first.items() if request.salt}
    return register(session, campaign_id, Counter(cell for cell, _ in members), facts, salts)
