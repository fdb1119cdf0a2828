"""The stored form of a model: numpy's compressed archive without pickles, with a version."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.core.errors import Refused

FORMAT = 2
ARRAYS = (
    "product_ids",
    "sources",
    "weights",
    "trend",
    "inherited_trend",
    "buyers",
    "standing",
    "recent_buyers",
    "newcomers",
    "repeat_rate",
    "rhythm",
    "area_starts",
    "area_products",
    "area_buyers",
)


def write(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> bytes:
    """One file of all `arrays` and `meta` (fit for JSON)."""
    buffer = io.BytesIO()
    header = json.dumps({"format": FORMAT, "meta": meta}).encode()
    named: dict[str, Any] = {"header": np.frombuffer(header, np.uint8), **arrays}
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def read(blob: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the meta of a file.

    Raises:
        Refused: the file is damaged or of another version.
    """
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            if header["format"] == FORMAT:
                return {name: archive[name] for name in ARRAYS}, header["meta"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Refused("the stored recommender model is damaged; train it again") from error
    found = header["format"]
    raise Refused(f"the stored recommender model has format {found}, not {FORMAT}; train it again")
