"""A listener for SMTP (RFC 5321) and LMTP (RFC 2033): takes mail for addresses of ours, and for no others.

It never passes anything on. Mail is answered with 250 when it was taken in, and with 451 when that cannot be done
now: the sender then keeps it and comes again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiosmtpd.smtp import SMTP

from campaigns.core.errors import NotConfigured, ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.delivery.inbound.arrived import MOST_BYTES

log = get_logger(__name__)
# It writes down every command, and those have addresses in them.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

_THREADS = 4
_MOST_CONNECTIONS = 100
_MOST_COMMANDS = 1_000
_IDLE_SECONDS = 120.0
_FINISH_SECONDS = 10.0
# Odd servers write long lines into their bounces; RFC 5322 (2.1.1) allows 998 characters.
_LONGEST_LINE = 64 * 1024
# Dots, line ends and commands besides the message itself.
_MOST_READ = MOST_BYTES * 2

Take = Callable[[bytes, Sequence[str]], object]
"""Takes in a message, sent to these recipients.

Raises:
    ServiceUnavailable: not now.
"""


class Listener:
    """Listens from `start` until `close`, in a thread of its own.

    Args:
        take: called in one of four threads for each message.
        accepts: whether an address is ours; called in the listener's thread, so it must be quick.
        port: 0 for any that is free; `port` says which one it is.
        lmtp: LMTP in place of SMTP.
        name: how it calls itself in the greeting.
        tls: offers STARTTLS with this certificate.
    """

    def __init__(
        self,
        take: Take,
        accepts: Callable[[str], bool],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        lmtp: bool = False,
        name: str = "localhost",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.lmtp, self.name, self.tls = lmtp, name, tls
        self.connections = 0
        self._take = take
        self._accepts = accepts
        self._busy = 0
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="inbound")
        self._thread = threading.Thread(target=self._run, daemon=True, name="inbound-listener")
        self._ready = threading.Event()
        self._failure: OSError | None = None

    def start(self) -> Listener:
        """Begin to listen.

        Raises:
            NotConfigured: the address cannot be listened on.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            why = self._failure.strerror or type(self._failure).__name__
            raise NotConfigured(f"cannot listen on {self.host}:{self.port}: {why}")
        return self

    def close(self) -> None:
        """Take no more; what was received in full is still taken in, and answered."""
        self._closing = True
        deadline = time.monotonic() + _FINISH_SECONDS
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_FINISH_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Listener:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                self._loop.create_server(lambda: _Talk(self, self._loop), self.host, self.port)
            )
        except OSError as error:
            self._failure = error
            self._loop.close()
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    # Called by aiosmtpd, by these names.

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self._closing:
            return "421 4.3.2 going away"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not self._accepts(address):
            return "550 5.1.1 no such address here"
        if self.lmtp and envelope.rcpt_tos:
            # One answer to a message is then always the answer for each of its recipients.
            return "452 4.5.3 one recipient at a time"
        if len(envelope.rcpt_tos) >= 100:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
        return "252 2.5.2 send some mail, and see"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        server.begin_anew()
        self._busy += 1
        try:
            await self._loop.run_in_executor(self._pool, self._take, envelope.content, envelope.rcpt_tos)
        except ServiceUnavailable as error:
            log.warning("mail_put_off", why=error.message)
            return "451 4.3.0 cannot take it in now, come again"
        except Exception as error:
            log.error("mail_put_off", why=type(error).__name__, exc_info=True)
            return "451 4.3.0 cannot take it in now, come again"
        finally:
            self._busy -= 1
        return "250 2.0.0 taken in"


class _Talk(SMTP):
    """One connection. What a stranger can make it keep in memory is bounded."""

    line_length_limit = _LONGEST_LINE

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            listener,
            data_size_limit=MOST_BYTES,
            enable_SMTPUTF8=True,
            hostname=listener.name,
            ident="Tailormail",
            tls_context=listener.tls,
            timeout=_IDLE_SECONDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=_MOST_COMMANDS,
            loop=loop,
        )
        self._listener = listener
        self._read = 0
        self._counted = False
        if listener.lmtp:
            # LMTP differs in the greeting alone, as long as a message has one recipient.
            self._smtp_methods["LHLO"] = self._smtp_methods.pop("EHLO")
            self._smtp_methods.pop("HELO")

    def begin_anew(self) -> None:
        """A message is complete; the next one may be as long."""
        self._read = 0

    def connection_made(self, transport: Any) -> None:
        if not self._counted:  # STARTTLS makes the same connection a second time
            self._counted = True
            self._listener.connections += 1
        if self._listener.connections > _MOST_CONNECTIONS:
            transport.write(b"421 4.3.2 too many connections\r\n")
            transport.close()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted:
            self._counted = False
            self._listener.connections -= 1
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > _MOST_READ:
            # aiosmtpd keeps a line that never ends, however long it gets.
            transport: Any = self.transport
            if transport is not None:
                transport.abort()
            return
        super().data_received(data)
