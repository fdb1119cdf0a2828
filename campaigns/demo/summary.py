"""What the demo did, and whether the numbers add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.demo.recipients import Played
from campaigns.insight.report import Report


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that is printed; `faults` is empty when the numbers add up."""

    campaign_ids: tuple[int, int]
    report: Report
    second_report: Report
    played: Played
    received: list[str]
    second_recipients: frozenset[str]
    seconds_sending: float
    stages: dict[str, float]

    @property
    def faults(self) -> list[str]:
        """Every way in which the numbers do not add up, in words."""
        r, s = self.report, self.second_report
        held_back = sum(r.held_back.values())
        checks = [
            (r.audience == held_back + r.sent + r.failed + r.uncertain, "not every customer came to an end"),
            (r.failed == 0, f"{r.failed} mails failed"),
            (r.uncertain == 0, f"{r.uncertain} mails are uncertain"),
            (len(self.received) == r.sent, f"{len(self.received)} mails were received, {r.sent} sent"),
            (len(set(self.received)) == len(self.received), "somebody got the mail twice"),
            (r.opens_human == self.played.human_opens, f"{r.opens_human} people's opens were recorded"),
            (r.opens_machine_only == self.played.machine_opens, "machine opens were not told apart"),
            (r.clicks_human == self.played.clicks, f"{r.clicks_human} clicks were recorded"),
            (r.unsubscribes == len(self.played.unsubscribed), "unsubscribing was not recorded"),
            (s.sent == r.sent - r.unsubscribes, f"the second campaign went to {s.sent}"),
            (
                not self.second_recipients & set(self.played.unsubscribed),
                "the second campaign reached somebody who had unsubscribed",
            ),
            *((False, wrong) for wrong in self.played.wrong_pictures),
        ]
        return [fault for fine, fault in checks if not fine]

    def to_json(self) -> dict[str, Any]:
        """The object that `tailormail demo --json` prints."""
        r = self.report
        return {
            "customers": r.audience,
            "held_back": sum(r.held_back.values()),
            "held_back_by_reason": r.held_back,
            "sent": r.sent,
            "failed": r.failed,
            "uncertain": r.uncertain,
            "opens": r.opens_human,
            "machine_opens": r.opens_machine_only,
            "clicks": r.clicks_human,
            "unsubscribes": r.unsubscribes,
            "orders_after": r.orders_after,
            "second_campaign_sent": self.second_report.sent,
            "mails_per_second": round(r.sent / self.seconds_sending, 1),
            "campaigns": list(self.campaign_ids),
            "pictures": r.pictures,
            "stages": self.stages,
            "adds_up": not self.faults,
            "faults": self.faults,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same for people: what, and how many."""
        j, r = self.to_json(), self.report
        reasons = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in r.held_back.items())
        shown = "; ".join(f"{slot}: {_shown(variants)}" for slot, variants in r.pictures.items())
        return [
            ("customers in the audience", f"{j['customers']:,}"),
            ("held back", f"{j['held_back']:,}  ({reasons})"),
            ("sent, each received once", f"{j['sent']:,}  ({j['mails_per_second']:,} a second)"),
            ("failed / uncertain", f"{j['failed']} / {j['uncertain']}"),
            ("opened by people / only by machines", f"{j['opens']} / {j['machine_opens']}"),
            ("pictures shown", shown),
            ("clicked", str(j["clicks"])),
            ("unsubscribed", str(j["unsubscribes"])),
            ("ordered afterwards", str(j["orders_after"])),
            ("second campaign sent", f"{j['second_campaign_sent']:,}  (without those who unsubscribed)"),
        ]


def _shown(variants: Mapping[str, int]) -> str:
    """How often each picture of a slot was shown; cards, of which there is one for each product, together."""
    cards = [n for variant, n in variants.items() if variant.startswith("card of ")]
    told = [f"{n} {variant}" for variant, n in variants.items() if not variant.startswith("card of ")]
    return ", ".join([*told, f"{sum(cards)} cards of {len(cards)} products"] if cards else told)
