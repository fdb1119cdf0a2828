"""Four eyes: where the setting says so, whoever wrote a campaign is not the one who approves it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import NotAllowed
from campaigns.flows.console.audit import API
from campaigns.models import ApiKey, AuditEntry, Campaign, ConsoleUser, Role

_MOST_NAMES = 5


def refuse_own_approval(session: Session, campaign: Campaign, by: str) -> None:
    """That a second person approves: one who may, and who neither made this campaign nor changed anything in it.

    Whoever changed it is read in the audit log: the last one is not enough, for a word of somebody else's after one's
    own would make one's own words another's.

    A key of the API and the command line are no second person: whoever wrote the campaign may hold them. What a key
    wrote, whoever made that key wrote.

    Raises:
        NotAllowed: says who may.
    """
    may = _approvers(session)
    edited = select(AuditEntry.by).where(
        AuditEntry.subject == f"campaign {campaign.id}", AuditEntry.action == "campaign.edited"
    )
    authors = {campaign.created_by, campaign.changed_by, *session.scalars(edited.distinct())} - {""}
    authors |= _makers_of_keys(session, authors)
    if by in may and by not in authors:
        return
    others = [name for name in may if name not in authors]
    if by in authors:
        why = f"you wrote campaign {campaign.id}, and somebody else has to approve it"
    else:
        why = f"campaign {campaign.id} has to be approved by a person in the console"
    raise NotAllowed(f"{why}: {_named(others)}")


def _makers_of_keys(session: Session, authors: set[str]) -> set[str]:
    """Who made the keys of the API among these authors, and so may hold them."""
    keys = [author.removeprefix(API) for author in authors if author.startswith(API)]
    return set(session.scalars(select(ApiKey.created_by).where(ApiKey.name.in_(keys)))) if keys else set()


def _approvers(session: Session) -> list[str]:
    """Who may approve campaigns and can sign in, by name."""
    roles = [role.value for role in Role.APPROVER.included_in]
    return list(
        session.scalars(
            select(ConsoleUser.name)
            .where(ConsoleUser.role.in_(roles), ConsoleUser.off_since.is_(None))
            .where(ConsoleUser.password_hash != "")
            .order_by(ConsoleUser.name)
        )
    )


def _named(names: list[str]) -> str:
    if not names:
        return "nobody else may yet, so an admin has to make somebody an approver"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more} may"
