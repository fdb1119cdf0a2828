"""Everything that is stored, as bytes in which a test can look for what must not be there."""

from __future__ import annotations

import base64
import json
import quopri
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import redis
from sqlalchemy import text

from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import Database, libpq_url
from campaigns.core.embedded_postgres import postgres_programs

CONTEXTS = (
    "customers.email", "notices.email", "signups.email", "signups.first_name", "provider payload",
    "test_mails.email", "messages.email", "messages.content", "webhook_endpoints.secret",
    "console_users.totp_secret", "idempotent_requests.answer",
)  # fmt: skip
"""Of everything that is encrypted; `opened_fields` fails at one that is missing here."""


def everything_in_postgres(db: Database, keyring: KeyRing) -> bytes:
    """pg_dump of all tables, then what the encrypted fields of all tables say."""
    dump = subprocess.run(
        [postgres_programs() / "pg_dump", "--data-only", "--column-inserts", libpq_url(db.url)],
        capture_output=True,
        check=True,
    )
    assert b"INSERT INTO public.customers" in dump.stdout
    return dump.stdout + b"\n" + "\n".join(opened_fields(db, keyring)).encode()


def opened_fields(db: Database, keyring: KeyRing) -> list[str]:
    """Every encrypted field, opened."""
    found = []
    with db.transaction() as session:
        columns = session.execute(
            text(
                "select table_name, column_name from information_schema.columns where table_schema = 'public'"
                " and data_type = 'bytea' and column_name like '%cipher'"
            )
        ).all()
        assert len(columns) >= 5
        for table, column in columns:
            values = session.scalars(text(f"select {column} from {table} where octet_length({column}) > 0"))
            found += [_opened(keyring, bytes(value), f"{table}.{column}") for value in values]
    return found


def _opened(keyring: KeyRing, value: bytes, where: str) -> str:
    for context in CONTEXTS:
        try:
            return keyring.decrypt(value, context)
        except CannotDecrypt:
            continue
    raise AssertionError(f"{where} is encrypted with a context that CONTEXTS does not name")


def everything_in_redis(client: redis.Redis) -> bytes:
    """All keys with all that they hold; not by DUMP, which compresses."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange, b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }  # fmt: skip
    keys = list(client.scan_iter())
    return b"\n".join(b" ".join(_flat([key, read[cast(bytes, client.type(key))](key)])) for key in keys)


def _flat(value: Any) -> Iterator[bytes]:
    """All that is in a value of Redis, as it is: `repr` would change the backslashes of JSON."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _flat(pair)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _flat(inner)
    else:
        yield str(value).encode()


def everything_in_files(folder: Path) -> bytes:
    """Names and contents of all files below a folder, and mails once more without what their lines are packed in."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found += [str(path.relative_to(folder)).encode(), content, quopri.decodestring(content)]
    return b"\n".join(found)


def forms_of(value: str) -> set[bytes]:
    """The ways in which a value may be written: plain, in lower case, packed for mail, JSON, URLs or a dump."""
    forms: set[bytes] = set()
    for text_ in {value, value.lower(), value.casefold()}:
        raw = text_.encode()
        forms |= {
            raw,
            raw.hex().encode(),
            json.dumps(text_)[1:-1].encode(),
            repr(raw)[2:-1].encode(),
            quopri.encodestring(raw).rstrip(b"=\n"),
            quote(text_, safe="").encode(),
            *_in_base64(raw),
        }
    return forms


def _in_base64(raw: bytes) -> Iterable[bytes]:
    """At each of the three places where it may begin within what is encoded, without the uncertain ends."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        begin = 4 if before else 0
        end = len(whole) - (4 if (before + len(raw)) % 3 else 0)
        if end - begin >= 6:
            yield whole[begin:end]


def traces(where: bytes, values: Iterable[str]) -> set[str]:
    """Which of the values are there, in whichever form."""
    return {value for value in values if any(form in where for form in forms_of(value))}
