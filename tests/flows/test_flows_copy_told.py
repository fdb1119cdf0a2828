"""What is kept of what a writer was told, with words that others get too."""

from __future__ import annotations

import pytest

from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.terms import Granularity
from campaigns.copywriting.usage import Prices
from campaigns.flows.copy.copy_parts import new_parts
from campaigns.flows.copy.copystore import NewPart
from tests.copywriting.copywriting_samples import a_request


@pytest.mark.parametrize(("granularity", "kept"), [("customer", False), ("pick_set", True)])
def test_the_offline_writers_words_keep_nothing_of_the_one_customer_they_were_for(
    granularity: Granularity, kept: bool
) -> None:
    salt = "s" if granularity == "customer" else ""
    told = a_request(granularity=granularity, salt=salt, place="Norway")
    new: dict[str, NewPart] = {}
    new_parts(OfflineWriter().write(told), told, Prices(), (), new)
    assert new
    for part in new.values():
        assert part.facts is not None and ("reader" in part.facts) is kept
