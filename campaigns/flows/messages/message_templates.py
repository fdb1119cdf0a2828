"""Kept messages: what a shop's programs send again and again, by name; a change is a new version."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.compose.message_template import MessageContent, MessageSource, check_message, fill_message
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.described_file import SenderLine, check_described
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.console.audit import record
from campaigns.models import MessageTemplate

CATEGORY = r"^[a-z][a-z0-9_-]{0,39}$"
NAME = r"^[a-z][a-z0-9_-]{0,79}$"
LONGEST_SOURCE = 200_000


class KeptMessage(BaseModel):
    """What is kept of a message: who it comes from, what kind it is, and its words with their blanks."""

    model_config = ConfigDict(extra="forbid")

    category: str = Field(pattern=CATEGORY)
    sender: SenderLine
    reply_to: str = Field("", max_length=320)
    subject: str = Field(min_length=1, max_length=2000)
    text: str = Field(min_length=1, max_length=LONGEST_SOURCE)
    html: str = Field("", max_length=LONGEST_SOURCE)
    mjml: str = Field("", max_length=LONGEST_SOURCE)
    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")

    def source(self) -> MessageSource:
        """The words alone."""
        return MessageSource(self.subject, self.text, self.html, self.mjml, self.language)


class MessageTemplates:
    """Keeps them. One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def save(self, name: str, raw: dict[str, Any], by: str) -> dict[str, Any]:
        """Keep a message under this name, as a new version where it differs from the last one.

        Raises:
            BadInput: names the field, and the line of a wrong statement.
        """
        if not re.fullmatch(NAME, name):
            raise BadInput("must be small letters, digits, - and _, such as order-confirmed", where="name")
        if any("\0" in value for value in raw.values() if isinstance(value, str)):
            raise BadInput("has a NUL character, which no text may have", where=name)
        body = check_described(KeptMessage, raw, name)
        check_message(body.source())
        now = self._clock.now()
        with self._db.transaction() as session:
            # One at a time: two who save at once must not take one number.
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"message {name}", 0))))
            last = _last(session, name)
            if last is None or last.removed_at is not None or last.body != body.model_dump():
                version = 1 + (last.version if last else 0)
                row = MessageTemplate(
                    name=name, version=version, body=body.model_dump(), created_at=now, created_by=by
                )
                session.add(row)
                session.flush()
                record(
                    session,
                    now,
                    by,
                    "message_template.saved",
                    f"message template {name}",
                    {"version": version},
                )
                last = row
            return _as_plain(last)

    def show(self, name: str) -> dict[str, Any]:
        """The last version: {name, version, created_at, created_by, body}.

        Raises:
            NotFound: there is none of this name.
        """
        with self._db.transaction() as session:
            return _as_plain(_there(session, name))

    def list(self) -> list[dict[str, Any]]:
        """The last version of each, by name."""
        with self._db.transaction() as session:
            newest = select(func.max(MessageTemplate.id)).group_by(MessageTemplate.name)
            there = select(MessageTemplate).where(
                MessageTemplate.id.in_(newest), MessageTemplate.removed_at.is_(None)
            )
            return [_as_plain(row) for row in session.scalars(there.order_by(MessageTemplate.name))]

    def remove(self, name: str, by: str) -> None:
        """From now on nobody can send it; what is queued goes out.

        Raises:
            NotFound: there is none of this name.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            _there(session, name).removed_at = now
            record(session, now, by, "message_template.removed", f"message template {name}")

    def preview(self, name: str, data: dict[str, Any]) -> MessageContent:
        """The kept message with this data in it.

        Raises:
            NotFound: there is none of this name.
            BadInput: it asks for what the data does not have.
        """
        with self._db.transaction() as session:
            body = kept_template(session, name)[1]
        return fill_message(body.source(), data)


def kept_template(session: Session, name: str) -> tuple[int, KeptMessage]:
    """The number of the last version, and what it says.

    Raises:
        NotFound: there is none of this name.
    """
    row = _there(session, name)
    return row.version, KeptMessage.model_validate(row.body)


def _there(session: Session, name: str) -> MessageTemplate:
    row = _last(session, name)
    if row is None or row.removed_at is not None:
        raise NotFound(f'there is no kept message "{name}"')
    return row


def _last(session: Session, name: str) -> MessageTemplate | None:
    found = select(MessageTemplate).where(MessageTemplate.name == name)
    return session.scalar(found.order_by(MessageTemplate.version.desc()).limit(1))


def _as_plain(row: MessageTemplate) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        **row.body,
    }
