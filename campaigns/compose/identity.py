"""The Message-ID: a function of the send, so that a relay's log or a provider's event leads back to it.

`<campaign>.<send>.<code>@<sending domain>`: the code is authentic, so nobody else can make one that counts as
ours. The domain after the @ is for the eyes of others (RFC 5322, 3.6.4) and is not read again.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache

from campaigns.core.domains import a_labels
from campaigns.core.errors import BadInput, BadToken
from campaigns.core.tokens import Signer

_KIND, _TEST_KIND = "message-id", "test-message-id"
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
# At most 18 digits a number: whatever a stranger writes fits PostgreSQL's bigint.
_OURS = re.compile(r"<?([1-9][0-9]{0,17})\.([1-9][0-9]{0,17})\.([0-9a-f]{16})@[^\s<>@]{1,253}>?")

_TESTS = re.compile(r"<?test\.([1-9][0-9]{0,17})\.[1-9][0-9]{0,17}\.[0-9a-f]{16}@[^\s<>@]{1,253}>?")


def message_id(signer: Signer, campaign_id: int, send_id: int, domain: str) -> str:
    """The Message-ID of a send, without brackets: always the same for the same send and key.

    Raises:
        BadInput: `domain` is no domain.
    """
    return f"{campaign_id}.{send_id}.{signer.code(_KIND, campaign_id, send_id)}@{ascii_domain(domain)}"


def trial_message_id(signer: Signer, customer_id: int, test_id: int, domain: str) -> str:
    """The Message-ID of a test mail, without brackets; nobody takes it for that of a send.

    It names whose mail it shows, so that an erasure finds it where mail is captured.

    Raises:
        BadInput: `domain` is no domain.
    """
    code = signer.code(_TEST_KIND, customer_id, test_id)
    return f"test.{customer_id}.{test_id}.{code}@{ascii_domain(domain)}"


def customer_tested(text: str) -> int | None:
    """The customer whose mail the test mail of this Message-ID shows; None for what is no test mail's."""
    found = _TESTS.fullmatch(text)
    return int(found[1]) if found else None


def message_ids(signer: Signer, campaign_id: int, send_id: int, domain: str) -> list[str]:
    """The Message-IDs that a send can have gone out with, that of the newest key first.

    After the secret key was rotated, a mail from before carries a code of the older key.

    Raises:
        BadInput: `domain` is no domain.
    """
    host = ascii_domain(domain)
    return [f"{campaign_id}.{send_id}.{c}@{host}" for c in signer.codes(_KIND, campaign_id, send_id)]


def numbers_in(text: str) -> tuple[int, int] | None:
    """(campaign id, send id) of what looks like one of our Message-IDs; cheap, and not yet proven."""
    found = _OURS.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def parse_message_id(signer: Signer, text: str) -> tuple[int, int]:
    """(campaign id, send id) of a Message-ID of ours, with or without angle brackets.

    Raises:
        BadToken: it is somebody else's, forged, or made with a key that was retired.
    """
    found = _OURS.fullmatch(text.strip())
    if found is None:
        raise BadToken("this Message-ID is not one of ours")
    campaign_id, send_id = int(found[1]), int(found[2])
    # All keys are tried without an early end, so that the time it takes tells nothing.
    known = [hmac.compare_digest(found[3], code) for code in signer.codes(_KIND, campaign_id, send_id)]
    if not any(known):
        raise BadToken("this Message-ID is not one of ours")
    return campaign_id, send_id


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """The domain as it goes into headers: international names as A-labels (IDNA).

    Raises:
        BadInput: it is no domain.
    """
    name = a_labels(domain) or ""
    if not _DOMAIN.fullmatch(name):
        raise BadInput(f"{domain[:80]!r} is not a domain", where="address")
    return name
