"""The recipe that outlives its window: what is kept comes back, and nothing else does."""

from pathlib import Path

import pytest

from studio import unsaved
from studio.recipe_presets import Snapshot

WRITTEN = Snapshot(
    'lineage = "größer"\n', preset="born-again-digits", path=Path("/there/mine.toml"), saved="x", name="n", origin="o"
)


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(unsaved, "path", lambda: tmp_path / "state" / "unsaved.json")
    return tmp_path / "state" / "unsaved.json"


def test_that_what_is_kept_comes_back_until_nothing_is() -> None:
    assert unsaved.kept() is None
    for written in (WRITTEN, Snapshot("a = 1")):
        unsaved.keep(written)
        assert unsaved.kept() == written
    unsaved.keep(None)
    unsaved.keep(None)
    assert unsaved.kept() is None


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"text": 3}', "\xff"])
def test_that_a_damaged_file_counts_as_none(place: Path, damage: str) -> None:
    place.parent.mkdir()
    place.write_text(damage, encoding="latin-1")
    assert unsaved.kept() is None


def test_that_a_place_that_cannot_be_written_costs_only_the_memory(place: Path) -> None:
    place.parent.write_text("a file where the folder should be")
    unsaved.keep(WRITTEN)
    assert unsaved.kept() is None
