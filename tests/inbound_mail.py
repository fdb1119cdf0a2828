"""Bounces, complaints and answers as mail servers of various makes write them, about a mail of ours.

All of it is made up: the makes' layout, nobody's mail.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """The mail that a report is about."""

    message_id: str = "3.77.0123456789abcdef@mail.fjellandfern.example"
    return_path: str = "bounce+3.77.0123456789abcdef@bounces.fjellandfern.example"
    unsubscribe: str = "unsubscribe+3.5.77.0123456789abcdef@bounces.fjellandfern.example"
    recipient: str = "anna.berg@customers.example"

    @property
    def headers(self) -> str:
        return (
            f"Return-Path: <{self.return_path}>\n"
            "Received: from out.fjellandfern.example by mx.customers.example; Sat, 21 Nov 2026 09:00:00 +0000\n"
            f"To: Anna Berg <{self.recipient}>\n"
            "From: Fjell & Fern <hello@fjellandfern.example>\n"
            "Subject: Anna, warm feet for November\n"
            "Date: Sat, 21 Nov 2026 09:00:00 +0000\n"
            f"Message-ID: <{self.message_id}>\n"
            f"List-Unsubscribe: <https://mail.fjellandfern.example/u/abc>,\n <mailto:{self.unsubscribe}?subject=unsubscribe>\n"
        )


ANY = About()


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def postfix(
    about: About = ANY,
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "550 5.1.1 <anna.berg@customers.example>: Recipient address rejected: User unknown",
    returned: str = "message/rfc822",
    to: str = "",
) -> bytes:
    """A multipart/report in the manner of Postfix."""
    body = "" if returned == "text/rfc822-headers" else "\nThe mail itself.\n"
    return _crlf(
        f"""Return-Path: <>
Delivered-To: {to or about.return_path}
Received: by mx.out.example (Postfix) id 4F1B22C0; Sat, 21 Nov 2026 09:05:00 +0000 (UTC)
Date: Sat, 21 Nov 2026 09:05:00 +0000 (UTC)
From: MAILER-DAEMON@mx.out.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to or about.return_path}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F1B22C0.1795251900/mx.out.example"
Message-Id: <20261121090500.4F1B22C0@mx.out.example>

This is a MIME-encapsulated message.

--4F1B22C0.1795251900/mx.out.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

<{about.recipient}>: host mx.customers.example[203.0.113.9] said: {said} (in reply to RCPT TO command)

