"""Known data sets on the Data page: offered with size and licence, fetched beside everything else, then looked at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import Helper, press
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QWidget
from test_data_model import answer, table

from engine import known_sets, sets
from engine.sets import Added
from studio import data_model, theme
from studio.session import Session
from studio.views.data import DataView


@pytest.fixture
def fetcher(qapp: QApplication) -> Helper:
    return Helper()


@pytest.fixture
def view(
    tmp_path: Path,
    helper: Helper,
    fetcher: Helper,
    dressed: Callable[..., theme.Palette],
    on_screen: Callable[[QWidget], QWidget],
) -> Iterator[DataView]:
    session = Session(tmp_path / "runs")
    view = DataView(session, helper, fetcher)  # type: ignore[arg-type]
    view.resize(1200, 800)
    on_screen(view)
    yield view
    session.stop_following()


def entries(view: DataView) -> list[QAction]:
    view.head.menu.aboutToShow.emit()
    return [action for action in view.head.menu.actions() if action.isEnabled() and action.text()]


def choose(view: DataView, start: str) -> None:
    next(action for action in entries(view) if action.text().startswith(start)).trigger()


def test_that_sets_to_fetch_say_size_and_licence_and_source(view: DataView) -> None:
    shown = {action.text(): action.toolTip() for action in entries(view)}
    assert "Fashion-MNIST, 29 MiB to fetch, MIT licence" in shown
    assert "Xiao, Rasul, Vollgraf" in shown["Fashion-MNIST, 29 MiB to fetch, MIT licence"]
    assert sum("to fetch" in text for text in shown) == len(known_sets.KNOWN)


def test_that_a_set_is_fetched_beside_everything_else_and_then_looked_at(
    view: DataView, helper: Helper, fetcher: Helper, tmp_path: Path
) -> None:
    choose(view, "CIFAR-10,")
    assert fetcher.asked == [("fetch", {"name": "cifar10", "workspace": str(tmp_path / "runs")})] and not helper.asked
    assert not view._busy and view.head.folder.isEnabled(), "fetching keeps nobody from anything"
    fetcher.progressed.emit(1, 0.5, "fetching CIFAR-10: 80 MiB of 163 MiB")
    view.fetching._patience.timeout.emit()
    assert view.fetching.isVisible() and view.fetching.said == "Fetching CIFAR-10: 80 MiB of 163 MiB"
    fetcher.answered.emit(1, {"table": {}})
    assert not view.fetching.isVisible()
    wanted = known_sets.table("cifar10", tmp_path / "runs" / "data")
    assert helper.asked == [("scan", {"data": wanted, "workspace": str(tmp_path / "runs")})]


def test_that_what_was_looked_at_meanwhile_is_not_pushed_aside(
    view: DataView, helper: Helper, fetcher: Helper, qtbot: Any, tmp_path: Path
) -> None:
    choose(view, "CIFAR-100,")
    view.look_at(table())
    helper.answered.emit(1, answer(tmp_path))
    qtbot.waitUntil(lambda: not view._busy)
    fetcher.answered.emit(1, {"table": {}})
    assert len(helper.asked) == 1 and view.banner.text == "CIFAR-100 is here."
    press(view.banner.buttons[0])
    assert helper.asked[-1][1]["data"]["path"].endswith("cifar100") and not view.banner.isVisible()


def test_that_a_cancel_ends_the_ask_and_a_failure_can_be_tried_again(view: DataView, fetcher: Helper) -> None:
    choose(view, "CIFAR-10,")
    view.fetching._patience.timeout.emit()
    press(view.fetching.cancel)
    assert fetcher.cancelled == [1] and not view.fetching.isVisible() and not view.fetching.busy
    choose(view, "CIFAR-10,")
    fetcher.failed.emit(2, "http://x cannot be fetched (no route); 1 MiB are kept", "")
    assert view.banner.text == "CIFAR-10 was not fetched: http://x cannot be fetched (no route); 1 MiB are kept."
    press(view.banner.buttons[0])
    assert len(fetcher.asked) == 3 and not view.banner.isVisible()


def test_that_another_set_takes_the_place_of_the_one_on_its_way(view: DataView, helper: Helper, fetcher: Helper) -> None:
    choose(view, "CIFAR-10,")
    choose(view, "Flowers-102,")
    assert fetcher.cancelled == [1] and fetcher.asked[1][1]["name"] == "flowers102"
    fetcher.answered.emit(1, {"table": {}})
    assert not helper.asked and view.fetching.busy


def test_that_what_is_here_needs_no_fetching_and_added_sets_are_offered(
    view: DataView, helper: Helper, fetcher: Helper, tmp_path: Path
) -> None:
    data = tmp_path / "runs" / "data"
    (data / "fashion-mnist").mkdir(parents=True)
    pets = tmp_path / "pets"
    pets.mkdir()
    for name, path in (("pets", pets), ("gone", tmp_path / "gone")):
        sets.remember(data, Added(name, {"name": "folder", "path": str(path), "size": 16, "colour": "rgb"}, 1200, 3, 0.0))
    texts = [action.text() for action in entries(view)]
    assert "Fashion-MNIST, here" in texts and "pets, 1,200 pictures" in texts and not any("gone" in text for text in texts)
    choose(view, "Fashion-MNIST")
    assert not fetcher.asked and helper.asked[0][1]["data"]["colour"] == "grey"
    choose(view, "pets")
    assert helper.asked[1][1]["data"] == {"name": "folder", "path": str(pets), "size": 16, "colour": "rgb"}
    assert [one.fetch for one in data_model.to_fetch(data)].count("") == 1
