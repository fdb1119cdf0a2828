"""The demo's own campaigns before SpamAssassin 4: every sample of both scores under 1.0."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from campaigns.compose.spam_judge import SpamVerdict, installed_judge
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles

JUDGE = installed_judge()


@pytest.mark.slow
@pytest.mark.skipif(JUDGE is None, reason="spamassassin is missing: apt install spamassassin")
def test_the_mails_of_the_demo_are_no_spam(shop: Runtime, sample: SampleFiles) -> None:
    seen: list[SpamVerdict] = []

    class Remembering:
        def judge(self, messages: Sequence[bytes]) -> list[SpamVerdict]:
            assert JUDGE is not None
            seen.extend(JUDGE.judge(messages))
            return seen[-len(messages) :]

    shop.spam_judge = Remembering()
    for file in (sample.campaign, sample.second_campaign):
        draft = shop.campaigns.create_from_file(file)
        report = shop.preflight.run(draft)
        assert not [f for f in report.findings if f.code.startswith("spam")] and not report.of("error")
    assert len(seen) > 20
    assert [v for v in seen if v.score >= 1.0] == []
