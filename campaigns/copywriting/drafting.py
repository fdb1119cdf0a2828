"""A copy in the making: the texts that came, what the guard says of them, and which are to be asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from campaigns.copywriting.answer import HEAD_NAMES, LINES, UnreadableAnswer, read_answer
from campaigns.copywriting.answers import Answer
from campaigns.copywriting.asking import Question, fields_of_request
from campaigns.copywriting.guard import check, check_text
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.usage import Usage
from campaigns.copywriting.written import Attempt, Verdict
from campaigns.models.values import Copy

# Which texts mend what is wrong with a copy as a whole; else all but the lines are written again.
_MENDS_THE_WHOLE = {"must_mention": ("intro",)}


def copy_of(texts: Mapping[str, str], request: CopyRequest) -> Copy:
    """The copy that these texts make; they must be all."""
    lines = tuple(texts[f"{LINES}[{index}]"] for index in range(len(request.picks)))
    return Copy(product_lines=lines, **{name: texts[name] for name in HEAD_NAMES})


def texts_at_fault(verdicts: Sequence[Verdict], fields: Sequence[str]) -> tuple[str, ...]:
    """Which of these fields have to be written anew for the verdicts to fall, in their order."""
    at_fault: set[str] = set()
    for verdict in verdicts:
        if verdict.field == LINES:
            at_fault |= {field for field in fields if field.startswith(LINES)}
        elif verdict.field:
            at_fault.add(verdict.field)
        else:
            at_fault.update(_MENDS_THE_WHOLE.get(verdict.rule, HEAD_NAMES))
    return tuple(field for field in fields if field in at_fault)


class Draft:
    """The texts for one request, round by round. `known` ones stay as they are."""

    def __init__(self, request: CopyRequest, known: Mapping[str, str]) -> None:
        self._request = request
        self._known = dict(known)
        self._fields = fields_of_request(request)
        self._texts = dict(known)
        self._refused: list[Verdict] = []
        self._usage = self._batched = Usage()
        self.faults: list[Verdict] = []
        """What is wrong with the texts of now."""

    def refuse(self, verdict: Verdict) -> None:
        """Note why no further texts came."""
        self._refused.append(verdict)

    def take(self, answer: Answer, question: Question) -> str:
        """The texts of an answer in place of those refused; returns the form it kept to, "" if that is not known."""
        self._usage = self._usage.plus(answer.usage)
        if answer.batch:
            self._batched = self._batched.plus(answer.usage)
        if answer.failure is not None:
            rule, message = answer.failure
            self._refused.append(Verdict(rule, "", message))
            return ""
        try:
            reading = read_answer(answer.text, question.asked, question.lines)
        except UnreadableAnswer as error:
            self.faults = [Verdict("schema", "", str(error)), *self._judged()]
            self._refused.append(self.faults[0])
            return "text"
        self._texts |= {field: text for field, text in reading.texts.items() if field not in self._known}
        self._use_the_button_of_the_brief()
        missing = [Verdict("schema", field, message) for field, message in reading.faults]
        self.faults = [*missing, *self._judged()]
        self._refused += self.faults
        return reading.kept_to

    @property
    def is_done(self) -> bool:
        """Whether all texts are there and nothing is wrong with any."""
        return not self.faults and not self._missing()

    @property
    def to_mend(self) -> tuple[str, ...]:
        """The fields to be written anew: those missing and those at fault, without the known ones."""
        wrong = {*texts_at_fault(self.faults, self._fields), *self._missing()}
        return tuple(field for field in self._fields if field in wrong and field not in self._known)

    def copy(self) -> Copy:
        """The copy, once it is done."""
        return copy_of(self._texts, self._request)

    def attempt(self, repairs: int) -> Attempt:
        """How far it came."""
        wrong = set(self.to_mend)
        passed = {field: text for field, text in self._texts.items() if field not in wrong}
        return Attempt(passed, tuple(self._refused), self._usage, self._batched, repairs)

    def _missing(self) -> list[str]:
        return [field for field in self._fields if field not in self._texts]

    def _judged(self) -> list[Verdict]:
        if not self._missing():
            return check(self.copy(), self._request)
        present = self._texts.items()
        return [verdict for field, text in present for verdict in check_text(field, text, self._request)]

    def _use_the_button_of_the_brief(self) -> None:
        button = self._request.brief.call_to_action_in(self._request.language)
        if button and "call_to_action" in self._texts and "call_to_action" not in self._known:
            self._texts["call_to_action"] = button
