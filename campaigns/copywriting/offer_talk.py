"""Talk of a discount, which is true only where the same clause names it by {offer_amount}."""

from __future__ import annotations

import re

from campaigns.copywriting.claims import claims_in

AMOUNT = "{offer_amount}"
# What ends a clause. "Save {offer_amount}, and all shoes are on sale" has two, and only one of them is true.
_END = re.compile(
    r"[,;:!?…()\n]|\.(?=\s|$)|\s[-–—]\s"
    r"|\b(?:and|while|but|plus|also|whereas|because|und|während|sowie|aber|denn|weil"
    r"|et|mais|tandis que|pendant que|car|y|pero|mientras|además|porque)\b",
    re.IGNORECASE,
)


def holds_only_beside_its_amount(text: str, language: str) -> bool:
    """Whether all that `text` says of a discount stands in clauses that hold {offer_amount}.

    A claim that no clause has by itself, because it reaches over the end of one, does not hold.
    """
    claiming = [clause for clause in _END.split(text) if _claims_discount(clause, language)]
    return bool(claiming) and all(AMOUNT in clause for clause in claiming)


def _claims_discount(clause: str, language: str) -> bool:
    return any(claim.concept == "offer" for claim in claims_in(clause, language))
