"""The audit log: who did what, recorded in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns.models import AuditEntry

CLI = "cli"
SCHEDULER = "scheduler"
API = "api:"
"""Begins the name of a key of the API where it stands for who did something."""


def record(
    session: Session,
    at: datetime,
    by: str,
    action: str,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Say that `by` did this; it is kept if and only if the caller's transaction is.

    Args:
        by: a person's name, "api:<key>", "cli" or "scheduler".
        action: thing and past tense with a dot between, such as "campaign.approved".
        subject: what it was done to, such as "campaign 12"; empty where the action says all.
        detail: small and JSON-ready, never personal: a customer by the external number alone.
    """
    session.add(AuditEntry(at=at, by=by, action=action, subject=subject, detail=dict(detail or {})))
