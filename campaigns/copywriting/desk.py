"""The copy desk: the model if it can, the offline writer where it cannot, and never nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from campaigns.copywriting.asking import fields_of_request
from campaigns.copywriting.breaker import Breaker
from campaigns.copywriting.drafting import copy_of, texts_at_fault
from campaigns.copywriting.guard import check, fields_of
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import OFFLINE, PROMPT_VERSION, CopyRequest
from campaigns.copywriting.splitting import split
from campaigns.copywriting.usage import Purse
from campaigns.copywriting.written import (
    NOTHING_KNOWN,
    OPEN_PURSE,
    SERVICE,
    Attempt,
    CannotWrite,
    PaidWriter,
    Verdict,
    WrittenCopy,
    never,
)
from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.log import get_logger

_log = get_logger(__name__)


class CopyDesk:
    """Always returns a copy that passes the guard.

    Without a `writer` the offline writer writes everything. After several outages in a row the writer is
    left alone for a while, so that a server that hangs costs a few timeouts and not one for each cell.
    """

    def __init__(
        self, writer: PaidWriter | None, offline: OfflineWriter, breaker: Breaker | None = None
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

    def copy_for(
        self,
        request: CopyRequest,
        purse: Purse = OPEN_PURSE,
        known: Mapping[str, str] = NOTHING_KNOWN,
        stopping: Callable[[], bool] = never,
    ) -> WrittenCopy:
        """A copy for this request, with its `parts`; its `verdicts` tell what of the model's drafts was not taken.

        A model is asked only as far as `purse` allows, and not for the texts that are `known` (by name as
        `guard.fields_of` gives it): those stay. What it cannot write in three rounds the offline writer writes,
        field by field; all of it where nothing of the model's is left, and then `known` texts are not used either.

        May wait for a model: call it with no database transaction open.

        Raises:
            Stopped: `stopping` said so.
        """
        attempt = Attempt()
        if self._writer is not None:
            written, attempt = self._by_model(request, purse, known, stopping)
            if written is not None:
                return written
        stand_in = self._offline.write(request)
        return replace(
            stand_in,
            tokens=attempt.usage.tokens,
            verdicts=(*attempt.verdicts, *stand_in.verdicts),
            usage=attempt.usage,
            batched=attempt.batched,
            repairs=attempt.repairs,
            offline_fields=fields_of_request(request) if self.uses_model else (),
        )

    def _by_model(
        self,
        request: CopyRequest,
        purse: Purse,
        known: Mapping[str, str],
        stopping: Callable[[], bool],
    ) -> tuple[WrittenCopy | None, Attempt]:
        assert self._writer is not None
        if not self._breaker.allows():
            return None, _refused("outage", "the model is left alone after repeated outages")
        try:
            written = self._writer.write(request, purse, known, stopping)
        except CannotWrite as error:
            attempt = error.attempt
            if attempt.usage.calls:
                self._breaker.succeeded()
            rules = sorted({verdict.rule for verdict in attempt.verdicts})
            _log.info("copy_refused", writer=self._writer.name, model=self._writer.model, rules=rules)
            return self._mixed(request, attempt, known), attempt
        except (ServiceUnavailable, Rejected) as error:
            wait = error.retry_after if isinstance(error, ServiceUnavailable) else None
            if isinstance(error, ServiceUnavailable) and error.service != SERVICE:
                raise  # ours, and no news of the model
            self._breaker.failed(wait)
            _log.warning("model_failed", model=self._writer.model, why=error.message)
            return None, _refused("outage", error.message)
        self._breaker.succeeded()
        # Asked again here, because a writer is a part that others may replace.
        if verdicts := check(written.copy, request):
            texts = dict(fields_of(written.copy))
            for field in texts_at_fault(verdicts, tuple(texts)):
                del texts[field]
            attempt = Attempt(texts, (*written.verdicts, *verdicts), written.usage, written.batched)
            return self._mixed(request, attempt, known), attempt
        return replace(written, parts=split(written.copy, request)), Attempt()

    def _mixed(self, request: CopyRequest, attempt: Attempt, known: Mapping[str, str]) -> WrittenCopy | None:
        """The model's texts, with the offline writer's for those missing; None if nothing of the model's is left."""
        assert self._writer is not None
        fields = fields_of_request(request)
        offline = dict(fields_of(self._offline.write(request).copy))
        theirs = dict(attempt.texts)
        while _has_own_words(theirs, request, known):
            copy = copy_of({field: theirs.get(field, offline[field]) for field in fields}, request)
            faults = check(copy, request)
            if not faults:
                return WrittenCopy(
                    copy,
                    self._writer.name,
                    self._writer.model,
                    PROMPT_VERSION,
                    attempt.usage.tokens,
                    attempt.verdicts,
                    split(copy, request),
                    usage=attempt.usage,
                    batched=attempt.batched,
                    repairs=attempt.repairs,
                    offline_fields=tuple(field for field in fields if field not in theirs),
                )
            # Texts that pass alone may fail together: the model's part shrinks until they do not.
            at_fault = [field for field in texts_at_fault(faults, fields) if field in theirs]
            for field in at_fault or list(theirs):
                theirs.pop(field)
        return None


def _has_own_words(texts: Mapping[str, str], request: CopyRequest, known: Mapping[str, str]) -> bool:
    """Whether a model wrote one of these texts just now, and not the marketer."""
    button = request.brief.call_to_action_in(request.language)
    return any(field not in known and not (field == "call_to_action" and button) for field in texts)


def _refused(rule: str, message: str) -> Attempt:
    return Attempt(verdicts=(Verdict(rule, "", message),))
