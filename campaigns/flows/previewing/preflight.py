"""Preflight: a campaign's mails are written for a few people and judged before anybody approves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.compose.content import is_web_address
from campaigns.compose.link_probe import LinkProbe, LinkState
from campaigns.compose.links import SendRef
from campaigns.compose.preflight import Finding, check
from campaigns.compose.preflight_finding import Severity
from campaigns.compose.preflight_page import Page, read_page
from campaigns.compose.spam_judge import SpamJudge
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import ServiceUnavailable, TellThePerson
from campaigns.flows.copy.copy_facts import Readers, Told
from campaigns.flows.copy.wording import CopyShelf
from campaigns.flows.describing.plans import CampaignPlan, load_plan
from campaigns.flows.previewing.preflight_report import PreflightReport, summed_up
from campaigns.flows.previewing.preflight_samples import NOBODY, Sample, external_ids, newcomer, samples_of
from campaigns.flows.sending.letters import LetterFacts, Letters
from campaigns.flows.sending.picking import Picker
from campaigns.models.picture import Picture

SPAM_ERROR, SPAM_WARNING = 5.0, 2.0
"""Points of SpamAssassin: at its own threshold a mail is spam, and from the lower one on it is near it."""

_MOST_RULES_NAMED = 6


@dataclass(frozen=True, slots=True)
class _Written:
    """A sample's mail: the message as it would be sent, and what is in it."""

    label: str
    message: bytes
    page: Page
    findings: tuple[Finding, ...]
    product_urls: frozenset[str]


