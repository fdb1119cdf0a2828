"""Writing out whole mails: blanks, links, template, MIME, and with a key the DKIM signature."""

from __future__ import annotations

from itertools import cycle, islice

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, Work, measure
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.links import LinkMaker
from campaigns.flows.sending.letters import Letters

_AT_ONCE = 50
_KEY_BITS = 2048


def figures(bench: Bench) -> dict[str, Figure]:
    """Letters a second, without and with DKIM."""
    runtime, plan = bench.runtime, bench.plan
    links = LinkMaker(runtime.signer, runtime.settings.public_url)
    signer = DkimSigner(_private_key(), "bench", plan.domain)
    plain = _writing(bench, Letters(links, runtime.signer, runtime.clock, None))
    signed = _writing(bench, Letters(links, runtime.signer, runtime.clock, signer))
    contents = cycle([runtime.letters.write(plan, facts).content for facts in bench.letter_facts])

    def fill_only() -> int:
        return sum(1 for content in islice(contents, _AT_ONCE) if plan.template.render(content).html)

    return {
        "letters": measure(
            plain, "letters/s", floor=fill_only, floor_is="filling the compiled template alone"
        ),
        "letters_dkim": measure(signed, "letters/s", floor=plain, floor_is="without a signature"),
    }


def _writing(bench: Bench, letters: Letters) -> Work:
    waiting = cycle(bench.letter_facts)

    def work() -> int:
        return sum(1 for facts in islice(waiting, _AT_ONCE) if letters.write(bench.plan, facts).message)

    return work


def _private_key() -> bytes:
    return rsa.generate_private_key(65537, _KEY_BITS).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
