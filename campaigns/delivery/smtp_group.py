"""One group of mails on its way over several connections to one relay: who goes when, and how each one ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from campaigns.core.errors import ServiceUnavailable
from campaigns.delivery.classify import enhanced_code
from campaigns.delivery.envelope import transaction
from campaigns.delivery.patience import ENDLESS, OVER, Patience
from campaigns.delivery.smtp_dialogue import Dialogue, Finished, Handover
from campaigns.delivery.smtp_pool import CannotConnect, Pool
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unreached
from campaigns.delivery.wire import Lost

_MOST_LOSSES_IN_A_ROW = 2
# A quick relay has answered by then, and needs no further connection.
_PATIENCE_SECONDS = 0.005


class Group:
    """See `SmtpTransport.send_group` for the rules."""

    def __init__(
        self,
        pool: Pool,
        mails: Iterable[OutgoingMail],
        before_data: Callable[[int], None],
        patience: Patience = ENDLESS,
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._mails = iter(mails)
        self._before_data = before_data
        self._done: deque[Outcome] = deque()
        # Taken and on no connection; True for those that an earlier connection was lost under.
        self._waiting: deque[tuple[OutgoingMail, bool]] = deque()
        self._exhausted = False
        self._failure: Exception | None = None
        self._losses = 0
        self._away: CannotConnect | None = None
        # Announced on a connection that was lost, to be announced again.
        self._revived: set[int] = set()

    def outcomes(self) -> Iterator[Outcome]:
        """Do the work; yields while the caller takes the outcomes.

        An outcome is always taken before anything else is announced, so that a journal is never behind.
        """
        try:
            self._hear(0.0)  # Relays end idle connections: better seen before a mail is put into one.
            while True:
                while self._done:
                    yield self._done.popleft()
                self._put_on_connections()
                if self._done:
                    continue
                if self._may_take():
                    self._take()
                    self._hear(0.0)
                elif self._waiting or any(d.announced or d.open for d in self._pool.dialogues):
                    self._wait()
                else:
                    break
        except GeneratorExit:
            self._pool.drop(lambda dialogue: not dialogue.idle)
            raise
        except BaseException:
            # Thrown in from anywhere (a time limit, a signal): no dialogue is sure of where it stands.
            self._pool.drop(lambda _: True)
            raise
        if self._failure is not None:
            raise self._failure

    def _may_take(self) -> bool:
        if self._exhausted:
            return False
        if self._away is not None:
            return True
        dialogues = self._pool.dialogues
        ahead = len(self._waiting) + sum(d.open is not None for d in dialogues)
        return ahead < len(dialogues) + 1

    def _take(self) -> None:
        try:
            mail = next(self._mails)
        except StopIteration:
            self._exhausted = True
        except Exception as error:
            self._exhausted, self._failure = True, error  # Raised when the mails before it have ended.
        else:
            self._waiting.append((mail, False))

    def _put_on_connections(self) -> None:
        if self._waiting and not self._pool.dialogues and self._away is None:
            try:
                if self._patience.over:
                    raise CannotConnect(OVER)
                self._pool.open()
            except CannotConnect as failure:
                self._away = failure
        if self._away is not None:
            self._give_up(self._away)
            return
        for dialogue in list(self._pool.dialogues):
            try:
                self._begin(dialogue)
                while self._may_announce(dialogue):
                    self._announce(dialogue)
                    self._begin(dialogue)
                dialogue.flush()
            except Lost as loss:
                self._lose(dialogue, loss)
            else:
                self._pool.watch(dialogue)

    def _begin(self, dialogue: Dialogue) -> None:
        while self._waiting and dialogue.may_begin():
            mail, again = self._waiting.popleft()
            ready = transaction(mail, dialogue.offers)
            if isinstance(ready, Outcome):
                self._conclude(ready)
            else:
                dialogue.begin(Handover(mail, ready, again))

    def _may_announce(self, dialogue: Dialogue) -> bool:
        handover = dialogue.may_go()
        if handover is None or self._done:
            return False
        if self._revived and handover.mail.send_id not in self._revived:
            # A mail that lost its connection is still announced; it and the living ones may not be too many.
            living = self._in_flight()
            return not living or living + len(self._revived) < self._pool.limit
        # After a loss the fate of those in flight is awaited first: the relay may be going down.
        return not self._losses or not self._in_flight()

    def _in_flight(self) -> int:
        return sum(dialogue.announced is not None for dialogue in self._pool.dialogues)

    def _announce(self, dialogue: Dialogue) -> None:
        handover = dialogue.may_go()
        assert handover is not None
        send_id = handover.mail.send_id
        try:
            self._before_data(send_id)
        except ServiceUnavailable as error:
            self._done.append(unreached(send_id, error.message))
            dialogue.decline()
        else:
            dialogue.hand_over()
        finally:
            self._revived.discard(send_id)

    def _give_up(self, away: CannotConnect) -> None:
        """Everything that is not announced comes back; what is announced may still get its reply."""
        for dialogue in list(self._pool.dialogues):
            withdrawn = dialogue.withdraw()
            if withdrawn is not None:
                self._waiting.append((withdrawn.mail, withdrawn.again))
            if dialogue.announced is None:
                self._lose(dialogue, Lost(away.why))
        while self._waiting:
            mail, _ = self._waiting.popleft()
            self._revived.discard(mail.send_id)
            self._done.append(unreached(mail.send_id, away.why, away.code, enhanced_code(away.why)))

    def _wait(self) -> None:
        """Until a relay says something, one has run out of time, or a further connection seems worth it."""
        if self._patience.over:
            self._leave_in_mid_mail()
            return
        dues = [due for d in self._pool.dialogues if (due := d.due) is not None]
        left = max(0.001, min(dues) - time.monotonic()) if dues else None
        if not self._waiting or self._losses or not self._pool.may_open_another():
            self._hear(self._patience.slice(left))
        elif not self._hear(_PATIENCE_SECONDS if left is None else min(left, _PATIENCE_SECONDS)):
            self._pool.open_another()

    def _leave_in_mid_mail(self) -> None:
        """Give up what is under way. A mail that was handed over and has no answer is uncertain, and named so."""
        self._away = self._away or CannotConnect(OVER)
        for dialogue in [one for one in self._pool.dialogues if not one.idle]:
            self._lose(dialogue, Lost(OVER))

    def _hear(self, seconds: float | None) -> bool:
        """Whether anything was heard."""
        heard = self._pool.hear(seconds)
        for dialogue in heard:
            try:
                dialogue.flush()
                dialogue.receive()
            except Lost as loss:
                self._lose(dialogue, loss)
            else:
                self._settle(dialogue)
                self._pool.watch(dialogue)
        if seconds != 0.0:
            self._expire([dialogue for dialogue in self._pool.dialogues if dialogue not in heard])
        return bool(heard)

    def _expire(self, silent: Sequence[Dialogue]) -> None:
        """Only the silent: what has arrived counts, however late we were to look. The caller may take its time."""
        now = time.monotonic()
        for dialogue in silent:
            try:
                dialogue.expire(now)
            except Lost as loss:
                self._lose(dialogue, loss)

    def _lose(self, dialogue: Dialogue, loss: Lost) -> None:
        self._pool.forget(dialogue)
        behind = dialogue.end(loss)
        if behind is not None:
            self._waiting.appendleft((behind.mail, behind.again))
        self._settle(dialogue)

    def _settle(self, dialogue: Dialogue) -> None:
        for finished in dialogue.finished:
            if self._deserves_another(finished):
                mail = finished.handover.mail
                self._waiting.appendleft((mail, True))
                if finished.handover.was_announced:
                    self._revived.add(mail.send_id)
            else:
                self._conclude(finished.outcome)
        dialogue.finished.clear()

    def _deserves_another(self, finished: Finished) -> bool:
        return (
            finished.stale
            and finished.outcome.kind is Kind.UNREACHED
            and not finished.handover.again
            and self._away is None
        )

    def _conclude(self, outcome: Outcome) -> None:
        self._done.append(outcome)
        if outcome.kind not in (Kind.UNREACHED, Kind.UNCERTAIN):
            self._losses = 0
            return
        self._losses += 1
        if self._losses >= _MOST_LOSSES_IN_A_ROW and self._away is None:
            self._away = CannotConnect(f"left alone after losing its connection twice: {outcome.reply}")