--4F1B22C0.1795251900/mx.out.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.out.example
X-Postfix-Queue-ID: 4F1B22C0
X-Postfix-Sender: rfc822; {about.return_path}
Arrival-Date: Sat, 21 Nov 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; {about.recipient}
Original-Recipient: rfc822;{about.recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.customers.example
Diagnostic-Code: smtp; {said}

--4F1B22C0.1795251900/mx.out.example
Content-Description: Undelivered Message
Content-Type: {returned}
Content-Transfer-Encoding: 8bit

{about.headers}{body}
--4F1B22C0.1795251900/mx.out.example--
"""
    )


def exim(about: About = ANY, to: str = "") -> bytes:
    """Exim's own style from before it wrote reports: words, and the returned mail as text behind a line."""
    return _crlf(
        f"""Return-path: <>
Envelope-to: {to or about.return_path}
Received: from Debian-exim by mx.shop.example with local (Exim 4.80) id 1xYzAb-0001Cd-2E; Sat, 21 Nov 2026 09:05:00 +0000
X-Failed-Recipients: {about.recipient}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.shop.example>
To: {to or about.return_path}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1xYzAb-0001Cd-2E@mx.shop.example>
Date: Sat, 21 Nov 2026 09:05:00 +0000

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {about.recipient}
    SMTP error from remote mail server after RCPT TO:<{about.recipient}>:
    host mx.customers.example [203.0.113.9]: 550 5.1.1 no such mailbox here

------ This is a copy of the message, including all the headers. ------

{about.headers}
The mail itself.
"""
    )


def exchange(about: About = ANY, to: str = "") -> bytes:
    """Exchange Online: HTML beside the words, fields in the report, and the returned mail in base64 against the rules."""
    original = base64.encodebytes(
        about.headers.replace("\n", "\r\n").encode() + b"\r\nThe mail itself.\r\n"
    ).decode()
    return _crlf(
        f"""From: <postmaster@customers.example>
To: <{to or about.return_path}>
Date: Sat, 21 Nov 2026 09:05:00 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B095B5ADSN=_01DD5A=MW2PR.namprd.example"
X-MS-Exchange-Message-Is-Ndr:
X-Auto-Response-Suppress: All
Content-Language: en-US
Message-ID: <f0a1b2c3-0000-4d4d-8e8e-000000000001@MW2PR.namprd.example>
Subject: Undeliverable: Anna, warm feet for November
Auto-Submitted: auto-replied
MIME-Version: 1.0

--9B095B5ADSN=_01DD5A=MW2PR.namprd.example
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="inner-1"

--inner-1
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to {about.recipient} couldn't be delivered. The mailbox is =
full.

--inner-1
Content-Type: text/html; charset="us-ascii"

<html><body><b>couldn't be delivered</b></body></html>

--inner-1--

--9B095B5ADSN=_01DD5A=MW2PR.namprd.example
Content-Type: message/delivery-status

Reporting-MTA: dns;MW2PR.namprd.example
Received-From-MTA: dns;out.fjellandfern.example
Arrival-Date: Sat, 21 Nov 2026 09:00:00 +0000

Final-Recipient: rfc822;{about.recipient}
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException
X-Display-Name: Anna Berg

--9B095B5ADSN=_01DD5A=MW2PR.namprd.example
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

{original}
--9B095B5ADSN=_01DD5A=MW2PR.namprd.example--
"""
    )


def gmail(about: About = ANY, to: str = "", delayed: bool = False) -> bytes:
    """Google's: text and HTML, an icon, fields, and the headers of the returned mail alone."""
    action, status = ("delayed", "4.4.1") if delayed else ("failed", "5.1.1")
    said = (
        "The recipient server did not accept our requests to connect. [mx.customers.example. 203.0.113.9: timed out]"
        if delayed
        else "550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550-5.1.1 double-checking it.\n 550 5.1.1 gsmtp"
    )
    return _crlf(
        f"""Return-Path: <>
Received: by 2002:a05:6402:0:0:0:0 with SMTP id x1; Sat, 21 Nov 2026 01:05:00 -0800 (PST)
Content-Type: multipart/report; boundary="000000000000aa11bb"; report-type=delivery-status
To: {to or about.return_path}
Auto-Submitted: auto-replied
X-Failed-Recipients: {about.recipient}
References: <{about.message_id}>
In-Reply-To: <{about.message_id}>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
Subject: Delivery Status Notification ({"Delay" if delayed else "Failure"})
Message-ID: <6560aa11.0001.mx@mail.gmail.example>
Date: Sat, 21 Nov 2026 01:05:00 -0800 (PST)

--000000000000aa11bb
Content-Type: multipart/related; boundary="000000000000aa11cc"

--000000000000aa11cc
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--000000000000aa11cc
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==
--000000000000aa11cc--
--000000000000aa11bb
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Arrival-Date: Sat, 21 Nov 2026 01:00:00 -0800 (PST)

Final-Recipient: rfc822; {about.recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}
Last-Attempt-Date: Sat, 21 Nov 2026 01:05:00 -0800 (PST)

--000000000000aa11bb
Content-Type: text/rfc822-headers

{about.headers}
--000000000000aa11bb--
"""
    )


def qmail(about: About = ANY, to: str = "") -> bytes:
    """qmail's: plain words with a code in brackets, and the mail as text below."""
    return _crlf(
        f"""Return-Path: <>
Received: (qmail 4711 invoked for bounce); 21 Nov 2026 09:05:00 -0000
Date: 21 Nov 2026 09:05:00 -0000
From: MAILER-DAEMON@old.customers.example
To: {to or about.return_path}
Subject: failure notice

Hi. This is the qmail-send program at old.customers.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{about.recipient}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{about.headers}
The mail itself.
"""
    )


def unheard_of(about: About = ANY, to: str = "", code: str = "550 5.1.1") -> bytes:
    """A server of a make that nobody knows."""
    return _crlf(
        f"""From: "Post Office" <postmaster@odd.example>
To: {to or about.return_path}
Subject: Your letter
Message-ID: <odd-1@odd.example>
Date: Sat, 21 Nov 2026 09:05:00 +0000

We regret. The house at the other end told us
  {code} nobody of that name
and so your letter comes back.
"""
    )


def yahoo_complaint(
    about: About = ANY, to: str = "fbl@bounces.fjellandfern.example", kind: str = "abuse"
) -> bytes:
    """A feedback report (RFC 5965) in the manner of Yahoo: the person's address is taken out."""
    return _crlf(
        f"""From: Yahoo! Mail AntiSpam Feedback <feedback@arf.mail.yahoo.example>
To: {to}
Subject: FW: Anna, warm feet for November
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <complaint-1@arf.mail.yahoo.example>
MIME-Version: 1.0
Content-Type: multipart/report; boundary="arf-1"; report-type=feedback-report

--arf-1
Content-Type: text/plain; charset=us-ascii
Content-Disposition: inline

This is an email abuse report for an email message received from 198.51.100.7.

--arf-1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Yahoo!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: <{about.return_path}>
Original-Rcpt-To: redacted
Received-Date: Sat, 21 Nov 2026 09:00:05 +0000
Reported-Domain: fjellandfern.example
Authentication-Results: dkim=pass header.d=fjellandfern.example

--arf-1
Content-Type: message/rfc822
Content-Disposition: inline

{about.headers.replace(about.recipient, "redacted@redacted.example")}
The mail itself.

--arf-1--
"""
    )


def microsoft_complaint(about: About = ANY, to: str = "fbl@bounces.fjellandfern.example") -> bytes:
    """A junk mail report: the mail attached, without a report beside it."""
    return _crlf(
        f"""From: staff@hotmail.example
To: {to}
Subject: complaint about message from 198.51.100.7
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <jmr-1@hotmail.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="jmr"

--jmr
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: redacted@hotmail.example
{about.headers.replace(about.recipient, "redacted@hotmail.example")}
The mail itself.

--jmr--
"""
    )


def vacation(about: About = ANY, to: str = "", sign: str = "Auto-Submitted: auto-replied") -> bytes:
    """Somebody is away."""
    return _crlf(
        f"""From: Anna Berg <{about.recipient}>
To: {to or about.return_path}
Subject: Re: Anna, warm feet for November
In-Reply-To: <{about.message_id}>
Message-ID: <vac-1@customers.example>
Date: Sat, 21 Nov 2026 09:01:00 +0000
{sign}

I am away until Monday. In urgent matters our server could not be delivered from: 550 5.1.1 user unknown.
"""
    )


def by_hand(to: str, body: str = "Please stop.", sender: str = "anna.berg@customers.example") -> bytes:
    """What a person writes."""
    return _crlf(
        f"""From: Anna <{sender}>
To: {to}
Subject: unsubscribe
Message-ID: <hand-1@customers.example>
Date: Sat, 21 Nov 2026 09:30:00 +0000

{body}
"""
    )
