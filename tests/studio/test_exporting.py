"""Exports and reports from the window: what is asked becomes a process, and what that says becomes a notice."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import recorded
from by_hand import press
from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.__main__ import _parser
from engine.exports import NETWORKS
from engine.run import Run
from studio.exporting import IN_THE_RUN, Exporting, PassingOn
from studio.making import KINDS, Making
from studio.session import Session
from studio.widgets.pass_on import PassOn
from studio.widgets.strip import Notice

PATIENCE_MS = 20_000


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = recorded.lineage(tmp_path / "runs", "generations=1")[0]
    recorded.complete(made)
    return made


def says(code: str) -> Callable[[Sequence[str]], Sequence[str]]:
    """A process in place of the engine: it has the arguments in `asked`."""
    return lambda arguments: [sys.executable, "-c", f"import sys; asked = {list(arguments)!r}\n{code}"]


# ---- the dialog ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def dialog(dressed, on_screen, qtbot: QtBot, run: Run, tmp_path: Path) -> Iterator[Exporting]:
    owner = QWidget()
    on_screen(owner)
    made = Exporting(run.folder, "csv", owner, lambda *_: str(tmp_path / "my pictures"))
    made.open()
    yield made


def test_that_the_dialog_begins_with_the_last_kind_and_the_runs_own_place(dialog: Exporting, run: Run, qtbot: QtBot) -> None:
    assert (dialog.kind, dialog.target, dialog.place.text()) == ("csv", None, IN_THE_RUN)
    assert dialog.command.text() == f"filial export {run.name} --to csv"
    with qtbot.waitSignal(dialog.agreed) as agreed:
        press(dialog.export)
    assert agreed.args == ["csv", None, ()]


def test_that_a_chosen_folder_gets_a_new_one_within_it(dialog: Exporting, run: Run, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "my pictures" / f"{run.name}-onnx").mkdir(parents=True)
    dialog.kinds["onnx"].click()
    press(dialog.elsewhere)
    wanted = tmp_path / "my pictures" / f"{run.name}-onnx-2"
    assert dialog.command.text() == f"filial export {run.name} --to onnx -o '{wanted}'"
    with qtbot.waitSignal(dialog.agreed) as agreed:
        press(dialog.export)
    assert agreed.args == ["onnx", wanted, ()] and not wanted.exists()


def test_that_cancelling_asks_for_nothing(dialog: Exporting, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(dialog.agreed):
        press(dialog.cancel)


def test_that_the_dialog_offers_what_the_command_line_knows() -> None:
    verbs = next(action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    asked = next(action for action in verbs.choices["export"]._actions if action.dest == "to")
    assert [one.name for one in KINDS] == list(asked.choices)


def test_that_the_dialog_knows_which_kinds_are_one_network() -> None:
    assert [one.name for one in KINDS if one.network] == list(NETWORKS)


def saved(run: Run, **steps: str) -> None:
    """Checkpoints step-N with the files of these parts."""
    for step, parts in steps.items():
        folder = run.folder / "checkpoints" / f"step-{int(step[1:]):08d}"
        folder.mkdir(parents=True)
        for part in parts.split():
            (folder / f"{part}.safetensors").touch()


@pytest.fixture
def asking(dressed, on_screen, run: Run) -> Iterator[Callable[..., Exporting]]:
    """The dialog about a run with these checkpoints."""
    owner = QWidget()
    on_screen(owner)

    def ask(**steps: str) -> Exporting:
        saved(run, **steps)
        made = Exporting(run.folder, "timm", owner)
        made.open()
        return made

    yield ask


def test_that_a_run_with_one_network_leaves_nothing_to_choose(asking: Callable[..., Exporting]) -> None:
    asked = asking(s8="model")
    assert not asked.network.isVisible() and asked.asked == ()


def test_that_a_step_and_the_student_are_asked_for_as_on_the_command_line(
    asking: Callable[..., Exporting], run: Run, qtbot: QtBot
) -> None:
    dialog = asking(s4="model teacher", s1200="model teacher")
    step, which = dialog.network.step, dialog.network.which
    assert [step.itemText(place) for place in range(step.count())] == ["Newest, step 1,200", "Step 4"]
    assert dialog.command.text() == f"filial export {run.name} --to timm"  # what the command takes by itself
    step.setCurrentIndex(1)
    assert dialog.command.text() == f"filial export {run.name} --to timm --step 4"
    which.setCurrentIndex(which.findData("student"))
    wanted = f"filial export {run.name} --to timm --step 4 --which student"
    assert dialog.command.text() == wanted
    known = _parser().parse_args(wanted.split()[1:])
    assert (known.step, known.which) == (4, "student")
    with qtbot.waitSignal(dialog.agreed) as agreed:
        press(dialog.export)
    assert agreed.args == ["timm", None, ("--step", "4", "--which", "student")]


def test_that_a_checkpoint_offers_only_the_networks_it_has(asking: Callable[..., Exporting]) -> None:
    dialog = asking(s4="model", s6="model teacher", s8="model teacher")
    network = dialog.network
    network.which.setCurrentIndex(1)
    network.step.setCurrentIndex(1)
    assert dialog.asked == ("--step", "6", "--which", "student")
    network.step.setCurrentIndex(2)
    assert dialog.asked == ("--step", "4") and not network.which.isVisible()


def test_that_what_is_no_single_network_is_asked_for_without_one(asking: Callable[..., Exporting], run: Run) -> None:
    dialog = asking(s4="model", s8="model")
    dialog.network.step.setCurrentIndex(1)
    dialog.kinds["csv"].click()
    assert not dialog.network.isEnabled() and dialog.command.text() == f"filial export {run.name} --to csv"
    dialog.kinds["onnx"].click()
    assert dialog.command.text() == f"filial export {run.name} --to onnx --step 4"


def test_that_the_process_is_told_which_network(run: Run, qtbot: QtBot, qapp: object) -> None:
    owner = QObject()
    making = Making(owner, says("print(*asked[3:])"))
    with qtbot.waitSignal(making.made, timeout=PATIENCE_MS) as made:
        making.export(run.folder, "timm", Path("/there"), ("--step", "4"))
    assert made.args[1] == "timm --step 4 -o /there"


# ---- the process --------------------------------------------------------------------------------------------------------


def test_that_an_export_is_really_made(run: Run, qtbot: QtBot, qapp: object) -> None:
    owner = QObject()
    making = Making(owner)
    with qtbot.waitSignal(making.made, timeout=PATIENCE_MS) as made:
        making.export(run.folder, "csv", None)
    said, path = made.args
    assert (Path(path) / "metrics.csv").is_file() and Path(path).parent == run.folder / "extras"
    assert said == f"the export of {run.name} as csv is in {path}" and not making.busy


def test_that_a_report_is_asked_for_in_its_workspace(tmp_path: Path, qtbot: QtBot, qapp: object) -> None:
    owner = QObject()
    making = Making(owner, says("print('on the way'); print(asked[-1], asked[0], asked[1])"))
    with qtbot.waitSignal(making.made, timeout=PATIENCE_MS) as made:
        making.report(tmp_path, "toy")
    assert made.args[1] == f"toy --runs {tmp_path}"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit('filial: --to: onnx needs it; pip brings it.')", "--to: onnx needs it; pip brings it"),
        ("print('Traceback', file=sys.stderr); raise SystemExit(1)", "Traceback"),
        ("import os; os._exit(3)", "it ended with code 3"),
    ],
)
def test_that_what_was_not_made_is_told_with_the_last_words(run: Run, qtbot: QtBot, qapp: object, code: str, why: str) -> None:
    owner = QObject()
    making = Making(owner, says(code))
    with qtbot.waitSignal(making.failed, timeout=PATIENCE_MS) as failed, qtbot.assertNotEmitted(making.made):
        making.export(run.folder, "onnx", None)
    assert failed.args == [f"the export of {run.name} as onnx was not made: {why}."]


def test_that_a_process_which_cannot_begin_is_told(run: Run, qtbot: QtBot, qapp: object) -> None:
    owner = QObject()
    making = Making(owner, lambda _: ["/nowhere/python"])
    with qtbot.waitSignal(making.failed) as failed:
        making.export(run.folder, "csv", None)
    assert failed.args == [f"the export of {run.name} as csv cannot be begun: No such file or directory."] and not making.busy


# ---- the notice ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def passing(
    dressed, on_screen, qtbot: QtBot, run: Run, follow: Callable[[Path], Session]
) -> Iterator[tuple[PassingOn, Notice]]:
    window = QWidget()
    notice = Notice(window)
    on_screen(window)
    session = follow(run.folder.parent)
    yield PassingOn(session, notice, window, Making(window, says("print('/there/it is')"))), notice


def test_that_what_is_made_is_told_and_opens(passing, run: Run, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    passer, notice = passing
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    with qtbot.waitSignal(passer.making.made, timeout=PATIENCE_MS):
        passer.make_report(run.name)
        assert notice.words.text() == f"The report about {run.name} is being made." and not notice.act.isVisible()
    assert notice.words.text() == f"The report about {run.name} is in /there/it is" and not notice.waits
    press(notice.act)
    assert [url.toLocalFile() for url in opened] == ["/there/it is"]


def test_that_a_question_is_not_taken_away(passing, run: Run, qtbot: QtBot) -> None:
    passer, notice = passing
    notice.show_text("Resume on this host?", "Resume", "resume x")
    with qtbot.waitSignal(passer.making.made, timeout=PATIENCE_MS):
        passer.make_report(run.name)
    assert notice.words.text() == "Resume on this host?"
    notice.hide()
    qtbot.waitUntil(lambda: notice.isVisible() and "/there/it is" in notice.words.text())


def test_that_the_dialog_is_about_the_run_and_remembers_the_kind(passing, run: Run, qtbot: QtBot) -> None:
    passer, notice = passing
    passer.ask_export(run.name)
    (dialog,) = notice.window().findChildren(Exporting)
    dialog.kinds["timm"].click()
    with qtbot.waitSignal(passer.making.made, timeout=PATIENCE_MS) as made:
        press(dialog.export)
    assert made.args[0] == f"the export of {run.name} as timm is in /there/it is"
    qtbot.waitUntil(lambda: not notice.window().findChildren(Exporting))
    passer.ask_export(run.name)
    (again,) = notice.window().findChildren(Exporting)
    assert again.kind == "timm"
    press(again.cancel)


def test_that_the_button_passes_names_on(dressed, qtbot: QtBot) -> None:
    button = PassOn()
    qtbot.addWidget(button)
    button.show_names("toy-s0-F1", ("toy-s0-F1", "toy"))
    texts = [action.text() for action in button.menu_.actions()]
    assert texts == ["Export toy-s0-F1…", "Report about toy-s0-F1", "Report about toy"]
    with qtbot.waitSignal(button.export_asked) as asked:
        button.menu_.actions()[0].trigger()
    assert asked.args == ["toy-s0-F1"]
    with qtbot.waitSignal(button.report_asked) as asked:
        button.menu_.actions()[2].trigger()
    assert asked.args == ["toy"]
    button.show_names("", ())
    assert button.isHidden()
