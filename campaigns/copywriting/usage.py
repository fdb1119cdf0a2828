"""What calls of a model take, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple, Protocol

_TOKENS_OF_A_PRICE = 1_000_000
_MICROS = 1_000_000
_BATCH_SHARE = Decimal("0.5")


class Usage(NamedTuple):
    """Calls and their tokens; `cached` tokens are among the `input` ones."""

    calls: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def tokens(self) -> int:
        """Of question and answer."""
        return self.input + self.output


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in `currency` (ISO 4217); None where nobody has said."""

    input: Decimal | None = None
    cached: Decimal | None = None
    output: Decimal | None = None
    currency: str = "USD"

    @property
    def are_known(self) -> bool:
        """Whether a cost can be told."""
        return self.input is not None and self.output is not None

    def micros(self, usage: Usage, batch: bool = False) -> int:
        """The cost of this usage in millionths of the currency, rounded up; 0 where prices are not known."""
        if self.input is None or self.output is None:
            return 0
        cached_price = self.input if self.cached is None else self.cached
        fresh = max(usage.input - usage.cached, 0)
        cost = fresh * self.input + usage.cached * cached_price + usage.output * self.output
        share = _BATCH_SHARE if batch else Decimal(1)
        return int((cost * share * _MICROS / _TOKENS_OF_A_PRICE).to_integral_value(ROUND_CEILING))


class Purse(Protocol):
    """The budget of a campaign. It is asked before each call, and told what the call took; from any thread."""

    def may_call(self) -> bool:
        """Reserve one more call; False where calls, tokens, money or time are used up."""
        ...

    def took(self, usage: Usage) -> None:
        """What the call took that was reserved (`usage.calls` is 1, or 0 where it never reached the model)."""
        ...

    def patience(self) -> float:
        """For how many seconds one may wait for a model that asks to be left alone; 0: not at all.

        Answered at once, from what is known.
        """
        ...


class OpenPurse:
    """A purse without bounds, which forgets; for one's own tries."""

    def may_call(self) -> bool:
        """Always."""
        return True

    def took(self, usage: Usage) -> None:
        """Forgotten."""

    def patience(self) -> float:
        """None: somebody may be looking on."""
        return 0.0
