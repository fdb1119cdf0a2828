"""Mails shown and tried before anybody gets them."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.opening.hosting import Hosting
from campaigns.flows.previewing.test_mails import TestMails
from campaigns.flows.previewing.viewing import Viewing
from campaigns.runtime.consent_parts import ConsentParts


class PreviewParts(ConsentParts):
    """Mails shown and tried before anybody gets them."""

    @cached_property
    def hosting(self) -> Hosting:
        return Hosting(self.db, self.settings.public_url)

    @cached_property
    def viewing(self) -> Viewing:
        return Viewing(
            self.db,
            self.clock,
            self.keyring,
            self.signer,
            self.picker,
            self.shelf,
            self.letters,
            self.weather,
            self.offers,
            self.showing,
            self.settings.cap,
            self.settings.llm_currency,
            self.copy_writing.known,
        )

    @cached_property
    def test_mails(self) -> TestMails:
        return TestMails(
            db=self.db,
            clock=self.clock,
            keyring=self.keyring,
            signer=self.signer,
            jobs=self.jobs,
            viewing=self.viewing,
            letters=self.letters,
            hosting=self.hosting,
            gate=lambda: self.gate,
            make_transport=self._transport,
            stopping=self.stopping,
        )
