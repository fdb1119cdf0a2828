"""How the words of one mail came about: what the writer was told, who wrote, what was refused, what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import CopyCell, Send, WrittenCopyRow
from campaigns.models.copy import line_ids


@dataclass(frozen=True, slots=True)
class PartAudit:
    """One row of `copies` that a mail is made of; see models.WrittenCopyRow.

    `part` is "whole", "head", or "line 1" and so on. What the writing of several parts at once took is told with
    the first of them.
    """

    part: str
    key: str
    writer: str
    model: str
    prompt_version: str
    verdicts: tuple[Mapping[str, str], ...]
    repairs: int
    offline_fields: tuple[str, ...]
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_micros: int
    written_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "part": self.part,
            "key": self.key,
            "writer": self.writer,
            "model": self.model or None,
            "prompt_version": self.prompt_version,
            "verdicts": [dict(verdict) for verdict in self.verdicts],
            "repairs": self.repairs,
            "offline_fields": list(self.offline_fields),
            "tokens": self.input_tokens + self.output_tokens,
            "written_at": self.written_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class CellAudit:
    """The cell of the campaign that a mail belongs to; `sample` is what a person said of it, if it was shown."""

    key: str
    sends: int
    state: str
    sample: str
    judged_by: str


@dataclass(frozen=True, slots=True)
class CopyAudit:
    """Everything about the words of one mail; `parts` in the order of the mail, the head or the whole first.

    `told` is CopyRequest.facts of the head (with the first pick) or the whole; {} for words from before these were
    kept. `cell` is None where the campaign has none: then no model wrote for it.
    """

    told: Mapping[str, Any]
    parts: tuple[PartAudit, ...]
    cell: CellAudit | None = None

    @property
    def variant(self) -> str:
        """The variant of the words, "" where there is only one."""
        return str(self.told.get("variant", ""))

    @property
    def writers(self) -> tuple[str, ...]:
        """Who wrote: "model", "offline", or both."""
        return tuple(sorted({part.writer for part in self.parts}))

    @property
    def models(self) -> tuple[str, ...]:
        """The models among them."""
        return tuple(sorted({part.model for part in self.parts if part.model}))

    @property
    def prompt_versions(self) -> tuple[str, ...]:
        """The versions of the prompt, or of the offline phrases."""
        return tuple(sorted({part.prompt_version for part in self.parts}))

    @property
    def verdicts(self) -> tuple[Mapping[str, str], ...]:
        """What the guard refused on the way, in all parts."""
        return tuple(verdict for part in self.parts for verdict in part.verdicts)

    @property
    def repairs(self) -> int:
        """How often refused fields went back, at most."""
        return max((part.repairs for part in self.parts), default=0)

    @property
    def offline_fields(self) -> tuple[str, ...]:
        """The fields that the offline writer filled in for the model."""
        return tuple(dict.fromkeys(field for part in self.parts for field in part.offline_fields))

    @property
    def input_tokens(self) -> int:
        """Tokens asked, `cached_tokens` among them."""
        return sum(part.input_tokens for part in self.parts)

    @property
    def cached_tokens(self) -> int:
        """Tokens asked that the server knew from before."""
        return sum(part.cached_tokens for part in self.parts)

    @property
    def output_tokens(self) -> int:
        """Tokens answered."""
        return sum(part.output_tokens for part in self.parts)

    @property
    def cost(self) -> Decimal | None:
        """What writing all these parts cost, for all mails that share them; None where no price was known."""
        micros = sum(part.cost_micros for part in self.parts)
        priced = micros or not (self.input_tokens or self.output_tokens)
        return Decimal(micros).scaleb(-6) if priced else None

    @property
    def outcome(self) -> str:
        """first_pass, repaired, partly_offline or offline: how far the words are a model's."""
        if "model" not in self.writers:
            return "offline"
        if "offline" in self.writers or self.offline_fields:
            return "partly_offline"
        return "repaired" if self.repairs else "first_pass"

    def as_json(self, currency: str) -> dict[str, Any]:
        """As JSON-ready values; `cost` is a decimal string in `currency`, null where no price was known."""
        cost = self.cost
        cell = self.cell
        return {
            "outcome": self.outcome,
            "cell": {
                "key": cell.key, "sends": cell.sends, "state": cell.state, "sample": cell.sample or None,
            } if cell else None,
            "variant": self.variant or None,
            "told": dict(self.told),
            "writers": list(self.writers),
            "models": list(self.models),
            "prompt_versions": list(self.prompt_versions),
            "verdicts": [dict(verdict) for verdict in self.verdicts],
            "repairs": self.repairs,
            "offline_fields": list(self.offline_fields),
            "tokens": {
                "input": self.input_tokens, "cached": self.cached_tokens, "output": self.output_tokens,
            },
            "cost": None if cost is None else f"{cost:f}",
            "currency": currency,
            "parts": [part.as_json() for part in self.parts],
        }  # fmt: skip


