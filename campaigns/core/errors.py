"""The tree of errors, split by what the caller does next.

TailormailError
  TellThePerson            somebody must mend the input; nothing was changed
    BadInput               a field is wrong (names where)
    Refused                the request is understood and not allowed now
    NotAllowed             whoever asks lacks the right to it
    NotFound               there is no such thing
    Conflict               it was changed or exists already
    NotConfigured          a setting is missing or malformed
  TryLater                 the same call may succeed later
    ServiceUnavailable     an outside service is away, slow or says wait
  GiveUp                   repeating the same call is useless
    BadToken               a signed token is forged, damaged or of another kind
    Rejected               an outside service said no for good
"""

from __future__ import annotations


class TailormailError(Exception):
    """Root of all errors that Tailormail raises on purpose; `message` is written for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TellThePerson(TailormailError):
    """A person has to mend something; nothing was changed."""


class BadInput(TellThePerson):
    """A field is wrong. `where` names it (file, line, field), the message says how to mend it."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class Refused(TellThePerson):
    """Understood, and not allowed in the present state."""


class NotAllowed(TellThePerson):
    """Whoever asks lacks the right to it; the message says what right, or who has it."""


class NotFound(TellThePerson):
    """There is no such thing."""


class Conflict(TellThePerson):
    """It exists already, or somebody else changed it first."""


class NotConfigured(TellThePerson):
    """A setting is missing or malformed; the message names all of them at once."""


class TryLater(TailormailError):
    """The same call may succeed later."""


class ServiceUnavailable(TryLater):
    """An outside service is away, too slow, or asked us to wait `retry_after` seconds."""

    def __init__(self, service: str, why: str, retry_after: float | None = None) -> None:
        super().__init__(f"{service}: {why}")
        self.service = service
        self.retry_after = retry_after


class GiveUp(TailormailError):
    """Repeating the same call is useless."""


class BadToken(GiveUp):
    """A signed token is forged, damaged, or of another kind."""


class Rejected(GiveUp):
    """An outside service said no for good."""
