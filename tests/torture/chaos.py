"""Random faults, each struck while mails are going out."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from campaigns.models.send import FINAL
from tests.torture.doubling import double_tasks
from tests.torture.stage import WORKERS, Deploy, Stage

_FLOW_SECONDS = 60.0
_MOST_SECONDS_A_FAULT = 60.0
_JUMP_SECONDS = 6 * 3600
# What a fault takes at first sight; measured as the run goes on.
_USUAL_SECONDS = 4.0
# So much slower than needed, so that the last fault finds mails that are going out.
_RESERVE = 0.8


@dataclass
class Played:
    """What was done, and what that allows."""

    faults: Counter[str] = field(default_factory=Counter)
    killed_connections: int = 0
    deploys: list[Deploy] = field(default_factory=list)
    doubled_tasks: int = 0


class Chaos:
    """Plays every kind of fault equally often, in an order that `rng` decides.

    The sink is told to be so slow that the campaign of `mails` lasts for all `faults`.
    """

    def __init__(self, stage: Stage, rng: random.Random, tell: Callable[[str], None]) -> None:
        self.played = Played()
        self._stage = stage
        self._rng = rng
        self._tell = tell
        self._chunking = True
        self._bag: list[Callable[[], str]] = []

    def play(self, campaign_id: int, faults: int, mails: int) -> None:
        """Strike until enough faults were played or all mails are out."""
        self._pace(faults, mails, _USUAL_SECONDS)
        self._mails_flow(campaign_id)
        begin = time.monotonic()
        for number in range(faults):
            if time.monotonic() - begin > _MOST_SECONDS_A_FAULT * faults or not self._mails_flow(campaign_id):
                break
            time.sleep(self._rng.uniform(0.0, 1.0))
            name = self._draw()()
            self.played.faults[name] += 1
            gone = time.monotonic() - begin
            self._tell(f"{number + 1}/{faults} {gone:.0f} s {name}  {self._stage.settled(campaign_id)}")
            self._pace(faults - number - 1, mails, gone / (number + 1))
        self._stage.sink_wants(rate=0.0, chunking=self._chunking)

    def _pace(self, faults_left: int, mails: int, seconds_a_fault: float) -> None:
        left = mails - self._stage.received_count()
        self._rate = max(1.0, _RESERVE * left / (seconds_a_fault * (faults_left + 1)))
        self._stage.sink_wants(self._rate, self._chunking)

    def _mails_flow(self, campaign_id: int) -> bool:
        """Wait until mails go out again, so that each fault strikes work; False when all are out."""
        before, deadline = self._stage.received_count(), time.monotonic() + _FLOW_SECONDS
        while self._stage.received_count() == before and time.monotonic() < deadline:
            self._stage.keep_running()
            by_status = self._stage.settled(campaign_id)
            if by_status and not set(by_status) - FINAL:
                return False
            time.sleep(0.1)
        return True

    def _draw(self) -> Callable[[], str]:
        if not self._bag:
            self._bag = [
                self._kill_worker, self._kill_all_workers, self._lose_redis, self._stop_postgres,
                self._kill_sink, self._kill_sink_in_mid_mail, self._kill_sink_in_mid_mail, self._deploy,
                self._fill_disk, self._hide_journals, self._double_tasks,
            ]  # fmt: skip
            if self._stage.clock.library:
                self._bag.append(self._jump)
            self._rng.shuffle(self._bag)
        return self._bag.pop()

    def _kill_worker(self) -> str:
        self.played.killed_connections += self._stage.kill_workers([self._rng.randrange(WORKERS)])
        return "SIGKILL a worker"

    def _kill_all_workers(self) -> str:
        self.played.killed_connections += self._stage.kill_workers(range(WORKERS))
        return "SIGKILL all workers"

    def _kill_sink(self) -> str:
        self._other_manner()
        self.played.killed_connections += self._stage.kill_sink()
        return "SIGKILL the sink"

    def _kill_sink_in_mid_mail(self) -> str:
        manner = "BDAT" if self._chunking else "DATA"
        self._other_manner()
        connections, in_mid_mail = self._stage.kill_sink_in_mid_mail()
        self.played.killed_connections += connections
        return f"SIGKILL the sink in mid-{manner}" if in_mid_mail else "SIGKILL the sink"

    def _other_manner(self) -> None:
        """The next sink offers CHUNKING if this one does not, and the other way round."""
        self._chunking = not self._chunking
        self._stage.sink_wants(self._rate, self._chunking)

    def _deploy(self) -> str:
        self.played.deploys.append(self._stage.deploy(self._rng.randrange(WORKERS)))
        return "SIGTERM a worker"

    def _lose_redis(self) -> str:
        self._stage.lose_redis()
        return "SIGKILL Redis, data lost"

    def _stop_postgres(self) -> str:
        self._stage.stop_postgres()
        return "stop PostgreSQL at once"

    def _fill_disk(self) -> str:
        self._stage.disk.fill(1.5, self._stage.worker_processes)
        return "disk under the journals full"

    def _hide_journals(self) -> str:
        self._stage.hide_journals()
        return "folder of the journals gone"

    def _double_tasks(self) -> str:
        self.played.doubled_tasks += double_tasks(self._stage.redis_url)
        return "every task twice"

    def _jump(self) -> str:
        """Hours ahead, hours behind while it works, and from there to anywhere."""
        for _ in range(2):
            self._stage.clock.set(self._rng.randint(-_JUMP_SECONDS, _JUMP_SECONDS))
            time.sleep(1.0)
        if self._rng.random() < 0.5:
            self._stage.clock.set(0)
        return "clock of a worker jumps"