def audit_of_words(
    session: Session, campaign_id: int, copy_id: int, lines: Sequence[int]
) -> CopyAudit | None:
    """The audit of words by their rows: `copy_id` of the head or the whole, `lines` of the picks (0: in the copy).

    None where the head is no longer kept.
    """
    numbers = [copy_id, *(line for line in lines if line)]
    found = select(WrittenCopyRow).where(WrittenCopyRow.id.in_(numbers))
    kept = {row.id: row for row in session.scalars(found)}
    head = kept.get(copy_id)
    if head is None:
        return None
    apart = any(lines)
    parts = [_part("head" if apart else "whole", head)]
    parts += [_part(f"line {at}", kept[line]) for at, line in enumerate(lines, start=1) if line in kept]
    return CopyAudit(_told(head, apart), tuple(parts), _cell(session, campaign_id, head))


def audit_of_send(session: Session, campaign_id: int, send_id: int) -> CopyAudit | None:
    """The audit of the words that a send has; None where it has none yet, or none any more."""
    found = select(Send.copy_id, Send.picks, Send.cell_number).where(
        Send.campaign_id == campaign_id, Send.id == send_id
    )
    row = session.execute(found).one_or_none()
    if row is None or row.copy_id is None:
        return None
    audit = audit_of_words(session, campaign_id, row.copy_id, line_ids(row.picks))
    if audit is None or row.cell_number is None:
        return audit
    own = session.scalars(select(CopyCell).where(CopyCell.number == row.cell_number)).one_or_none()
    if own is None:
        return audit
    if audit.told.get("granularity") == "pick_set" and own.copy_id and "model" in audit.writers:
        # In the order of this mail they are a copy of their own; how they came about is told of the original.
        audit = audit_of_words(session, campaign_id, own.copy_id, ()) or audit
    return replace(audit, cell=_described(own))


def _told(head: WrittenCopyRow, apart: bool) -> dict[str, Any]:
    told = dict(head.facts or {})
    if apart and "picks" in told:
        # A head is for all mails with the same first pick; the others were those of the first such mail.
        told["picks"] = told["picks"][:1]
    return told


def _part(name: str, row: WrittenCopyRow) -> PartAudit:
    return PartAudit(
        part=name,
        key=row.content_hash,
        writer=row.writer,
        model=row.model,
        prompt_version=row.prompt_version,
        verdicts=tuple(row.verdicts),
        repairs=row.repairs,
        offline_fields=tuple(row.offline_fields),
        input_tokens=row.input_tokens,
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        cost_micros=row.cost_micros,
        written_at=row.created_at,
    )


def _cell(session: Session, campaign_id: int, head: WrittenCopyRow) -> CellAudit | None:
    # Words by the wanted writer are kept under the key of their cell; those of a stand-in are not.
    cell = session.get(CopyCell, (campaign_id, head.content_hash))
    if cell is None:
        stood_in = select(CopyCell).where(CopyCell.campaign_id == campaign_id, CopyCell.copy_id == head.id)
        cell = session.scalars(stood_in.order_by(CopyCell.sends.desc(), CopyCell.key).limit(1)).first()
    return _described(cell) if cell else None


def _described(cell: CopyCell) -> CellAudit:
    return CellAudit(cell.key, cell.sends, cell.state, cell.sample, cell.judged_by)
