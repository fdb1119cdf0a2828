"""People of the console, and the record of who did what."""

from __future__ import annotations

from functools import cached_property

from campaigns.flows.console.audit_log import AuditLog
from campaigns.flows.console.own_account import OwnAccount
from campaigns.flows.console.people import People
from campaigns.flows.console.signing_in import SigningIn
from campaigns.runtime.consent_parts import ConsentParts


class PeopleParts(ConsentParts):
    """People of the console, and the record of who did what."""

    @cached_property
    def people(self) -> People:
        return People(self.db, self.clock, self.signer, self.settings.public_url)

    @cached_property
    def signing_in(self) -> SigningIn:
        return SigningIn(self.db, self.clock, self.keyring, self.signer, self.settings.public_url)

    @cached_property
    def own_account(self) -> OwnAccount:
        return OwnAccount(self.db, self.clock, self.keyring)

    @cached_property
    def audit_log(self) -> AuditLog:
        return AuditLog(self.db)
