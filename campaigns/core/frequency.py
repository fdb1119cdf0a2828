"""The house's frequency cap: how many marketing mails a customer gets in how long, whatever the campaigns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

# Single sends are kept for thirty days at least (`keep_days`): what is gone cannot be counted.
LONGEST_WINDOW = timedelta(days=30)
_FORM = re.compile(r"\s*([1-9]\d{0,2})\s*/\s*([1-9]\d{0,2})\s*([dh])\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `mails` to one customer in any `window`."""

    mails: int
    window: timedelta

    @classmethod
    def parse(cls, text: str) -> FrequencyCap:
        """The cap that `3/7d` or `1/12h` stands for.

        Raises:
            ValueError: says what it must look like.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError("must be mails/time in days or hours, such as 3/7d or 1/12h")
        number = int(found[2])
        window = timedelta(days=number) if found[3] == "d" else timedelta(hours=number)
        if window > LONGEST_WINDOW:
            raise ValueError(f"must look back at most {LONGEST_WINDOW.days} days, such as 3/7d")
        return cls(int(found[1]), window)
