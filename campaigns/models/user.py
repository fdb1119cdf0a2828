"""People who sign in to the console, and what their roles allow."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, DateTime, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Tags, Words


class Role(StrEnum):
    """What a person may do, each one also all that the ones before it may.

    viewer sees; author makes segments, imports, drafts, previews and test mails; approver approves, sends and
    stops campaigns; admin looks after people, keys, settings and erasures.
    """

    VIEWER = "viewer"
    AUTHOR = "author"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)

    @property
    def included_in(self) -> tuple[Role, ...]:
        """This role and all that include it."""
        return tuple(role for role in Role if role.includes(self))


class ConsoleUser(Base):
    """`password_hash` is argon2id, empty until a password was chosen; `session_key` changes to end all sessions.

    `link_nonce` is that of the one-time link with which a password is chosen, which works until `link_until`
    (None: for good, the first person's). `totp_secret` is encrypted and in force from `totp_since`;
    `totp_counter` is the time step of the last code that was used. `recovery_codes` are SHA-256 in hexadecimal.
    """

    __tablename__ = "console_users"
    __table_args__ = (CheckConstraint(f"role in {tuple(role.value for role in Role)}", name="role"),)

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[Words]
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    session_key: Mapped[Words]
    link_nonce: Mapped[int | None] = mapped_column(BigInteger)
    link_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    off_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    signed_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    totp_counter: Mapped[int | None] = mapped_column(BigInteger)
    recovery_codes: Mapped[Tags]
