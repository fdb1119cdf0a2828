"""The versions of the model in the database: which one is in use, which were kept, and what each was trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFound
from campaigns.core.locks import TRAINING_LOCK
from campaigns.models import RecommenderModelRow
from campaigns.recommend.interactions import Interactions
from campaigns.recommend.model import RecommenderModel

KEPT = 5


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One stored model; `meta` says how it was trained, checked and judged."""

    id: int
    created_at: datetime
    in_use: bool
    meta: dict[str, Any]


def model_versions(session: Session) -> list[ModelVersion]:
    """All that are kept, the newest first."""
    row = RecommenderModelRow
    rows = session.execute(select(row.id, row.created_at, row.active, row.meta).order_by(row.id.desc()))
    return [ModelVersion(*each) for each in rows]


def one_at_a_time(session: Session) -> None:
    """Wait until nobody else changes which model is in use; nobody will, until this transaction ends."""
    session.execute(text("select pg_advisory_xact_lock(:n)"), {"n": TRAINING_LOCK})


def keep_model(session: Session, model: RecommenderModel, use: bool) -> int:
    """Store a model, use it or not, and drop all but the newest `KEPT` and the one in use; its id."""
    if use:
        _retire(session)
    row = RecommenderModelRow(active=use, blob=model.to_bytes(), meta=model.meta)
    session.add(row)
    session.flush()
    newest = select(RecommenderModelRow.id).order_by(RecommenderModelRow.id.desc()).limit(KEPT)
    session.execute(
        delete(RecommenderModelRow).where(
            RecommenderModelRow.active.is_(False), RecommenderModelRow.id.not_in(newest.scalar_subquery())
        )
    )
    return row.id


def use_model(session: Session, model_id: int) -> ModelVersion:
    """Put a kept model into use.

    Raises:
        NotFound: it was never there, or is not kept any more.
        Refused: this version cannot read it.
    """
    row = session.get(RecommenderModelRow, model_id)
    if row is None:
        kept = ", ".join(str(version.id) for version in model_versions(session)) or "none"
        raise NotFound(f"there is no model {model_id}; kept are: {kept}")
    RecommenderModel.from_bytes(row.blob)
    _retire(session)
    row.active = True
    session.flush()
    return ModelVersion(row.id, row.created_at, True, dict(row.meta))


def _retire(session: Session) -> None:
    session.execute(update(RecommenderModelRow).where(RecommenderModelRow.active).values(active=False))


def fingerprint(interactions: Interactions) -> str:
    """Equal for equal orders and products, in whatever order they were read; stock and prices do not count."""
    lines = interactions
    order = np.lexsort((lines.day, lines.product, lines.customer, lines.order))
    digest = hashlib.blake2b(digest_size=16)
    for column in (lines.order, lines.customer_ids[lines.customer], lines.product, lines.day, lines.quantity):
        digest.update(column[order].tobytes())
    digest.update(lines.catalogue.ids.tobytes())
    digest.update("\0".join(lines.catalogue.texts).encode())
    return digest.hexdigest()
