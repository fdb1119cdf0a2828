"""The step "brief": what the mails are to say, and on which terms their words are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.compose.links import checked_url
from campaigns.copywriting.brief import Brief, brief_faults, stored_brief
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.copy.copy_purse import check_budget
from campaigns.flows.describing.briefs import resolve_brief
from campaigns.flows.describing.draft_sections.brief_fields import (
    field_of,
    fields_of,
    lines_of_mentions,
    raw_brief,
)
from campaigns.flows.describing.draft_sections.reading import Typed, fault_words, shown
from campaigns.flows.describing.draft_sections.section import Problem
from campaigns.models import Campaign

GRANULARITIES = ("cell", "pick_set", "customer")
_BLANK = Brief.model_construct(
    goal="", call_to_action_url="", languages=("en",), offer=None, call_to_action={}, must_mention=(), lengths={},
    banned={}, catalogue_language="en",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParsedBrief:
    """The brief, the kept one it comes from ("" and None for its own words), and the terms of its copy."""

    brief: Brief
    name: str
    version: int | None
    terms: CopyTerms


class BriefSection:
    """`source` is "own" or "kept", `kept` a name with its version ("spring@3"); the rest are texts by the names of
    brief_fields.py and of CopyTerms."""

    name = "brief"

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """The brief and the terms as texts."""
        brief = stored_brief(campaign.brief) if campaign.brief else _BLANK
        terms = CopyTerms.from_json(campaign.copy)
        kept = f"{campaign.brief_name}@{campaign.brief_version}" if campaign.brief_name else ""
        return {
            "source": "kept" if kept else "own",
            "kept": kept,
            **fields_of(brief),
            **terms_fields(terms),
        }

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> ParsedBrief:
        """Brief and terms, checked."""
        typed = Typed(value)
        terms = self._terms(typed)
        brief, name, version = self._kept(session, typed) or (self._own(typed), "", None)
        typed.refuse_faults()
        assert brief is not None and terms is not None
        return ParsedBrief(brief, name, version, terms)

    def apply(self, session: Session, campaign: Campaign, parsed: ParsedBrief) -> None:
        """Write the columns."""
        campaign.brief = parsed.brief.as_json()
        campaign.brief_name, campaign.brief_version = parsed.name, parsed.version
        campaign.copy = parsed.terms.as_json()

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """A brief."""
        return [] if campaign.brief else [Problem("goal", "Say what the mails are to do.")]

    def _kept(self, session: Session, typed: Typed) -> tuple[Brief | None, str, int | None] | None:
        if typed.one_of("source", ("own", "kept")) == "own":
            return None
        if not typed.text("kept"):
            typed.wrong("kept", "Choose a brief.")
            return None, "", None
        try:
            return resolve_brief(session, typed.text("kept"))
        except (BadInput, NotFound) as error:
            typed.wrong("kept", fault_words(error.message))
            return None, "", None

    def _own(self, typed: Typed) -> Brief | None:
        raw = raw_brief(typed)
        for where, message in brief_faults(raw):
            field = field_of(where, lines_of_mentions(typed))
            typed.wrong(field, _told(field, message, typed))
        if typed.text("cta_url"):
            try:
                checked_url(raw["call_to_action_url"])
            except BadInput as error:
                typed.wrong("cta_url", fault_words(error.message))
        typed.refuse_faults()
        return stored_brief(raw)

    def _terms(self, typed: Typed) -> CopyTerms | None:
        raw = {
            "granularity": typed.one_of("granularity", GRANULARITIES),
            "mode": typed.one_of("mode", ("now", "batch")),
            "variants": typed.whole("variants", 1, 5) or 1,
            "max_calls": typed.whole("max_calls", 0, 10**9),
            "max_tokens": typed.whole("max_tokens", 0, 10**12),
            "max_cost": typed.text("max_cost").replace(",", ".") or None,
            "max_minutes": typed.number("max_minutes", 0.1, 7 * 24 * 60, "60"),
            "fallback_limit": typed.number("fallback_limit", 0, 100, "30"),
            "approve_samples": typed.ticked("approve_samples"),
            "seed": typed.whole("seed", 0, 2**31 - 1) or 0,
        }
        if raw["fallback_limit"] is None:
            del raw["fallback_limit"]
        try:
            terms = CopyTerms.model_validate(raw)
            check_budget(terms, self._prices)
        except ValidationError as error:
            for fault in error.errors(include_input=False):
                typed.wrong(str(fault["loc"][0]), fault_words(fault["msg"]))
            return None
        except BadInput as error:
            typed.wrong("max_cost", fault_words(error.message))
            return None
        return terms


def terms_fields(terms: CopyTerms) -> dict[str, Any]:
    """The terms of copy as texts."""
    return {
        "granularity": terms.granularity,
        "mode": terms.mode,
        "variants": str(terms.variants),
        **{
            name: shown(getattr(terms, name))
            for name in ("max_calls", "max_tokens", "max_cost", "max_minutes")
        },
        "fallback_limit": shown(terms.fallback_limit),
        "approve_samples": terms.approve_samples,
        "seed": str(terms.seed or ""),
    }


def _told(field: str, message: str, typed: Typed) -> str:
    if field == "cta_url":
        return "Give the whole web address that the button leads to, such as https://shop.example/spring."
    if field == "goal" and not typed.text(field):
        return "Say what the mails are to do, in a sentence or two."
    return fault_words(message)
