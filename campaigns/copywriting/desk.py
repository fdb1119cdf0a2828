"""The copy desk: the model if it can, the offline writer if not, and never nothing."""

from __future__ import annotations

from dataclasses import replace

from campaigns.copywriting.breaker import Breaker
from campaigns.copywriting.guard import check
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.copywriting.splitting import split
from campaigns.copywriting.written import CannotWrite, CopyWriter, Verdict, WrittenCopy
from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.log import get_logger

_log = get_logger(__name__)


class CopyDesk:
    """Always returns a copy that passes the guard.

    Without a `writer` the offline writer writes everything. After several outages in a row the writer is
    left alone for a while, so that a server that hangs costs a few timeouts and not one for each cell.
    """

    def __init__(
        self, writer: CopyWriter | None, offline: OfflineWriter, breaker: Breaker | None = None
    ) -> None:
        self._writer = writer
        self._offline = offline
        self._breaker = breaker or Breaker()

    @property
    def uses_model(self) -> bool:
        """Whether a model is asked at all."""
        return self._writer is not None

    @property
    def key_model(self) -> str:
        """What stands for the wanted writer in the keys of a request."""
        return self._writer.model if self._writer is not None else OFFLINE

    def cell_key(self, request: CopyRequest) -> str:
        """The key under which the wanted copy for this request is kept, if it was written as a whole."""
        return request.cell_key(self.key_model)

    def copy_for(self, request: CopyRequest) -> WrittenCopy:
        """A copy for this request, with its `parts`.

        Its `verdicts` tell why the model's drafts were not taken, if so.

        May wait for a model: call it with no database transaction open.
        """
        written, verdicts, tokens = self._by_model(request)
        if written is not None:
            return written
        stand_in = self._offline.write(request)
        return replace(stand_in, tokens=tokens, verdicts=(*verdicts, *stand_in.verdicts))

    def _by_model(self, request: CopyRequest) -> tuple[WrittenCopy | None, tuple[Verdict, ...], int]:
        if self._writer is None:
            return None, (), 0
        if not self._breaker.allows():
            return None, (Verdict("outage", "", "the model is left alone after repeated outages"),), 0
        try:
            written = self._writer.write(request)
        except CannotWrite as error:
            self._breaker.succeeded()
            rules = sorted({verdict.rule for verdict in error.verdicts})
            _log.info("copy_refused", writer=self._writer.name, model=self._writer.model, rules=rules)
            return None, error.verdicts, error.tokens
        except (ServiceUnavailable, Rejected) as error:
            wait = error.retry_after if isinstance(error, ServiceUnavailable) else None
            self._breaker.failed(wait)
            _log.warning("model_failed", model=self._writer.model, why=error.message)
            return None, (Verdict("outage", "", error.message),), 0
        self._breaker.succeeded()
        # Asked again here, because a writer is a part that others may replace.
        verdicts = tuple(check(written.copy, request))
        if verdicts:
            return None, verdicts, written.tokens
        return replace(written, parts=split(written.copy, request)), (), 0