class Preflight:
    """Tries campaigns out. Nothing is sent, and no link in the mails it writes belongs to a customer.

    Args:
        links: finds out whether links lead anywhere.
        judge: SpamAssassin; None where it is not installed.
        public_url: one's own pages, which are not asked for.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        picker: Picker,
        shelf: CopyShelf,
        offline: OfflineWriter,
        letters: Letters,
        links: LinkProbe,
        judge: SpamJudge | None,
        public_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._picker = picker
        self._shelf = shelf
        self._offline = offline
        self._letters = letters
        self._links = links
        self._judge = judge
        self._own = public_url

    def run(self, campaign_id: int) -> PreflightReport:
        """Everything that can be found out about this campaign now.

        Raises:
            NotFound: no such campaign.
            BadInput: its template or brief no longer fits.
        """
        with self._db.transaction() as session:
            plan = load_plan(session, campaign_id)
            samples = samples_of(session, self._keyring, plan, self._clock.now())
            known_as = external_ids(session, samples)
            pictures = [*_slot_pictures(session, plan)]
        found: dict[Finding, list[str]] = defaultdict(list)
        found.update({finding: [] for finding in pictures})
        written: list[_Written] = []
        tried = [(way, *one) for way in plan.ways for one in self._facts(way, samples).items()]
        for way, number, facts in tried:
            sample = samples[number]
            name = known_as.get(sample.addressee.customer_id)
            label = f"{sample.label} ({name})" if name else sample.label
            label = f"{label}, arm {way.arm_name}" if way.arm_name else label
            try:
                mail = self._write(way, label, facts)
            except TellThePerson as error:
                found[Finding("error", "cannot-be-written", error.message)].append(label)
                continue
            written.append(mail)
            for finding in mail.findings:
                found[finding].append(label)
        found.update({finding: [] for finding in self._dead_links(plan, written)})
        found.update({finding: [] for finding in _without_picture(facts for _, _, facts in tried)})
        found.update(self._spam(written))
        if self._shelf.slow:
            why = "the model writes while the campaign is sent, and its words are checked then"
            found[
                Finding("note", "offline-words", f"Words not written yet are the offline writer's: {why}.")
            ] = []
        labels = tuple(mail.label for mail in written)
        return PreflightReport(campaign_id, labels, summed_up(found))

    def _facts(self, plan: CampaignPlan, samples: Sequence[Sample]) -> dict[int, LetterFacts]:
        """What their mails are made of, by the place in `samples`."""
        now = self._clock.now()
        real = {s.addressee.customer_id: s.personal for s in samples if s.addressee.customer_id != NOBODY}
        histories, picked = self._picker.pick(
            {**real, NOBODY: False}, plan.picks, plan.picking, plan.best_sellers
        )
        histories[NOBODY] = newcomer()
        told = {
            number: Told(
                sample.addressee,
                histories[sample.addressee.customer_id],
                picked[sample.addressee.customer_id][: sample.picks],
            )
            for number, sample in enumerate(samples)
        }
        requests = Readers(self._db, self._picker).requests(plan, told, now)
        known = {} if plan.offline else self._shelf.copies_for(requests, write=False)
        words = {number: worded.copy for number, worded in known.items()}
        # Whoever waits for an approval does not wait for a model, and what is only tried out is not kept.
        words |= {n: self._offline.write(request).copy for n, request in requests.items() if n not in words}
        return {
            number: LetterFacts(
                SendRef(0, plan.id, NOBODY, sample.tracked),
                sample.addressee,
                tuple(requests[number].picks),
                words[number],
                requests[number].language,
                sample.since,
            )
            for number, sample in enumerate(samples)
        }

    def _write(self, plan: CampaignPlan, label: str, facts: LetterFacts) -> _Written:
        letter = self._letters.write(plan, facts)
        rendered = letter.rendered
        page = read_page(rendered.html)
        return _Written(
            label,
            letter.message,
            page,
            tuple(check(rendered, letter.content, page)),
            frozenset(pick.product.url for pick in facts.picks if pick.product.url),
        )

    def _dead_links(self, plan: CampaignPlan, written: Sequence[_Written]) -> Iterator[Finding]:
        """Links and pictures that lead nowhere; each is asked for once."""
        urls = {plan.brief.call_to_action_url, *(v.link for slot in plan.all_slots for v in slot.variants)}
        # A tracked link leads here first; that of a mail without tracking is the page itself.
        for mail in written:
            urls |= mail.page.links
            urls |= {picture.attributes.get("src", "") for picture in mail.page.pictures}
            urls |= mail.product_urls
        own = urlsplit(self._own).netloc
        asked = sorted(url for url in urls if url.startswith(("http://", "https://")) and _netloc(url) != own)
        unknown: dict[tuple[str, str], int] = defaultdict(int)
        for url, report in self._links.look(asked).items():
            if report.state is LinkState.DEAD:
                yield Finding("error", "dead-link", f"{url[:120]} leads nowhere: {report.why}.")
            elif report.state is LinkState.UNKNOWN:
                unknown[_netloc(url), report.why] += 1
        for (host, why), count in unknown.items():
            yield Finding(
                "warning", "link-not-checked", f"{count} link(s) to {host} could not be checked: {why}."
            )

    def _spam(self, written: Sequence[_Written]) -> dict[Finding, list[str]]:
        """What SpamAssassin says, where it is installed."""
        if self._judge is None or not written:
            return {}
        try:
            verdicts = self._judge.judge([mail.message for mail in written])
        except ServiceUnavailable as error:
            return {Finding("warning", "spam-not-judged", f"{error.message}."): []}
        found: dict[Finding, list[str]] = defaultdict(list)
        for mail, verdict in zip(written, verdicts, strict=True):
            if verdict.score >= SPAM_WARNING:
                named = ", ".join(
                    f"{name} {n:.1f}" for name, n in [*verdict.rules.items()][:_MOST_RULES_NAMED]
                )
                message = f"SpamAssassin gives {verdict.score:.1f} points of {SPAM_ERROR:g}: {named}."
                severity: Severity = "error" if verdict.score >= SPAM_ERROR else "warning"
                found[Finding(severity, "spam-score", message, verdict.score)].append(mail.label)
        return found


def _slot_pictures(session: Session, plan: CampaignPlan) -> Iterator[Finding]:
    """Pictures of a slot that are not of one size: programs keep the size of the first that they saw."""
    hashes = {variant.picture for slot in plan.all_slots for variant in slot.variants}
    rows = session.execute(
        select(Picture.sha256, Picture.width, Picture.height).where(Picture.sha256.in_(hashes))
    )
    sizes = {row.sha256: (row.width, row.height) for row in rows}
    for slot in plan.all_slots:
        for variant in slot.variants:
            size = sizes.get(variant.picture)
            if size is None:
                yield Finding(
                    "error", "picture-missing", f"The picture {variant.name} of slot {slot.name} is gone."
                )
            elif size != slot.pixel_size:
                is_, wanted = "{}x{}".format(*size), "{}x{}".format(*slot.pixel_size)
                why = f"has {is_} pixels, the others {wanted}"
                yield Finding(
                    "error", "picture-size", f"The picture {variant.name} of slot {slot.name} {why}."
                )
        made_for = plan.template.slots.get(slot.name)
        if made_for and made_for.width * slot.height != made_for.height * slot.width:
            why = (
                f"is {slot.width}x{slot.height}; the template was made for {made_for.width}x{made_for.height}"
            )
            yield Finding("warning", "slot-shape", f"Slot {slot.name} {why}.")


def _without_picture(facts: Iterable[LetterFacts]) -> Iterator[Finding]:
    """Products of these mails whose picture is a path, which is left out of mails."""
    products = {pick.product.sku: pick.product for one in facts for pick in one.picks}
    lacking = sorted(
        sku
        for sku, product in products.items()
        if product.image_url and not is_web_address(product.image_url)
    )
    if lacking:
        named = ", ".join(lacking[:_MOST_RULES_NAMED]) + (" ..." if len(lacking) > _MOST_RULES_NAMED else "")
        yield Finding(
            "warning",
            "product-picture-no-address",
            f"{len(lacking)} product(s) are shown without a picture ({named}): their image_url is no web address. "
            "Import the products again with addresses that begin with https://.",
        )


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
