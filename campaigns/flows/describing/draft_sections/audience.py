"""The step "audience": who gets it, what it is about, and who it is from."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.audience.segment_references import put_in
from campaigns.audience.segments import parse_segment
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.describing.definition import CampaignFile
from campaigns.flows.describing.draft_sections.reading import Typed, fault_words
from campaigns.flows.describing.draft_sections.section import Problem
from campaigns.models import Campaign, KeptSegment

FRAME = ("name", "topic", "kind", "sender", "reply_to", "postal_address")
SOURCES = ("all", "kept", "own")
"""Everybody, a segment that is kept, or rules of the campaign's own."""
_NEEDED = {
    "sender": "Say who it comes from, with a name and an address.",
    "postal_address": "Give the postal address that the law wants below every mail.",
}
_FILLED = {"name": "x", "template": "x", "brief": "x", "sender": "X <x@x.example>", "postal_address": "x"}


class AudienceSection:
    """`source` is one of SOURCES, `kept` the number of a segment as text, `rules` the tree of rules of its own;
    `rules_problem` says why whoever read the form could make no tree of it."""

    name = "audience"

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """The frame's texts, and the kept segment or the rules."""
        value: dict[str, Any] = {field: getattr(campaign, field) for field in FRAME}
        kept = campaign.segment_id
        source = "kept" if kept else "own" if campaign.segment else "all"
        return {**value, "source": source, "kept": str(kept or ""), "rules": campaign.segment}

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> dict[str, Any]:
        """The columns that it sets."""
        typed = Typed(value)
        columns = {**_frame(typed), "segment_id": None}
        match typed.one_of("source", SOURCES):
            case "all":
                columns["segment"] = {}
            case "kept":
                segment = _kept(session, typed)
                columns["segment"], columns["segment_id"] = (
                    (segment.rules, segment.id) if segment else ({}, None)
                )
            case _:
                columns["segment"] = _own(session, typed, value)
        typed.refuse_faults()
        return columns

    def apply(self, session: Session, campaign: Campaign, parsed: dict[str, Any]) -> None:
        """Write the columns."""
        for column, value in parsed.items():
            setattr(campaign, column, value)

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """Who it comes from."""
        return [Problem(field, told) for field, told in _NEEDED.items() if not getattr(campaign, field)]


def _frame(typed: Typed) -> dict[str, Any]:
    """Name, topic, kind and sender, by the rules of a campaign file; what may come later may be empty for now."""
    given = {field: typed.text(field) for field in FRAME if typed.text(field)}
    if "name" not in given:
        typed.wrong("name", "Give it a name.")
    try:
        checked = CampaignFile.model_validate({**_FILLED, **given})
    except ValidationError as error:
        for fault in error.errors(include_input=False):
            typed.wrong(str(fault["loc"][0]), fault_words(fault["msg"]))
        return {}
    columns = {field: getattr(checked, field) for field in FRAME}
    return {**columns, **{field: "" for field in ("sender", "postal_address") if field not in given}}


def _kept(session: Session, typed: Typed) -> KeptSegment | None:
    number = typed.text("kept")
    row = session.get(KeptSegment, int(number)) if number.isdecimal() and len(number) < 18 else None
    if row is None:
        typed.wrong("kept", "Choose a segment.")
    return row


def _own(session: Session, typed: Typed, value: dict[str, Any]) -> dict[str, Any]:
    if typed.text("rules_problem"):
        typed.wrong("rules", typed.text("rules_problem"))
    try:
        rules: dict[str, Any] = dict(put_in(session, value.get("rules") or {}))
        parse_segment(rules)
    except (BadInput, NotFound) as error:
        where = getattr(error, "where", "")
        typed.wrong("rules", fault_words(error.message.removeprefix(f"{where}: ")))
        return {}
    return rules
