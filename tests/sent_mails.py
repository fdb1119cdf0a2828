"""A campaign whose mails were sent, as rows: for what comes back of it."""

from __future__ import annotations

from campaigns.audience.consent import record
from campaigns.models import Send
from campaigns.runtime import Runtime
from tests.flows.flows_uncertain import uncertain_case


def sent_mails(runtime: Runtime, number: int = 4) -> list[Send]:
    """So many sends to as many customers, each of whom agreed to marketing."""
    case = uncertain_case(runtime.db, runtime.keyring, runtime.signer, ("sent",) * number)
    with runtime.db.transaction() as session:
        sends = [session.get_one(Send, (case.campaign, send)) for send in case.sends]
        for send in sends:
            record(session, send.customer_id, "marketing", "granted", "", "test", send.created_at)
    return sends
