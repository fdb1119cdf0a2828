"""`tailormail copy evaluate`: how well the model writes, how safely, and what it costs, beside the offline writer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table

if TYPE_CHECKING:
    from campaigns.copywriting.evaluating import Outcome, Trial
    from campaigns.core.settings import Settings

_LANGUAGES = ("en", "de", "fr", "es")
_COLUMNS = (
    "cells", "schema_valid", "first_pass", "after_repair", "field_fallback", "unsafe", "distinct_1", "distinct_2",
    "mean_length", "seconds_p50", "seconds_p95", "calls", "input_tokens", "output_tokens", "cost",
)  # fmt: skip
_SHARES = ("schema_valid", "first_pass", "after_repair", "field_fallback")
_MOST_SHOWN = 10


@click.command("evaluate")
@click.option("--model-only", is_flag=True, help="Leave out the offline writer, which is the control.")
@click.option(
    "--cases",
    type=click.IntRange(0),
    help="At most so many adversarial cases, evenly spread; all by default.",
)
@click.option(
    "--cells",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="So many ordinary cells of the sample shop.",
)
@click.option(
    "--language",
    "languages",
    type=click.Choice(_LANGUAGES),
    multiple=True,
    help="Only these; all by default.",
)
@click.option("--max-calls", type=click.IntRange(1), help="Call the model at most so often.")
@json_option
def copy_evaluate(
    model_only: bool,
    cases: int | None,
    cells: int,
    languages: tuple[str, ...],
    max_calls: int | None,
    json_: bool,
) -> None:
    """Try the configured model on the adversarial suite and on ordinary cells, and the offline writer beside it.

    Nothing is mailed or kept, and no customer's data is used. Exit status 1 if a single unsafe text came through,
    or if the model gave no answer at all.
    """
    from campaigns.commands.parts import settings_in_force
    from campaigns.core.errors import BadInput

    settings = settings_in_force()
    if model_only and not settings.uses_model:
        raise BadInput(
            "no language model is configured; set OPENAI_API_KEY or OPENAI_BASE_URL", where="--model-only"
        )
    trials = _trials(cases, cells, languages or _LANGUAGES)
    result = _result(settings, trials, model_only, max_calls)
    if json_:
        as_json(result)
    else:
        _show(result)
    sys.exit(_status(result))


def _trials(cases: int | None, cells: int, languages: Sequence[str]) -> list[Trial]:
    from campaigns.copywriting.adversarial.cases import load_cases
    from campaigns.copywriting.evaluating import trials_of
    from campaigns.flows.copy.copy_trials import ordinary_trials

    suite = [case for case in load_cases() if case.language in languages]
    if cases is not None and cases < len(suite):
        # Evenly spread, so that a small number still has some of every kind.
        suite = [suite[place * len(suite) // cases] for place in range(cases)]
    return [*trials_of(suite), *ordinary_trials(cells, languages)]


def _result(
    settings: Settings, trials: Sequence[Trial], model_only: bool, max_calls: int | None
) -> dict[str, Any]:
    from campaigns.copywriting.evaluating import CallLimit, evaluate
    from campaigns.copywriting.model_writer import ModelWriter

    result: dict[str, Any] = {"model": None, "control": None}
    if settings.uses_model:
        writer = ModelWriter(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            model=settings.llm_model,
            timeout=settings.llm_timeout,
            most=settings.llm_concurrency,
        )
        with _progress(settings.llm_model, len(trials)) as done:
            outcomes = evaluate(writer, trials, CallLimit(max_calls), settings.llm_concurrency, done)
        result["model"] = {"name": settings.llm_model, **_told(settings, outcomes)}
    if not model_only:
        with _progress("offline writer", len(trials)) as done:
            result["control"] = {"name": "offline", **_told(settings, evaluate(None, trials, done=done))}
    return result


def _told(settings: Settings, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    from campaigns.copywriting.evaluating import broken_rules, by_language, unsafe_ones
    from campaigns.copywriting.usage import Prices

    prices = Prices(
        settings.llm_input_price, settings.llm_cached_price, settings.llm_output_price, settings.llm_currency
    )
    unsafe = unsafe_ones(outcomes)
    return {
        "unsafe": len(unsafe),
        "unsafe_copies": unsafe,
        "currency": prices.currency if prices.are_known else None,
        "broken_rules": broken_rules(outcomes),
        "figures": by_language(outcomes, prices),
    }


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, on stderr so that the result can be piped; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)


def _show(result: dict[str, Any]) -> None:
    rows = []
    for part in _parts(result):
        for kind, languages in part["figures"].items():
            rows += [
                [part["name"], kind, language, *(_shown(name, told[name]) for name in _COLUMNS)]
                for language, told in languages.items()
            ]
    names = [name.replace("_", " ") for name in _COLUMNS]
    show_table(["writer", "cells of", "language", *names], rows)
    for part in _parts(result):
        told = {
            "unsafe": part["unsafe"],
            "broken_rules": ", ".join(f"{rule} {n}" for rule, n in part["broken_rules"].items()),
            "unsafe_copies": [f"{one['name']}: {one['why']}" for one in part["unsafe_copies"]][:_MOST_SHOWN],
        }
        show_pairs(part["name"], list(told.items()))


def _shown(name: str, value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.1%}" if name in _SHARES else value


def _parts(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in (result["model"], result["control"]) if part]


def _status(result: dict[str, Any]) -> int:
    if any(part["unsafe"] for part in _parts(result)):
        click.echo("tailormail: unsafe copy came through; see unsafe_copies", err=True)
        return 1
    model = result["model"]
    if model and not any(told["calls"] for kinds in model["figures"].values() for told in kinds.values()):
        click.echo("tailormail: the model answered no call; try `tailormail doctor`", err=True)
        return 1
    return 0
