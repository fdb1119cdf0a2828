"""The sample outdoor clothier "Fjell & Fern": a whole shop made by code, the same for the same seed."""

from __future__ import annotations

from campaigns.sampleshop.shop import SampleFiles, SampleShop

__all__ = ["SampleFiles", "SampleShop"]
