"""Pictures at open: token, consent, requester, place, weather, choice, and the record of it."""

from __future__ import annotations

from sqlalchemy import select

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, measure
from campaigns.flows.opening.askers import Asker
from campaigns.models import Picture, Send, SendStatus

_AT_ONCE = 100
_REPETITIONS = 10
_THUNDERBIRD = Asker(
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9"
)


def figures(bench: Bench) -> dict[str, Figure]:
    """Opens a second, each the first one of a mail that was sent by an earlier measurement."""
    runtime = bench.runtime
    wanted = (
        select(Send.campaign_id, Send.id)
        .where(Send.tracked, Send.status == SendStatus.SENT.value)
        .order_by(Send.id)
    )
    with runtime.db.transaction() as session:
        sends = session.execute(wanted).all()
    tokens = iter([runtime.signer.sign("open", campaign, send, 0) for campaign, send in sends])
    at_once = max(1, min(_AT_ONCE, len(sends) // _REPETITIONS))
    shown = bench.plan.slots[0].default.picture

    def work() -> int:
        done = 0
        for _, token in zip(range(at_once), tokens, strict=False):
            if runtime.opening.picture(token, _THUNDERBIRD).shown == "plain":
                raise RuntimeError("an open was answered with the stand-in for broken ones")
            done += 1
        return done

    def read_only() -> int:
        for _ in range(at_once):
            with runtime.db.transaction() as session:
                session.execute(select(Picture.media_type, Picture.body).where(Picture.sha256 == shown)).one()
        return at_once

    floor_is = "reading such a picture by its key"
    return {"opens": measure(work, "opens/s", floor=read_only, floor_is=floor_is)}
