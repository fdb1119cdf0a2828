"""Which recipient domains belong to one mailbox provider and share its limit."""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache
from importlib.resources import files

from campaigns.core.domains import a_labels

_SHORT_SECOND_LEVELS = frozenset({"ac", "co", "com", "net", "ne", "or", "org"})


@lru_cache(maxsize=65_536)
def provider_of(domain: str) -> str:
    """The first domain of the provider ("gmail.com" of "GoogleMail.com"), or the domain itself.

    In lower case and as the DNS writes it. A text that is no domain is its own provider.
    """
    text = domain.strip().rstrip(".").lower()
    name = a_labels(text)
    if name is None:
        return text
    exact, stems, excepted = _table()
    if name in exact:
        return exact[name]
    labels = name.split(".")
    country = labels[1:]
    regional = len(country) == 1 or (len(country) == 2 and country[0] in _SHORT_SECOND_LEVELS)
    if regional and len(country[-1]) == 2 and name not in excepted:
        return stems.get(labels[0], name)
    return name


@cache
def _table() -> tuple[dict[str, str], dict[str, str], frozenset[str]]:
    """(domain -> provider, stem -> provider, domains that only look as if they belonged to one)."""
    text = files("campaigns.delivery").joinpath("data/mailbox_providers.toml").read_text(encoding="utf-8")
    providers = tomllib.loads(text)["provider"]
    exact = {domain: p["domains"][0] for p in providers for domain in p["domains"]}
    stems = {stem: p["domains"][0] for p in providers for stem in p.get("stems", ())}
    return exact, stems, frozenset(domain for p in providers for domain in p.get("except", ()))
