"""What a shop would otherwise install: best-sellers, recent favourites, TF-IDF, BM25, iALS and EASE.

Their parameters were chosen on a validation cut of real orders, as ours are. `implicit` is used for its factors
and weights only: all rank the full catalogue, and what must not be listed is masked by the evaluation itself (its
own cosine at K = 10 returns bought products to some customers, 0.7.3).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from campaigns.recommend.interactions import Interactions
from campaigns.recommend.itemweights import DENSE_PRODUCTS
from campaigns.recommend.sparserows import nothing

RECENT_DAYS = 30.0
_BM25 = {"K": 200, "K1": 1.2, "B": 0.75}
_IALS = {"factors": 64, "regularization": 20.0, "alpha": 2.0, "iterations": 15}
_EASE_RIDGE = 300.0
_SEED = 42
# These know products without purchases as well as others.
BY_TEXTS = frozenset({"tfidf"})

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Viewers:
    """For whom lists are made: `rows` (b,) positions of customers, `bought` (b, P) what is known of them.

    `newcomers` hides all that is known of them: `bought` is empty then, whatever they bought.
    """

    rows: NDArray[np.int64]
    bought: sparse.csr_array
    newcomers: bool


# Scores (b, P) of the whole catalogue for some customers.
Ranker = Callable[[Viewers], Floats]


def fit_baselines(past: Interactions, today: float) -> dict[str, Ranker]:
    """All baselines by name, fitted on `past`; EASE is left out where the catalogue is too large for it."""
    bought = past.bought()
    best_sellers = past.buyers().astype(np.float32)
    recent = past.since(today - RECENT_DAYS).buyers().astype(np.float32)
    rankers: dict[str, Ranker] = {
        "best_sellers": constant(best_sellers),
        # Those of whom nothing was bought lately follow by what was bought ever.
        "recent_favourites": constant(recent + best_sellers / (best_sellers.max(initial=0) + 1)),
        "tfidf": _tfidf(past),
        "bm25": _bm25(bought),
        "ials": _ials(bought),
    }
    if bought.shape[1] <= DENSE_PRODUCTS:
        rankers["ease"] = _ease(bought)
    personal = {name: _or_best_sellers(rankers[name], best_sellers) for name in list(rankers)[2:]}
    return rankers | personal


def constant(scores: Floats) -> Ranker:
    """The same (P,) scores for everybody."""
    return lambda viewers: np.tile(scores, (len(viewers.rows), 1))


def _or_best_sellers(ranker: Ranker, best_sellers: Floats) -> Ranker:
    """What every shop would do with it: customers of whom nothing is known get the best-sellers."""

    def scores(viewers: Viewers) -> Floats:
        unknown = np.diff(viewers.bought.indptr) == 0
        if unknown.all():
            return constant(best_sellers)(viewers)
        found = ranker(viewers)
        found[unknown] = best_sellers
        return found

    return scores


def by_weights(weights: sparse.csr_array | Floats) -> Ranker:
    """The sum of the (P, P) weights of what was bought; rows are bought products."""

    def scores(viewers: Viewers) -> Floats:
        product = viewers.bought @ weights
        return np.asarray(product.toarray() if sparse.issparse(product) else product, np.float32)

    return scores


def _tfidf(past: Interactions) -> Ranker:
    """Products whose words are like those of what was bought (cosine with the sum of the bought products)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), dtype=np.float32)
    try:
        words = sparse.csr_array(vectorizer.fit_transform(past.catalogue.texts))
    except ValueError:
        # No product has a word.
        words = nothing(len(past.catalogue.ids), 1)
    return lambda viewers: np.asarray(((viewers.bought @ words) @ words.T).toarray(), np.float32)


def _bm25(bought: sparse.csr_array) -> Ranker:
    """Nearest neighbours of BM25-weighted purchases, as `implicit` makes them."""
    # Slow to import, and needed by an evaluation only.
    from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

    if not bought.nnz:
        return by_weights(nothing(bought.shape[1], bought.shape[1]))
    weighted = sparse.csr_matrix(bm25_weight(bought.T, K1=_BM25["K1"], B=_BM25["B"]).T)
    model = ItemItemRecommender(K=int(_BM25["K"]))
    model.fit(weighted, show_progress=False)
    return by_weights(sparse.csr_array(model.similarity, dtype=np.float32))


def _ials(bought: sparse.csr_array) -> Ranker:
    """Implicit ALS (Hu, Koren, Volinsky 2008, doi 10.1109/ICDM.2008.22)."""
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings(), threadpool_limits(1, "blas"):
        # It works in threads of its own, and warns of those of the BLAS.
        warnings.simplefilter("ignore", RuntimeWarning)
        model = AlternatingLeastSquares(random_state=_SEED, **_IALS)
        model.fit(sparse.csr_matrix(bought), show_progress=False)
    customers, products = np.nan_to_num(model.user_factors), np.nan_to_num(model.item_factors)
    return lambda viewers: np.asarray(customers[viewers.rows] @ products.T, np.float32)


def _ease(bought: sparse.csr_array) -> Ranker:
    """EASE (Steck 2019, arXiv 1905.03375) in full: no weight is dropped."""
    gram = (bought.T @ bought).toarray().astype(np.float32, copy=False)
    gram[np.diag_indices_from(gram)] += _EASE_RIDGE
    weights = linalg.inv(gram, overwrite_a=True, check_finite=False)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return by_weights(weights)
