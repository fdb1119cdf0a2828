"""What the headers of a mail are for, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping

HEADER_WORDS: Mapping[str, str] = {
    "dkim-signature": "Proves that the mail comes from your domain and was not changed on its way.",
    "to": "Who gets it.",
    "from": "Whom it comes from. Its domain has to fit the signature (DMARC).",
    "subject": "What the list of mails shows.",
    "date": "When it was written out: right before it is handed over.",
    "message-id": "Its own name. Bounces and reports of providers are found again by it.",
    "list-unsubscribe": "The button “Unsubscribe” of Gmail, Yahoo and Apple leads there. Of a preview it unsubscribes nobody.",
    "list-unsubscribe-post": "Says that one press is enough (RFC 8058). Gmail and Yahoo ask for it.",
    "list-id": "By this people sort their mail (RFC 2919).",
    "feedback-id": "By this Gmail tells how many complained about which campaign.",
    "reply-to": "Where answers go.",
    "mime-version": "That it has several parts.",
    "content-type": "The text part and the HTML part say the same; the program chooses.",
    "x-tailormail-test": "That it is a test mail.",
}


def header_words(name: str) -> str:
    """What this header is for; empty where nothing needs to be said."""
    return HEADER_WORDS.get(name.lower(), "")
