"""Segments with their counts, files on their way in, and what is known of one customer."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.customers.customer_pages import CustomerPages
from campaigns.flows.customers.segment_counts import SegmentCounts
from campaigns.flows.customers.segments import Segments
from campaigns.flows.shop.file_imports import FileImports
from campaigns.flows.shop.importing import Importing
from campaigns.runtime.consent_parts import ConsentParts


class SegmentParts(ConsentParts):
    """Segments with their counts, files on their way in, and what is known of one customer."""

    @cached_property
    def segment_counts(self) -> SegmentCounts:
        return SegmentCounts(self.db, self.clock, self.keyring, self.jobs, self.settings.cap)

    @cached_property
    def segments(self) -> Segments:
        return Segments(self.db, self.clock, self.keyring, self.settings.cap)

    @cached_property
    def customer_pages(self) -> CustomerPages:
        return CustomerPages(self.db, self.clock, self.keyring, self.settings.cap)

    @cached_property
    def importing(self) -> Importing:
        return Importing(self.db, self.clock, self.keyring, self.jobs)

    @cached_property
    def file_imports(self) -> FileImports:
        return FileImports(
            db=self.db,
            clock=self.clock,
            jobs=self.jobs,
            importing=self.importing,
            folder=self.settings.uploads,
            host=self.host,
            megabytes=self.settings.import_megabytes,
        )
