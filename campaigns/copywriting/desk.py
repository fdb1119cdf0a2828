"""The copy desk: the model if it can, the offline writer if not, and never nothing."""

from __future__ import annotations

from campaigns.copywriting.breaker import Breaker
from campaigns.copywriting.guard import check
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import CopyRequest
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

    def cell_key(self, request: CopyRequest) -> str:
        """The key under which the wanted copy for this request is kept, if it was written before."""
        return request.cell_key(self._writer.model) if self._writer is not None else request.cell_key()

    def copy_for(self, request: CopyRequest) -> WrittenCopy:
        """A copy for this request; its `verdicts` tell why the model's drafts were not taken, if so.

        May wait for a model: call it with no database transaction open.
        """
        written, verdicts, tokens = self._by_model(request)
        if written is not None:
            return written
        stand_in = self._offline.write(request)
        return WrittenCopy(
            copy=stand_in.copy,
            writer=stand_in.writer,
            model=stand_in.model,
            prompt_version=stand_in.prompt_version,
            tokens=tokens,
            verdicts=(*verdicts, *stand_in.verdicts),
            cell_key=stand_in.cell_key,
        )

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
        return (None, verdicts, written.tokens) if verdicts else (written, (), 0)
