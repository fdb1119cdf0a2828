"""What an experiment is: which part of a campaign differs, between which arms, and when it is decided."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Factor = Literal["none", "subject", "copy", "template", "picks", "slot", "time"]
FACTORS: tuple[Factor, ...] = ("none", "subject", "copy", "template", "picks", "slot", "time")
MOST_ARMS = 6
HOURS_OF: Mapping[str, float] = {"clicks": 4.0, "orders": 48.0}
"""For so long after a mail what happens counts, where the experiment does not say."""

Share = Annotated[float, Field(allow_inf_nan=False)]


class Arm(BaseModel):
    """One of the ways to do it. What `value` is depends on the factor (flows/arm_values.py)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=60)
    weight: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False)
    value: Any = None

    @field_validator("name")
    @classmethod
    def _name_is_one_line(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise ValueError("must be a few words on one line, such as With the price")
        return " ".join(value.split())


class ExperimentTerms(BaseModel):
    """The table `[experiment]` of a campaign file, and the column `campaigns.experiment`.

    factor: what differs; "none" for a holdout alone. weight: of an arm beside the others.
    holdout: the share that gets no mail. test_share: the share of the others that the arms are tried on at once;
    the rest waits and gets the winner. method "thompson": the rest comes in `waves`, and the better an arm looks,
    the more of the next wave it gets, but never less than `floor`.
    goal: human clicks or orders, within `window_hours` after each mail. decide: a person does, or the "rule": as soon
    as the likely best arm could lose less than `most_loss` of the best rate, after `least_mails` of each arm.
    wave_hours: between two waves at least. seed: what customers are sorted by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: Factor = "none"
    arms: tuple[Arm, ...] = Field((), max_length=MOST_ARMS)
    holdout: Share = Field(0.0, ge=0, le=0.5)
    method: Literal["fixed", "thompson"] = "fixed"
    goal: Literal["clicks", "orders"] = "clicks"
    test_share: Share = Field(1.0, ge=0.01, le=1)
    decide: Literal["person", "rule"] = "person"
    waves: int = Field(6, ge=2, le=50)
    wave_hours: float | None = Field(None, ge=0, le=720, allow_inf_nan=False)
    window_hours: float | None = Field(None, gt=0, le=720, allow_inf_nan=False)
    floor: Share = Field(0.05, ge=0.01, le=0.5)
    most_loss: Share = Field(0.02, gt=0, le=0.5)
    least_mails: int = Field(200, ge=10, le=10_000_000)
    seed: str = Field(default_factory=lambda: secrets.token_hex(16), min_length=8, max_length=64)

    @field_validator("arms")
    @classmethod
    def _arms_have_names_of_their_own(cls, value: tuple[Arm, ...]) -> tuple[Arm, ...]:
        names = [arm.name.casefold() for arm in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two arms are called {twice[0]!r}; give each a name of its own")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> ExperimentTerms:
        if self.factor == "none":
            if self.arms:
                raise ValueError("there are arms, but no factor says what differs between them")
            if not self.holdout:
                raise ValueError("an experiment needs a factor with arms, or a holdout")
        elif len(self.arms) < 2:
            raise ValueError("needs two arms at least, of which one may be the campaign as it is")
        if self.method == "thompson" and self.floor * len(self.arms) > 1:
            raise ValueError(
                f"floor must be {1 / len(self.arms):.2f} at most: that is an equal share of each arm"
            )
        if self.method == "thompson" and self.test_share < 1:
            raise ValueError("test_share is for fixed shares; Thompson sampling decides wave by wave")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """What each arm gets of those who are in the test, as parts of 1."""
        total = sum(arm.weight for arm in self.arms)
        return tuple(arm.weight / total for arm in self.arms)

    @property
    def window(self) -> float:
        """For how many hours after a mail what happens counts."""
        return self.window_hours or HOURS_OF[self.goal]

    @property
    def between_waves(self) -> float:
        """How many hours lie between two waves at least."""
        return self.window if self.wave_hours is None else self.wave_hours

    @property
    def first_end(self) -> float:
        """Where the first wave ends, as a part of the audience."""
        if not self.arms:
            return 1.0
        return 1 / self.waves if self.method == "thompson" else self.test_share

    @property
    def in_stages(self) -> bool:
        """Whether some wait until more is known."""
        return self.first_end < 1

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ExperimentTerms:
        """The terms as `as_json` wrote them."""
        return cls.model_validate(dict(stored))

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` takes them back."""
        return self.model_dump(mode="json")
