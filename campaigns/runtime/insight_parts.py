"""Reports, and how well the recommender serves whom."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from campaigns.flows.customers.retention import Retention
from campaigns.flows.describing.overviews import Overviews
from campaigns.flows.reports.model_judging import ModelJudging
from campaigns.flows.reports.report_keeping import ReportKeeping
from campaigns.insight.returns import Prices
from campaigns.runtime.consent_parts import ConsentParts


class InsightParts(ConsentParts):
    """Reports, and how well the recommender serves whom."""

    @cached_property
    def report_keeping(self) -> ReportKeeping:
        settings = self.settings
        prices = Prices(
            settings.mail_price, settings.mail_currency, Decimal(str(settings.margin_percent)) / 100
        )
        return ReportKeeping(self.db, self.clock, self.jobs, prices, settings.llm_currency)

    @cached_property
    def overviews(self) -> Overviews:
        return Overviews(self.db, self.clock)

    @cached_property
    def model_judging(self) -> ModelJudging:
        return ModelJudging(self.db, self.clock, self.jobs)

    @cached_property
    def retention(self) -> Retention:
        settings = self.settings
        return Retention(
            self.db, self.clock, settings.keep_days, self.report_keeping.keep, settings.audit_days
        )
