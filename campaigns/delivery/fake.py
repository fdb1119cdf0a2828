"""A transport for tests and rehearsals: it keeps what it is given and answers by script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from campaigns.core.errors import ServiceUnavailable
from campaigns.delivery.classify import Phase, classify, enhanced_code
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unannounced, unreached


@dataclass(frozen=True, slots=True)
class Answer:
    """What the pretended relay does with one mail: a reply to one phase, or silence.

    `code` None means that the connection breaks: before the final dot (`unreached`) or, with phase FINAL,
    after it (`uncertain`).
    """

    code: int | None = 250
    text: str = "2.0.0 OK"
    phase: Phase = Phase.FINAL

    @property
    def after_handing_over(self) -> bool:
        """Whether the relay does it when mail is on its way, after its intent."""
        return self.code is None or self.phase is Phase.FINAL

    @property
    def kind(self) -> Kind:
        """The kind of outcome that this answer leads to."""
        if self.code is not None:
            return classify(self.code, enhanced_code(self.text), self.phase).kind
        return Kind.UNCERTAIN if self.phase is Phase.FINAL else Kind.UNREACHED


ACCEPTED = Answer()
BROKEN_BEFORE_THE_DOT = Answer(None, "connection lost", Phase.DATA)
BROKEN_AFTER_THE_DOT = Answer(None, "no reply after the whole mail was handed over", Phase.FINAL)


class FakeTransport:
    """Scripted by recipient: one answer, or several for the attempts in turn (the last one stays).

    Recipients without a script are accepted. `accepted` holds the mails that were answered with 2xx.
    """

    def __init__(self, script: Mapping[str, Answer | Sequence[Answer]] | None = None) -> None:
        self.accepted: list[OutgoingMail] = []
        self.closed = False
        self._script = {
            recipient: [answers] if isinstance(answers, Answer) else list(answers)
            for recipient, answers in (script or {}).items()
        }

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        self.closed = False
        for mail in mails:
            try:
                outcome = self._answer(mail, before_data)
            except ServiceUnavailable as error:
                outcome = unreached(mail.send_id, error.message)
            yield outcome

    def close(self) -> None:
        self.closed = True

    def _answer(self, mail: OutgoingMail, before_data: Callable[[int], None]) -> Outcome:
        answers = self._script.get(mail.recipient, [ACCEPTED])
        answer = answers[0]
        if answer.after_handing_over:
            before_data(mail.send_id)
        if len(answers) > 1:
            answers.pop(0)
        if answer.code is None:
            return Outcome(mail.send_id, answer.kind, reply=answer.text)
        enhanced = enhanced_code(answer.text)
        verdict = classify(answer.code, enhanced, answer.phase)
        if verdict.kind is Kind.SENT:
            self.accepted.append(mail)
        return Outcome(
            mail.send_id, verdict.kind, answer.code, enhanced, answer.text, verdict.fault, verdict.soft
        )
