"""Mail servers as URLs name them: a relay, a mailbox."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qs, unquote, urlsplit


class SmtpAddress:
    """Where mail is handed over, read from `smtp[s]://user:pass@host:port?tls=starttls|none|auto`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("must look like smtp://user:pass@host:587?tls=starttls")
        self.host = parts.hostname
        self.port = _port(parts) or (465 if parts.scheme == "smtps" else 25)
        self.username = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.tls = "implicit" if parts.scheme == "smtps" else parse_qs(parts.query).get("tls", ["auto"])[0]
        if self.tls not in ("implicit", "starttls", "none", "auto"):
            raise ValueError("tls must be starttls, none or auto")


class ImapAddress:
    """A mailbox, read from `imap[s]://user:pass@host:port/FOLDER?done=FOLDER&tls=starttls|none`.

    `folder` is INBOX unless the URL says another; `done` is where messages are moved that were taken in, empty
    where they are only marked as seen. `imap://` speaks STARTTLS; without any TLS only where the URL says so.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("imap", "imaps") or not parts.hostname:
            raise ValueError("must look like imaps://user:pass@host/INBOX")
        asked = parse_qs(parts.query)
        self.host = parts.hostname
        self.port = _port(parts) or (993 if parts.scheme == "imaps" else 143)
        self.username = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.folder = unquote(parts.path.strip("/")) or "INBOX"
        self.done = asked.get("done", [""])[0]
        self.tls = "implicit" if parts.scheme == "imaps" else asked.get("tls", ["starttls"])[0]
        if not self.username:
            raise ValueError("must name a user and a password: imaps://user:pass@host/INBOX")
        if self.tls not in ("implicit", "starttls", "none"):
            raise ValueError("tls must be starttls or none")
        if any(not name.isprintable() for name in (self.folder, self.done, self.username, self.password)):
            raise ValueError("must have no control characters")


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # The parser's own words quote what stands there, which may be a piece of a password.
        raise ValueError("the port must be a number; in a password write %23 for #, %2F for /") from None
