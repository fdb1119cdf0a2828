"""Asking a weather service over HTTP: bounded in time and size, and what its refusals mean."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.http_body import TooLong, TooSlow, body_of

SERVICE = "weather"
LIMIT_SECONDS = 60.0  # how long a service is left alone that says "too many" without saying how long

_LARGEST_ANSWER = 4_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (names in any letter case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ServiceUnavailable if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ServiceUnavailable(SERVICE, "an answer that is no JSON") from None


def ask(
    session: requests.Session,
    url: str,
    params: Mapping[str, str],
    seconds: float,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """GET, at most `seconds` for connecting, for the head and for the body each; redirects are not followed.

    Raises:
        ServiceUnavailable: away, too slow, or an answer that is too long.
    """
    try:
        with session.get(
            url, params=params, headers=headers, timeout=seconds, allow_redirects=False, stream=True
        ) as answer:
            body = body_of(answer, _LARGEST_ANSWER, time.monotonic() + seconds)
            return Reply(answer.status_code, answer.headers, body)
    except (TooLong, TooSlow):
        raise ServiceUnavailable(SERVICE, "an answer without end") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # Only the type: the text of these errors carries the URL, and with it the key.
        raise ServiceUnavailable(SERVICE, type(error).__name__) from None


def raise_for(reply: Reply) -> None:
    """Turn every answer but 2xx and 304 into the error that says what to do next.

    Raises:
        ServiceUnavailable: 429 and 5xx (`retry_after` as far as they say it), and what is no answer.
        Rejected: any other 4xx, with the reason the service gives.
    """
    status = reply.status
    if 200 <= status < 300 or status == 304:
        return
    if status == 429 or status >= 500:
        wait = retry_after(reply.headers.get("Retry-After"))
        raise ServiceUnavailable(
            SERVICE, f"HTTP {status}", LIMIT_SECONDS if wait is None and status == 429 else wait
        )
    if status >= 400:
        raise Rejected(f"{SERVICE}: HTTP {status}: {_reason(reply.body)}")
    raise ServiceUnavailable(SERVICE, f"HTTP {status}")


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by RFC 9110, 10.2.3 (a number of seconds or a date); None if it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = moment_of(text)
    return None if moment is None else max(0.0, moment - datetime.now(UTC).timestamp())


def moment_of(header: str | None) -> float | None:
    """An HTTP date (RFC 9110, 5.6.7) as seconds since the epoch; None if it is none."""
    try:
        moment = parsedate_to_datetime(header or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _reason(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return "no reason given"
    return str(answer.get("reason"))[:200] if isinstance(answer, dict) else "no reason given"
