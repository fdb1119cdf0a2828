"""What the README says is tried: its files work, its commands, settings, queues and links exist."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic_core import PydanticUndefined

from campaigns.cli import Kind, cli
from campaigns.copywriting.brief import parse_brief
from campaigns.core.settings import Settings
from campaigns.delivery.causes import CAUSES
from campaigns.delivery.relay_plan import load_relay_plan
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.definition import check_campaign
from campaigns.flows.scheduling.recurrence import Recurrence
from campaigns.insight.experiment_terms import FACTORS
from campaigns.models import SendStatus, schema
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import send_all
from workers.broker import QUEUES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "CONTRIBUTING.md": CONTRIBUTING}
FILES: dict[str, str] = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", README, re.M | re.S))
KINDS: tuple[Kind, ...] = ("customers", "products", "orders", "consents")
_OUR_FOLDERS = ("campaigns", "deploy", "templates", "tests", "web", "workers", "benchmarks", ".ci")


def section(heading: str) -> str:
    """The text below a heading, to the next one of any rank."""
    return re.split(r"^#+ ", README.split(f"# {heading}\n")[1], maxsplit=1, flags=re.M)[0]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def commands(page: str, program: str) -> list[list[str]]:
    """Every indented line of a page that calls this program, as words."""
    found = re.findall(rf"^    ({program} .*)$", page, re.M)
    return [shlex.split(line, comments=True)[1:] for line in found]


def option_names(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def with_example_files(folder: Path, sample: SampleFiles) -> Path:
    """The README's files in a folder, with the demo's pictures beside the campaign; returns the campaign."""
    (folder / "tea").mkdir()
    for name in (*(f"{kind}.csv" for kind in KINDS), "tea/tea.toml"):
        (folder / name).write_text(FILES[name], encoding="utf-8")
    for sky in ("neutral", "rain", "snow", "expired"):
        shutil.copy(sample.campaign.parent / f"hero-{sky}.jpg", folder / "tea" / f"{sky}.jpg")
    return folder / "tea" / "tea.toml"


def test_the_example_shop_is_mailed(runtime: Runtime, sample: SampleFiles, tmp_path: Path) -> None:
    campaign_file = with_example_files(tmp_path, sample)
    for kind in KINDS:
        for result in runtime.importing.run(kind, [tmp_path / f"{kind}.csv"]):
            assert not result.errors
    runtime.training.run()
    campaign_id = runtime.campaigns.create_from_file(campaign_file)
    runtime.campaigns.approve(campaign_id, "test")
    send_all(runtime, campaign_id)
    shown = runtime.campaigns.show(campaign_id)
    assert (shown["status"], shown["counts"]) == ("sent", {"sent": 2})


def test_the_brief_is_one() -> None:
    brief = parse_brief(tomllib.loads(FILES["spring.toml"]))
    assert brief.longest("subject") == 60 and brief.banned_in("de") == ("detox", "Schnäppchen")


def test_the_delivery_table_belongs_into_the_campaign_file() -> None:
    terms = tomllib.loads(FILES["[delivery]"])
    assert set(terms["delivery"]) == set(DeliveryTerms.model_fields), "the README names every key"
    described = check_campaign(tomllib.loads(FILES["tea/tea.toml"]) | terms, where="README.md")
    assert described.delivery.per_second == 20
    assert described.delivery.weight == 3
    assert described.delivery.local_time == time(9)
    assert described.delivery.quiet_hours == (time(21), time(8))


def test_the_series_belongs_into_the_campaign_file() -> None:
    series = tomllib.loads(FILES["[series]"])
    described = check_campaign(tomllib.loads(FILES["tea/tea.toml"]) | series, where="README.md")
    assert described.series is not None
    assert described.series.words == (
        "every 2 weeks on Monday and Thursday at 09:00 (Europe/Oslo), until 30 Jun 2027, nobody again within 7 days"
    )
    named = set(re.findall(r"\b[a-z_]+\b", FILES["[series]"]))
    assert set(Recurrence.model_fields) <= named, "the README names every key"


def test_the_causes_of_failures_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (`.*`) \| (yes|no)", section("Progress, errors, trying again"), re.M)
    named = {key: again == "yes" for keys, again in rows for key in re.findall(r"`(\w+)`", keys)}
    assert named == {key: cause.may_retry for key, cause in CAUSES.items()}


def test_the_experiment_belongs_into_the_campaign_file() -> None:
    experiment = tomllib.loads(FILES["[experiment]"])
    described = check_campaign(tomllib.loads(FILES["tea/tea.toml"]) | experiment, where="README.md")
    assert described.experiment is not None
    assert [arm.name for arm in described.experiment.arms] == ["As written", "Plain", "By name"]
    named = set(re.findall(r"^\| `(\w+)` \| ", section("Experiments"), re.M))
    assert named | {"none"} == set(FACTORS)


def test_the_delivery_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(FILES["delivery.toml"], encoding="utf-8")
    plan = load_relay_plan(file, None)
    assert [(relay.name, relay.weight, relay.per_second) for relay in plan.relays] == [
        ("main", 3, 200),
        ("spare", 1, None),
    ]
    assert plan.domain_limit("googlemail.com") == ("gmail.com", 50)
    assert plan.domain_limit("hotmail.com") == ("outlook.com", 20)
    warm_up = plan.warm_up["news.example.com"]
    assert [warm_up.allowance(date(2026, 11, 30)), warm_up.allowance(date(2026, 12, 1))] == [0, 50]
    assert warm_up.allowance(date(2026, 12, 8)) is None


def environment_name(field: str) -> str:
    return field.upper() if field.startswith("openai") else f"TAILORMAIL_{field.upper()}"


def test_every_setting_has_its_row() -> None:
    named = [name for row in table("Settings") for name in re.findall(r"`([A-Z0-9_]+)`", row[0])]
    assert sorted(named) == sorted(environment_name(field) for field in Settings.model_fields)


def told_defaults() -> list[tuple[str, str]]:
    """(variable, default) of the rows that say a value."""
    rows = [
        (re.fullmatch(r"`([A-Z_]+)`", row[0]), re.fullmatch(r"`([^`]+)`", row[1]))
        for row in table("Settings")
    ]
    return [(name[1], default[1]) for name, default in rows if name and default]


@pytest.mark.parametrize(("variable", "told"), told_defaults())
def test_the_defaults_are_right(variable: str, told: str) -> None:
    defaults: dict[str, Any] = {
        environment_name(name): field.default for name, field in Settings.model_fields.items()
    }
    default = defaults[variable]
    assert default is not PydanticUndefined
    shown = (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )
    assert shown == told


def test_every_status_and_queue_has_its_row() -> None:
    assert [row[0] for row in table("From planned to sent")] == [f"`{status.value}`" for status in SendStatus]
    assert [row[0] for row in table("On real servers")] == [f"`{queue}`" for queue in QUEUES]
    worker = next(words for words in commands(README, "celery") if "worker" in words)
    assert worker[worker.index("--queues") + 1].split(",") == list(QUEUES)


@pytest.mark.parametrize("words", commands(README, "tailormail"), ids=" ".join)
def test_every_command_exists(words: list[str]) -> None:
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    given = {word.partition("=")[0] for word in rest if re.match(r"-{1,2}[a-z]", word)}
    assert given <= option_names(command)


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", PAGES[page], re.M))
    assert named
    assert named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        assert (ROOT / file).exists(), target
        headings = re.findall(r"^#+ (.+)$", PAGES[page], re.M)
        # As GitHub makes them: small letters, no punctuation, dashes for spaces.
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    named = re.findall(rf"`((?:{'|'.join(map(re.escape, _OUR_FOLDERS))})/[\w./-]+)`", PAGES[page])
    missing = [name for name in named if not (ROOT / name).exists() and "colour_of_products" not in name]
    assert named
    assert not missing


def test_the_example_of_a_migration_follows_the_newest() -> None:
    following = f"{int(schema.head()) + 1:04}"
    assert f"versions/{following}_colour_of_products.py" in CONTRIBUTING
    assert f"schema {schema.head()} -> {following}" in CONTRIBUTING


def test_what_security_promises_is_shown_by_tests_that_are_there() -> None:
    rows = [row for row in (ROOT / "SECURITY.md").read_text().splitlines() if row.startswith("| ")][2:]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`([a-z]+/(?:[a-z_]+\.py)?)`", row.split("|")[3])
        assert named, row
        assert all((ROOT / "tests" / name).exists() for name in named), row
