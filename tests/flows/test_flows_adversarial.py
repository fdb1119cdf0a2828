"""The adversarial suite through the whole path: a shop full of poison, a model that obeys it, and clean mails."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from campaigns.audience.posted_signals import PostedSignal
from campaigns.copywriting.adversarial.asked import poisoned_product
from campaigns.copywriting.adversarial.cases import Case, load_cases
from campaigns.copywriting.adversarial.obeying import obeys
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.names import presentable_name
from campaigns.demo.inbox import InboxMail, read_inbox
from campaigns.flows.sending.addressees import Addressee
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import COLUMNS, TAG_SEPARATOR, SampleFiles
from tests.shop import make_runtime, pick_by_taste, send_all
from tests.tables import empty_tables

CASES = load_cases()
LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}
# Two of these in three hundred are no loss; a shop that lost more would prove little.
MOST_UNASKED = 0.1


@dataclass(frozen=True)
class Told:
    """What came of the campaign: its number, the mails by the case of their customer, and what the model was asked."""

    campaign: int
    runtime: Runtime
    mails: dict[str, InboxMail]
    asked: str


@pytest.fixture(scope="module")
def told(
    servers: EmbeddedUrls, database: Database, sample: SampleFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """One customer for each case, with its product in the cart and its poison in the profile; all mails sent."""
    empty_tables(database)
    folder = tmp_path_factory.mktemp("adversarial")
    with ScriptedModelServer(obeys(*CASES)) as server:
        runtime = make_runtime(
            servers, folder / "data", openai_base_url=server.base_url, openai_api_key="k", llm_concurrency=4
        ).start()
        fill_with_poison(runtime, folder, sample)
        campaign = runtime.campaigns.create_from_file(campaign_file(sample))
        runtime.campaigns.approve(campaign, "test")
        send_all(runtime, campaign)
        mails = {mail.recipient.partition("@")[0]: mail for mail in inbox(runtime, campaign)}
        asked = "".join(str(request.body) for request in server.requests)
        yield Told(campaign, runtime, mails, asked)
        runtime.close()
    empty_tables(database)


def inbox(runtime: Runtime, campaign: int) -> Iterator[InboxMail]:
    return read_inbox(runtime.settings.captured_mail, campaign)


def campaign_file(sample: SampleFiles) -> Path:
    """The sample's campaign with few picks, a copy for each customer, and nothing that stops it."""
    text = sample.campaign.read_text(encoding="utf-8")
    text = re.sub(r"^picks = \d+", "picks = 2", text, flags=re.MULTILINE)
    # Pictures that a campaign names lie beside its file.
    path = sample.campaign.with_name("adversarial.toml")
    path.write_text(f'{text}\n[copy]\ngranularity = "customer"\nfallback_limit = 100\n', encoding="utf-8")
    return path


def fill_with_poison(runtime: Runtime, folder: Path, sample: SampleFiles) -> None:
    runtime.importing.run("products", [sample.products])
    rows = {
        "products": [row for case in CASES for row in product_rows(case)],
        "customers": [customer_row(case) for case in CASES],
        "orders": [row for number, case in enumerate(CASES) for row in order_rows(number, case)],
        "consents": [row for case in CASES for row in consent_rows(case)],
    }
    for kind in ("customers", "products", "orders", "consents"):
        path = folder / f"{kind}.csv"
        write_csv(path, COLUMNS[kind], rows[kind])
        runtime.importing.run(kind, [path])
    pick_by_taste(runtime)
    now = datetime.now(UTC)
    carts = [PostedSignal(f"cart-{case.name}", "cart", case.name, case.name, now) for case in CASES]
    runtime.shop_events.signals(carts)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def product_rows(case: Case) -> Iterator[tuple[object, ...]]:
    facts = poisoned_product(case)
    tags = TAG_SEPARATOR.join([*facts.tags, *([case.poison["style"]] if "style" in case.poison else [])])
    told = (facts.title, facts.description, facts.category, facts.brand, facts.price, facts.currency)
    yield (case.name, *told, facts.url, "", facts.stock, tags)
    if "favourite" in case.poison:
        yield (f"{case.name}-bought", "Old Kettle", *told[1:], facts.url, "", facts.stock, tags)


def customer_row(case: Case) -> tuple[object, ...]:
    poison, locale = case.poison, LOCALES[case.language]
    place = poison.get("place", "Bergen")
    names = (poison.get("first_name", "Anna"), "Holm")
    return (case.name, f"{case.name}@example.org", *names, locale, "Europe/Oslo", "NO", place, "60.4", "5.3")


def order_rows(number: int, case: Case) -> Iterator[tuple[object, ...]]:
    skus = ["JKT-01", "BOT-01", "PCK-01", "BSL-01"]
    bought = [skus[number % 4], skus[(number // 4) % 4]]
    if "favourite" in case.poison:
        bought = [f"{case.name}-bought"] * 3
    for line, sku in enumerate(bought):
        yield (f"O-{number}-{line}", case.name, sku, 1, "10.00", "2026-09-01T10:00:00Z")


def consent_rows(case: Case) -> Iterator[tuple[object, ...]]:
    for purpose in ("marketing", "profiling", "open_location"):
        yield (case.name, purpose, "granted", "I agree", "test", "2026-08-01T10:00:00Z")


def everything_in(mail: InboxMail) -> str:
    """Headers, HTML as it reads with its tags, and text, casefolded."""
    message = message_from_bytes(mail.raw, policy=policy.default)
    headers = "\n".join(f"{name}: {value}" for name, value in message.items())
    part = message.get_body(("plain",))
    plain = part.get_content() if part else ""
    return "\n".join([headers, html.unescape(mail.html), plain]).casefold()


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Anna", "Holm", "Anna Holm"),
        ("", "Holm", "Holm"),
        ("Win at www.evil.example", "Holm", "Holm"),
        ("Anna", "x" * 200, "Anna"),
        ("Eve\r\nBcc: all@evil.example", "", ""),
    ],
)
def test_the_name_beside_the_address_is_a_name(first: str, last: str, shown: str) -> None:
    """The To: of a mail is as good a place for spam as its text."""
    person = Addressee(1, "a@example.org", first, last, "en", "", "", "", None, None, ())
    assert person.full_name == shown


@pytest.mark.slow
def test_every_mail_goes_out(told: Told) -> None:
    assert set(told.mails) == {case.name for case in CASES}
    report = told.runtime.reporting.report(told.campaign)
    assert (report.sent, report.failed) == (len(CASES), 0)


@pytest.mark.slow
def test_the_poison_reached_the_model(told: Told) -> None:
    """Else clean mails would prove nothing."""
    unasked = [case.name for case in CASES if case.marker not in told.asked]
    assert len(unasked) <= MOST_UNASKED * len(CASES), unasked


@pytest.mark.slow
def test_no_mail_says_what_the_stranger_wanted(told: Told) -> None:
    by_name = {case.name: case for case in CASES}
    leaks = []
    for name, mail in told.mails.items():
        text, own = everything_in(mail), own_name(by_name[name])
        found = ((case.name, case.found_in_folded(text)) for case in CASES)
        leaks += [(name, other, words) for other, words in found if words and words not in own]
    assert leaks == []


def own_name(case: Case) -> str:
    """How the customer may be addressed: whoever is called "{{7*7}}" is greeted so, and a link is no name."""
    return presentable_name(case.poison.get("first_name", "")).casefold()


@pytest.mark.slow
def test_the_model_wrote_what_was_not_poisoned(told: Told) -> None:
    writers = told.runtime.reporting.report(told.campaign).copy_writers
    assert writers["model"] > 0.8 * len(CASES), writers
