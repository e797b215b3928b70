"""Charts and pictures are taken away: by menu and by key, as picture, SVG and numbers, under a name that says what they are."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import recorded
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

from studio import theme
from studio.session import Session
from studio.views.live import LiveView
from studio.widgets import taking
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line
from studio.widgets.painted import Painted
from studio.widgets.picture import Picture
from studio.widgets.table_twin import TableTwin, Twin

KEYS, CTRL = Qt.Key, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def plot(dressed, on_screen) -> CurvePlot:
    made = CurvePlot("What matters")
    made.resize(420, 260)
    x = np.arange(1.0, 6.0)
    made.set_lines([Line("val/accuracy", x, x / 7, color="#325BC0"), Line("late", x[3:], x[3:], color="#9A5602")])
    on_screen(made)
    made.setFocus()
    QApplication.processEvents()
    return made


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_last_folder", [])


def answer(monkeypatch: pytest.MonkeyPatch, path: Path | str, how: str = "") -> list[str]:
    """The desktop's dialog answers this; what it was asked is returned."""
    asked: list[str] = []

    def dialog(parent: QWidget, title: str, start: str, kinds: str) -> tuple[str, str]:
        asked.extend([start, kinds])
        return str(path), how

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    return asked


def test_that_a_chart_is_copied_at_twice_its_size_and_not_empty(plot: CurvePlot) -> None:
    QGuiApplication.clipboard().clear()
    QTest.keyClick(plot, KEYS.Key_C, CTRL)
    image = QGuiApplication.clipboard().image()
    assert (image.width(), image.height()) == (840, 520)
    colors = {image.pixelColor(x, y).name() for x in range(0, 840, 2) for y in range(0, 520, 2)}
    assert {"#325bc0", theme.palette().panel.lower()} <= colors


def test_that_its_numbers_are_copied_in_full(plot: CurvePlot) -> None:
    QTest.keyClick(plot, KEYS.Key_C, CTRL | Qt.KeyboardModifier.ShiftModifier)
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text())))
    assert rows[0] == ["step", "val/accuracy", "late"]
    assert rows[1] == ["1.0", repr(1 / 7), ""], "what was not measured is empty"
    assert len(rows) == 6


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_that_a_chart_is_saved_as_what_its_ending_says(plot: CurvePlot, tmp_path: Path, monkeypatch, kind: str) -> None:
    path = tmp_path / f"chart.{kind}"
    asked = answer(monkeypatch, path)
    QTest.keyClick(plot, KEYS.Key_S, CTRL)
    assert asked[0].endswith("/What-matters.png") and asked[1].count(";;") == 2
    if kind == "png":
        assert QImage(str(path)).width() == 840
    elif kind == "csv":
        assert path.read_text().startswith("step,val/accuracy,late\n1.0,")
    else:
        root = ElementTree.parse(path).getroot()
        names = [element.tag.rpartition("}")[2] for element in root.iter()]
        texts = {(element.text or "").strip() for element in root.iter()}
        assert "What matters" in texts, "words are words"
        assert names.count("polyline") + names.count("path") > 10, "lines are lines"
        assert max(element.get("d", "").count("L") for element in root.iter()) >= 4, "the curve has all its points"


def test_that_an_ending_that_is_left_out_is_that_of_the_chosen_kind(plot: CurvePlot, tmp_path: Path, monkeypatch) -> None:
    answer(monkeypatch, tmp_path / "of.epoch.3", taking.KINDS["svg"])
    plot.taking.save()
    assert (tmp_path / "of.epoch.3.svg").read_bytes().startswith(b"<?xml")


def test_that_the_next_file_goes_where_the_last_one_went(plot: CurvePlot, tmp_path: Path, monkeypatch) -> None:
    answer(monkeypatch, tmp_path / "a.csv")
    plot.taking.save()
    assert answer(monkeypatch, "") == [] and not plot.taking.save("csv")
    asked = answer(monkeypatch, "")
    plot.taking.save("csv")
    assert asked == [str(tmp_path / "What-matters.csv"), taking.KINDS["csv"]]


def test_that_a_place_that_cannot_be_written_is_told(plot: CurvePlot, tmp_path: Path) -> None:
    said: list[str] = []
    plot.window().say = said.append
    plot.taking.write(tmp_path / "none" / "a.csv")
    assert len(said) == 1 and "cannot be written" in said[0]


