"""Add a grid: what is typed, what is told before anything is made, and what is on disk afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from by_hand import press, queued
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine import recipe
from engine.recipe import Recipe
from engine.run import Refused
from studio.session import Session
from studio.views.queue import QueueView
from studio.widgets.field_row import Choice, FieldRows
from studio.widgets.grid_dialog import GridDialog, offered

TEXT = recipe.read("born-again-digits", ("generations=1", "seeds=[0, 1]", "lineage=d")).text()


@pytest.fixture
def dialog(on_screen: Callable[[QWidget], QWidget], dressed: object) -> Iterator[Callable[..., GridDialog]]:
    below = on_screen(QWidget())

    def opened(seconds: Callable[[Recipe], float | None] = lambda asked: None) -> GridDialog:
        made = GridDialog(TEXT, "my.toml", seconds, below)
        made.show()
        return made

    yield opened


def test_that_number_and_time_are_told_before_anything_is_made(dialog, qtbot) -> None:
    asked = dialog(lambda one: 600.0 if one.optimizer.lr > 0.01 else None)
    assert not asked.queue.isEnabled() and asked.fields.rows[0].path == "optimizer.lr"
    QTest.keyClicks(asked.fields.rows[0].values, "0.1, 0.03")
    qtbot.waitUntil(lambda: not asked.waiting, timeout=5000)
    assert asked.summary.text() == "2 lineages, 8 runs, about 20 min."
    assert asked.names.text() == "d-lr-0.1, d-lr-0.03"
    assert asked.line.text() == 'filial queue add my.toml --grid "optimizer.lr=0.1, 0.03"'
    QTest.keyClicks(asked.fields.rows[0].values, ", 0.001")
    qtbot.waitUntil(lambda: not asked.waiting, timeout=5000)
    assert asked.summary.text() == "3 lineages, 12 runs, about 20 min for 2 of the lineages; of the others nothing is known."


def test_that_a_second_field_multiplies_and_goes_again(dialog, qtbot) -> None:
    asked = dialog()
    asked.fields.rows[0].values.setText("0.1,0.03")
    qtbot.waitUntil(lambda: not asked.waiting, timeout=5000)
    press(asked.fields.more)
    second = asked.fields.rows[1]
    assert second.path != "optimizer.lr"
    second.values.setText("32..128:4")
    qtbot.waitUntil(lambda: not asked.waiting, timeout=5000)
    assert asked.summary.text().startswith("8 lineages, 32 runs, and nobody knows how long")
    QApplication.processEvents()
    press(second.remove)
    assert len(asked.files) == 2


def test_that_a_refused_value_is_named_and_nothing_can_be_queued(dialog, qtbot) -> None:
    asked = dialog()
    asked.fields.rows[0].values.setText("0.1, 5000")
    qtbot.waitUntil(lambda: not asked.waiting, timeout=5000)
    assert asked.problem.text().startswith("optimizer.lr: 5000") and not asked.queue.isEnabled() and not asked.files


def test_that_every_field_in_force_but_the_names_is_offered() -> None:
    paths = [path for path, _, _ in offered(recipe.read_text(TEXT).recipe)]
    assert {"optimizer.lr", "model.width", "data.label_noise"} <= set(paths)
    assert not {"lineage", "seeds", "version"} & set(paths)


def test_that_a_grid_from_the_queue_is_on_disk_and_in_the_queue(
    follow: Callable[[Path], Session], on_screen, dressed, tmp_path: Path, qtbot
) -> None:
    run = recorded.lineage(tmp_path, "generations=0", "method.name=supervised")[0]
    recorded.complete(run)
    view = QueueView(follow(tmp_path))
    on_screen(view)
    view.table.choose([f"run {run.name}"])
    view._act("grid")
    view.grid.fields.rows[0].values.setText("0.1,0.05")
    qtbot.waitUntil(lambda: not view.grid.waiting, timeout=5000)
    assert view.grid.summary.text().startswith("2 lineages, 2 runs, about ")
    press(view.grid.queue)
    assert queued(tmp_path) == ["digits-lr-0.1-s0-F0", "digits-lr-0.05-s0-F0"]


def test_that_a_refusal_is_said_where_the_grid_was_written(
    follow: Callable[[Path], Session], on_screen, dressed, tmp_path: Path, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded.lineage(tmp_path, "generations=0", "method.name=supervised")[0]
    recorded.complete(run)
    session = follow(tmp_path)
    view = QueueView(session)
    on_screen(view)
    view.table.choose([f"run {run.name}"])
    view._act("grid")
    view.grid.fields.rows[0].values.setText("0.1,0.05")
    assert not view.grid.queue.isEnabled(), "nothing is queued before it was read"
    qtbot.waitUntil(view.grid.queue.isEnabled, timeout=5000)

    def refused(*_: object) -> None:
        raise Refused("The lineage is taken.")

    monkeypatch.setattr("studio.session.enqueue_all", refused)
    press(view.grid.queue)
    assert view.grid.problem.isVisible() and view.grid.problem.text() == "The lineage is taken."


def test_that_without_a_field_to_choose_there_is_no_row_to_add(dressed: object, qtbot: QtBot) -> None:
    rows = FieldRows("Another change", "Field to change", "Its new value")
    qtbot.addWidget(rows)
    rows.offer([Choice("optimizer.lr", "Learning rate", "0.1")])
    assert len(rows.rows) == 1 and rows.more.isEnabled()
    rows.offer([])
    assert rows.rows == [] and not rows.more.isEnabled(), "a fork of no run changes nothing"
