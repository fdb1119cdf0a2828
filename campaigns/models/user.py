"""People who sign in to the console."""

from __future__ import annotations

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt


class ConsoleUser(Base):
    """`password_hash` is argon2id; `role` is one of viewer, author, approver, admin."""

    __tablename__ = "console_users"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
