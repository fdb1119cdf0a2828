"""Campaigns whose slots are drawn at open are created from files, with what they need beside them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.core.errors import BadInput
from campaigns.models import Campaign, Picture
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles

SHOPS = "name,latitude,longitude,timezone,hours,link\nOslo,59.91,10.75,Europe/Oslo,Mo-Sa 09:00-18:00,\n"


@pytest.fixture
def campaign_file(sample: SampleFiles, tmp_path: Path) -> Path:
    """The sample campaign in a folder of its own, without rules."""
    for file in sample.campaign.parent.glob("hero-*.jpg"):
        shutil.copy(file, tmp_path)
    path = tmp_path / "campaign.toml"
    text = sample.campaign.read_text(encoding="utf-8")
    start, end = text.index("[[slots.rules]]"), text.index("[schedule]")
    path.write_text(text[:start] + "#KIND\n" + text[end:], encoding="utf-8")
    return path


def created(runtime: Runtime, path: Path, kind: str) -> SlotDefinition:
    path.write_text(path.read_text(encoding="utf-8").replace("#KIND", kind), encoding="utf-8")
    number = runtime.campaigns.create_from_file(path)
    with runtime.db.transaction() as session:
        stored = session.scalars(select(Campaign.slots).where(Campaign.id == number)).one()
    return SlotDefinition.from_json(stored[0])


def test_a_list_of_shops_is_read_from_beside_the_campaign_file(runtime: Runtime, campaign_file: Path) -> None:
    (campaign_file.parent / "shops.csv").write_text(SHOPS, encoding="utf-8")
    slot = created(runtime, campaign_file, 'kind = "nearest_shop"\nshops = "shops.csv"')
    assert (slot.kind, slot.extension, slot.asks_place) == ("nearest_shop", "jpg", True)


def test_a_list_of_shops_from_elsewhere_is_refused(runtime: Runtime, campaign_file: Path) -> None:
    with pytest.raises(BadInput, match=r"slot 'hero', shops: .*must lie beside the campaign file"):
        created(runtime, campaign_file, 'kind = "nearest_shop"\nshops = "../shops.csv"')


def test_the_pictures_of_a_countdown_are_kept_as_gifs(runtime: Runtime, campaign_file: Path) -> None:
    deadline = runtime.clock.now() + timedelta(days=3)
    slot = created(runtime, campaign_file, f'kind = "countdown"\ndeadline = "{deadline.isoformat()}"')
    assert (slot.extension, slot.expires, slot.pixel_size) == ("gif", deadline, (1200, 600))
    with runtime.db.transaction() as session:
        kept = {
            row.sha256: row.media_type for row in session.execute(select(Picture.sha256, Picture.media_type))
        }
    assert kept == {slot.default.picture: "image/gif", slot.expired.picture: "image/gif"}


def test_a_deadline_that_has_passed_is_refused(runtime: Runtime, campaign_file: Path) -> None:
    past = runtime.clock.now() - timedelta(seconds=1)
    with pytest.raises(BadInput, match=r"slot 'hero', deadline: .* has passed already"):
        created(runtime, campaign_file, f'kind = "countdown"\ndeadline = "{past.isoformat()}"')


def test_a_pick_that_the_campaign_does_not_have_is_refused(runtime: Runtime, campaign_file: Path) -> None:
    with pytest.raises(BadInput, match="shows pick 5, but the campaign has picks = 4"):
        created(runtime, campaign_file, 'kind = "live_product"\npick = 5')
