"""`tailormail suppression`, as an operator types it, and what becomes of mail that is about to leave."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import select, update

from campaigns.audience.customers import address_of
from campaigns.core.errors import BadInput
from campaigns.models import Customer, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command, approved


def addresses(runtime: Runtime) -> dict[int, str]:
    with runtime.db.transaction() as session:
        return {one.id: address_of(runtime.keyring, one) for one in session.scalars(select(Customer))}


def test_an_address_is_added_checked_and_lifted(runtime: Runtime, command: Command) -> None:
    assert command("suppression", "check", "anna@shop.example")[1] == "not suppressed\n"
    assert json.loads(command("suppression", "add", "anna@shop.example", "--json")[1]) == {
        "new": True,
        "customers": 1,
    }
    assert command("suppression", "add", "ANNA@shop.example", "--reason", "bounced")[1].startswith(
        "was suppressed already"
    )
    found = json.loads(command("suppression", "check", "anna@shop.example", "--json")[1])
    assert found["suppressed"] and found["by"][0]["reason"] == "manual"
    assert json.loads(command("suppression", "list", "--json")[1]) == {
        "addresses": {"manual": 1},
        "domains": [],
    }
    assert "manual" in command("suppression", "list")[1]
    lifted = json.loads(command("suppression", "lift", "anna@shop.example", "--json")[1])
    assert (len(lifted["lifted"]), lifted["left"]) == (1, [])
    assert command("suppression", "lift", "anna@shop.example") == (0, "was not suppressed\n", "")


def test_a_domain_stays_against_an_address_that_is_lifted(runtime: Runtime, command: Command) -> None:
    command("suppression", "add", "anna@shop.example")
    assert "concerns 0 customers" in command("suppression", "add", "@Shop.Example", "--source", "board")[1]
    assert (
        "still suppressed: domain shop.example: manual, from board"
        in (command("suppression", "lift", "anna@shop.example")[1])
    )
    assert "shop.example" in command("suppression", "list")[1]
    assert command("suppression", "check", "@shop.example")[1].startswith("domain shop.example: manual")
    assert command("suppression", "lift", "@shop.example")[0] == 0
    assert command("suppression", "check", "anna@shop.example")[1] == "not suppressed\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("add", "anna"), 1, "is not a mail address"),
        (("add", "@nowhere"), 1, "is not a domain"),
        (("check", "@"), 1, "is not a domain"),
        (("add", "anna@shop.example", "--reason", "erased"), 2, "is not one of"),
        (("import", "missing.csv"), 1, "cannot be opened"),
        (("export", "no/such/folder/list.csv"), 1, "cannot be written"),
        (("import", "x.csv", "--map", "address"), 2, "must look like FIELD="),
    ],
)
def test_wrong_words_are_refused_with_a_reason(
    runtime: Runtime, command: Command, words: tuple[str, ...], status: int, told: str
) -> None:
    got, _, err = command("suppression", *words)
    assert got == status and told in err


def test_whoever_wants_to_be_erased_is_not_only_suppressed(runtime: Runtime) -> None:
    with pytest.raises(BadInput, match="customer erase"):
        runtime.suppressing.add("anna@shop.example", "erased")


def test_a_list_goes_out_and_comes_back(runtime: Runtime, command: Command, tmp_path: Path) -> None:
    given = tmp_path / "theirs.csv"
    given.write_text("Mail,reason\nanna@shop.example,complained\n@gone.example,manual\nnobody,manual\n")
    status, out, err = command("suppression", "import", given, "--map", "address=Mail")
    assert (status, out) == (0, "theirs.csv: 3 rows read; 2 new, 0 known, 1 skipped\n")
    assert "line 4" in err
    ours = tmp_path / "ours.csv"
    ours.write_text("of before")
    assert json.loads(command("suppression", "export", ours, "--json")[1])["rows"] == 2
    assert stat.S_IMODE(ours.stat().st_mode) == 0o600
    rows = list(csv.DictReader(ours.open()))
    assert [(row["domain"], row["reason"]) for row in rows] == [
        ("gone.example", "manual"),
        ("", "complained"),
    ]
    assert "anna" not in ours.read_text()
    command("suppression", "lift", "anna@shop.example")
    again = json.loads(command("suppression", "import", ours, "--json")[1])
    assert (again["added"], again["known"], again["skipped"]) == (1, 1, 0)
    assert runtime.suppressing.check("anna@shop.example")[0].reason == "complained"
    assert [path.name for path in tmp_path.glob(".ours*")] == []


def test_what_is_suppressed_after_freezing_is_not_sent(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        planned = list(
            session.scalars(select(Send.customer_id).where(Send.status == "planned").order_by(Send.id))
        )
        # As if they had been imported before the schema knew domains.
        session.execute(update(Customer).values(email_domain_hmac=None))
    known = addresses(shop)
    gone = known[planned[0]].rpartition("@")[2]
    others = [own for own in planned if not known[own].endswith("@" + gone)]
    alone = others[0] if others else planned[1]
    shop.suppressing.add(known[alone])
    done = shop.suppressing.add("@" + gone)
    hit = {own for own in planned if known[own].endswith("@" + gone)} | {alone}
    assert done.customers == sum(address.endswith("@" + gone) for address in known.values())
    while shop.sending.send_batch(campaign_id).claimed or shop.wordsmith.work():
        pass
    with shop.db.transaction() as session:
        held = set(
            session.scalars(
                select(Send.customer_id).where(Send.status == "held_back", Send.reason == "suppressed")
            )
        )
        sent = set(session.scalars(select(Send.customer_id).where(Send.status == "sent")))
    assert held >= hit and not sent & hit