@pytest.mark.parametrize("way", ["right button", "menu key", "shift f10"])
def test_that_a_chart_offers_its_menu(plot: CurvePlot, way: str) -> None:
    if way == "right button":
        viewport = plot._canvas.viewport()
        QApplication.sendEvent(viewport, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(9, 9), QPoint(9, 9)))
    elif way == "menu key":
        QTest.keyClick(plot, KEYS.Key_Menu)
    else:
        QTest.keyClick(plot, KEYS.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    [menu] = [each for each in plot.findChildren(QMenu) if each.isVisible()]
    texts = [act.text().partition("\t")[0] for act in menu.actions() if act.text()]
    assert texts == ["Copy picture", "Copy numbers as CSV", "Save as PNG…", "Save as SVG…", "Save as CSV…"]
    menu.close()


class Square(Painted):
    def draw(self, painter: QPainter) -> None:
        painter.fillRect(10, 10, 20, 20, theme.color("bad"))

    def table(self) -> list[list[str | float | None]]:
        return [["side"], [20.0]]


def test_that_a_drawing_is_lines_in_svg_and_sharp_when_enlarged(dressed, on_screen) -> None:
    drawing = Square()
    drawing.resize(60, 60)
    on_screen(drawing)
    assert b"<image" not in taking.svg_of(drawing, "square") and b"<rect" in taking.svg_of(drawing, "square")
    image = taking.image_of(drawing)
    bad, panel = theme.color("bad").name(), theme.color("panel").name()
    assert [image.pixelColor(x, 40).name() for x in (19, 20, 59, 60)] == [panel, bad, bad, panel]


def test_that_a_drawing_with_a_table_has_both_and_its_table_copies_numbers(dressed, on_screen) -> None:
    drawing = Square()
    twin = Twin(drawing, drawing.table, "Square")
    on_screen(twin)
    assert "Copy numbers as CSV" in [act.text().partition("\t")[0] for act in twin.taking.menu().actions()]
    twin.button.click()
    twin.table.setFocus()
    QTest.keyClick(twin.table, KEYS.Key_C, CTRL)
    assert QGuiApplication.clipboard().text() == "side\n20.0\n"
    for menu in drawing.findChildren(QMenu):
        menu.close()


def test_that_a_table_is_saved_with_its_numbers(dressed, on_screen, tmp_path: Path, monkeypatch) -> None:
    table = TableTwin("Losses")
    table.show_rows([["epoch", "loss"], [1.0, 0.123456789], [2.0, None]])
    on_screen(table)
    answer(monkeypatch, tmp_path / "losses.csv")
    QTest.keyClick(table, KEYS.Key_S, CTRL)
    assert (tmp_path / "losses.csv").read_text() == "epoch,loss\n1.0,0.123456789\n2.0,\n"


def test_that_a_picture_has_no_numbers_and_an_empty_one_nothing(dressed, on_screen) -> None:
    picture = Picture(96)
    on_screen(picture)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(9, 9), QPoint(9, 9))
    QApplication.sendEvent(picture, event)
    assert picture.findChildren(QMenu) == []
    picture.show_picture(np.zeros((8, 8), np.uint8), "digit 3")
    QApplication.sendEvent(picture, event)
    [menu] = picture.findChildren(QMenu)
    assert [act.text().partition("\t")[0] for act in menu.actions() if act.text()] == [
        "Copy picture",
        "Save as PNG…",
        "Save as SVG…",
    ]
    menu.close()


def test_that_a_file_is_named_after_the_run_it_is_of(
    dressed, on_screen, tmp_path: Path, follow: Callable[[Path], Session]
) -> None:
    recorded.complete(recorded.lineage(tmp_path)[0])
    session = follow(tmp_path)
    view = LiveView(session)
    view.resize(1280, 720)
    on_screen(view)
    session.choose("digits-s0-F0")
    assert view.slots[0].plot.taking.file_name() == "digits-s0-F0-Objective"


def test_that_buttons_are_left_out_of_the_picture(
    dressed, on_screen, tmp_path: Path, follow: Callable[[Path], Session]
) -> None:
    recorded.complete(recorded.lineage(tmp_path)[0])
    view = LiveView(follow(tmp_path))
    view.resize(1280, 720)
    on_screen(view)
    slot = next(slot for slot in view.slots if slot.more.isVisible())
    image, place = taking.image_of(slot.plot, 1), slot.more.geometry()
    inside = {
        image.pixelColor(x, y).name() for x in range(place.left(), place.right()) for y in range(place.top(), place.bottom())
    }
    assert inside == {theme.color("panel").name()}
