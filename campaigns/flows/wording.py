"""Copy for sends: what the writer is told, the copies kept by cell, and the blanks filled per customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.languages import language_for
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.flows.addressees import Addressee
from campaigns.flows.plans import CampaignPlan
from campaigns.models import WrittenCopyRow
from campaigns.models.values import Copy, Pick, ProductFacts
from campaigns.recommend.recommender import History

_LAPSED_AFTER_DAYS = 180
_LOYAL_FROM_PURCHASES = 8
_SEASONS = ("winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer",
            "autumn", "autumn", "autumn", "winter")  # fmt: skip


def copy_request(
    plan: CampaignPlan,
    addressee: Addressee,
    history: History,
    picks: Sequence[Pick],
    catalogue: dict[int, ProductFacts],
    now: datetime,
) -> CopyRequest:
    """What the writer is told about this mail: nothing that names the person."""
    return CopyRequest(
        brief=plan.brief,
        language=copy_language(plan, addressee.locale),
        stage=_stage(history) if history.personal else "active",
        favourite_category=_favourite_category(history, catalogue) if history.personal else "",
        picks=tuple(picks),
        season=_season(now, addressee.latitude),
        personal=history.personal,
    )


def copy_language(plan: CampaignPlan, locale: str) -> str:
    """The language of a mail: the customer's if the brief has it, else the brief's first."""
    return language_for(locale, plan.brief.languages)


def _stage(history: History) -> str:
    if not len(history.products):
        return "newcomer"
    if min(history.days_ago) > _LAPSED_AFTER_DAYS:
        return "lapsing"
    return "loyal" if len(history.products) >= _LOYAL_FROM_PURCHASES else "active"


def _favourite_category(history: History, catalogue: dict[int, ProductFacts]) -> str:
    bought = Counter(catalogue[int(p)].category for p in history.products if int(p) in catalogue)
    return min(bought, key=lambda category: (-bought[category], category)) if bought else ""


def _season(now: datetime, latitude: float | None) -> str:
    southern = latitude is not None and latitude < 0
    return _SEASONS[(now.month - 1 + (6 if southern else 0)) % 12]


class CopyShelf:
    """Copies by cell: read from the database, written by the desk where missing, kept for all."""

    def __init__(self, db: Database, desk: CopyDesk) -> None:
        self._db = db
        self._desk = desk

    def copies_for(self, requests: Mapping[int, CopyRequest]) -> dict[int, tuple[int, Copy]]:
        """For each key of `requests`: the copy's number and its text with blanks unfilled."""
        keys = {send: self._desk.cell_key(request) for send, request in requests.items()}
        cells = {key: requests[send] for send, key in keys.items()}
        known = self._known(cells)
        missing = {key: request for key, request in cells.items() if key not in known}
        if missing:
            # The model may take long: no connection is held while it writes.
            written = {key: self._desk.copy_for(request) for key, request in missing.items()}
            self._keep(written.values())
            kept = self._known({done.cell_key for done in written.values()})
            # A stand-in is kept under a key of its own, so that the model is asked again another time.
            known |= {key: kept[done.cell_key] for key, done in written.items()}
        return {send: known[key] for send, key in keys.items()}

    def _keep(self, written: Iterable[WrittenCopy]) -> None:
        by_key = {done.cell_key: done for done in written}
        rows = [
            {
                "content_hash": key,
                "fields": asdict(done.copy),
                "writer": done.writer,
                "model": done.model,
                "prompt_version": done.prompt_version,
                "verdicts": [asdict(verdict) for verdict in done.verdicts],
                "tokens": done.tokens,
            }
            for key, done in sorted(by_key.items())
        ]
        with self._db.transaction() as session:
            session.execute(upsert(WrittenCopyRow).values(rows).on_conflict_do_nothing())

    def _known(self, keys: Collection[str]) -> dict[str, tuple[int, Copy]]:
        with self._db.transaction() as session:
            rows = session.execute(
                select(WrittenCopyRow.content_hash, WrittenCopyRow.id, WrittenCopyRow.fields).where(
                    WrittenCopyRow.content_hash.in_(keys)
                )
            ).all()
        return {key: (number, copy_from(fields)) for key, number, fields in rows}


def copy_from(fields: dict[str, object]) -> Copy:
    """A copy from its stored form."""
    values = {**fields, "product_lines": tuple(fields["product_lines"])}  # type: ignore[arg-type]
    return Copy(**values)  # type: ignore[arg-type]
