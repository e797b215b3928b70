"""Suspect labels become a file of corrections, and the file a recipe; the pictures are never touched."""

from collections.abc import Callable
from pathlib import Path

import pytest
import toy_lineage
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from test_generations import opened, turn_to  # noqa: F401 -- a fixture

from engine import recipe
from studio.views.generations import GenerationsView
from studio.widgets.corrections_dialog import CorrectionsDialog

Dialog = tuple[GenerationsView, CorrectionsDialog]


@pytest.fixture
def dialog(tmp_path: Path, opened: Callable[[Path], GenerationsView], qtbot: QtBot) -> Dialog:  # noqa: F811
    """Over the suspects of a lineage of nine networks."""
    toy_lineage.finished(tmp_path)
    view = opened(tmp_path)
    turn_to(view, "Mistakes", qtbot)
    view.mistakes.correct.click()
    [found] = view.findChildren(CorrectionsDialog)
    return view, found


def test_that_what_all_networks_contradict_is_ticked_at_first(dialog: Dialog) -> None:
    view, asks = dialog
    found = view.mistakes._found
    sure = [one for one in found if one.votes == one.voters]
    assert found and asks.list.count() == len(found) and len(asks.chosen()) == len(sure)
    asks.all.click()
    classes = view._classes()
    assert asks.chosen() == {str(one.index): classes[one.proposed] for one in found}
    asks.how.setCurrentIndex(1)
    assert set(asks.chosen().values()) == {""}, "left out, not relabelled"
    asks.none.click()
    assert asks.chosen() == {} and not asks.write.isEnabled()


def test_that_ticked_labels_are_written_and_the_file_opens_in_a_recipe(dialog: Dialog, tmp_path: Path) -> None:
    view, asks = dialog
    wanted: list[tuple[str, str]] = []
    view.recipe_wanted.connect(lambda text, like: wanted.append((text, like)))
    asks.none.click()
    asks.list.item(0).setCheckState(Qt.CheckState.Checked)
    assert asks.write.text() == "Write 1 correction" and not asks.use.isEnabled()
    asks.write.click()
    [(picture, label)] = asks.chosen().items()
    file = tmp_path / "data" / "corrections-digits-1.csv"
    assert file.read_text(encoding="utf-8") == f"picture,label\n{picture},{label}\n"
    asks.use.click()
    [(text, like)] = wanted
    assert like == "digits-s0-F0" and recipe.plain_table(text)["data"]["corrections"] == str(file)
    assert view.findChildren(CorrectionsDialog) == [] or not asks.isVisible()


def test_that_a_file_of_another_kind_is_refused_in_the_dialog(dialog: Dialog, tmp_path: Path) -> None:
    _, asks = dialog
    other = tmp_path / "other.csv"
    other.write_text("name,age\n", encoding="utf-8")
    asks.path.setText(str(other))
    asks.all.click()
    asks.write.click()
    assert "picture,label" in asks.said.text() and not asks.use.isEnabled() and other.read_text() == "name,age\n"
    asks.path.setText(str(tmp_path / "nowhere" / "x.csv"))
    asks.write.click()
    assert "cannot be written" in asks.said.text()
