"""Sparse matrices handled by rows: making, cutting down, padding, and going through them in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# A dense block of rows holds at most this many cells: 8 MB of float32.
BLOCK_CELLS = 2_000_000


def from_cells(
    values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]
) -> sparse.csr_array:
    """A float32 matrix with `values` at (rows, columns); values of equal cells add up."""
    cells = (values.astype(np.float32), (rows, columns))
    return sparse.csr_array(cells, shape=shape)


def ones_at(rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> sparse.csr_array:
    """A float32 matrix with 1 at (rows, columns), however often a cell is named."""
    # Adding up equal cells and forgetting the sums is far faster than finding the distinct ones first.
    matrix = from_cells(np.ones(len(rows), np.float32), rows, columns, shape)
    matrix.data[:] = 1
    return matrix


def nothing(rows: int, columns: int) -> sparse.csr_array:
    """A float32 matrix of zeros."""
    none = np.zeros(0, np.int64)
    return from_cells(none, none, none, (rows, columns))


def stack(blocks: Sequence[sparse.csr_array], columns: int) -> sparse.csr_array:
    """Blocks of rows, one below the other; none of them is a matrix of no rows."""
    return cast("sparse.csr_array", sparse.vstack(blocks, format="csr")) if blocks else nothing(0, columns)


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices over `rows` such that a dense block of them stays small."""
    step = max(1, BLOCK_CELLS // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def keep_largest(dense: NDArray[np.float32], k: int) -> sparse.csr_array:
    """The `k` largest positive values of each row of a dense block."""
    rows, columns = dense.shape
    k = min(k, columns)
    kept = np.argpartition(dense, columns - k, axis=1)[:, columns - k :]
    values = np.take_along_axis(dense, kept, axis=1)
    positive = values > 0
    return from_cells(values[positive], np.nonzero(positive)[0], kept[positive], (rows, columns))


def largest_per_row(matrix: sparse.csr_array, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The `k` largest values of each row as two (rows, k) arrays: columns and values, padded with (0, 0)."""
    height = matrix.shape[0]
    rows = np.repeat(np.arange(height), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(rows)) - matrix.indptr[:-1][rows]
    kept = place < k
    columns = np.zeros((height, k), np.int32)
    values = np.zeros((height, k), np.float32)
    columns[rows[kept], place[kept]] = matrix.indices[order][kept]
    values[rows[kept], place[kept]] = matrix.data[order][kept]
    return columns, values


def column_sums(matrix: sparse.csr_array) -> NDArray[np.float64]:
    """(C,) the sum of each column of (R, C)."""
    return np.bincount(matrix.indices, matrix.data, minlength=matrix.shape[1]).astype(np.float64)
