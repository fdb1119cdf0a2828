"""A mailbox at an IMAP server (RFC 3501): the only file that talks to one.

Messages are named by their UID within one connection. What is done is marked \\Seen, or moved to another folder
where the address names one; what neither happened to comes again.
"""

from __future__ import annotations

import binascii
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.server_addresses import ImapAddress
from campaigns.delivery.inbound.arrived import MOST_BYTES

TIMEOUT_SECONDS = 60.0
# Asked for in pieces: imaplib takes no line above a million characters, and a full mailbox has more UIDs than that.
_AT_ONCE = 5_000
_UID = re.compile(rb"^[0-9]{1,10}$")


class ImapMailbox:
    """The mailbox at this address; connects when first asked. For one thread at a time."""

    def __init__(
        self,
        address: ImapAddress,
        timeout: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()
        self._imap: imaplib.IMAP4 | None = None

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """See `Mailbox`."""
        with self._told():
            uids = self._uids(self._connected())
        for uid in uids:
            with self._told():
                raw = self._fetch(self._connected(), uid)
            if raw is not None:
                yield uid, raw

    def number_waiting(self) -> int:
        """How many messages wait.

        Raises:
            ServiceUnavailable: the mailbox cannot be reached.
        """
        with self._told():
            return len(self._uids(self._connected()))

    def done(self, key: str) -> None:
        """See `Mailbox`. Where the server cannot move messages, it is copied and the copy here deleted."""
        with self._told():
            imap, folder = self._connected(), self._address.done
            if not folder:
                _expect(imap.uid("STORE", key, "+FLAGS.SILENT", r"(\Seen)"))
            elif "MOVE" in imap.capabilities:  # RFC 6851
                _expect(imap.uid("MOVE", key, _quoted(folder)))
            else:
                _expect(imap.uid("COPY", key, _quoted(folder)))
                _expect(imap.uid("STORE", key, "+FLAGS.SILENT", r"(\Seen \Deleted)"))
                if (
                    "UIDPLUS" in imap.capabilities
                ):  # RFC 4315; a plain EXPUNGE would end what others deleted, too
                    _expect(imap.uid("EXPUNGE", key))

    def close(self) -> None:
        """Log out; says nothing where the server is gone."""
        imap, self._imap = self._imap, None
        if imap is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                imap.logout()

    def _connected(self) -> imaplib.IMAP4:
        if self._imap is None:
            self._imap = self._connect()
        return self._imap

    def _connect(self) -> imaplib.IMAP4:
        address = self._address
        if address.tls == "implicit":
            imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                address.host, address.port, ssl_context=self._tls, timeout=self._timeout
            )
        else:
            imap = imaplib.IMAP4(address.host, address.port, timeout=self._timeout)
        try:
            if address.tls == "starttls":
                imap.starttls(ssl_context=self._tls)
            try:
                imap.login(address.username, address.password)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                # The server's own words may repeat the name that was given.
                raise ServiceUnavailable("IMAP", "the server refuses this user and password") from None
            _expect(imap.select(_quoted(address.folder)))
        except BaseException:
            with suppress(OSError, imaplib.IMAP4.error):
                imap.shutdown()
            raise
        return imap

    def _uids(self, imap: imaplib.IMAP4) -> list[str]:
        # Selected anew: what came since the last time counts, and sequence numbers are those of now.
        there = _expect(imap.select(_quoted(self._address.folder)))
        most = int(there[0] or 0)
        wanted = "UNDELETED" if self._address.done else "UNSEEN UNDELETED"
        uids: list[str] = []
        for first in range(1, most + 1, _AT_ONCE):
            found = _expect(imap.uid("SEARCH", f"{first}:{min(most, first + _AT_ONCE - 1)} {wanted}"))
            uids += [uid.decode() for line in found if line for uid in line.split() if _UID.match(uid)]
        return sorted(uids, key=int)

    def _fetch(self, imap: imaplib.IMAP4, uid: str) -> bytes | None:
        # PEEK: reading alone does not make it seen.
        for part in _expect(imap.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")):
            if isinstance(part, tuple) and isinstance(part[1], bytes):
                return part[1][:MOST_BYTES]
        return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong in IMAP's words, in ours, and without what the server said: that may name people."""
        try:
            yield
        except ServiceUnavailable:
            self.close()
            raise
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise ServiceUnavailable(
                "IMAP", f"its certificate is not valid: {error.verify_message}"
            ) from None
        except OSError as error:
            self.close()
            raise ServiceUnavailable("IMAP", error.strerror or type(error).__name__) from None
        except (imaplib.IMAP4.error, ValueError, IndexError) as error:
            self.close()
            lost = isinstance(error, imaplib.IMAP4.abort)
            why = "the connection was lost" if lost else "the server does not do what was asked of it"
            raise ServiceUnavailable("IMAP", why) from None


def _expect(answer: tuple[str, Any]) -> list[Any]:
    """The data of an answer that is OK.

    Raises:
        ServiceUnavailable: it is not.
    """
    kind, data = answer
    if kind != "OK":
        raise ServiceUnavailable("IMAP", "the server does not do what was asked of it")
    return list(data)


def _quoted(folder: str) -> str:
    """A folder's name for a command: international ones in modified UTF-7 (RFC 3501, 5.1.3), in quotes."""
    return '"' + _utf7(folder).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(name: str) -> str:
    out, strange = "", ""
    for character in [*name, ""]:
        if character and not " " <= character <= "~":
            strange += character
            continue
        if strange:
            coded = strange.encode("utf-16-be")
            out += (
                "&" + binascii.b2a_base64(coded, newline=False).decode().rstrip("=").replace("/", ",") + "-"
            )
            strange = ""
        out += "&-" if character == "&" else character
    return out
