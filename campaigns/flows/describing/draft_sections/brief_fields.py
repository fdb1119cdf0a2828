"""The fields of a brief as texts in a form, and back to what `copywriting.brief` reads."""

from __future__ import annotations

from typing import Any

from campaigns.copywriting.brief import ANY_LANGUAGE, MOST_MENTIONS, Brief
from campaigns.copywriting.languages import SUPPORTED
from campaigns.copywriting.lengths import LONGEST
from campaigns.copywriting.voice import USUAL_EMOJI, USUAL_EXCLAMATIONS
from campaigns.flows.describing.draft_sections.reading import Typed

OFFERS = ("none", "percent", "money", "code")
_LINES = ("good", "bad")
_WORDS = ("prefer", "avoid")
_MOST_SIGNS = 30
_USUAL = {"emoji": USUAL_EMOJI, "exclamations": USUAL_EXCLAMATIONS}
_OF_OFFER = {
    "amount_percent": "percent",
    "code": "code",
    "starts": "starts",
    "ends": "ends",
    "conditions": "conditions",
}


def fields_of(brief: Brief) -> dict[str, Any]:
    """The texts of the form; a limit of signs that is the usual one counts as not written down."""
    voice, offer = brief.voice, brief.offer
    value: dict[str, Any] = {
        "goal": brief.goal,
        "languages": list(brief.languages),
        "cta_url": brief.call_to_action_url,
        "catalogue_language": brief.catalogue_language,
        "tone": voice.tone,
        **{name: "\n".join(getattr(voice, name)) for name in (*_LINES, *_WORDS)},
        "reading_level": voice.reading_level,
        **{
            name: "" if getattr(voice, name) == usual else str(getattr(voice, name))
            for name, usual in _USUAL.items()
        },
        **{f"banned_{code}": "\n".join(brief.banned.get(code, ())) for code in (ANY_LANGUAGE, *SUPPORTED)},
        **{f"length_{name}": str(brief.lengths.get(name, "")) for name in LONGEST},
    }
    for code in SUPPORTED:
        value[f"cta_{code}"] = brief.call_to_action.get(code, "")
        for n in range(MOST_MENTIONS):
            mention = brief.must_mention[n] if n < len(brief.must_mention) else {}
            value[f"mention_{n}_{code}"] = mention.get(code, "")
    kind = (
        "none"
        if offer is None
        else "percent"
        if offer.amount_percent
        else "money"
        if offer.amount
        else "code"
    )
    value["offer"] = kind
    for name, field in _OF_OFFER.items():
        value[f"offer_{field}"] = str(getattr(offer, name) or "") if offer else ""
    money = offer.amount if offer else None
    value["offer_amount"], value["offer_currency"] = (
        (str(money.amount), money.currency) if money else ("", "")
    )
    return value


def raw_brief(typed: Typed) -> dict[str, Any]:
    """What the form says, as a table of a campaign file; wrong numbers and days are noted in `typed`."""
    raw: dict[str, Any] = {
        "goal": typed.text("goal"),
        "languages": typed.some("languages") or list(SUPPORTED),
        "call_to_action": _by_language(typed, "cta_{}"),
        "call_to_action_url": typed.text("cta_url"),
        "must_mention": [
            one for n in range(MOST_MENTIONS) if (one := _by_language(typed, f"mention_{n}_{{}}"))
        ],
        "catalogue_language": typed.text("catalogue_language") or "en",
        "voice": _voice(typed),
        "banned": {
            code: words for code in (ANY_LANGUAGE, *SUPPORTED) if (words := typed.words(f"banned_{code}"))
        },
        "lengths": {
            name: longest
            for name in LONGEST
            if (longest := typed.whole(f"length_{name}", 1, LONGEST[name])) is not None
        },
    }
    offer = _offer(typed)
    return {**raw, "offer": offer} if offer else raw


def field_of(where: str, mentions: list[int]) -> str:
    """The form's field for a place in a brief: "brief.offer.ends" -> "offer_ends".

    `mentions` says from which line of the form each mention of the brief came.
    """
    first, *rest = where.removeprefix("brief.").split(".")
    match first:
        case "call_to_action_url":
            return "cta_url"
        case "call_to_action":
            return f"cta_{rest[0] if rest else SUPPORTED[0]}"
        case "must_mention":
            n = mentions[int(rest[0])] if rest and int(rest[0]) < len(mentions) else 0
            return f"mention_{n}_{rest[1] if len(rest) > 1 else SUPPORTED[0]}"
        case "voice":
            return rest[0] if rest else "tone"
        case "banned":
            return f"banned_{rest[0] if rest else ANY_LANGUAGE}"
        case "lengths":
            return f"length_{rest[0] if rest else 'subject'}"
        case "offer":
            inner = rest[-1] if rest else ""
            own = {"amount": "offer_amount", "currency": "offer_currency"}
            return own.get(inner) or (f"offer_{_OF_OFFER[inner]}" if inner in _OF_OFFER else "offer")
    return first


def lines_of_mentions(typed: Typed) -> list[int]:
    """Which lines of the form mention something, in their order."""
    return [n for n in range(MOST_MENTIONS) if _by_language(typed, f"mention_{n}_{{}}")]


def _by_language(typed: Typed, name: str) -> dict[str, str]:
    return {code: text for code in SUPPORTED if (text := typed.text(name.format(code)))}


def _voice(typed: Typed) -> dict[str, Any]:
    signs = {name: typed.whole(name, 0, _MOST_SIGNS) for name in _USUAL}
    return {
        "tone": typed.text("tone"),
        **{name: typed.lines(name) for name in _LINES},
        **{name: typed.words(name) for name in _WORDS},
        "reading_level": typed.one_of("reading_level", ("any", "plain", "easy")),
        **{name: most for name, most in signs.items() if most is not None},
    }


def _offer(typed: Typed) -> dict[str, Any] | None:
    kind = typed.one_of("offer", OFFERS)
    if kind == "none":
        return None
    offer: dict[str, Any] = {
        "code": typed.text("offer_code"),
        "starts": typed.day("offer_starts"),
        "ends": typed.day("offer_ends"),
        "conditions": typed.text("offer_conditions"),
    }
    if kind == "percent":
        offer["amount_percent"] = typed.whole("offer_percent", 1, 100)
        if not typed.text("offer_percent"):
            typed.wrong("offer_percent", "Say how many percent.")
    elif kind == "money":
        amount, currency = typed.text("offer_amount").replace(",", "."), typed.text("offer_currency").upper()
        offer["amount"] = {"amount": amount, "currency": currency}
    elif not offer["code"]:
        typed.wrong("offer_code", "Write the code.")
    return {name: entry for name, entry in offer.items() if entry not in (None, "")}
