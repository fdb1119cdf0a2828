"""Reading an answer's body, bounded in size and time."""

from __future__ import annotations

import time

import requests

_PIECE = 65_536


class TooLong(Exception):
    """More bytes came than were asked for."""


class TooSlow(Exception):
    """The body did not end in time."""


def body_of(answer: requests.Response, most_bytes: int, deadline: float) -> bytes:
    """The whole body; `deadline` by time.monotonic().

    Read as it comes: the time limit of `requests` starts again with every byte that arrives.

    Raises:
        TooLong, TooSlow, or what the connection raises.
    """
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > most_bytes:
            raise TooLong
        if time.monotonic() > deadline:
            raise TooSlow
    return bytes(body)
