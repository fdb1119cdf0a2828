"""The mails of a group as the transport asks for them: drafted a few at a time, signed one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import process_time

from campaigns.core.errors import TailormailError
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.delivery.transport import OutgoingMail
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.letters import LetterDraft, Letters, signed
from campaigns.flows.sending.send_moves import Move
from campaigns.flows.sending.tailoring import Ready
from campaigns.models import SendStatus

log = get_logger(__name__)

# So many portions a group has, each of which is drafted in one go (see Letters.drafts). Not all at once: a draft says
# when it was made, by which a gateway is told that fetches right after the delivery. A group lasts about a second
# at most (batches.py), so drafts are an eighth of a second ahead.
_PORTIONS = 8
# Signatures likewise, and then handing over: few, because the transport hears no reply while these are made.
_SIGNED_TOGETHER = 4


class WritingOut:
    """Writes out the mails of groups; one object belongs to one process."""

    def __init__(self, letters: Letters, meters: Meters) -> None:
        self._letters = letters
        self._meters = meters

    def mails(
        self,
        plan: CampaignPlan,
        group: Sequence[Ready],
        relays: Mapping[int, str],
        must_stop: Callable[[], bool],
        failed: Callable[[Move], None],
    ) -> Iterator[OutgoingMail]:
        """Each mail when it is asked for, that is while the transport waits for the relay anyway.

        `relays` by send id. Asks before each one whether it `must_stop`. Those that cannot be composed are told to
        `failed` instead.
        """
        busy = 0.0
        at_once = max(1, len(group) // _PORTIONS)
        for start in range(0, len(group), at_once):
            if must_stop():
                break
            portion = group[start : start + at_once]
            began = process_time()
            drafts = self._letters.drafts(plan, [one.facts for one in portion])
            busy += process_time() - began
            for at in range(0, len(portion), _SIGNED_TOGETHER):
                if must_stop():
                    break
                some = slice(at, at + _SIGNED_TOGETHER)
                began = process_time()
                messages = signed(drafts[some])
                busy += process_time() - began
                for ready, draft, message in zip(portion[some], drafts[some], messages, strict=True):
                    if isinstance(draft, Exception) or isinstance(message, Exception):
                        failed(self._failure(ready, message))
                    elif not must_stop():
                        yield _outgoing(ready, draft, message, relays[ready.send.id])
        # Within the time of "smtp", of which it is the greater part.
        self._meters.add("stage_cpu_seconds", busy, stage="write")

    def _failure(self, ready: Ready, error: object) -> Move:
        # One mail that cannot be composed must not stop the others; it is in the report by reason. Of an
        # error that nobody foresaw only the kind is told: its words may be about the customer.
        why = error.message if isinstance(error, TailormailError) else type(error).__name__
        log.warning("mail_not_composed", send_id=ready.send.id, why=why)
        self._meters.add("letters_failed")
        return Move(ready.send.id, SendStatus.FAILED, f"cannot compose: {why}")


def _outgoing(ready: Ready, draft: LetterDraft, message: bytes, relay: str) -> OutgoingMail:
    return OutgoingMail(
        ready.send.id,
        draft.return_path,
        ready.facts.addressee.email,
        message,
        draft.message_id,
        clean=True,
        relay=relay,
    )
