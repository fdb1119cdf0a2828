"""Keys of programs that use the API; only their hashes are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, BigId, CreatedAt, Tags, Words

SCOPES = ("read", "write", "privacy", "send", "recommend", "events", "admin")
"""What a key may do; what each of them opens is told in flows/api_keys.py."""


class ApiKey(Base):
    """`key_hash` is the SHA-256 of a random key of 256 bits, which needs no slow hash; `scopes` are of SCOPES.

    `hint` are its last characters, by which people tell keys apart. `per_minute` requests are answered, as many
    as the house allows where it is null.
    """

    __tablename__ = "api_keys"

    id: Mapped[BigId]
    name: Mapped[str] = mapped_column(Text, unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[Tags]
    hint: Mapped[Words]
    per_minute: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[CreatedAt]
    created_by: Mapped[Words]
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
