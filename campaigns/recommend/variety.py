"""Which products are all but the same by their titles: the red mug and the blue one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from campaigns.core.remembering import Remembered
from campaigns.recommend.sensitive import plain_words
from campaigns.recommend.substitute_words import COLOURS
from campaigns.recommend.texts import nearest_texts, text_vectors

_NEIGHBOURS = 50
_MOST_KEPT = 4
# Titles change far more seldom than stock and prices, with every change of which a recommender is built anew.
_KEPT: Remembered[tuple[float, tuple[str, ...]], NDArray[np.int64]] = Remembered(_MOST_KEPT)


def alike_codes(titles: Sequence[str], likeness: float) -> NDArray[np.int64]:
    """(C,) one code for titles that are nearly equal, -1 for a title that is like no other.

    Each code stands for the titles around the one that has most neighbours: whose cosine of TF-IDF to it is at
    least `likeness`, words of colour left out. Two titles of different codes may still be as near to one another as that; a chain of
    neighbours that ends far from where it began never shares a code.
    """
    asked = likeness, tuple(titles)
    known = _KEPT.get(asked)
    if known is None:
        known = _KEPT[asked] = _worked_out(titles, likeness)
    return known


def without_colours(title: str) -> str:
    """A title as it is compared: no words of colour, unless it has no others."""
    words = plain_words(title).split()
    return " ".join([word for word in words if word not in COLOURS] or words)


def _worked_out(titles: Sequence[str], likeness: float) -> NDArray[np.int64]:
    plain = [without_colours(title) for title in titles]
    distinct, which = np.unique(np.array(plain, np.str_), return_inverse=True)
    codes = np.full(len(distinct), -1, np.int64)
    if len(distinct):
        everything = np.arange(len(distinct))
        vectors = text_vectors(distinct.tolist())
        near = nearest_texts(vectors, everything, np.ones(len(distinct), bool), _NEIGHBOURS)
        near.data[:] = near.data >= likeness
        near.eliminate_zeros()
        both = (near + near.T).tocsr()
        for center in np.argsort(-np.diff(both.indptr), kind="stable").tolist():
            around = both.indices[both.indptr[center] : both.indptr[center + 1]]
            around = around[codes[around] < 0]
            if codes[center] < 0 and len(around):
                codes[around] = codes[center] = center
    # Equal titles share a code even where they are like no others.
    twice = np.bincount(which, minlength=len(distinct)) > 1
    codes = np.where((codes < 0) & twice, np.arange(len(distinct)), codes)
    spread = codes[which] if len(which) else np.zeros(0, np.int64)
    return np.asarray(np.where(np.array([bool(title) for title in plain], bool), spread, -1), np.int64)
