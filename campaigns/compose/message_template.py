"""Messages that a shop's programs send: subject, text and HTML of their own, filled with data that must all be there.

They run in the same sandbox as the templates of campaigns: strict variables, values escaped in HTML, no calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from jinja2 import Template, TemplateError

from campaigns.compose.compiling import compile_plain
from campaigns.compose.content import one_line
from campaigns.compose.header_fields import bare_address
from campaigns.compose.sandbox import rendered
from campaigns.compose.statements import check_statements
from campaigns.compose.template import mjml_to_html
from campaigns.core.errors import BadInput
from campaigns.core.tokens import Signer

_KIND = "transactional-id"
_LONGEST_SUBJECT = 400
_FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
# What a page needs around a text that came without HTML; it has the text's own line breaks.
_PAGE = (
    '<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n<body>{body}</body></html>\n'
)
_PLAIN = '<div style="font:16px/1.5 sans-serif;white-space:pre-wrap;">{text}</div>'


@dataclass(frozen=True, slots=True)
class MessageSource:
    """A message before it is filled in. `text` is always there; `html` or `mjml` may be, and not both."""

    subject: str
    text: str
    html: str = ""
    mjml: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message as it is read: one line, a page whose title is the subject, and a text."""

    subject: str
    html: str
    text: str


def check_message(source: MessageSource) -> None:
    """That this can be filled in at all.

    Raises:
        BadInput: names the part and, where it can, the line.
    """
    _compiled(source)


def fill_message(source: MessageSource, data: Mapping[str, Any]) -> MessageContent:
    """The message with this data in it.

    Raises:
        BadInput: a part is no valid template, or asks for something that the data does not have.
    """
    templates = _compiled(source)
    values = dict(data)
    subject = one_line(_filled(templates["subject"], values, "subject"))
    if not subject or len(subject) > _LONGEST_SUBJECT:
        raise BadInput(f"must have 1 to {_LONGEST_SUBJECT} characters when it is filled in", where="subject")
    text = _filled(templates["text"], values, "text").strip() + "\n"
    if not text.strip():
        raise BadInput("is empty when it is filled in", where="text")
    if "html" in templates:
        html = _filled(templates["html"], values, "mjml" if source.mjml else "html")
    else:
        html = _PLAIN.format(text=escape(text.strip()))
    if "<html" not in html.lower():
        html = _PAGE.format(lang=escape(source.language), title=escape(subject), body=html)
    return MessageContent(subject, html, text)


def transactional_message_id(signer: Signer, number: int, sender: str) -> str:
    """The Message-ID of a message, without brackets: the same at each attempt.

    Raises:
        BadInput: `sender` is no address.
    """
    domain = bare_address(sender, "sender").rpartition("@")[2]
    return f"message.{number}.{signer.code(_KIND, number)}@{domain}"


@lru_cache(maxsize=128)
def _compiled(source: MessageSource) -> dict[str, Template]:
    if source.html and source.mjml:
        raise BadInput("give html or mjml, not both", where="html")
    parts = {"subject": source.subject, "text": source.text}
    if source.html or source.mjml:
        parts["html"] = source.html or source.mjml
    made: dict[str, Template] = {}
    for name, part in parts.items():
        where = "mjml" if name == "html" and source.mjml else name
        check_statements(part, where)
        if where == "mjml":
            part = mjml_to_html(part, where)
        made[name] = compile_plain(part, where, html_escaping=name == "html")
    return made


def _filled(template: Template, values: dict[str, Any], where: str) -> str:
    try:
        return rendered(template, values)
    except _FAULTS as error:
        raise BadInput(str(error), where=where) from error
