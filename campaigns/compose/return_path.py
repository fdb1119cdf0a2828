"""Addresses that lead a mail back to its send: return paths (VERP), and addresses to unsubscribe by mail.

    bounce+<campaign>.<send>.<code>@<domain>
    unsubscribe+<campaign>.<customer>.<send>.<code>@<domain>

The code is authentic, so nobody else can make an address that counts as ours, and one kind of address is never
taken for the other. Digits and lower-case hexadecimal only: mail servers may fold the case of what they pass on
(RFC 5321, 2.4, forbids it, and it happens). The domain after the @ is not read again.
"""

from __future__ import annotations

import hmac
import re

from campaigns.compose.identity import ascii_domain
from campaigns.compose.links import read_link
from campaigns.core.errors import BadToken
from campaigns.core.tokens import Signer

BOUNCE = "bounce"
UNSUBSCRIBE = "unsubscribe"

_BOUNCE_KIND, _UNSUBSCRIBE_KIND = "return-path", "unsubscribe-address"
# At most 18 digits a number: whatever a stranger writes fits PostgreSQL's bigint.
_NUMBER = r"([1-9][0-9]{0,17})"
_CODE = r"([0-9a-f]{16})"
_DOMAIN = r"@[^\s<>@]{1,253}"
_BOUNCE = re.compile(rf"<?{BOUNCE}\+{_NUMBER}\.{_NUMBER}\.{_CODE}{_DOMAIN}>?", re.IGNORECASE | re.ASCII)
_UNSUBSCRIBE = re.compile(
    rf"<?{UNSUBSCRIBE}\+{_NUMBER}\.{_NUMBER}\.{_NUMBER}\.{_CODE}{_DOMAIN}>?", re.IGNORECASE | re.ASCII
)
_BY_TOKEN = re.compile(rf"<?(?i:{UNSUBSCRIBE})\+([A-Za-z0-9_-]{{1,200}}){_DOMAIN}>?", re.ASCII)


def return_path(signer: Signer, campaign_id: int, send_id: int, domain: str) -> str:
    """Where bounces of this send are to go: always the same address for the same send and key.

    Raises:
        BadInput: `domain` is no domain.
    """
    code = signer.code(_BOUNCE_KIND, campaign_id, send_id)
    return f"{BOUNCE}+{campaign_id}.{send_id}.{code}@{ascii_domain(domain)}"


def parse_return_path(signer: Signer, address: str) -> tuple[int, int]:
    """(campaign id, send id) of a return path of ours, in whatever case, with or without angle brackets.

    Raises:
        BadToken: it is somebody else's, forged, or made with a key that was retired.
    """
    found = _BOUNCE.fullmatch(address.strip())
    if found is None:
        raise BadToken("this is no return path of ours")
    numbers = int(found[1]), int(found[2])
    _prove(signer, _BOUNCE_KIND, numbers, found[3])
    return numbers


def unsubscribe_address(signer: Signer, campaign_id: int, customer_id: int, send_id: int, domain: str) -> str:
    """Where one mail unsubscribes this customer; whoever knows it can do nothing else.

    Its local part has at most 64 characters (RFC 5321, 4.5.3.1.1) while the numbers together have at most 33
    digits: a thousand million campaigns, a million million customers and mails.

    Raises:
        BadInput: `domain` is no domain.
    """
    code = signer.code(_UNSUBSCRIBE_KIND, campaign_id, customer_id, send_id)
    return f"{UNSUBSCRIBE}+{campaign_id}.{customer_id}.{send_id}.{code}@{ascii_domain(domain)}"


def parse_unsubscribe_address(signer: Signer, address: str) -> tuple[int, int, int]:
    """(campaign id, customer id, send id) of an address that unsubscribes.

    Earlier versions wrote the token of the unsubscribe link there, whose case matters: still understood, with
    campaign 0 where the token is older than campaigns in tokens.

    Raises:
        BadToken: it is somebody else's, forged, or made with a key that was retired.
    """
    text = address.strip()
    found = _UNSUBSCRIBE.fullmatch(text)
    if found is not None:
        numbers = int(found[1]), int(found[2]), int(found[3])
        _prove(signer, _UNSUBSCRIBE_KIND, numbers, found[4])
        return numbers
    token = _BY_TOKEN.fullmatch(text)
    if token is None:
        raise BadToken("this is no address of ours to unsubscribe by")
    campaign_id, customer_id, send_id = read_link(signer, "unsubscribe", token[1])
    return campaign_id, customer_id, send_id


def _prove(signer: Signer, kind: str, numbers: tuple[int, ...], code: str) -> None:
    # All keys are tried without an early end, so that the time it takes tells nothing.
    known = [hmac.compare_digest(code.lower(), ours) for ours in signer.codes(kind, *numbers)]
    if not any(known):
        raise BadToken("this address is not one of ours")
