"""Training the recommender on what the shop's data say now, and using the result only where it is not worse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import CLI, SCHEDULER, record
from campaigns.recommend.evaluation import Split, evaluate
from campaigns.recommend.evaluation_segments import load_languages
from campaigns.recommend.interactions import Interactions, load_interactions
from campaigns.recommend.learning import BEST_SELLERS, Learned, learn
from campaigns.recommend.model import RecommenderModel
from campaigns.recommend.private_counts import with_private_counts
from campaigns.recommend.storage import load_active
from campaigns.recommend.substitute_learning import accepted_substitutes
from campaigns.recommend.versions import (
    ModelVersion,
    fingerprint,
    keep_model,
    model_versions,
    one_at_a_time,
    use_model,
)

log = get_logger(__name__)

Outcome = Literal["used", "kept", "nothing_new"]
# A model's trend ages even where nothing is bought.
_OLDEST = timedelta(days=1)
_TUNING_LASTS = timedelta(days=14)
_TUNING_GROWTH = 1.2


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    Attributes:
        model_id: of the new model; where there was nothing new, of the one in use.
        meta: what that model knows of itself.
        outcome: "used", "kept" (not used: it would do worse), or "nothing_new" (none was trained).
        verdict: why, for people.
    """

    model_id: int
    meta: dict[str, Any]
    outcome: Outcome
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What there was when a training began."""

    interactions: Interactions
    fingerprint: str
    in_use: RecommenderModel | None
    in_use_id: int | None
    newest: ModelVersion | None


class Training:
    """Trains, compares and stores models.

    `tuning_seconds` is the most that tuning may take, 0: none; `epsilon` makes what models tell of numbers of buyers
    differentially private (recommend/private_counts.py).
    """

    def __init__(
        self, db: Database, clock: Clock, tuning_seconds: float = 0.0, epsilon: float | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._tuning_seconds = tuning_seconds
        self._epsilon = epsilon

    def evaluate(
        self, split: Split = "time", cut: datetime | None = None, days: float | None = None
    ) -> dict[str, Any]:
        """How well the recommender foretells the shop's own orders, beside its alternatives.

        Raises:
            BadInput: there are no orders, or these do not allow such a test.
        """
        with self._db.transaction() as session:
            interactions = load_interactions(session, self._clock.now())
            languages = load_languages(session, interactions.customer_ids)
        return evaluate(interactions, split, cut, days, self._tuning_seconds, languages)

    def run(self, anew: bool = False, by: str = SCHEDULER) -> Trained:
        """Learn from all orders up to now; the result is used unless it does worse than what is in use.

        Where no order and no product was added since the last training, nothing is done; settings are tuned again
        when that was two weeks ago or the orders grew by a fifth. `anew` does both in any case.
        """
        now = self._clock.now()
        before = self._before(now)
        if not anew and self._is_current(before, now):
            assert before.newest and before.in_use and before.in_use_id is not None
            told = "nothing new since the last training"
            log.info("recommender_training_skipped", model_id=before.in_use_id)
            return Trained(before.in_use_id, dict(before.in_use.meta), "nothing_new", told)
        # Minutes of matrix work on a large shop: no connection is held meanwhile.
        tuned = anew or _tuning_is_due(before, now)
        learned = learn(before.interactions, now, self._tuning_seconds, before.in_use, tuned)
        return self._keep(before, learned, now, by)

    def is_current(self) -> bool:
        """Whether the orders and products that are there now have been learned from."""
        now = self._clock.now()
        # Without any model there is no need to read all orders.
        return bool(self.versions()) and self._is_current(self._before(now), now)

    def versions(self) -> list[ModelVersion]:
        """All models that are kept, the newest first."""
        with self._db.transaction() as session:
            return model_versions(session)

    def use(self, model_id: int, by: str = CLI) -> ModelVersion:
        """Put a kept model into use, until the next one that is not worse.

        Raises:
            NotFound: there is no such model.
            Refused: it is damaged or of another version.
        """
        with self._db.transaction() as session:
            one_at_a_time(session)
            version = use_model(session, model_id)
            record(session, self._clock.now(), by, "recommender.model_chosen", f"model {model_id}")
        log.info("recommender_model_chosen", model_id=model_id)
        return version

    def _before(self, now: datetime) -> _Before:
        with self._db.transaction() as session:
            interactions = load_interactions(session, now)
            in_use = load_active(session)
            versions = model_versions(session)
        active = next((version.id for version in versions if version.in_use), None)
        newest = versions[0] if versions else None
        return _Before(interactions, fingerprint(interactions), in_use, active, newest)

    def _is_current(self, before: _Before, now: datetime) -> bool:
        newest = before.newest
        if newest is None or before.in_use is None or newest.meta.get("fingerprint") != before.fingerprint:
            return False
        return now - datetime.fromisoformat(newest.meta["as_of"]) < _OLDEST

    def _keep(self, before: _Before, learned: Learned, now: datetime, by: str) -> Trained:
        tuned: dict[str, Any] = {"tuned_at": now.isoformat(), "tuned_lines": len(before.interactions.day)}
        if not learned.tuned:
            earlier = before.newest.meta if before.newest else {}
            tuned = {key: earlier[key] for key in tuned if key in earlier}
        told = learned.model
        if self._epsilon is not None:
            told = with_private_counts(told, before.interactions, now, self._epsilon)
        with self._db.transaction() as session:
            one_at_a_time(session)
            outcome, verdict = _judged(before, learned, _now_in_use(session))
            facts: dict[str, Any] = {
                "fingerprint": before.fingerprint,
                "outcome": outcome,
                "verdict": verdict,
                "substitutes": accepted_substitutes(session, now),
            }
            model = replace(told, meta=told.meta | tuned | facts)
            model_id = keep_model(session, model, outcome == "used")
            said = {"outcome": outcome, "verdict": verdict}
            record(session, self._clock.now(), by, "recommender.trained", f"model {model_id}", said)
        tell = log.info if outcome == "used" else log.warning
        tell("recommender_trained", model_id=model_id, outcome=outcome, verdict=verdict)
        return Trained(model_id, dict(model.meta), outcome, verdict)


def _now_in_use(session: Session) -> ModelVersion | None:
    return next((version for version in model_versions(session) if version.in_use), None)


def _judged(before: _Before, learned: Learned, now_in_use: ModelVersion | None) -> tuple[Outcome, str]:
    """Whether to use the new model, and why."""
    check, as_of = learned.check, learned.model.meta["as_of"]
    if (
        now_in_use
        and now_in_use.id != before.in_use_id
        and datetime.fromisoformat(now_in_use.meta["as_of"]) >= datetime.fromisoformat(as_of)
    ):
        return "kept", f"another training finished meanwhile: model {now_in_use.id} knows as much"
    if check.worse and check.in_use is not None:
        return "kept", (
            f"it does worse than model {before.in_use_id}, which stays in use: NDCG@10 {check.ours:.4f} against "
            f"{check.in_use:.4f} on {check.customers} customers"
        )
    if learned.model.meta["method"] == BEST_SELLERS:
        return "used", f"best-sellers are picked: {learned.model.meta['why']}"
    if not check.customers:
        return "used", "there are no orders to check it on yet"
    return "used", (
        f"NDCG@10 {check.ours:.4f} on {check.customers} customers, best-sellers {check.best_sellers:.4f}"
        + (f", the model before {check.in_use:.4f}" if check.in_use is not None else "")
    )


def _tuning_is_due(before: _Before, now: datetime) -> bool:
    meta = before.newest.meta if before.newest and before.in_use else {}
    if "tuned_at" not in meta:
        return True
    grown = len(before.interactions.day) > _TUNING_GROWTH * int(meta["tuned_lines"])
    return grown or now - datetime.fromisoformat(meta["tuned_at"]) >= _TUNING_LASTS
