"""Lets OpenDKIM's own tool judge a message, with a DNS that holds just the records of the test.

`opendkim-testmsg` asks the DNS of the system and nobody else. So it is run in a network and a mount namespace of
its own, where a name server of this file answers at 127.0.0.1; nothing outside changes. Run as a script inside it:
records as JSON in argv[1], the message on stdin.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

TOOL = shutil.which("opendkim-testmsg", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
_OWN = ("unshare", "--map-root-user", "--mount", "--net")
_SIOCSIFFLAGS, _UP = 0x8914, 0x1


def can_judge() -> str:
    """Why OpenDKIM cannot be asked here; empty if it can."""
    if TOOL is None:
        return "opendkim-testmsg is missing: apt install opendkim-tools"
    try:
        tried = subprocess.run([*_OWN, "true"], capture_output=True, timeout=20, check=False)
    except FileNotFoundError:
        return "unshare is missing: apt install util-linux"
    return "" if tried.returncode == 0 else "this machine allows no namespaces of one's own"


def judge(message: bytes, records: dict[str, str]) -> tuple[bool, str]:
    """Whether OpenDKIM takes the signature for good, and what it says."""
    judged = subprocess.run(
        [*_OWN, sys.executable, __file__, json.dumps(records)],
        input=message, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return judged.returncode == 0, (judged.stdout + judged.stderr).decode()


def _answer(question: bytes, records: dict[str, str]) -> bytes:
    """The answer to a question for a TXT record (RFC 1035); "no such name" where there is none."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12 : at + 5]
    text = records.get(".".join(labels).lower(), "").encode()
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)]
    data = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    flags, count = (0x8580, 1) if text else (0x8583, 0)
    head = question[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0)
    found = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data
    return head + asked + (found if count else b"")


def _serve(records: dict[str, str]) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def answer_all() -> None:
        while True:
            question, asker = server.recvfrom(4096)
            server.sendto(_answer(question, records), asker)

    threading.Thread(target=answer_all, daemon=True).start()


def _main() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP))
    with tempfile.TemporaryDirectory() as folder:
        resolver = os.path.join(folder, "resolv.conf")
        with open(resolver, "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
        _serve(json.loads(sys.argv[1]))
        return subprocess.run([str(TOOL), "-C", "-t", folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(_main())
