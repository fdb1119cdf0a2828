"""Whom a mail that arrived is about: the send or the wish that its signed addresses and Message-IDs prove."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from campaigns.compose.identity import numbers_in, parse_message_id
from campaigns.compose.links import read_link
from campaigns.compose.return_path import BOUNCE, UNSUBSCRIBE, parse_return_path, parse_unsubscribe_address
from campaigns.core.errors import BadToken
from campaigns.core.tokens import Signer
from campaigns.delivery.inbound.arf import Feedback
from campaigns.delivery.inbound.arrived import Arrived, addresses_in

COMPLAINTS = "fbl"
"""The local part to which mailbox providers send complaints (feedback loops)."""

SendKey = tuple[int, int]
"""(campaign id, send id)."""

WishKey = tuple[int, int, int]
"""(campaign id, customer id, send id)."""

Key = TypeVar("Key")

_URL = re.compile(r"https?://[^\s<>,]{1,500}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mail proves by itself.

    `wishes` are those whose address to unsubscribe it was sent to; `send` is the mail that it is about, `wish` the
    same by what a returned mail said in List-Unsubscribe; None where nothing is proven. `forged`: it was sent to an
    address that looks like ours and is not.
    """

    wishes: tuple[WishKey, ...] = ()
    send: SendKey | None = None
    wish: WishKey | None = None
    forged: bool = False


def subject_of(signer: Signer, mail: Arrived, feedback: Feedback | None) -> Subject:
    """Read what proves something: first where the mail was sent to, then what it returns."""
    wishes = tuple(dict.fromkeys(_each(signer, parse_unsubscribe_address, mail.sent_to)))
    paths = _each(signer, parse_return_path, mail.sent_to)
    clues = mail.clues
    forged = not paths and not wishes and any(map(_looks_signed, mail.sent_to))
    claimed = [address for value in clues.return_paths for address in addresses_in(value)]
    paths += _each(signer, parse_return_path, [*(feedback.return_paths if feedback else ()), *claimed])
    numbers = [value.strip() for value in clues.message_ids if numbers_in(value.strip())]
    paths += _each(signer, parse_message_id, numbers)
    wish = next(iter(_wishes_in(signer, clues.unsubscribe)), None)
    if not paths and wish is not None and feedback is not None:
        paths.append((wish[0], wish[2]))
    return Subject(wishes, paths[0] if paths else None, wish, forged)


def is_ours(signer: Signer, address: str) -> bool:
    """Whether mail to this address is for us to read, whatever its domain; forged addresses are not ours."""
    local = address.partition("@")[0].casefold()
    if not _looks_signed(address):
        return local in (COMPLAINTS, UNSUBSCRIBE)
    parse = parse_return_path if local.startswith(BOUNCE) else parse_unsubscribe_address
    return bool(_each(signer, parse, [address]))


def is_for_complaints(mail: Arrived) -> bool:
    """Whether it was sent to the address for complaints."""
    return any(address.partition("@")[0].casefold() == COMPLAINTS for address in mail.sent_to)


def _looks_signed(address: str) -> bool:
    return address.casefold().startswith((f"{BOUNCE}+", f"{UNSUBSCRIBE}+"))


def _wishes_in(signer: Signer, values: Iterable[str]) -> list[WishKey]:
    """Whom the values of List-Unsubscribe name: by an address of ours, or by the link of earlier and present mails."""
    values = list(values)
    addresses = [address.removeprefix("mailto:") for value in values for address in addresses_in(value)]
    tokens = [url.partition("?")[0].rpartition("/")[2] for value in values for url in _URL.findall(value)]
    return _each(signer, parse_unsubscribe_address, [a.partition("?")[0] for a in addresses]) + _each(
        signer, _read_token, tokens
    )


def _read_token(signer: Signer, token: str) -> WishKey:
    campaign_id, customer_id, send_id = read_link(signer, "unsubscribe", token)
    return campaign_id, customer_id, send_id


def _each(signer: Signer, parse: Callable[[Signer, str], Key], values: Iterable[str]) -> list[Key]:
    """Those of the values that are ours."""
    found = []
    for value in values:
        with suppress(BadToken):
            found.append(parse(signer, value))
    return found
