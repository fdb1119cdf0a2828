"""Any campaign as a campaign file: the TOML and pictures from which `campaign create` makes the same campaign again."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.core.errors import Refused
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.briefs import find_brief
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.starting import start_of
from campaigns.models import Campaign, Picture
from campaigns.opentime.drawing.pictures import EXTENSIONS

NAME = "campaign.toml"
_FRAME = ("name", "topic", "kind", "template", "picks", "sender", "reply_to", "postal_address")
_NEEDED = ("template", "sender", "postal_address", "brief")
# TOML has no null; `none` says of a bound that there is none, where leaving it out would mean the usual one.
_NONE = "none"


class CampaignFiles:
    """Writes campaigns as files."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def files(self, campaign_id: int) -> dict[str, bytes]:
        """The campaign's files by name: campaign.toml, its pictures, and the kept brief that it names.

        Raises:
            NotFound: there is no such campaign, or a picture of it is gone.
            Refused: it is a draft that says too little for a file.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            open_ = [name for name in _NEEDED if not getattr(campaign, name)]
            if open_:
                raise Refused(
                    f"campaign {campaign_id} has no {open_[0].replace('_', ' ')} yet, which a file needs"
                )
            names = _PictureNames(session)
            described = _described(campaign, names)
            files = {NAME: tomli_w.dumps(described, multiline_strings=True).encode()}
            if campaign.brief_name:
                row = find_brief(session, campaign.brief_name, campaign.brief_version)
                files[f"{row.name}.brief.toml"] = tomli_w.dumps(_said(row.body)).encode()
            return files | names.bodies()

    def zipped(self, campaign_id: int) -> bytes:
        """The same as one ZIP archive; the same campaign gives the same bytes."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in self.files(campaign_id).items():
                archive.writestr(zipfile.ZipInfo(name), body)
        return out.getvalue()

    def write(self, campaign_id: int, folder: Path) -> list[str]:
        """The same into a folder, which is made where it is not there; returns the names of the files."""
        files = self.files(campaign_id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (folder / name).write_bytes(body)
        return list(files)


class _PictureNames:
    """Gives each picture a name that says where it is shown, and fetches them all at the end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[str, str] = {}

    def name(self, sha256: str, wanted: str, media_type: str) -> str:
        """The file of this picture; the same one wherever it is shown."""
        if sha256 not in self._names:
            plain = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-") or "picture"
            ending, taken = EXTENSIONS[media_type], set(self._names.values())
            tries = (f"{plain}{n or ''}.{ending}" for n in range(len(taken) + 1))
            self._names[sha256] = next(name for name in tries if name not in taken)
        return self._names[sha256]

    def bodies(self) -> dict[str, bytes]:
        """Their contents by name."""
        found = select(Picture.sha256, Picture.body).where(Picture.sha256.in_(self._names))
        return {self._names[row.sha256]: bytes(row.body) for row in self._session.execute(found)}


def _described(campaign: Campaign, names: _PictureNames) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(campaign, name) for name in _FRAME}
    kept = f"{campaign.brief_name}@{campaign.brief_version}" if campaign.brief_name else None
    told["segment"] = campaign.segment
    told["brief"] = kept or _said(campaign.brief)
    told["slots"] = [_slot(raw, names) for raw in campaign.slots]
    told["delivery"] = campaign.delivery
    told["picking"] = campaign.picking
    told["copy"] = {**_without_nulls(campaign.copy), **_unbounded(campaign.copy)}
    told["series"] = campaign.recurrence
    told["experiment"] = _experiment(campaign.experiment, names)
    # A day on every customer's calendar says itself when the campaign begins.
    if campaign.scheduled_at and not start_of(DeliveryTerms.from_json(campaign.delivery), None):
        told["schedule"] = {"start": campaign.scheduled_at}
    return _without_nulls({name: entry for name, entry in told.items() if entry not in (None, "", [], {})})


def _unbounded(copy: Mapping[str, Any]) -> dict[str, str]:
    return {"max_minutes": _NONE} if "max_minutes" in copy and copy["max_minutes"] is None else {}


def _slot(raw: Mapping[str, Any], names: _PictureNames) -> dict[str, Any]:
    """A stored slot as a table [[slots]]."""

    def shown(variant: Mapping[str, Any]) -> dict[str, Any]:
        file = names.name(variant["picture"], f"{raw['name']} {variant['name']}", raw["media_type"])
        product = {"product": variant["product"]} if variant.get("product") else {}
        return {"picture": file, "link": variant["link"], **product}

    content = raw.get("content") or {}
    told: dict[str, Any] = {name: raw[name] for name in ("name", "width", "height", "alt")}
    told["kind"] = raw.get("kind", "picture")
    told |= {name: content[name] for name in ("style", "pick", "units", "within_km") if content.get(name)}
    if content.get("deadline"):
        told["deadline"] = datetime.fromisoformat(content["deadline"])
    if content.get("label"):
        told["label"] = content["label"]
    if content.get("shops"):
        told["shops"] = [
            {name: entry for name, entry in shop.items() if entry != ""} for shop in content["shops"]
        ]
    told["default"], told["expired"] = shown(raw["default"]), shown(raw["expired"])
    if raw["expires"]:
        told["expires"] = datetime.fromisoformat(raw["expires"])
    told["rules"] = [{"name": rule["name"], "when": rule["when"], **shown(rule)} for rule in raw["rules"]]
    return told


def _experiment(stored: Mapping[str, Any] | None, names: _PictureNames) -> dict[str, Any] | None:
    """The table [experiment]; arms that show a slot of their own name its pictures as files."""
    if stored is None:
        return None
    arms = [dict(arm) for arm in stored.get("arms", [])]
    for arm in arms:
        if (
            stored.get("factor") == "slot"
            and isinstance(arm.get("value"), dict)
            and "default" in arm["value"]
        ):
            arm["value"] = _slot(arm["value"], names)
    return {**stored, "arms": arms}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(entry) for name, entry in value.items() if entry is not None}
    return [_without_nulls(entry) for entry in value] if isinstance(value, list | tuple) else value


def _said(brief: Mapping[str, Any]) -> dict[str, Any]:
    """What a brief says, without the fields that are empty."""
    told = {name: _said(entry) if isinstance(entry, Mapping) else entry for name, entry in brief.items()}
    return {name: entry for name, entry in told.items() if entry not in (None, "", [], {})}
