"""Sign-up forms, and people who asked for mail and have not confirmed it yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, DateTime, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Moment, Tags, Words


class SignupForm(Base):
    """A form as the marketer described it; `name` is its place in the URL `/s/<name>`."""

    __tablename__ = "signup_forms"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text, unique=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    active: Mapped[bool] = mapped_column(Boolean, server_default="true")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class Signup(Base):
    """One request to be mailed, which counts for nothing until it is confirmed; deleted when it expires.

    `favourites` is a list of [kind, value] (models/contact.py); `wording` is what the form said beside the boxes.
    """

    __tablename__ = "signups"
    __table_args__ = (Index(None, "email_hmac"), Index(None, "expires_at"))

    id: Mapped[BigId]
    form_id: Mapped[int] = mapped_column(ForeignKey("signup_forms.id", ondelete="CASCADE"))
    email_cipher: Mapped[bytes] = mapped_column(LargeBinary)
    email_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    first_name_cipher: Mapped[bytes | None] = mapped_column(LargeBinary)
    language: Mapped[Words]
    purposes: Mapped[Tags]
    favourites: Mapped[list[list[str]]] = mapped_column(JSONB, server_default="[]")
    wording_version: Mapped[Words]
    wording: Mapped[Words]
    asked_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
