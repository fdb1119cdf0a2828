"""One mail for one customer from everything the stages prepared."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from campaigns.compose.content import MailContent, PickView, SlotView, pick_view
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.identity import message_id
from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT, LinkMaker, SendRef
from campaigns.compose.mime import Draft, Envelope, build_message, draft_message, feedback_id
from campaigns.compose.return_path import return_path, unsubscribe_address
from campaigns.compose.template import MailTemplate, RenderedMail, WireMail
from campaigns.copywriting.placeholders import SHOP_LINK, PlaceholderValues, fill
from campaigns.core.clock import Clock
from campaigns.core.remembering import Remembered, Tokens
from campaigns.core.tokens import Signer
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.addressees import Addressee
from campaigns.models.values import Copy, LinkedText, Pick
from campaigns.opentime.slots.slots import SlotDefinition

T = TypeVar("T")

_MOST_KEPT = 3_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished mail: the message in bytes and what it was made of. `return_path` is where bounces go."""

    message_id: str
    return_path: str
    subject: str
    message: bytes
    content: MailContent
    template: MailTemplate

    @property
    def rendered(self) -> RenderedMail:
        """Its parts as people read them; the same words as in the message."""
        return self.template.render(self.content)


@dataclass(frozen=True, slots=True)
class LetterDraft:
    """A mail that only wants its signature; see `Letter`."""

    message_id: str
    return_path: str
    draft: Draft

    def message(self) -> bytes:
        """The message in bytes, signed."""
        return self.draft.message()


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What is known about one mail before it is written out; `copy` still has its blanks.

    `arm` is that of the campaign's experiment, which may have a template, slots or a subject of its own.
    """

    ref: SendRef
    addressee: Addressee
    picks: tuple[Pick, ...]
    copy: Copy
    language: str
    consent_since: date | None
    arm: int | None = None


class Letters:
    """Writes letters, remembering what many of them share; safe to use from several threads.

    `bounce_domain` is where mail arrives that goes to signed addresses: bounces and unsubscribes. Without it
    bounces go to the sender's address, and unsubscribes to the sender's domain.
    """

    def __init__(
        self,
        links: LinkMaker,
        signer: Signer,
        clock: Clock,
        dkim: DkimSigner | None,
        bounce_domain: str | None = None,
    ) -> None:
        self._links = links
        self._signer = signer
        self._clock = clock
        self._dkim = dkim
        self._bounce_domain = bounce_domain
        self._picks: Remembered[Hashable, PickView] = Remembered(_MOST_KEPT)
        self._tokens = Tokens()

    def write(
        self,
        plan: CampaignPlan,
        facts: LetterFacts,
        slot_pictures: Mapping[str, str] | None = None,
        pixel: bool = True,
    ) -> Letter:
        """The finished mail.

        Args:
            slot_pictures: by slot name, URLs to show instead of the ones decided at open (for previews).
            pixel: whether the mail carries its open pixel; a preview must not count as an open.
        """
        plan = plan.for_arm(facts.arm)
        content, envelope = self.prepare(plan, facts, slot_pictures, pixel)
        message = build_message(plan.template.render_for_wire(content), envelope, self._clock, self._dkim)
        back = self._return_path(plan, facts.ref)
        return Letter(envelope.message_id, back, envelope.subject, message, content, plan.template)

    def write_trial(
        self,
        plan: CampaignPlan,
        facts: LetterFacts,
        slot_pictures: Mapping[str, str],
        recipient: str,
        identity: str,
    ) -> Letter:
        """The same mail for somebody of the team: it says that it is a test, and has this recipient and Message-ID."""
        content, envelope = self.prepare(plan, facts, slot_pictures, pixel=False)
        # In the title of the page as well: filters compare it with the subject.
        subject = f"[Test] {envelope.subject}"
        content = replace(content, copy=replace(content.copy, subject=subject))
        envelope = replace(
            envelope,
            subject=subject,
            to_name="",
            to_address=recipient,
            message_id=identity,
            feedback_id=feedback_id(plan.id, plan.domain, "test"),
            test=True,
        )
        message = build_message(plan.template.render_for_wire(content), envelope, self._clock, self._dkim)
        return Letter(identity, self._return_path(plan, facts.ref), subject, message, content, plan.template)

    def drafts(self, plan: CampaignPlan, many: Iterable[LetterFacts]) -> list[LetterDraft | Exception]:
        """The mails as `write` makes them, but for their signatures; an exception in place of what failed.

        For the many mails of a campaign. Each step is taken for all of them before the next: in turns with the
        others, and with signatures, each step takes about twice as long, since the processor has to fetch its
        code anew.
        """
        prepared = _each(lambda facts: (plan.for_arm(facts.arm), facts.ref, *self.prepare(plan, facts)), many)
        filled = _each(lambda known: (*known, known[0].template.fill_for_wire(known[2])), prepared)
        return _each(lambda known: self._drafted(*known), filled)

    def _drafted(
        self, plan: CampaignPlan, ref: SendRef, content: MailContent, envelope: Envelope, mail: WireMail
    ) -> LetterDraft:
        drafted = draft_message(mail, envelope, self._clock, self._dkim)
        return LetterDraft(envelope.message_id, self._return_path(plan, ref), drafted)

    def prepare(
        self,
        plan: CampaignPlan,
        facts: LetterFacts,
        slot_pictures: Mapping[str, str] | None = None,
        pixel: bool = True,
    ) -> tuple[MailContent, Envelope]:
        """Everything that is said in the mail, and everything around it; see `write`."""
        plan = plan.for_arm(facts.arm)
        copy = fill(
            plan.worded(facts.copy, facts.language),
            _blanks(plan, facts),
            lambda name: self._link(plan, facts, name),
        )
        content = self._content(plan, facts, copy, slot_pictures or {}, pixel)
        identity = message_id(self._signer, plan.id, facts.ref.send_id, plan.domain)
        return content, self._envelope(plan, facts, copy, identity, content.links.unsubscribe)

    def _content(
        self,
        plan: CampaignPlan,
        facts: LetterFacts,
        copy: Copy,
        slot_pictures: Mapping[str, str],
        pixel: bool,
    ) -> MailContent:
        locale = facts.addressee.locale or facts.language
        picks = tuple(
            self._pick(plan, facts.ref, pick, line, locale, facts.language)
            for pick, line in zip(facts.picks, copy.product_lines, strict=True)
        )
        slots = {
            slot.name: self._slot(slot, number, facts.ref, slot_pictures)
            for number, slot in plan.numbered_slots
        }
        return MailContent(
            copy=copy,
            picks=picks,
            links=self._links.links(facts.ref, plan.brief.call_to_action_url),
            brand=plan.brand,
            slots=slots,
            first_name=facts.addressee.first_name,
            language=facts.language,
            consent_since=facts.consent_since,
            open_pixel_url=self._links.pixel(facts.ref),
            with_pixel=pixel,
        )

    def _link(self, plan: CampaignPlan, facts: LetterFacts, name: str) -> str:
        """Where a link within the words leads: to a pick (link_1) or where the call to action does."""
        if name == SHOP_LINK:
            return self._links.target(facts.ref, CLICK_CALL_TO_ACTION, 0, plan.brief.call_to_action_url)
        return self._to_pick(plan, facts.ref, facts.picks[int(name.rpartition("_")[2]) - 1])

    def _to_pick(self, plan: CampaignPlan, ref: SendRef, pick: Pick) -> str:
        """A shop need not say where its products are: then it is where the call to action leads."""
        url = pick.product.url or plan.brief.call_to_action_url
        return self._links.target(ref, CLICK_PICK, pick.rank, url)

    def _pick(
        self, plan: CampaignPlan, ref: SendRef, pick: Pick, line: str, locale: str, language: str
    ) -> PickView:
        """The pick in words; but for its link, and links in its line, it is the same for many customers."""
        link = self._to_pick(plan, ref, pick)
        if isinstance(line, LinkedText):
            return pick_view(pick, line=line, link=link, locale=locale, language=language)
        asked = self._tokens.of(pick.product), pick.reason, line, locale, language
        known = self._picks.get(asked)
        if known is None:
            known = pick_view(pick, line=line, link="", locale=locale, language=language)
            self._picks[asked] = known
        return known.linked(link)

    def _slot(
        self, slot: SlotDefinition, number: int, ref: SendRef, slot_pictures: Mapping[str, str]
    ) -> SlotView:
        picture = slot_pictures.get(slot.name) or self._links.slot_picture(ref, number, slot.extension)
        return SlotView(picture, self._links.target(ref, CLICK_SLOT, number, slot.default.link), slot.alt)

    def _envelope(
        self, plan: CampaignPlan, facts: LetterFacts, copy: Copy, identity: str, unsubscribe_url: str
    ) -> Envelope:
        return Envelope(
            from_name=plan.sender_name,
            from_address=plan.sender_address,
            to_name=facts.addressee.full_name,
            to_address=facts.addressee.email,
            reply_to=plan.reply_to,
            subject=copy.subject,
            message_id=identity,
            list_id=f"campaigns.{plan.domain}",
            unsubscribe_url=unsubscribe_url,
            unsubscribe_mailto=self._unsubscribe_address(plan, facts.ref),
            feedback_id=feedback_id(plan.id, plan.domain),
        )

    def _return_path(self, plan: CampaignPlan, ref: SendRef) -> str:
        if self._bounce_domain is None:
            return plan.sender_address
        return return_path(self._signer, plan.id, ref.send_id, self._bounce_domain)

    def _unsubscribe_address(self, plan: CampaignPlan, ref: SendRef) -> str:
        domain = self._bounce_domain or plan.domain
        return unsubscribe_address(self._signer, plan.id, ref.customer_id, ref.send_id, domain)


def _blanks(plan: CampaignPlan, facts: LetterFacts) -> PlaceholderValues:
    return PlaceholderValues(
        language=facts.language,
        locale=facts.addressee.locale or facts.language,
        first_name=facts.addressee.first_name,
        products=tuple([pick.product for pick in facts.picks]),
        offer=plan.brief.offer,
        shop=plan.brand.name,
    )


def signed(drafts: Iterable[LetterDraft | Exception]) -> list[bytes | Exception]:
    """The messages of these drafts; an exception in place of what failed."""
    return _each(LetterDraft.message, drafts)


def _each(step: Callable[[Any], T], many: Iterable[Any]) -> list[T | Exception]:
    """What the step makes of each one; where it, or a step before it, fails, the exception."""
    made: list[T | Exception] = []
    for one in many:
        if isinstance(one, Exception):
            made.append(one)
            continue
        try:
            made.append(step(one))
        except Exception as error:
            made.append(error)
    return made
