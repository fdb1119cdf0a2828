"""What an arm of an experiment may say, by factor: checked when the campaign is described, and put into stored form.

| factor   | value of an arm                                                                      |
| subject  | a line, or lines by language; nothing: as the writer has it                          |
| copy     | "model" or "offline"                                                                 |
| template | the name of a template; nothing: the campaign's                                      |
| picks    | terms as in [picking] that differ, and strategy = "best_sellers"; nothing: as it is  |
| slot     | a slot as in [[slots]] in place of the one of its name; or { slot, only }: one of    |
|          | its pictures, always; nothing: as it is                                              |
| time     | a time on the customer's clock such as "08:00"; nothing: as the campaign says        |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.compose.template import load_template
from campaigns.copywriting.brief import Brief
from campaigns.copywriting.textrules import PLACEHOLDER
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.describing.arm_plans import BEST_SELLERS
from campaigns.flows.describing.definition import CampaignFile
from campaigns.insight.experiment_terms import Arm, ExperimentTerms
from campaigns.models import Campaign
from campaigns.opentime.drawing.pictures import PictureFile
from campaigns.opentime.slots.slots import SlotDefinition, parse_slots
from campaigns.recommend.rules_check import check_terms
from campaigns.recommend.rules_file import PickingTerms, ShopTerms

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_STRATEGIES = ("personal", BEST_SELLERS)
MODEL, OFFLINE = "model", "offline"

Pictures = dict[str, PictureFile]


class ArmValues:
    """Checks the arms of one campaign against what else it says.

    `check_picking` refuses terms that the shop does not allow, where somebody can tell.
    """

    def __init__(
        self,
        *,
        template: str,
        slots: Sequence[SlotDefinition],
        picks: int,
        picking: PickingTerms,
        brief: Brief,
        read_file: Callable[[str], bytes],
        now: datetime,
        check_picking: Callable[[PickingTerms], None] | None = None,
    ) -> None:
        self._template = template
        self._slots = {slot.name: slot for slot in slots}
        self._picks = picks
        self._picking = picking
        self._brief = brief
        self._read_file = read_file
        self._now = now
        self._check_picking = check_picking
        self._pictures: Pictures = {}
        self._checks: dict[str, Callable[[Any, str], Any]] = {
            "none": lambda value, where: None,
            "subject": self._of_subject,
            "copy": self._of_copy,
            "template": self._of_template,
            "picks": self._of_picks,
            "slot": self._of_slot,
            "time": self._of_time,
        }

    def stored(self, terms: ExperimentTerms) -> tuple[ExperimentTerms, Pictures]:
        """The same with its values in stored form, and the pictures of its slots by sha256.

        Raises:
            BadInput: names the arm, and how to mend it.
        """
        check = self._checks[terms.factor]
        arms = tuple(
            arm.model_copy(update={"value": check(arm.value, f"experiment, arm {arm.name!r}")})
            for arm in terms.arms
        )
        _refuse_twins(arms, terms.factor)
        if terms.factor == "slot":
            names = {arm.value["name"] for arm in arms if arm.value}
            if len(names) > 1:
                raise BadInput("all arms must be about the same slot", where="experiment")
        return terms.model_copy(update={"arms": arms}), self._pictures

    def _of_subject(self, value: Any, where: str) -> Any:
        if value in (None, "", {}):
            return None
        if isinstance(value, str):
            return self._line(value, where)
        if not isinstance(value, dict):
            raise BadInput('needs a subject, or subjects by language such as { en = "Now in blue" }', where)
        strange = sorted(set(value) - set(self._brief.languages))
        if strange:
            known = ", ".join(self._brief.languages)
            raise BadInput(f"the brief has no language {strange[0]!r}; it has {known}", where)
        return {language: self._line(line, f"{where}, {language}") for language, line in value.items()}

    def _line(self, value: object, where: str) -> str:
        longest = self._brief.longest("subject")
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise BadInput("needs a subject on one line", where)
        if len(value) > longest:
            raise BadInput(f"has {len(value)} characters; a subject has {longest} at most", where)
        strange = sorted(set(PLACEHOLDER.findall(value)) - {"first_name"})
        rest = PLACEHOLDER.sub("", value)
        if strange or "{" in rest or "}" in rest:
            raise BadInput("may have {first_name} and no other name in braces", where)
        return " ".join(value.split())

    def _of_copy(self, value: Any, where: str) -> str:
        if value not in (MODEL, OFFLINE):
            raise BadInput('needs "model" (a language model writes) or "offline" (no model is asked)', where)
        return str(value)

    def _of_template(self, value: Any, where: str) -> str | None:
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            raise BadInput("needs the name of a template", where)
        try:
            template = load_template(value)
        except NotFound as error:
            raise BadInput(error.message, where) from None
        missing = [name for name in self._slots if name not in template.slots]
        if missing:
            raise BadInput(f"the template {value} has no slot {missing[0]!r}, which the campaign has", where)
        return None if value == self._template else value

    def _of_picks(self, value: Any, where: str) -> dict[str, Any] | None:
        if value in (None, "", {}):
            return None
        if not isinstance(value, dict):
            raise BadInput('needs terms as in [picking], or strategy = "best_sellers"', where)
        strategy = value.get("strategy", "personal")
        if strategy not in _STRATEGIES:
            raise BadInput(f"strategy is one of {', '.join(_STRATEGIES)}", where)
        own = {name: given for name, given in value.items() if name != "strategy"}
        try:
            terms = PickingTerms.model_validate({**self._picking.as_json(), **own})
        except ValidationError as error:
            first = error.errors()[0]
            why = str(first["msg"]).removeprefix("Value error, ")
            raise BadInput(f"{'.'.join(map(str, first['loc']))}: {why}", where) from None
        if self._check_picking is not None:
            self._check_picking(terms)
        kept = {name: given for name, given in terms.as_json().items() if name in own}
        return {**kept, "strategy": BEST_SELLERS} if strategy == BEST_SELLERS else kept or None

    def _of_slot(self, value: Any, where: str) -> dict[str, Any] | None:
        if value in (None, "", {}):
            return None
        if not isinstance(value, dict):
            raise BadInput("needs a slot as in [[slots]], or { slot = ..., only = ... }", where)
        if "media_type" in value:  # stored before
            return SlotDefinition.from_json(value).to_json()
        name = value.get("slot") or value.get("name")
        here = self._slots.get(str(name))
        if here is None:
            known = ", ".join(self._slots) or "none"
            raise BadInput(f"the campaign has no slot {name!r}; it has {known}", where)
        if "only" in value:
            try:
                return here.always(str(value["only"])).to_json()
            except KeyError:
                known = ", ".join(one.name for one in here.variants)
                raise BadInput(
                    f"slot {here.name} has no picture {value['only']!r}; it has {known}", where
                ) from None
        (slot,), pictures = parse_slots([value], self._read_file, self._now, self._picks)
        if slot.pixel_size != here.pixel_size or (slot.width, slot.height) != (here.width, here.height):
            raise BadInput(
                f"shows {slot.width}x{slot.height} where the campaign's has {here.width}x{here.height}; "
                "use the same size, or the mails differ in more than the picture",
                where,
            )
        self._pictures |= pictures
        return slot.to_json()

    def _of_time(self, value: Any, where: str) -> str | None:
        if value in (None, ""):
            return None
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise BadInput('needs a time such as "08:00"', where)
        return value


def arms_described(
    session: Session,
    description: CampaignFile,
    slots: Sequence[SlotDefinition],
    brief: Brief,
    read_file: Callable[[str], bytes],
    shop: ShopTerms,
    now: datetime,
) -> tuple[dict[str, Any] | None, Pictures]:
    """The experiment of a campaign file in stored form, with pictures of its own.

    Raises:
        BadInput: names the arm, and how to mend it.
    """
    if description.experiment is None:
        return None, {}
    values = ArmValues(
        template=description.template,
        slots=slots,
        picks=description.picks,
        picking=description.picking,
        brief=brief,
        read_file=read_file,
        now=now,
        check_picking=lambda terms: check_terms(session, shop, terms),
    )
    terms, pictures = values.stored(description.experiment)
    return terms.as_json(), pictures


def refuse_arms_without_model(campaign: Campaign, uses_model: bool) -> None:
    """Refuse to try out what a model writes where none is set.

    Raises:
        Refused: says how to set one.
    """
    experiment = campaign.experiment or {}
    if experiment.get("factor") != "copy" or uses_model:
        return
    for arm in experiment.get("arms", ()):
        if arm.get("value") == MODEL:
            raise Refused(
                f"arm {arm['name']!r} is to be written by a language model, and none is set; "
                "set OPENAI_API_KEY or OPENAI_BASE_URL, or try out something else"
            )


def _refuse_twins(arms: Sequence[Arm], factor: str) -> None:
    """Two arms that do the same could never differ."""
    seen: list[Any] = []
    for arm in arms:
        if arm.value in seen:
            raise BadInput(f"does the same as another arm ({factor})", where=f"experiment, arm {arm.name!r}")
        seen.append(arm.value)
