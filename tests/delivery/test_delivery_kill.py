"""SIGKILL of a sending process: the journal tells what is known; a mail in flight on each connection is not."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from delivery_servers import Relay, ScriptedRelay
from test_delivery_journal import child_environment

from campaigns.delivery.journal_claim import claimable
from campaigns.delivery.transport import Kind

SUBJECT = re.compile(rb"Subject: (\d+)\r\n")
SENDER = """
import sys
from pathlib import Path
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.journal import Journal
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import OutgoingMail
folder, port, count, connections = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
address = SmtpAddress(f"smtp://127.0.0.1:{port}?tls=none")
transport = JournaledTransport(
    SmtpTransport(address, "shop.example", connections=connections), Journal(folder)
)
text = b"Subject: %d\\r\\n\\r\\n" + b"Hello\\r\\n" * 5000
mails = (
    OutgoingMail(n, "b@s.example", f"c{n}@c.example", text % n, f"<{n}@s.example>")
    for n in range(1, count + 1)
)
for outcome in transport.send_group(mails):
    print(outcome.send_id, flush=True)
"""


def start(folder: Path, port: int, count: int, connections: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SENDER, str(folder), str(port), str(count), str(connections)],
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )


def numbers(relay: Relay) -> list[int]:
    return [int(mail.recipient[1:].split("@")[0]) for mail in relay.received]


def test_killed_while_waiting_for_the_reply_exactly_that_mail_is_unknown(tmp_path: Path) -> None:
    dot_seen, may_answer = threading.Event(), threading.Event()

    def stall(phase: str, address: str) -> None:
        if phase == "data" and address == "c42@c.example":
            dot_seen.set()
            may_answer.wait(10)

    with Relay(stall) as relay:
        child = start(tmp_path, relay.port, 200, 1)
        assert dot_seen.wait(20)
        assert list(claimable(tmp_path)) == [], "its writer lives"
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        may_answer.set()
        (journal,) = claimable(tmp_path)
        states = journal.replay()
        assert states.complete
        assert sorted(states) == list(range(1, 43)), "what was never handed over is absent"
        assert [send_id for send_id, state in states.items() if state.in_flight] == [42]
        assert all(state.outcome.kind is Kind.SENT for state in states.values() if state.outcome)
        assert set(numbers(relay)) - {42} == set(range(1, 42))


MANNERS = [(False, False), (True, False), (True, True)]


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 4])
def test_killed_at_any_moment_nothing_is_lost_and_one_a_connection_is_unknown(
    tmp_path: Path, connections: int
) -> None:
    rng = random.Random(5)
    most_unknown = 0
    for round_number in range(9):
        folder = tmp_path / str(round_number)
        with ScriptedRelay([{}], *MANNERS[round_number % 3], delay=0.008) as relay:
            child = start(folder, relay.port, 100_000, connections)
            assert child.stdout is not None
            for _ in range(2 * connections):
                child.stdout.readline()
            time.sleep(rng.uniform(0, 0.3))
            child.send_signal(signal.SIGKILL)
            child.communicate(timeout=10)
            time.sleep(0.2)  # the relay may still be reading what the kernel had taken over
            opened = relay.connections
            received = [int(found[1]) for mail in relay.accepted if (found := SUBJECT.match(mail))]
        (journal,) = claimable(folder)
        states = journal.replay()
        known = {send_id for send_id, state in states.items() if not state.in_flight}
        unknown = set(states) - known
        most_unknown = max(most_unknown, len(unknown))
        assert len(received) == len(set(received)) > 0
        assert len(unknown) <= opened <= connections
        assert known <= set(received) <= known | unknown
        assert states.complete
    assert most_unknown > 0, "it was never killed in the midst of a mail"
