"""Item-item weights: how much a bought product speaks for another one.

All matrices here are (P, P) with the *recommended* product as the row and the *bought* one as the
column, non-negative and zero on the diagonal. Weights below zero are dropped: they carry next to
nothing after pruning, and without them a score can only fall when a purchase is taken away, which is
what makes every reason true.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from campaigns.recommend.minimums import LEAST_CUSTOMERS, backed, counting, enough_together
from campaigns.recommend.sparserows import (
    column_sums,
    from_cells,
    keep_largest,
    nothing,
    ones_at,
    row_blocks,
    stack,
)

# Up to here the closed form is solved densely (4 bytes x P^2 and P^3 operations).
DENSE_PRODUCTS = 15_000
WEIGHTS_PER_PRODUCT = 50
# Measured on a validation cut: the ridge that fits is about eight times the mean number of buyers.
RIDGE_PER_BUYER = 8.0
RIDGE_RANGE = (10.0, 600.0)
TEXT_SHARE_OF_RIDGE = 1 / 12
_TWINS_COUNT = 4
_STRENGTH_OF_MEAN = 2.0


def purchase_weights(
    bought: sparse.csr_array,
    vectors: sparse.csr_array,
    dense_products: int = DENSE_PRODUCTS,
    least: int = LEAST_CUSTOMERS,
) -> tuple[sparse.csr_array, str]:
    """Weights learned from `bought` (U, P) and the name of the method, chosen by size alone.

    Pairs of products that fewer than `least` customers bought both have none; see minimums.py.
    """
    products = bought.shape[1]
    if bought.nnz == 0:
        return nothing(products, products), "none"
    if products <= dense_products:
        return closed_form(bought, vectors, least), "cease"
    return backed(neighbours(bought), enough_together(bought, least)), "bm25"


def closed_form(bought: sparse.csr_array, vectors: sparse.csr_array, least: int) -> sparse.csr_array:
    """EASE (Steck 2019, arXiv 1905.03375) with the item texts stacked under the customers
    (CEASE, Jeunen et al. 2020, doi 10.1145/3383313.3418480), pruned to the largest weights.
    """
    per_product = column_sums(bought)
    ridge = float(np.clip(RIDGE_PER_BUYER * per_product[per_product > 0].mean(), *RIDGE_RANGE))
    gram, enough = _gram(bought, vectors, ridge * TEXT_SHARE_OF_RIDGE, least)
    np.einsum("ii->i", gram)[:] += ridge
    inverse = _inverse_of_positive(gram)
    diagonal = np.diag(inverse).copy()
    blocks = []
    for block in row_blocks(*inverse.shape):
        rows = inverse[block] / -diagonal[block, None]
        rows[np.arange(len(rows)), np.arange(block.start, block.stop)] = 0
        rows *= np.unpackbits(enough[block], axis=1, count=rows.shape[1])
        blocks.append(keep_largest(rows, WEIGHTS_PER_PRODUCT))
    return stack(blocks, len(inverse))


def neighbours(bought: sparse.csr_array) -> sparse.csr_array:
    """BM25-weighted nearest neighbours, for catalogues too large for a dense solve."""
    # Slow to import and needed by few shops only.
    from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

    # Its BM25Recommender does the same, with a warning about its own matrix format.
    weighted = sparse.csr_matrix(bm25_weight(bought.T, K1=1.2, B=0.75).T)
    model = ItemItemRecommender(K=WEIGHTS_PER_PRODUCT + 1)
    model.fit(weighted, show_progress=False)
    weights = sparse.coo_array(model.similarity)
    kept = (weights.row != weights.col) & (weights.data > 0)
    return from_cells(weights.data[kept], weights.row[kept], weights.col[kept], (bought.shape[1],) * 2)


def shares_of_parents(alike: sparse.csr_array) -> sparse.csr_array:
    """(m, P) how much m products take from each of those with like texts: rows sum to 1, or are empty.

    The likeness counts by its fourth power, so that near twins, the same thing in another colour, say most.
    """
    shares = sparse.csr_array(alike.power(_TWINS_COUNT))
    total = np.maximum(shares.sum(axis=1), 1e-12)
    return sparse.csr_array(sparse.diags_array((1 / total).astype(np.float32)) @ shares)


def inherit(weights: sparse.csr_array, cold: NDArray[np.int64], shares: sparse.csr_array) -> sparse.csr_array:
    """Rows of `cold` products replaced by the mean of the rows of their parents, made as strong as a row of one.

    What speaks for all parents speaks less for each, so that the mean alone would hardly ever be anybody's best.

    Args:
        cold: (m,) positions of products that nobody bought yet.
        shares: (m, P) of `shares_of_parents`.
    """
    if not len(cold):
        return weights
    inherited = sparse.csr_array((shares * np.float32(_STRENGTH_OF_MEAN)) @ weights)
    warm = np.ones(weights.shape[0], np.float32)
    warm[cold] = 0
    places = ones_at(cold, np.arange(len(cold)), (weights.shape[0], len(cold)))
    mixed = sparse.csr_array(sparse.diags_array(warm) @ weights + places @ inherited)
    # Nothing speaks for itself, not even through a parent.
    return sparse.csr_array(mixed - sparse.diags_array(mixed.diagonal()))


def _gram(
    bought: sparse.csr_array, vectors: sparse.csr_array, text_weight: float, least: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """(P, P) how often products were bought by the same customer, and how alike their texts are; and, as one bit
    each in (P, P / 8), whether enough customers bought both. By blocks: as sparse matrices they would be larger.
    """
    products = bought.shape[1]
    counted = counting(bought)
    gram = np.empty((products, products), np.float32)
    enough = np.empty((products, (products + 7) // 8), np.uint8)
    transposed = sparse.csr_array(bought.T)
    transposed_counted = transposed if counted is bought else sparse.csr_array(counted.T)
    for block in row_blocks(products, products):
        gram[block] = (transposed[block] @ bought).toarray()
        together = gram[block] if counted is bought else (transposed_counted[block] @ counted).toarray()
        enough[block] = np.packbits(together >= least, axis=1)
        gram[block] += text_weight * (vectors[block] @ vectors.T).toarray()
    return gram, enough


def _inverse_of_positive(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of a symmetric positive definite matrix, in its own memory."""
    factor = linalg.cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    inverse, failed = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ArithmeticError(f"spotri gave up at {failed}")
    for block in row_blocks(*inverse.shape):
        square = inverse[block, block]
        inverse[block, block] = np.tril(square) + np.tril(square, -1).T
        inverse[block, block.stop :] = inverse[block.stop :, block].T
    return inverse.T
