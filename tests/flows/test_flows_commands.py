"""The command in this process: exit statuses, errors that say what to mend, JSON that scripts can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command, approved, send_all


@pytest.fixture
def tailormail(shop: Runtime, command: Command) -> Command:
    """Runs the command on the sample shop; returns (exit status, stdout, stderr)."""
    return command


def test_a_campaign_from_file_to_report(
    tailormail: Command, shop: Runtime, sample: SampleFiles, tmp_path: Path
) -> None:
    status, out, _ = tailormail("campaign", "create", str(sample.campaign), "--json")
    assert status == 0
    campaign = str(json.loads(out)["id"])
    status, out, _ = tailormail(
        "campaign",
        "preview",
        campaign,
        "--customer",
        "C000001",
        "--weather",
        "snow",
        "-o",
        str(tmp_path / "p"),
        "--json",
    )
    slots = json.loads(out)["slots"]
    assert slots == {"hero": "snow", "offer": slots["offer"]}
    assert slots["offer"].startswith("card of ")
    assert {file.name for file in (tmp_path / "p").iterdir()} == {
        "mail.html",
        "mail.txt",
        "mail.eml",
        "why.json",
        "hero.jpg",
        "offer.jpg",
    }
    html = (tmp_path / "p" / "mail.html").read_text()
    assert 'src="hero.jpg"' in html and 'src="offer.jpg"' in html
    assert json.loads(tailormail("campaign", "approve", campaign, "--json")[1])["status"] == "approved"
    shown = json.loads(tailormail("campaign", "show", campaign, "--json")[1])
    assert shown["audience_now"]["planned"] > 0
    assert shown["history"][0]["to"] == "approved"
    send_all(shop, int(campaign))
    report = json.loads(tailormail("report", campaign, "--json")[1])
    assert report["sent"] == shown["audience_now"]["planned"]
    assert json.loads(tailormail("campaign", "list", "--json")[1])[0]["status"] == "sent"
    assert json.loads(tailormail("reconcile", campaign, "--json")[1]) == []


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("campaign", "show", "999"), 1, "campaign list"),
        (("campaign", "create", "nowhere.toml"), 1, "no such file"),
        (("recommend", "nobody@example.org"), 1, "no customer nobody@example.org"),
        (("customer", "export", "nobody@example.org"), 1, "no customer has this address"),
        (("import", "customers", "nowhere.csv"), 1, "nowhere.csv"),
        (("import", "customers"), 2, "Missing argument"),
        (("import", "orders", "x.csv", "--map", "nonsense"), 2, "FIELD="),
        (("campaign", "schedule", "1", "tomorrow"), 2, "2026-12-01"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_what_is_refused_says_why(
    tailormail: Command, arguments: tuple[str, ...], status: int, says: str
) -> None:
    got, _, err = tailormail(*arguments)
    assert got == status
    assert says in err
    assert "Traceback" not in err


def test_every_wrong_field_of_a_campaign_file_is_named(tailormail: Command, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        'name = ""\ntemplate = "outdoor"\npicks = 99\nsender = "nobody"\npostal_address = "x"\nbrif = 1\n'
    )
    status, _, err = tailormail("campaign", "create", str(path))
    assert status == 1
    for field in ("wrong.toml", "name", "picks", "sender", "brief", "brif"):
        assert field in err


def test_a_date_in_the_offer_is_kept_and_a_slot_that_the_template_lacks_is_refused(
    tailormail: Command, sample: SampleFiles
) -> None:
    described = sample.campaign.read_text()
    dated = sample.campaign.with_name("dated.toml")
    dated.write_text(
        described.replace(
            "[[slots]]",
            '[brief.offer]\namount_percent = 10\ncode = "STEAM"\nends = 2027-12-24\n\n[[slots]]',
            1,
        )
    )
    status, out, _ = tailormail("campaign", "create", str(dated), "--json")
    assert status == 0
    shown = json.loads(tailormail("campaign", "show", str(json.loads(out)["id"]), "--json")[1])
    assert shown["brief"]["offer"]["ends"] == "2027-12-24"
    lacking = sample.campaign.with_name("lacking.toml")
    lacking.write_text(described.replace('name = "hero"', 'name = "banner"'))
    status, _, err = tailormail("campaign", "create", str(lacking))
    assert status == 1
    assert "no slot 'banner'; it has hero, offer" in err


def test_export_and_erase(tailormail: Command, shop: Runtime, sample: SampleFiles) -> None:
    send_all(shop, approved(shop, sample))
    email = sample.customers.read_text().splitlines()[1].split(",")[1]
    exported = json.loads(tailormail("customer", "export", email)[1])
    assert exported["orders"] is not None
    assert exported["consents"] is not None
    assert tailormail("customer", "erase", email, "--yes")[0] == 0
    status, _, err = tailormail("customer", "export", email)
    assert status == 1
    assert "no customer" in err


def test_the_doctor_says_what_is_in_force(tailormail: Command) -> None:
    status, out, _ = tailormail("doctor", "--json")
    parts = {finding["part"]: finding for finding in json.loads(out)}
    assert (status, [finding for finding in parts.values() if not finding["fine"]]) == (0, [])
    assert parts["PostgreSQL"]["in_force"] == "TAILORMAIL_DATABASE_URL"
    assert parts["copy"]["in_force"] == "the offline writer"


def test_the_doctor_names_what_does_not_answer(tailormail: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILORMAIL_SMTP_URL", "smtp://127.0.0.1:1?tls=none")
    status, out, _ = tailormail("doctor", "--json")
    assert status == 1
    assert not next(f for f in json.loads(out) if f["part"] == "mail")["fine"]


def test_malformed_settings_are_refused_before_anything_starts(
    tailormail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILORMAIL_SMTP_URL", "relay.example")
    status, _, err = tailormail("campaign", "list")
    assert status == 1
    assert "TAILORMAIL_SMTP_URL" in err


def test_a_preview_in_a_weather_of_ones_own(tailormail: Command, sample: SampleFiles, tmp_path: Path) -> None:
    status, out, _ = tailormail("campaign", "create", str(sample.campaign), "--json")
    asked = (
        "campaign",
        "preview",
        str(json.loads(out)["id"]),
        "--customer",
        "C000001",
        "-o",
        str(tmp_path / "p"),
    )
    status, _, _ = tailormail(*asked, "--temperature", "-4.5", "--wind", "50")
    assert status == 0
    status, _, told = tailormail(*asked, "--wind", "strong")
    assert status != 0
    assert "wind: needs a number of km/h from 0 to 410, such as 4.5" in " ".join(told.split())
