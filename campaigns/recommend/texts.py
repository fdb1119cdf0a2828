"""How alike products are by their words: TF-IDF over title, category and description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from campaigns.recommend.sparserows import keep_largest, nothing, row_blocks, stack


def text_vectors(texts: Sequence[str]) -> sparse.csr_array:
    """(P, words) float32 TF-IDF with rows of length 1; a text without words is a row of zeros."""
    # Imported where it is used: it takes more than a second, and only who trains needs it.
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    words_of = vectorizer.build_analyzer()
    if not any(words_of(text) for text in texts):
        return nothing(len(texts), 1)
    return cast("sparse.csr_array", sparse.csr_array(vectorizer.fit_transform(texts)))


def nearest_texts(
    vectors: sparse.csr_array, of: NDArray[np.int64], among: NDArray[np.bool_], k: int
) -> sparse.csr_array:
    """(len(of), P) cosine of each product of `of` to its `k` nearest products in `among`, not itself."""
    products = vectors.shape[0]
    blocks = []
    for block in row_blocks(len(of), products):
        likeness = (vectors[of[block]] @ vectors.T).toarray()
        likeness[np.arange(len(likeness)), of[block]] = 0
        likeness[:, ~among] = 0
        blocks.append(keep_largest(likeness, k))
    return stack(blocks, products)
