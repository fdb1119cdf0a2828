"""The step "template": what the mail looks like, and the pictures that are chosen when it is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LargeBinary, literal, select
from sqlalchemy.orm import Session

from campaigns.compose.template import MailTemplate, load_template
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.describing.draft_sections.reading import Typed, fault_words
from campaigns.flows.describing.draft_sections.section import Problem, Problems
from campaigns.flows.describing.draft_sections.slot_texts import raw_slot, slot_fields
from campaigns.flows.opening.hosting import keep_pictures
from campaigns.models import Campaign, Picture
from campaigns.opentime.drawing.pictures import PictureFile
from campaigns.opentime.slots.slots import SlotDefinition, parse_slots

MOST_SLOTS = 20
_RULE = re.compile(r"rule (\d+)")
# The field of the form in which a condition is mended, where it has several.
_MENDED_IN = {"local_hour": "hour_from", "near": "near_latitude", "area": "area_south"}


@dataclass(frozen=True, slots=True)
class ParsedLook:
    """The template's folder, its slots, and pictures that were made for them (turned into GIFs, say)."""

    template: str
    slots: list[SlotDefinition]
    pictures: dict[str, PictureFile]


class TemplateSection:
    """`template` is a folder, `slots` a list as slot_texts.py has it; `refused` in place of a picture says why an
    upload was none."""

    name = "template"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """Template and slots as texts."""
        return {"template": campaign.template, "slots": [slot_fields(raw) for raw in campaign.slots]}

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> ParsedLook:
        """The slots with their pictures, checked."""
        typed = Typed(value)
        template = _template(typed)
        given = value.get("slots") or []
        slots: list[SlotDefinition] = []
        pictures: dict[str, PictureFile] = {}
        names: set[str] = set()
        for n, one in enumerate(given[:MOST_SLOTS]):
            found = self._slot(session, campaign, one, typed, f"slots.{n}", template)
            if found is None:
                continue
            slot, made = found
            if slot.name in names:
                typed.wrong(f"slots.{n}.name", "Another slot has this place in the template.")
            names.add(slot.name)
            slots.append(slot)
            pictures.update(made)
        typed.refuse_faults()
        assert template is not None
        return ParsedLook(template.folder, slots, pictures)

    def apply(self, session: Session, campaign: Campaign, parsed: ParsedLook) -> None:
        """Write the columns, and keep pictures that were made."""
        keep_pictures(session, {name: file for name, file in parsed.pictures.items() if file.body})
        campaign.template = parsed.template
        campaign.slots = [slot.to_json() for slot in parsed.slots]

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """A template."""
        return [] if campaign.template else [Problem("template", "Choose a template.")]

    def _slot(
        self,
        session: Session,
        campaign: Campaign,
        one: dict[str, Any],
        typed: Typed,
        place: str,
        template: MailTemplate | None,
    ) -> tuple[SlotDefinition, dict[str, PictureFile]] | None:
        here = Typed({})
        raw = raw_slot(one, here, place)
        _say_what_lacks(one, here, place)
        if template is not None and raw["name"] not in template.slots:
            known = ", ".join(template.slots) or "none"
            here.wrong(f"{place}.name", f"The template has no picture of this name; it has {known}.")
        try:
            here.refuse_faults()
            slots, pictures = parse_slots(
                [raw],
                lambda name: _file(session, name, one),
                self._clock.now(),
                campaign.picks,
                lambda name: _kept(session, name, with_body=raw["kind"] == "countdown"),
            )
            return slots[0], pictures
        except Problems as error:
            for problem in error.found:
                typed.wrong(problem.field, problem.message)
        except BadInput as error:
            where, told = error.where, error.message.removeprefix(f"{error.where}: ")
            typed.wrong(field_of(place, where), fault_words(told))
        return None


def field_of(place: str, where: str) -> str:
    """The form's field for a place in a slot: "slot 'hero', rule 2, when.weather" -> slots.0.rules.1.when.weather."""
    field = place
    parts = where.split(", ")[1:]
    for n, part in enumerate(parts):
        rule = _RULE.fullmatch(part)
        if rule:
            field = f"{field}.rules.{int(rule[1]) - 1}"
        elif part in ("default", "expired"):
            field = f"{field}.{part}"
        else:
            return f"{field}.{_mended_in(part)}" if n < 3 else field
    return field


def _mended_in(part: str) -> str:
    if part.startswith("when"):
        _, _, condition = part.partition(".")
        name, _, inner = condition.partition(".")
        return f"when.{f'{name}_{inner}' if inner else _MENDED_IN.get(name, name or 'weather')}"
    return part.replace("style.", "style_").split(" ")[0]


def _template(typed: Typed) -> MailTemplate | None:
    if not typed.text("template"):
        typed.wrong("template", "Choose a template.")
        return None
    try:
        return load_template(typed.text("template"))
    except (BadInput, NotFound) as error:
        typed.wrong("template", fault_words(error.message))
        return None


def _say_what_lacks(slot: dict[str, Any], typed: Typed, place: str) -> None:
    """What a form leaves empty, in a form's words."""
    if not Typed(slot).text("alt"):
        typed.wrong(f"{place}.alt", "Say what can be seen; it must be true of every picture.")
    places = [
        ("default", slot.get("default") or {}, "the usual picture"),
        ("expired", slot.get("expired") or {}, "the picture when it is over"),
    ]
    rules = enumerate(slot.get("rules") or [])
    places += [(f"rules.{n}", rule, f"the picture of rule {n + 1}") for n, rule in rules]
    for name, shown, called in places:
        own = Typed(shown)
        if own.text("refused"):
            typed.wrong(f"{place}.{name}.picture", own.text("refused"))
        elif not own.text("picture"):
            typed.wrong(f"{place}.{name}.picture", f"Upload {called}.")
        if not own.text("link"):
            typed.wrong(f"{place}.{name}.link", f"Give the web address that {called} leads to.")


def _kept(session: Session, name: str, with_body: bool) -> PictureFile | None:
    """A picture that was checked when it was uploaded; only what GIFs are made of is needed itself."""
    columns = (Picture.sha256, Picture.media_type, Picture.width, Picture.height)
    body = Picture.body if with_body else literal(b"", LargeBinary)
    row = session.execute(select(*columns, body).where(Picture.sha256 == name)).one_or_none()
    return PictureFile(*row[:4], body=bytes(row[4])) if row else None


def _file(session: Session, name: str, slot: dict[str, Any]) -> bytes:
    if name == "shops.csv":
        return str(slot.get("shops", "")).encode()
    raise BadInput("This picture is not here any more; upload it once more.")
