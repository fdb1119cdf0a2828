"""What people said of the samples of a campaign's copy, whether it may be approved, and whether that still holds.

Between an approval and the start of a campaign the model may be changed, a product described anew, or winter come.
Then all keys differ, and mails would go out with words that nobody has seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.copywriting.brief import Brief, stored_brief
from campaigns.copywriting.request import PROMPT_VERSION, texts_digest
from campaigns.copywriting.terms import CopyTerms
from campaigns.core.errors import Refused
from campaigns.flows.copy.copy_facts import season_of
from campaigns.models import Campaign, CopyCell, Product
from campaigns.models.values import ProductFacts
from campaigns.recommend.storage import facts_of

SHOWN, APPROVED, REJECTED = "shown", "approved", "rejected"
"""What may be said of a sample; of one that is only shown nobody has said anything yet."""


def refuse_open_samples(session: Session, campaign: Campaign) -> None:
    """Nothing, if the campaign does not ask for approved samples, or a person has judged them.

    Raises:
        Refused: says what to do.
    """
    if not CopyTerms.from_json(campaign.copy).approve_samples:
        return
    said = (
        select(CopyCell.sample, func.count().label("n"))
        .where(CopyCell.campaign_id == campaign.id, CopyCell.sample != "")
        .group_by(CopyCell.sample)
    )
    verdicts = {row.sample: row.n for row in session.execute(said)}
    how = f"`tailormail copy samples {campaign.id}`, or the page Copy of the console"
    if not verdicts:
        raise Refused(
            f"campaign {campaign.id} asks for samples of its copy (approve_samples): have them written, read them "
            f"and approve or reject each with {how}"
        )
    if verdicts.get(SHOWN):
        raise Refused(
            f"{verdicts[SHOWN]} of {sum(verdicts.values())} samples of campaign {campaign.id} wait for somebody to "
            f"approve or reject them: {how}"
        )


def rests_on(brief: Brief, products: Sequence[ProductFacts], model: str, now: datetime) -> dict[str, str]:
    """What the words about these products rest on, of all that may change until they go out, by name."""
    return {
        "model": model,
        "prompt": PROMPT_VERSION,
        "season": season_of(now, None),  # in the south it changes on the same days
        "brief": brief.digest,
        "product texts": texts_digest(products),
    }


def gone_since_approval(session: Session, campaign: Campaign, model: Callable[[], str], now: datetime) -> str:
    """In words, which approved samples are not what would go out now, and why; "" where all are.

    A sample with a product that is not in the shop any more is left out: no mail shows it. `model` gives what
    stands in keys for who writes.
    """
    if not CopyTerms.from_json(campaign.copy).approve_samples:
        return ""
    found = select(CopyCell).where(CopyCell.campaign_id == campaign.id, CopyCell.sample == APPROVED)
    cells = session.scalars(found.order_by(CopyCell.foreseen.desc(), CopyCell.key)).all()
    skus = {sku for cell in cells for sku in _shown_in(cell)}
    products = {
        row.sku: facts_of(row) for row in session.scalars(select(Product).where(Product.sku.in_(skus)))
    }
    brief, writer = stored_brief(campaign.brief), model()
    changed: Counter[str] = Counter()
    gone: list[str] = []
    for cell in cells:
        shown = [products[sku] for sku in _shown_in(cell) if sku in products]
        if not (cell.facts and cell.rests_on) or len(shown) < len(_shown_in(cell)):
            continue
        today = rests_on(brief, shown, writer, now)
        differs = [name for name, value in today.items() if cell.rests_on.get(name) != value]
        changed.update(differs)
        gone += [cell.key[:12]] if differs else []
    if not gone:
        return ""
    return (
        f"{len(gone)} of {len(cells)} approved samples are not what would go out: since then changed the "
        f"{', '.join(sorted(changed))} ({', '.join(gone)}). Resumed, mails go out with words that nobody has seen; "
        "to read new samples, cancel this campaign and create it again"
    )


def _shown_in(cell: CopyCell) -> list[str]:
    return [str(pick["sku"]) for pick in cell.facts.get("picks", ())]
