"""Settings act at once and are remembered; the trash is emptied on a person's word only; ends of runs are told."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from by_hand import press, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from test_main_window import Open, home, opened  # noqa: F401 -- fixtures

from engine import processes
from engine.run import Run
from studio import awake, preferences, theme, trash
from studio.awake import Awake
from studio.main_window import MainWindow
from studio.preferences import Preferences
from studio.recipe_model import OpenRecipe
from studio.settings import Emptying, Settings, disk_rows
from studio.tidings import Tidings

KEYS = Qt.Key


@pytest.fixture
def settings(opened: Open, tmp_path: Path) -> Callable[[], Settings]:  # noqa: F811
    """Opens the settings of a window on a workspace with a run and one in the trash."""
    kept, thrown = recorded.lineage(tmp_path / "runs", "generations=1")
    recorded.complete(kept)
    (kept.folder / "checkpoints").mkdir(exist_ok=True)
    (kept.folder / "checkpoints" / "weights").write_bytes(b"0" * 3000)
    trash.put_away(thrown)

    def show() -> Settings:
        window = opened(tmp_path / "runs")
        QTest.keySequence(window, "Ctrl+,")
        [dialog] = window.findChildren(Settings)
        return dialog

    return show


def counted(dialog: Settings, qtbot) -> Settings:
    qtbot.waitUntil(lambda: not dialog._later.busy, timeout=5000)
    return dialog


def test_that_looks_act_at_once_and_are_remembered(settings, home: Path) -> None:  # noqa: F811
    dialog = settings()
    press(dialog.theme.button("Dark"))
    assert theme.palette() is theme.DARK
    dialog.scale.setCurrentIndex(dialog.scale.findData(1.25))
    dialog.scale.activated.emit(dialog.scale.currentIndex())
    assert theme.scale() == 1.25 and preferences.load() == Preferences(theme="dark", scale=1.25)


def test_that_a_choice_made_elsewhere_is_shown_here(settings) -> None:
    dialog = settings()
    dialog.parent().set_theme("dark")
    dialog.parent().set_scale(0.9)
    assert dialog.theme.current() == "Dark" and dialog.scale.currentText() == "90 %"


def test_that_every_preference_is_kept_and_read_back(home: Path) -> None:  # noqa: F811
    chosen = Preferences(
        "dark", 1.5, "/runs", stay_awake=True, notify=False, keep_every_epochs=5, keep_full=3, keep_snapshots=0
    )
    preferences.save(chosen)
    assert preferences.load() == chosen
    preferences.save(Preferences())
    assert preferences.load() == Preferences() and "keep" not in (home / "studio.toml").read_text()


@pytest.mark.parametrize(
    "text", ["stay_awake = 1", "notify = 'yes'", "keep_full = 0", "keep_full = true", "keep_snapshots = -1"]
)
def test_that_an_odd_setting_counts_as_none(home: Path, text: str) -> None:  # noqa: F811
    home.mkdir()
    (home / "studio.toml").write_text(text)
    assert preferences.load() == Preferences()


# ---- what new runs keep -------------------------------------------------------------------------------------------------


def test_that_a_new_experiment_keeps_what_a_person_said_and_shows_it_as_changed() -> None:
    asked = OpenRecipe()
    asked.use_own({"keep.full": 7, "keep.snapshots": 4})
    assert (asked.last.keep.full, asked.last.keep.snapshots) == (7, 4) and not asked.unsaved and not asked.can_undo
    assert {one.field.path for one in asked.changes()} == {"keep.full", "keep.snapshots"}
    asked.take_preset("dino-creatures")
    assert asked.last.keep.full == 7
    asked.reset("keep.full")
    assert asked.last.keep.full == 2, "the preset's"
    asked.use_own({})
    assert asked.last.keep.snapshots == 4, "what was changed by hand is left alone"


def test_that_a_preset_that_says_the_same_is_not_changed() -> None:
    asked = OpenRecipe()
    asked.use_own({"keep.full": asked.last.keep.full})
    assert asked.changes() == []


def test_that_the_numbers_of_the_settings_are_those_of_the_recipe(settings) -> None:
    dialog = settings()
    assert dialog.keeps["keep_full"].text() == "as in the preset"
    dialog.keeps["keep_full"].setValue(5)
    dialog.keeps["keep_snapshots"].setValue(0)
    assert dialog.parent().preferences.kept == {"keep.full": 5, "keep.snapshots": 0}


# ---- the disk -----------------------------------------------------------------------------------------------------------


def test_that_the_disk_is_counted_by_run_and_trash(settings, qtbot) -> None:
    dialog = counted(settings(), qtbot)
    use = dialog._use
    assert [one.name for one in use.runs] == ["digits-s0-F0"] and use.runs[0].checkpoints >= 3000
    assert [one.name.rpartition("-")[0] for one in use.trash] == ["digits-s0-F1"] and use.free > 0
    assert disk_rows(use)[0] == ("Run", "On the disk", "Checkpoints") and len(disk_rows(use)) == 3
    assert dialog.total.text().endswith(" free") and "in 1 run" in dialog.total.text()


def test_that_a_workspace_that_is_not_there_yet_takes_nothing(tmp_path: Path) -> None:
    use = trash.disk_use(tmp_path / "not" / "yet")
    assert (use.runs, use.trash, use.rest) == ((), (), 0) and use.free > 0


def test_that_the_trash_is_emptied_only_on_a_persons_word(settings, qtbot, tmp_path: Path) -> None:
    dialog = counted(settings(), qtbot)
    folder = tmp_path / "runs" / "trash"
    window = dialog.parent()
    press(dialog.empty)
    question = window.findChild(Emptying)
    assert "digits-s0-F1" in question.accessibleDescription() and "Nothing brings them back" in question.accessibleDescription()
    assert question.stay.hasFocus() or question.stay.isDefault()
    QTest.keyClick(question, KEYS.Key_Return)
    assert len(list(folder.iterdir())) == 1, "Return is Cancel"
    press(dialog.empty)
    late = folder / "came-later"
    late.mkdir()
    press(next(each for each in window.findChildren(Emptying) if each.isVisible()).delete)
    qtbot.waitUntil(lambda: not window._later.busy, timeout=5000)
    assert list(folder.iterdir()) == [late], "of that nobody was told"
    assert (tmp_path / "runs" / "digits-s0-F0").is_dir()


def test_that_a_link_in_the_trash_takes_nothing_else_along(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    (tmp_path / "runs" / "trash").mkdir(parents=True)
    (tmp_path / "runs" / "trash" / "link").symlink_to(tmp_path / "precious")
    trash.empty(tmp_path / "runs", ["link"])
    assert (tmp_path / "precious" / "file").exists() and list((tmp_path / "runs" / "trash").iterdir()) == []


# ---- awake --------------------------------------------------------------------------------------------------------------


class Holder:
    """A process that holds the machine awake."""

    def __init__(self) -> None:
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self.returncode = -15


@pytest.fixture
def holders(monkeypatch) -> dict[str, Holder]:
    """What would have been started, by its command."""
    made: dict[str, Holder] = {}
    monkeypatch.setattr(awake, "why_not", lambda: "")
    monkeypatch.setattr(sys, "platform", "linux")
    start = lambda command, log, detached: made.setdefault(" ".join(command), Holder())  # noqa: E731
    monkeypatch.setattr(processes, "start", start)
    return made


def test_that_each_engine_has_a_holder_which_ends_with_it(qapp, holders) -> None:
    keeper = Awake()
    keeper.follow({7})
    keeper.follow({7, 8})
    assert len(holders) == 2 and all("systemd-inhibit --what=sleep:idle" in command for command in holders)
    assert any(command.endswith("tail --pid=7 -f /dev/null") for command in holders)
    keeper.follow({8})
    assert [holder.returncode for holder in holders.values()] == [-15, None]


def test_that_a_system_that_refuses_is_told_once(qapp, holders) -> None:
    keeper, said = Awake(), []
    keeper.refused.connect(said.append)
    keeper.follow({7})
    awake._log(7).write_text("Failed to inhibit: Access denied\n")
    next(iter(holders.values())).returncode = 1
    for _ in range(3):
        keeper.follow({7, 9})
    assert said == ["The system does not let this machine be kept awake: Failed to inhibit: Access denied."]
    assert len(holders) == 1


def test_that_a_machine_that_cannot_be_kept_awake_says_why(settings, monkeypatch) -> None:
    monkeypatch.setattr(awake, "why_not", lambda: "This machine has no systemd-inhibit.")
    dialog = settings()
    assert not dialog.awake.isEnabled() and dialog.awake.accessibleDescription() == "This machine has no systemd-inhibit."


def test_that_the_window_keeps_awake_only_on_a_persons_wish(opened: Open, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    run = at_work(tmp_path)
    asked: list[set[int]] = []
    with recorded.alive(run):
        window = opened(run.workspace)
        monkeypatch.setattr(window.awake, "follow", asked.append)
        window.session.runs_changed.emit()
        window._remember(Preferences(stay_awake=True))
    assert asked[0] == set() and asked[-1] == {processes.me().pid}


# ---- tidings ------------------------------------------------------------------------------------------------------------


def at_work(tmp_path: Path) -> Run:
    run = recorded.lineage(tmp_path / "runs")[0]
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 12)
    return run


@pytest.fixture
def heard(qapp) -> Iterator[Callable[..., list[tuple[str, str, bool]]]]:
    kept: list[Tidings] = []

    def listen(session) -> list[tuple[str, str, bool]]:
        told: list[tuple[str, str, bool]] = []
        kept.append(Tidings(session))
        kept[-1].heard.connect(lambda *said: told.append(said))
        return told

    yield listen
    kept.clear()


@pytest.mark.parametrize(("reason", "bad"), [("completed", False), ("failed", True)])
def test_that_an_end_is_told_once(follow, heard, tmp_path: Path, reason: str, bad: bool) -> None:
    run = at_work(tmp_path)
    with recorded.alive(run):
        session = follow(run.workspace)
        told = heard(session)
        recorded.end(run, reason, "out of memory")
    for _ in range(3):
        settle(session)
        session.runs_changed.emit()
    [(name, said, needs)] = told
    assert name == run.name and said.startswith("digits F0 seed 0: f") and needs is bad


def test_that_a_run_that_dies_is_told_and_its_resumption_can_be_told_again(follow, heard, tmp_path: Path) -> None:
    run = at_work(tmp_path)
    with recorded.alive(run):
        session = follow(run.workspace)
        told = heard(session)
    settle(session)
    assert [said.partition(": ")[2][:4] for _, said, _ in told] == ["lost"]
    recorded.begin(run, attempt=2, resumed_from=10)
    with recorded.alive(run, attempt=2):
        settle(session)
    settle(session)
    assert len(told) == 2


def test_that_a_silent_engine_is_told(follow, heard, tmp_path: Path, monkeypatch) -> None:
    run = at_work(tmp_path)
    with recorded.alive(run):
        session = follow(run.workspace)
        told = heard(session)
        monkeypatch.setattr("engine.state.SILENT_S", 0.0)
        settle(session)
        assert "still alive" in told[0][1] and told[0][2]


@pytest.mark.parametrize("reason", ["stopped", "paused"])
def test_that_what_a_person_asked_for_is_no_news(follow, heard, tmp_path: Path, reason: str) -> None:
    run = at_work(tmp_path)
    with recorded.alive(run):
        session = follow(run.workspace)
        told = heard(session)
        recorded.end(run, reason, "by hand")
    settle(session)
    assert told == []


def test_that_runs_that_ended_before_the_window_opened_are_no_news(follow, heard, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path / "runs")
    recorded.complete(runs[0])
    at_work(tmp_path / "other")
    session = follow(tmp_path / "runs")
    told = heard(session)
    settle(session)
    lost = follow(tmp_path / "other" / "runs")
    told_of_lost = heard(lost)
    settle(lost)
    assert told == [] and told_of_lost == []


def test_that_the_window_tells_only_while_another_is_in_front(opened: Open, tmp_path: Path, on_screen, monkeypatch) -> None:  # noqa: F811
    window = opened(tmp_path)
    rung: list[str] = []
    monkeypatch.setattr(window.bell, "ring", lambda run, said, bad: rung.append(said))
    window.tidings.heard.emit("run", "digits F0: finished", False)
    assert rung == [] and not window.notice.isVisible()
    other = on_screen(QWidget())
    assert other.isActiveWindow()
    window.tidings.heard.emit("run", "digits F0: failed", True)
    assert rung == ["digits F0: failed"] and window.notice.words.text() == "Digits F0: failed"
    window._remember(Preferences(notify=False))
    window.tidings.heard.emit("run", "digits F0: lost", True)
    assert len(rung) == 1


def test_that_a_bell_without_a_tray_asks_for_a_look_in_the_task_bar(opened: Open, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    window: MainWindow = opened(tmp_path)
    alerted: list[object] = []
    monkeypatch.setattr("studio.tidings.QApplication.alert", alerted.append)
    window.bell.ring("run", "digits F0: failed", True)
    assert alerted == [window] and window.bell._tray is None
