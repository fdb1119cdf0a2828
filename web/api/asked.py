"""What all questions to the API have in common: bodies without surprises, numbers that fit, texts that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from flask import abort, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from campaigns.audience.posted import why_not_storable

LARGEST = 9_223_372_036_854_775_807
NUMBER = f"int(max={LARGEST})"
"""Of a row, in the address of a view."""

Number = Annotated[int, Field(ge=0, le=LARGEST)]
_DEEPEST = 40


class Asked(BaseModel):
    """The body of a question: no field that is not known, no text that PostgreSQL cannot keep."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        trouble = _trouble(value, 0)
        if trouble:
            raise ValueError(trouble)
        return value


class Page(Asked):
    """A page of a list that goes backwards: `before` is what the last page gave as `next`."""

    before: Number | None = None
    size: int = Field(50, ge=1, le=200)


class Anything(BaseModel):
    """An answer whose parts the README tells."""

    model_config = ConfigDict(extra="allow")


def refuse_unkept_ways() -> None:
    """For whoever asks for a name that no text of ours can be."""
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and why_not_storable(value):
            abort(404)


def csv_list(value: Any) -> Any:
    """`a,b` in a query as a list."""
    if isinstance(value, str):
        return [part for part in (one.strip() for one in value.split(",")) if part]
    return value


CsvList = Annotated[list[Annotated[str, Field(max_length=200)]], BeforeValidator(csv_list)]


def _trouble(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return "is nested too deeply"
    if isinstance(value, str):
        return why_not_storable(value)
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        return ""
    return next((found for part in parts if (found := _trouble(part, depth + 1))), "")
