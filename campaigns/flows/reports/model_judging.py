"""How well each trained model of the recommender does: found out by a worker, kept, and only read by pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import record
from campaigns.models import Product, RecommenderEvaluation, RecommenderModelRow
from campaigns.recommend.evaluation import evaluate
from campaigns.recommend.evaluation_changes import changes
from campaigns.recommend.evaluation_segments import load_languages
from campaigns.recommend.interactions import Interactions, days_since_epoch, load_interactions, share_within
from campaigns.recommend.model import RecommenderModel

log = get_logger(__name__)

# Longer than an evaluation takes; what a killed worker had is due again then.
_LEASE = timedelta(hours=1)
# Of a larger shop a sample of customers is looked at. Enough for intervals that nobody needs narrower, and it takes
# some twenty seconds and 270 MB beside the mails that the same worker sends.
MOST_LINES = 500_000
MOST_SHOWN = 60

_NEW = """
    insert into recommender_evaluations (model_id, trained_at, due_at)
    select m.id, m.created_at, :now from recommender_models m
    where not exists (select 1 from recommender_evaluations e where e.model_id = m.id)
    on conflict do nothing"""
# The newest first: that is the one people wait for.
_TAKE = """
    update recommender_evaluations set due_at = :lease where model_id = (
        select model_id from recommender_evaluations where due_at <= :now
        order by model_id desc limit 1 for update skip locked)
    returning model_id"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One model as it was judged; `evaluation` (recommend/evaluation.py) is None where `fault` or `waiting` says why.

    `changes` is recommend/evaluation_changes.py's, its products with sku and title.
    """

    model_id: int
    trained_at: datetime
    made_at: datetime | None
    waiting: bool
    fault: str
    evaluation: dict[str, Any] | None
    changes: dict[str, Any] | None = field(default=None)


class ModelJudging:
    """Judges models with their own settings, on orders that are hidden from them.

    Where a shop has more than `most_lines` order lines, on those of a sample of customers.
    """

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, most_lines: int = MOST_LINES) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._most_lines = most_lines

    def judged(self, most: int = MOST_SHOWN) -> list[Judged]:
        """The newest models first, with those that are not kept any more."""
        with self._db.transaction() as session:
            newest = select(RecommenderEvaluation).order_by(RecommenderEvaluation.model_id.desc()).limit(most)
            rows = session.scalars(newest).all()
            products = _products(session, rows)
        return [_read(row, products) for row in rows]

    def hint(self) -> None:
        """A model was trained: somebody should judge it."""
        self._jobs.judge_models()

    def ask_to_train(self, by: str) -> None:
        """Have a worker train a model."""
        with self._db.transaction() as session:
            record(session, self._clock.now(), by, "recommender.training_asked_for")
            session.after_commit(self._jobs.train)

    def work(self) -> int:
        """Judge every model that nobody has judged; returns how many. For workers."""
        done = 0
        with self._db.transaction() as session:
            session.execute(text(_NEW), {"now": self._clock.now()})
        while (model_id := self._take()) is not None:
            self.judge(model_id)
            done += 1
        return done

    def judge(self, model_id: int) -> Judged:
        """Judge this model and keep what was found.

        Raises:
            NotFound: it is not kept.
        """
        with self._db.transaction() as session:
            model, before = _load(session, model_id)
            as_of = datetime.fromisoformat(model.meta["as_of"]) if model else self._clock.now()
            share = share_within(session, self._most_lines)
            interactions = load_interactions(session, as_of, share)
            languages = load_languages(session, interactions.customer_ids)
        # Some twenty seconds of matrix work on a large shop: no connection is held meanwhile.
        found, told, fault = _looked_at(model, before, interactions, languages, as_of)
        if found is not None:
            found["sampled"] = share is not None
        with self._db.transaction() as session:
            session.execute(text(_NEW), {"now": self._clock.now()})
            row = session.get(RecommenderEvaluation, model_id, with_for_update=True)
            if row is None:
                raise NotFound(f"model {model_id} is not kept any more")
            row.body, row.changes, row.fault = found, told, fault
            row.made_at, row.due_at = self._clock.now(), None
            session.flush()
            products = _products(session, [row])
        log.info("recommender_model_judged", model_id=model_id, fault=fault)
        return _read(row, products)

    def _take(self) -> int | None:
        now = self._clock.now()
        with self._db.transaction() as session:
            return session.scalar(text(_TAKE), {"now": now, "lease": now + _LEASE})


def _looked_at(
    model: RecommenderModel | None,
    before: RecommenderModel | None,
    interactions: Interactions,
    languages: Any,
    as_of: datetime,
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str]:
    """What `evaluate` and `changes` say, and why they do not."""
    if model is None:
        return None, None, "this version cannot read the model"
    told = changes(before, model, interactions, days_since_epoch(as_of)) if len(interactions.day) else None
    try:
        found = evaluate(interactions, tuning_seconds=0.0, languages=languages, like=model)
    except BadInput as error:
        return None, told, error.message
    return found, told, ""


def _load(session: Session, model_id: int) -> tuple[RecommenderModel | None, RecommenderModel | None]:
    """This model, and the one trained before it; None for one that is not kept or cannot be read."""
    row = session.get(RecommenderModelRow, model_id)
    if row is None:
        raise NotFound(f"model {model_id} is not kept any more; `tailormail models` shows those that are")
    older = (
        select(RecommenderModelRow)
        .where(RecommenderModelRow.id < model_id)
        .order_by(RecommenderModelRow.id.desc())
        .limit(1)
    )
    return _readable(row), _readable(session.scalars(older).first())


def _readable(row: RecommenderModelRow | None) -> RecommenderModel | None:
    try:
        return None if row is None else RecommenderModel.from_bytes(row.blob)
    except Refused:
        return None


def _products(session: Session, rows: Sequence[RecommenderEvaluation]) -> dict[int, tuple[str, str]]:
    told = {
        int(each["product_id"])
        for row in rows
        for kind in ("rises", "falls")
        for each in (row.changes or {}).get(kind, ())
    }
    found = session.execute(select(Product.id, Product.sku, Product.title).where(Product.id.in_(told)))
    return {row.id: (row.sku, row.title) for row in found}


def _read(row: RecommenderEvaluation, products: dict[int, tuple[str, str]]) -> Judged:
    told = None
    if row.changes is not None:
        told = dict(row.changes)
        for kind in ("rises", "falls"):
            told[kind] = [
                each | dict(zip(("sku", "title"), products[each["product_id"]], strict=True))
                for each in told[kind]
                if each["product_id"] in products
            ]
    return Judged(
        row.model_id, row.trained_at, row.made_at, row.due_at is not None, row.fault, row.body, told
    )
