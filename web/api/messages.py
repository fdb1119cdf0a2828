"""Messages: single mails that a program of the shop asks for, and the kept ones that it fills in."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from campaigns.compose.message_template import MessageSource
from campaigns.flows.messages.message_templates import CATEGORY, LONGEST_SOURCE
from campaigns.flows.messages.messages import MOST_HOURS, MessageOrder
from web.api.asked import NUMBER, Anything, Asked
from web.api.keys import ALWAYS, asked_by, auth, key_name
from web.parts import runtime

blueprint = APIBlueprint("messages", __name__, tag="Messages")

_KEY = r"^[!-~]+$"
_LANGUAGE = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$"


class MessageIn(Asked):
    """To a customer by external id or to an address; a kept message by name, or subject and text of its own."""

    idempotency_key: str = Field(min_length=1, max_length=200, pattern=_KEY)
    customer: str = Field("", max_length=200)
    address: str = Field("", max_length=320)
    template: str = Field("", max_length=80)
    data: dict[str, Any] = Field(default_factory=dict)
    category: str = Field("", pattern=rf"{CATEGORY}|^$")
    sender: str = Field("", max_length=400)
    reply_to: str = Field("", max_length=320)
    subject: str = Field("", max_length=2000)
    text: str = Field("", max_length=LONGEST_SOURCE)
    html: str = Field("", max_length=LONGEST_SOURCE)
    mjml: str = Field("", max_length=LONGEST_SOURCE)
    language: str = Field("en", pattern=_LANGUAGE)
    valid_hours: int = Field(24, ge=1, le=MOST_HOURS)

    def order(self) -> MessageOrder:
        """As the flow takes it."""
        own = self.subject or self.text or self.html or self.mjml
        source = MessageSource(self.subject, self.text, self.html, self.mjml, self.language)
        return MessageOrder(
            self.idempotency_key,
            self.customer,
            self.address,
            self.template,
            source if own else None,
            self.data,
            self.category,
            self.sender,
            self.reply_to,
            self.valid_hours,
        )


class MessageOut(Anything):
    """A message: `status` is queued, sending, sent, failed, held_back or uncertain."""

    id: int
    status: str
    reason: str


class MessageQuery(Asked):
    """Which message: by the idempotency key that it was asked for with."""

    idempotency_key: str = Field(min_length=1, max_length=200)


class TemplateIn(Asked):
    """What is kept of a message."""

    category: str = Field(pattern=CATEGORY)
    sender: str = Field(min_length=3, max_length=400)
    reply_to: str = Field("", max_length=320)
    subject: str = Field(min_length=1, max_length=2000)
    text: str = Field(min_length=1, max_length=LONGEST_SOURCE)
    html: str = Field("", max_length=LONGEST_SOURCE)
    mjml: str = Field("", max_length=LONGEST_SOURCE)
    language: str = Field("en", pattern=_LANGUAGE)


class TemplateOut(Anything):
    """A kept message, its last version."""

    name: str
    version: int


class TemplatesOut(Anything):
    """Kept messages by name."""

    templates: list[TemplateOut]


class DataIn(Asked):
    """What fills a message in."""

    data: dict[str, Any] = Field(default_factory=dict)


class FilledOut(Anything):
    """A message as it is read."""

    subject: str
    html: str
    text: str


@blueprint.post("/messages")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.input(MessageIn, arg_name="wanted")
@blueprint.output(MessageOut, status_code=202)
@blueprint.doc(responses=[200, 400, 404, 409, *ALWAYS])
def post_message(wanted: MessageIn) -> tuple[dict[str, Any], int]:
    """Send one mail that is no marketing: an order, a parcel, a password.

    202: it was taken, and goes out before everything else. 200: it was asked for before with this idempotency key.
    No consent to marketing is needed; an address that is dead, that complained or that you suppressed gets nothing.
    """
    taken = runtime().messages.order(wanted.order(), key_name())
    return taken.message, 202 if taken.new else 200


@blueprint.get("/messages")
@blueprint.auth_required(auth, roles=["send", "read"])
@blueprint.input(MessageQuery, location="query", arg_name="asked")
@blueprint.output(MessageOut)
@blueprint.doc(responses=[404, *ALWAYS])
def find_message(asked: MessageQuery) -> dict[str, Any]:
    """The message that this key of the API asked for with an idempotency key."""
    return runtime().messages.find(key_name(), asked.idempotency_key)


@blueprint.get(f"/messages/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["send", "read"])
@blueprint.output(MessageOut)
@blueprint.doc(responses=[404, *ALWAYS])
def show_message(number: int) -> dict[str, Any]:
    """Where a message stands."""
    return runtime().messages.show(number)


@blueprint.get("/message-templates")
@blueprint.auth_required(auth, roles=["send", "read"])
@blueprint.output(TemplatesOut)
@blueprint.doc(responses=[*ALWAYS])
def templates() -> dict[str, Any]:
    """The kept messages."""
    return {"templates": runtime().message_templates.list()}


@blueprint.get("/message-templates/<name>")
@blueprint.auth_required(auth, roles=["send", "read"])
@blueprint.output(TemplateOut)
@blueprint.doc(responses=[404, *ALWAYS])
def template(name: str) -> dict[str, Any]:
    """One kept message."""
    return runtime().message_templates.show(name)


@blueprint.put("/message-templates/<name>")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(TemplateIn, arg_name="body")
@blueprint.output(TemplateOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def save_template(name: str, body: TemplateIn) -> dict[str, Any]:
    """Keep a message under a name; a change is a new version."""
    return runtime().message_templates.save(name, body.model_dump(), asked_by())


@blueprint.delete("/message-templates/<name>")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=[404, *ALWAYS])
def remove_template(name: str) -> str:
    """From now on nobody can send it."""
    runtime().message_templates.remove(name, asked_by())
    return ""


@blueprint.post("/message-templates/<name>/preview")
@blueprint.auth_required(auth, roles=["send", "read"])
@blueprint.input(DataIn, arg_name="filled")
@blueprint.output(FilledOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def preview_template(name: str, filled: DataIn) -> dict[str, Any]:
    """What a kept message says with this data; nothing is sent."""
    content = runtime().message_templates.preview(name, filled.data)
    return {"subject": content.subject, "html": content.html, "text": content.text}
