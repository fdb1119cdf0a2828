"""How SpamAssassin 4 judges the mails: those of an ordinary campaign and those of a hostile one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from compose_samples import TRACKED, UNTRACKED, content, envelope

from campaigns.compose.mime import build_message
from campaigns.compose.spam_judge import KnownVerdicts, SpamAssassin, SpamJudge, installed_judge
from campaigns.compose.template import load_template
from campaigns.core.clock import SystemClock
from campaigns.core.errors import ServiceUnavailable

JUDGE = installed_judge()
needs_spamassassin = pytest.mark.skipif(
    JUDGE is None, reason="spamassassin is missing: apt install spamassassin"
)
LONGEST = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaft " * 2
SUBJECTS = {
    "an ordinary one": ("Søren Å", "Rain ready"),
    "the longest names": (LONGEST, "Søren, " + "the first storms are coming and so are we " * 4),
    "right to left": ("عبد الرحمن الخطيب", "معطف المطر الذي يناسبك ☔"),
    "emoji": ("🎉 Zoë 👩‍👩‍👧", "🌧️🌧️🌧️ Rain ready 🎉"),
    "no name": ("", "Rain ready"),
    "CJK": ("李雷", "为您挑选的雨衣"),
}
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def mail(
    kind: str, language: str = "en", picks: int = 4, consents: bool = True, template: str = "outdoor"
) -> bytes:
    to_name, subject = SUBJECTS[kind]
    ref = TRACKED if consents else UNTRACKED
    filled = content(picks, ref, first_name=to_name, language=language, subject=subject, title=to_name)
    if not consents:
        filled = replace(filled, consent_since=None, open_pixel_url=None)
    around = replace(envelope(subject, to_name), to_address="soren@fjellmail.com")
    return build_message(load_template(template).render_for_wire(filled), around, SystemClock())


@pytest.fixture(scope="module")
def scores() -> dict[str, tuple[float, dict[str, float]]]:
    """Of every mail at once: most of the time goes into loading the rules."""
    assert JUDGE is not None
    mails = {kind: mail(kind) for kind in SUBJECTS}
    mails |= {f"in {language}": mail("emoji", language) for language in ("de", "fr", "es", "no")}
    mails |= {f"no picks: {kind}": mail(kind, picks=0) for kind in SUBJECTS}
    mails |= {f"no consent: {kind}": mail(kind, consents=False) for kind in SUBJECTS}
    mails["nothing at all"] = mail("no name", picks=0, consents=False)
    mails |= {f"letter: {kind}": mail(kind, template="letter") for kind in SUBJECTS}
    mails["letter: nothing at all"] = mail("no name", picks=0, consents=False, template="letter")
    verdicts = JUDGE.judge(list(mails.values()))
    return {kind: (v.score, v.rules) for kind, v in zip(mails, verdicts, strict=True)}


@needs_spamassassin
@pytest.mark.slow
def test_every_mail_scores_under_one(scores: dict[str, tuple[float, dict[str, float]]]) -> None:
    assert len(scores) == 4 * len(SUBJECTS) + 6
    assert {kind: told for kind, told in scores.items() if told[0] >= 1.0} == {}


@needs_spamassassin
@pytest.mark.slow
def test_no_rule_that_the_design_names_is_broken(scores: dict[str, tuple[float, dict[str, float]]]) -> None:
    """FACTS: title unlike subject, few words, base64 text, dates, text unlike HTML, a bare To, hidden words."""
    traps = {
        "HTML_TITLE_SUBJ_DIFF", "MIME_BASE64_TEXT", "DATE_IN_PAST_03_06", "MISSING_DATE", "MPART_ALT_DIFF",
        "MPART_ALT_DIFF_COUNT", "TO_NO_BRKTS_HTML_ONLY", "TO_NO_BRKTS_PCNT", "HTML_FONT_LOW_CONTRAST",
        "MIME_HTML_ONLY", "MIME_HEADER_CTYPE_ONLY", "SUBJ_ILLEGAL_CHARS", "INVALID_DATE", "INVALID_MSGID",
    }  # fmt: skip
    broken = {rule for _, rules in scores.values() for rule in rules}
    assert not broken & traps and not any(rule.startswith("HTML_IMAGE_ONLY") for rule in broken)


def spam() -> bytes:
    return mail("an ordinary one").replace(b"\r\n--=_", b"\r\n" + GTUBE + b"\r\n--=_")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["the real one", "the one that knows"])
def test_the_contract_of_judges(kind: str) -> None:
    """In the order asked; points and the rules that gave them; nothing for nothing."""
    judge: SpamJudge | None = KnownVerdicts({GTUBE: ("GTUBE", 1000.0)})
    if kind == "the real one":
        judge = JUDGE
    if judge is None:
        pytest.skip("spamassassin is missing: apt install spamassassin")
    assert judge.judge([]) == []
    good, bad = judge.judge([mail("an ordinary one"), spam()])
    assert good.score < 2 <= 100 < bad.score
    assert bad.rules["GTUBE"] == 1000.0 and "GTUBE" not in good.rules


@needs_spamassassin
@pytest.mark.slow
def test_the_judge_notices_what_the_mails_avoid() -> None:
    """So that a good score means something: the same mail with one fault each gets points for it."""
    assert JUDGE is not None
    good = mail("an ordinary one")
    no_date = re.sub(rb"Date: [^\r]*\r\n", b"", good)
    joined = good.replace(b"=\r\n", b"")
    other_title = re.sub(
        rb"<title>.*?</title>", b"<title>Cheap watches for everybody, today only</title>", joined
    )
    assert no_date != good and other_title != joined
    nothing, missing, unlike = JUDGE.judge([good, no_date, other_title])
    assert nothing.score < 1
    assert missing.rules["MISSING_DATE"] > 1
    assert unlike.rules["HTML_TITLE_SUBJ_DIFF"] > 1


def test_a_judge_that_does_not_answer() -> None:
    with pytest.raises(ServiceUnavailable):
        SpamAssassin("/nowhere/spamassassin").judge([b"Subject: x\r\n\r\nx\r\n"])
    with pytest.raises(ServiceUnavailable, match="0 verdicts on 1 mails"):
        SpamAssassin("/bin/true").judge([b"Subject: x\r\n\r\nx\r\n"])


def test_a_judge_that_takes_too_long(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    with pytest.raises(ServiceUnavailable, match=r"within 0\.3 seconds"):
        SpamAssassin(str(slow), seconds=0.3).judge([b"Subject: x\r\n\r\nx\r\n"])
