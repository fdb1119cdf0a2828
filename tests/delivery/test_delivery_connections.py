"""Several connections at once: how many are opened, and what a cut at any point on one of them means."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from delivery_servers import CLOSE, DRIP, HANG, RESET, ScriptedRelay, a_mail
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome
from tests.waiting import in_time

manners = pytest.mark.parametrize(
    ("pipelining", "chunking"),
    [(False, False), (True, False), (True, True)],
    ids=["stepwise", "pipelining", "chunking"],
)


def handed_over(
    relay: ScriptedRelay, count: int, connections: int, body: bytes = b"Hello.\r\n", wait: float = 5.0
) -> list[Outcome]:
    """The outcomes in the order of the mails, after checking what holds for every relay, however mad."""
    transport = SmtpTransport(
        relay.address, "shop.example", timeout=wait, final_timeout=wait, connections=connections
    )
    announced: set[int] = set()
    outcomes: dict[int, Outcome] = {}

    def announce(send_id: int) -> None:
        announced.add(send_id)
        assert len(announced - set(outcomes)) <= connections

    for outcome in transport.send_group((a_mail(n, body=body) for n in range(count)), announce):
        assert outcome.send_id not in outcomes, "two outcomes for one mail"
        outcomes[outcome.send_id] = outcome
    transport.close()
    assert sorted(outcomes) == list(range(count)), "a mail without an outcome"
    kept = Counter(relay.kept)
    for n, outcome in outcomes.items():
        times = kept.pop(a_mail(n, body=body).message, 0)
        assert times <= 1, "a second copy"
        if outcome.kind is not Kind.UNCERTAIN:
            assert times == (outcome.kind is Kind.SENT), outcome
    assert not kept, "mails that nobody sent"
    return [outcomes[n] for n in range(count)]


def counts(outcomes: list[Outcome]) -> Counter[Kind]:
    return Counter(outcome.kind for outcome in outcomes)


@manners
def test_a_distant_relay_is_served_over_all_connections(pipelining: bool, chunking: bool) -> None:
    for connections in (1, 4):
        with ScriptedRelay(pipelining=pipelining, chunking=chunking, delay=0.03) as relay:
            transport = SmtpTransport(relay.address, "shop.example", connections=connections)
            warm = list(transport.send_group(a_mail(n) for n in range(8)))
            relay.most_on_their_way = 0
            outcomes = list(transport.send_group(a_mail(n) for n in range(8, 32)))
            transport.close()
            assert counts(warm + outcomes) == {Kind.SENT: 32}
            assert relay.connections == relay.most_on_their_way == connections


def test_a_quick_relay_needs_few_connections() -> None:
    with ScriptedRelay(chunking=True) as relay:
        assert counts(handed_over(relay, 200, connections=8)) == {Kind.SENT: 200}
        assert relay.connections <= 4  # one or two; the machine may be busy


def test_a_relay_that_wants_no_further_connection_is_not_called_away() -> None:
    with ScriptedRelay([{}, {"banner": "421 4.7.0 one is enough"}], chunking=True, delay=0.02) as relay:
        assert counts(handed_over(relay, 20, connections=4)) == {Kind.SENT: 20}
        assert relay.connections == 2, "asked once, not again and again"


@manners
@pytest.mark.parametrize("trouble", [CLOSE, RESET, "421 4.3.2 going down"])
@pytest.mark.parametrize("phase", ["mail#2", "rcpt#2", "data#2", "body", "dot#2", "bdat#2"])
def test_a_cut_on_one_of_several_costs_at_most_the_mail_in_flight_there(
    phase: str, trouble: str, pipelining: bool, chunking: bool
) -> None:
    if phase[:4] in (("data", "dot#") if chunking else ("bdat",)) or (phase == "body" and trouble[0] == "4"):
        pytest.skip("there is no such moment")
    body = b"some sixty characters of text, repeated until it is long....\r\n" * 400
    with ScriptedRelay([{}, {phase: trouble}, {}], pipelining, chunking, delay=0.02) as relay:
        found = counts(handed_over(relay, 30, connections=3, body=body))
        assert found[Kind.SENT] >= 29
        assert found[Kind.UNCERTAIN] <= 1
        if trouble.startswith("421") or (not chunking and phase not in ("body", "dot#2")):
            assert found == {Kind.SENT: 30}, "nothing was handed over: tried again"
        assert relay.connections >= 3


@manners
def test_a_silent_connection_does_not_hold_up_the_others(pipelining: bool, chunking: bool) -> None:
    script = {"dot#2": HANG, "bdat#2": HANG}
    with ScriptedRelay([{}, script, {}], pipelining, chunking, delay=0.01) as relay:
        began = time.monotonic()
        found = counts(handed_over(relay, 60, connections=3, wait=1.0))
        assert found == {Kind.SENT: 59, Kind.UNCERTAIN: 1}
        assert in_time(began, 3)


REPLIES = ["421 4.3.2 bye", "450 4.2.1 later", "550 5.1.1 nobody", "250 2.0.0 OK", "354 go on", "hm?"]
TROUBLES = st.sampled_from([*REPLIES, *REPLIES, CLOSE, CLOSE, RESET, RESET, HANG, DRIP])
PHASES = {
    (False, False): ["mail", "rcpt", "data", "dot", "rset", "body", "banner"],
    (True, False): ["mail", "rcpt", "data", "dot", "rset", "body", "banner"],
    (True, True): ["mail", "rcpt", "bdat", "rset", "body", "banner"],
}


@st.composite
def mad_relays(draw: st.DrawFn) -> ScriptedRelay:
    """Relays with up to three troubles on each of their first connections."""
    manner = draw(st.sampled_from(list(PHASES)))
    moments = st.builds("{}#{}".format, st.sampled_from(PHASES[manner]), st.integers(1, 3))
    scripts = draw(
        st.lists(st.dictionaries(moments, TROUBLES, min_size=1, max_size=3), min_size=1, max_size=4)
    )
    return ScriptedRelay([*scripts, {}], *manner, delay=draw(st.sampled_from([0.0, 0.006])))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(relay=mad_relays(), connections=st.integers(1, 3), long=st.booleans())
def test_no_relay_however_mad_makes_two_outcomes_or_none(
    relay: ScriptedRelay, connections: int, long: bool
) -> None:
    with relay:
        body = b"line of the mail\r\n" * (4000 if long else 1)
        handed_over(relay, 9, connections, body, wait=0.15)
