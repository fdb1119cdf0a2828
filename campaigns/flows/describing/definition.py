"""A campaign file (TOML): the frame, validated; each stage validates its own section."""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from campaigns.copywriting.terms import CopyTerms
from campaigns.core.described_file import SenderLine, check_described, read_toml
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.scheduling.recurrence import Recurrence
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.recommend.rules_file import PickingTerms


class Schedule(BaseModel):
    """When the campaign starts once it is approved: "now" means when somebody sends it."""

    model_config = ConfigDict(extra="forbid")

    start: Literal["now"] | datetime = "now"


class CampaignFile(BaseModel):
    """The frame of a campaign file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    topic: str = Field("", max_length=60)
    kind: Literal["marketing", "repermission"] = "marketing"
    template: str = Field(min_length=1)
    picks: int = Field(4, ge=0, le=12)
    sender: SenderLine
    reply_to: str = ""
    postal_address: str = Field(min_length=1)
    segment: dict[str, Any] = Field(default_factory=dict)
    brief: str | dict[str, Any]
    slots: list[dict[str, Any]] = Field(default_factory=list, max_length=20)
    schedule: Schedule = Field(default_factory=Schedule)
    delivery: DeliveryTerms = Field(default_factory=DeliveryTerms)
    series: Recurrence | None = None
    picking: PickingTerms = Field(default_factory=PickingTerms)
    experiment: ExperimentTerms | None = None
    copy_terms: CopyTerms = Field(default_factory=CopyTerms, alias="copy")

    @model_validator(mode="after")
    def _one_way_of_telling_when(self) -> CampaignFile:
        told = not isinstance(self.schedule.start, str) or self.delivery.local_date is not None
        if self.series is not None and (told or self.delivery.local_time is not None):
            raise ValueError(
                "series: says when it comes; leave out schedule.start, delivery.local_time and delivery.local_date"
            )
        return self

    @field_validator("brief", mode="before")
    @classmethod
    def _brief_is_given_or_named(cls, value: Any) -> Any:
        if not isinstance(value, (str, dict)):
            raise ValueError('must be a table, or the name of a kept brief such as "spring" or "spring@3"')
        return value

    @field_validator("topic")
    @classmethod
    def _topic_is_one_line(cls, value: str) -> str:
        # Customers read it on their page, and mute it by it: no two spellings of one topic.
        if not value.isprintable():
            raise ValueError("must be one line of text, such as Garden news")
        return " ".join(value.split())

    @field_validator("reply_to")
    @classmethod
    def _reply_to_is_an_address(cls, value: str) -> str:
        if value and "@" not in parseaddr(value)[1]:
            raise ValueError("must be an address such as care@shop.example")
        return value


def read_campaign_file(path: Path) -> CampaignFile:
    """The campaign that a TOML file describes.

    Raises:
        BadInput: the file cannot be read; names the file and every wrong field.
    """
    return check_campaign(read_toml(path), where=path.name)


def check_campaign(raw: dict[str, Any], where: str) -> CampaignFile:
    """The frame of an already parsed campaign.

    Raises:
        BadInput: names every wrong field at once.
    """
    return check_described(CampaignFile, raw, where)
