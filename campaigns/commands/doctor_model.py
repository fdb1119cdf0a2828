"""What the doctor finds at the language model: one small call, as the copywriter makes them."""

from __future__ import annotations

import time

from campaigns.commands.findings import Finding, Verdict, check, error, warning, worst
from campaigns.copywriting.answer import UnreadableAnswer, read_answer
from campaigns.copywriting.asking import Question, only_these
from campaigns.copywriting.model_batches import ModelBatches
from campaigns.copywriting.model_client import ModelClient
from campaigns.core.errors import TailormailError
from campaigns.core.settings import Settings
from campaigns.models.copy_work import ANSWER_FORMS

_ASKED = ("subject",)
_QUESTION = Question(
    (
        {"role": "system", "content": "You write the words of a marketing email. Answer with JSON."},
        {"role": "user", "content": f"The mail is about rain jackets. {only_these(_ASKED)}"},
    ),
    _ASKED,
    0,
)
_FORMS = {
    "json_schema": "keeps to a strict JSON schema",
    "json_object": "takes no schema, but answers in JSON",
    "text": "takes no JSON form: copy is read from its text",
}
_MISSED = "was asked for {}, and this answer did not keep to it"
_ASKED_FOR = {"json_schema": "a strict JSON schema", "json_object": "JSON"}


def model_finding(settings: Settings) -> Finding:
    """The language model, or that none is set. Nothing is remembered of what is found here."""
    if not settings.uses_model:
        return check("copy", "the offline writer", lambda: "no model is set")
    in_force = f"{settings.llm_model} at {settings.openai_base_url or 'OpenAI'}"
    return check("copy", in_force, lambda: _model(settings))


def _model(settings: Settings) -> Verdict:
    client = ModelClient(
        settings.openai_base_url, settings.openai_api_key, settings.llm_model, settings.llm_timeout
    )
    began = time.monotonic()
    for _ in ANSWER_FORMS:  # one call each at most, until it answers as it was asked to
        began = time.monotonic()
        answer, asked = client.ask(_QUESTION)
        if answer.failure is not None:
            return error(f"it answers, but {answer.failure[1]}")
        try:
            form = read_answer(answer.text, _ASKED, 0).kept_to
        except UnreadableAnswer:
            form = ANSWER_FORMS[-1]
        client.kept_to(form, asked)
        if client.ways == asked:
            break
    seconds = time.monotonic() - began
    return worst(
        f"answered in {seconds:.1f} s, {_answers(client.ways.answers_as, form)}{_leaves_out(client)}; "
        f"{_batches(client)}; {_prices(settings)}",
        warning("its answers are slow: raise TAILORMAIL_LLM_TIMEOUT, or most copy will be written offline")
        if seconds > settings.llm_timeout / 2
        else None,
    )


def _answers(asked: str, kept: str) -> str:
    """One miss does not make the engine ask otherwise (model_client.py), but it is no proof of the contrary either."""
    if ANSWER_FORMS.index(kept) > ANSWER_FORMS.index(asked):
        return _MISSED.format(_ASKED_FOR[asked])
    return _FORMS[asked]


def _leaves_out(client: ModelClient) -> str:
    refused = sorted(client.ways.refuses)
    return f", refuses {', '.join(refused)}" if refused else ""


def _batches(client: ModelClient) -> str:
    try:
        has = ModelBatches(client).are_there()
    except TailormailError:
        has = False
    return "it takes batches" if has else "no batches: mode = 'batch' asks when the campaign runs"


def _prices(settings: Settings) -> str:
    asked, answered = settings.llm_input_price, settings.llm_output_price
    if asked is None or answered is None:
        return "no prices are set, so costs are not told: TAILORMAIL_LLM_INPUT_PRICE, TAILORMAIL_LLM_OUTPUT_PRICE"
    return f"a million tokens cost {asked} asked, {answered} answered, {settings.llm_currency}"
