"""How spam filters judge a mail: SpamAssassin, where it is installed, asked without the network.

The rules and their scores are those of the installed release; `-L` leaves out whatever asks others, so that the
same mail gets the same score everywhere, and no customer's mail leaves the machine.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from campaigns.core.errors import ServiceUnavailable

SERVICE = "SpamAssassin"
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SpamVerdict:
    """The points of a mail, and the rules that gave some, dearest first, by name."""

    score: float
    rules: dict[str, float]


class SpamJudge(Protocol):
    """Whoever tells how much like spam mails look."""

    def judge(self, messages: Sequence[bytes]) -> list[SpamVerdict]:
        """A verdict for each of these messages.

        Raises:
            ServiceUnavailable: no verdict in time.
        """
        ...


class SpamAssassin:
    """The real one, started once for all messages: loading its rules takes most of the time.

    `seconds` is how long it may take for all of them.
    """

    def __init__(self, program: str, seconds: float = SECONDS) -> None:
        self._program = program
        self._seconds = seconds

    def judge(self, messages: Sequence[bytes]) -> list[SpamVerdict]:
        """See SpamJudge."""
        if not messages:
            return []
        # Headers that nobody else can have written carry the number and the verdict: the order is not kept.
        name = f"V{secrets.token_hex(8)}"
        with tempfile.TemporaryDirectory() as folder:
            try:
                ran = subprocess.run(
                    [
                        self._program, "--local", "--test-mode", "--nocreate-prefs", "--mbox",
                        f"--cf=add_header all {name} _HEADER(X-{name})_ _SCORE_ _TESTSSCORES(,)_", "--cf=fold_headers 0",
                    ],
                    input=b"".join(_in_mbox(f"X-{name}: {at}", mail) for at, mail in enumerate(messages)),
                    capture_output=True,
                    timeout=self._seconds,
                    check=False,
                    env={"PATH": os.defpath, "HOME": folder, "LC_ALL": "C"},
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise ServiceUnavailable(SERVICE, f"no verdict within {self._seconds:g} seconds") from None
            except OSError as error:
                raise ServiceUnavailable(SERVICE, error.strerror or "cannot be started") from None
        line = rf"^X-Spam-{name}: (\d+) +(-?[\d.]+) ?(\S*)$".encode()
        found = {int(at): _verdict(*told) for at, *told in re.findall(line, ran.stdout, re.MULTILINE)}
        if set(found) != set(range(len(messages))):
            raise ServiceUnavailable(SERVICE, f"{len(found)} verdicts on {len(messages)} mails")
        return [found[at] for at in range(len(messages))]


class KnownVerdicts:
    """One that knows what it will say: for each phrase that a message has, its points; for rehearsals and tests."""

    def __init__(self, phrases: dict[bytes, tuple[str, float]] | None = None) -> None:
        self._phrases = phrases or {}

    def judge(self, messages: Sequence[bytes]) -> list[SpamVerdict]:
        """See SpamJudge."""
        verdicts = []
        for message in messages:
            rules = dict(rule for phrase, rule in self._phrases.items() if phrase in message)
            verdicts.append(SpamVerdict(round(sum(rules.values()), 1), rules))
        return verdicts


def installed_judge() -> SpamJudge | None:
    """SpamAssassin, or None where it is not installed."""
    program = shutil.which("spamassassin")
    return SpamAssassin(program) if program else None


def _in_mbox(number: str, message: bytes) -> bytes:
    text = re.sub(rb"(?m)^From ", b">From ", message.replace(b"\r\n", b"\n"))
    return (
        b"From preflight@localhost Thu Jan  1 00:00:00 2026\n" + number.encode("ascii") + b"\n" + text + b"\n"
    )


def _verdict(score: bytes, rules: bytes) -> SpamVerdict:
    pairs = (rule.partition("=") for rule in rules.decode("ascii", "replace").split(",") if "=" in rule)
    scored = {name: float(points) for name, _, points in pairs}
    dearest = sorted(scored.items(), key=lambda rule: -rule[1])
    return SpamVerdict(float(score), {name: points for name, points in dearest if points >= 0.05})
