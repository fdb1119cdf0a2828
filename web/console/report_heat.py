"""A mail with how many people clicked each of its links written over them: a frame, a tint and a figure.

Links are told apart by their signed tokens, which say the place and number; what cannot be read is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT, read_link
from campaigns.core.errors import BadToken
from campaigns.runtime import Runtime
from web.console.tables import percent

_PLACES = {CLICK_PICK: "pick", CLICK_SLOT: "slot", CLICK_CALL_TO_ACTION: "call_to_action"}
_COLDEST, _HOTTEST = (236, 200, 120), (196, 46, 30)
_BADGE = (
    "padding:1px 7px;border-radius:9px;background:#1b241f;color:#fff;font:bold 13px/1.5 sans-serif;"
    "text-decoration:none;white-space:nowrap;letter-spacing:0;"
)
# Over a picture in its corner; before words, so that it covers none.
_ON_PICTURE = "position:absolute;left:6px;top:6px;z-index:9"
_BEFORE_WORDS = "display:inline-block;margin-right:6px"


def heated(html: str, runtime: Runtime, clicks: Sequence[Mapping[str, Any]]) -> str:
    """The mail's HTML with the share of people on each link; `clicks` is the kept report's."""
    rates = {(row["place"], row["number"]): row["rate"] for row in clicks}
    top = max((rate["share"] or 0.0 for rate in rates.values()), default=0.0)
    pattern = re.compile(
        r'<a\b([^>]*?)href="'
        + re.escape(runtime.settings.public_url)
        + r'/c/([A-Za-z0-9_-]+)"([^>]*)>(\s*<img\b)?'
    )

    def over(found: re.Match[str]) -> str:
        try:
            _, _, kind, number = read_link(runtime.signer, "click", found[2])
        except BadToken:
            return found[0]
        share = (rates.get((_PLACES[kind], number)) or {}).get("share") or 0.0
        before, after = _without_style(found[1]), _without_style(found[3])
        style = f"{_style_of(found[1] + found[3])}{_heat(share / top if top else 0.0, bool(found[4]))}"
        badge = f'<span style="{_BADGE}{_ON_PICTURE if found[4] else _BEFORE_WORDS}">{percent(share)}</span>'
        # No address: a click in here is nobody's.
        return f'<a{before}{after} style="{style}">{badge}{found[4] or ""}'

    return pattern.sub(over, html)


_STYLE = re.compile(r'\bstyle="([^"]*)"')


def _without_style(attributes: str) -> str:
    return _STYLE.sub("", attributes)


def _style_of(attributes: str) -> str:
    found = _STYLE.search(attributes)
    return f"{found[1].rstrip(';')};" if found else ""


def _heat(part: float, picture: bool) -> str:
    """From yellow to red with how much of the hottest link's clicks it has; the figure says it, too."""
    red, green, blue = (
        round(cold + (hot - cold) * part) for cold, hot in zip(_COLDEST, _HOTTEST, strict=True)
    )
    width = 2 + round(3 * part)
    framed = f"position:relative;display:inline-block;outline:{width}px solid rgb({red},{green},{blue})"
    if picture:
        return f"{framed};outline-offset:-{width}px"
    return f"{framed};box-shadow:inset 0 0 0 999px rgba({red},{green},{blue},{0.18 + 0.3 * part:.2f})"
