"""Keeping briefs that campaigns use again: every change is a version of its own, and none is ever lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.compose.links import checked_url
from campaigns.copywriting.brief import Brief, parse_brief, stored_brief
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.console.audit import record
from campaigns.models import BriefRow, Campaign

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 60
_REFERENCE = re.compile(r"(?P<name>[^@]*)(?:@(?P<version>[0-9]{1,9}))?")
_BIGGEST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class KeptBrief:
    """One version of a brief. `campaigns` are the numbers of those that were made from it, oldest first."""

    name: str
    version: int
    brief: Brief
    by: str
    at: datetime
    campaigns: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values, without the brief itself."""
        return {
            "name": self.name,
            "version": self.version,
            "goal": self.brief.goal,
            "languages": list(self.brief.languages),
            "by": self.by,
            "at": self.at.isoformat(),
            "campaigns": list(self.campaigns),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What differs in one field ("voice.tone") of two briefs; None where one of them has no such field."""

    field: str
    before: Any
    after: Any


class Briefs:
    """Keeps briefs by name, finds them again, and says what changed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def save(self, name: str, raw: dict[str, Any], by: str) -> tuple[int, bool]:
        """Keep what `raw` (a TOML table or JSON) describes as the newest version of this brief.

        Returns:
            The version, from 1, and whether it is a new one: what the newest says already is not kept twice.

        Raises:
            BadInput: names every wrong field at once; nothing is kept.
        """
        checked_name(name)
        brief = checked_brief(raw)
        while True:
            with self._db.transaction() as session:
                newest = _newest(session, name)
                # Compared as read today: a field that later releases add changes no brief.
                if newest is not None and stored_brief(newest.body).digest == brief.digest:
                    return newest.version, False
                version = newest.version + 1 if newest else 1
                row = {"name": name, "version": version, "body": brief.as_json(), "digest": brief.digest}
                added = insert(BriefRow).values(**row, created_by=by, created_at=self._clock.now())
                done = session.execute(added.on_conflict_do_nothing().returning(BriefRow.id)).first()
                if done is not None:
                    record(
                        session, self._clock.now(), by, "brief.saved", f"brief {name}", {"version": version}
                    )
            # Another process has taken this version meanwhile, so there is a newer one to compare with.
            if done is not None:
                return version, True

    def get(self, name: str, version: int | None = None) -> KeptBrief:
        """This version of a brief, the newest without one.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            row = find_brief(session, name, version)
            return _kept(row, _uses(session, name).get(row.version, ()))

    def list(self) -> list[KeptBrief]:
        """The newest version of every brief, by name, with the campaigns of all its versions."""
        with self._db.transaction() as session:
            newest = select(BriefRow.name, func.max(BriefRow.version)).group_by(BriefRow.name)
            wanted = select(BriefRow).where(tuple_(BriefRow.name, BriefRow.version).in_(newest))
            rows = session.scalars(wanted.order_by(BriefRow.name)).all()
            used = _users(session)
            return [_kept(row, used.get(row.name, ())) for row in rows]

    def history(self, name: str) -> tuple[KeptBrief, ...]:
        """All versions of a brief, newest first, each with its campaigns.

        Raises:
            NotFound: there is none of this name.
        """
        with self._db.transaction() as session:
            find_brief(session, name, None)
            rows = session.scalars(
                select(BriefRow).where(BriefRow.name == name).order_by(BriefRow.version.desc())
            )
            uses = _uses(session, name)
            return tuple(_kept(row, uses.get(row.version, ())) for row in rows)

    def diff(self, one: str, other: str) -> tuple[Change, ...]:
        """What `other` ("name@2", or "name" for the newest) says differently from `one`, field by field.

        Raises:
            BadInput: one of them is no reference.
            NotFound: there is no such brief or version.
        """
        references = [parse_reference(one), parse_reference(other)]
        kept = [self.get(*reference) for reference in references]
        before, after = (dict(_leaves(version.brief.as_json())) for version in kept)
        fields = sorted(before.keys() | after.keys())
        found = [Change(field, before.get(field), after.get(field)) for field in fields]
        return tuple(change for change in found if change.before != change.after)


def checked_name(name: str) -> str:
    """The name, if a brief may have it.

    Raises:
        BadInput: it may not.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise BadInput(
            f"{name[:80]!r} is no name for a brief; take small letters, digits and hyphens, such as spring-sale",
            where="name",
        )
    return name


def checked_brief(raw: dict[str, Any]) -> Brief:
    """The brief that this describes, fit for a campaign.

    Raises:
        BadInput: names every wrong field at once.
    """
    brief = parse_brief(raw)
    checked_url(brief.call_to_action_url, where="brief.call_to_action_url")
    return brief


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Name and version of "spring@3"; "spring" has no version, which means the newest.

    Raises:
        BadInput: it is neither.
    """
    found = _REFERENCE.fullmatch(reference.strip())
    version = int(found["version"]) if found and found["version"] else None
    if found is None or (version is not None and not 1 <= version <= _BIGGEST_VERSION):
        raise BadInput(
            f"{reference[:80]!r} must look like spring, or spring@3 for its version 3", where="brief"
        )
    return checked_name(found["name"]), version


def find_brief(session: Session, name: str, version: int | None) -> BriefRow:
    """The row of a brief; the newest without a version.

    Raises:
        NotFound: there is none, or no such version.
    """
    newest = _newest(session, name)
    if newest is None:
        raise NotFound(f"there is no brief {name}; `tailormail brief list` shows which there are")
    if version is None or version == newest.version:
        return newest
    row = session.scalars(select(BriefRow).filter_by(name=name, version=version)).one_or_none()
    if row is None:
        raise NotFound(f"the brief {name} has no version {version}; its newest is {newest.version}")
    return row


def resolve_brief(session: Session, described: str | dict[str, Any]) -> tuple[Brief, str, int | None]:
    """The brief of a campaign file: a table, or the name of a kept one ("spring", "spring@3").

    Returns:
        The brief, and name and version of the kept one it comes from ("" and None for a table).

    Raises:
        BadInput: names every wrong field at once; also where a kept brief breaks rules that were made since.
        NotFound: there is no such brief or version.
    """
    if not isinstance(described, str):
        return checked_brief(described), "", None
    row = find_brief(session, *parse_reference(described))
    return checked_brief(row.body), row.name, row.version


def _newest(session: Session, name: str) -> BriefRow | None:
    wanted = select(BriefRow).where(BriefRow.name == name).order_by(BriefRow.version.desc()).limit(1)
    return session.scalars(wanted).one_or_none()


def _kept(row: BriefRow, campaigns: tuple[int, ...]) -> KeptBrief:
    return KeptBrief(row.name, row.version, stored_brief(row.body), row.created_by, row.created_at, campaigns)


def _uses(session: Session, name: str) -> dict[int, tuple[int, ...]]:
    """The campaigns made from each version of this brief."""
    numbers = func.array_agg(Campaign.id).label("numbers")
    made = select(Campaign.brief_version, numbers).where(Campaign.brief_name == name)
    grouped = session.execute(made.group_by(Campaign.brief_version))
    return {row.brief_version: tuple(sorted(row.numbers)) for row in grouped}


def _users(session: Session) -> dict[str, tuple[int, ...]]:
    """The campaigns made from any version of each brief."""
    numbers = func.array_agg(Campaign.id).label("numbers")
    made = select(Campaign.brief_name, numbers).where(Campaign.brief_name != "")
    return {
        row.brief_name: tuple(sorted(row.numbers))
        for row in session.execute(made.group_by(Campaign.brief_name))
    }


def _leaves(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """(field, value) of everything that a brief says; a list is one value, and what is empty is not said."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{path}{key}.")
        elif inner not in (None, "", []):
            yield f"{path}{key}", inner
