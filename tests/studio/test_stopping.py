"""When it is offered to leave further generations out: what it rests on, and that nobody is overruled."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import recorded
import toy_lineage
from by_hand import Helper
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from rich.console import Console

from engine import console, explained, recipe, stopping, turns
from engine.queue import Queue
from engine.run import Run, Workspace
from studio.session import Session
from studio.views.generations import GenerationsView
from studio.views.queue import QueueView

RULE = ("stop_after=1",)


def lineage(folder: Path, *sets: str, done: int = 1, gain: bool = False, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Run]:
    """F0 to F3, complete up to F<done>: each generation says what F0 says, or is right twice as often."""
    runs = toy_lineage.lineage(folder, *(sets or RULE), generations=3, seeds=seeds)
    for run in runs:
        asked = run.recipe()
        if asked.generation <= done:
            toy_lineage.prepare_data(run)
            recorded.begin(run)
            recorded.prepare(run)
            said = toy_lineage.probabilities(2 if gain and asked.generation == done else 0, asked.seed)
            toy_lineage.save(run, "val", said, 0)
            recorded.end(run)
    return runs


def test_that_a_generation_without_gain_offers_to_leave_out_what_has_not_begun(tmp_path: Path) -> None:
    runs = lineage(tmp_path)
    found = stopping.offer(runs)
    assert found is not None and set(found.runs) == {f"digits-s{seed}-F{k}" for seed in (0, 1, 2) for k in (2, 3)}
    assert found.said == "F1 of digits brings no gain over the generation before, by the validation pictures of all seeds"
    recorded.begin(next(run for run in runs if run.name == "digits-s1-F2"))
    begun = stopping.offer(runs)
    assert begun is not None and set(found.runs) - set(begun.runs) == {"digits-s1-F2"}


@pytest.mark.parametrize(
    ("sets", "different"),
    [
        ((), {"gain": True}),
        ((), {"seeds": (0, 1)}),
        (("stop_after=2",), {}),
        (("stop_after=0",), {}),
        ((), {"done": 0}),
        ((), {"done": 3}),
    ],
    ids=["a gain", "two seeds give no verdict", "one of two", "no rule", "nothing to judge", "nothing left"],
)
def test_that_nothing_else_is_offered(tmp_path: Path, sets: tuple[str, ...], different: dict[str, object]) -> None:
    assert stopping.offer(lineage(tmp_path, *sets, **different)) is None  # type: ignore[arg-type]


def test_that_two_in_a_row_are_both_named(tmp_path: Path) -> None:
    found = stopping.offer(lineage(tmp_path, "stop_after=2", done=2))
    assert found is not None and found.said.startswith("F1 and F2 of digits bring no gain")
    assert set(found.runs) == {f"digits-s{seed}-F3" for seed in (0, 1, 2)}


def test_that_a_seed_that_is_still_at_work_or_kept_nothing_is_waited_for(tmp_path: Path) -> None:
    runs = lineage(tmp_path)
    last = next(run for run in runs if run.name == "digits-s2-F1")
    events = last.events_path.read_text().splitlines(keepends=True)
    last.events_path.write_text("".join(line for line in events if "predictions-val" not in line))
    assert stopping.offer(runs) is None, "as a run from before they were kept"
    last.events_path.write_text("".join(events[:-1]))
    assert stopping.offer(runs) is None, "not complete"


def test_that_all_seeds_of_a_generation_come_before_the_next() -> None:
    def order(*sets: str) -> list[str]:
        asked = recipe.read("born-again-digits", ("generations=1", "seeds=[0, 1]", *sets))
        return [one.run.removeprefix("digits-") for one, _ in asked.runs()]

    assert order() == ["s0-F0", "s0-F1", "s1-F0", "s1-F1"]
    assert order("stop_after=1") == ["s0-F0", "s1-F0", "s0-F1", "s1-F1"]


class Asked:
    """A console as `filial train` has it, which answers what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
        self.said = io.StringIO()
        self.questions: list[str] = []
        out = Console(file=self.said, force_terminal=answer is not None, width=200, highlight=False, markup=False)
        monkeypatch.setattr(out, "input", lambda question: self.questions.append(question) or answer)
        monkeypatch.setattr(console, "OUT", out)
        monkeypatch.setattr(console.sys, "stdin", SimpleNamespace(isatty=lambda: answer is not None))


@pytest.mark.parametrize(("answer", "trained"), [("y", 0), ("", 6), ("n", 6), (None, 6)])
def test_that_only_who_says_yes_leaves_anything_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, trained: int
) -> None:
    runs, asked, begun = lineage(tmp_path), Asked(monkeypatch, answer), []
    open_ = [run for run in runs if not run.ending().completed]
    monkeypatch.setattr(turns, "engine", lambda run, detached: None)
    monkeypatch.setattr(turns.StandBy, "take", lambda self, run: None)
    monkeypatch.setattr(turns.StandBy, "call", lambda self, beside: None)
    monkeypatch.setattr(turns, "_waited_for_in_vain", lambda run: None)
    left_out = console._LeftOut(console._Display(len(open_)))
    code = turns.work(open_, lambda run, process: begun.append(run.name) or 0, console.OUT.print, left_out)
    assert code == 0 and len(begun) == trained
    assert len(asked.questions) == (answer is not None), "once, not for every run"
    assert ("nobody can be asked here" in asked.said.getvalue()) == (answer is None)
    assert asked.said.getvalue().count("is left out") == 6 - trained


def test_that_the_queue_tells_of_the_offer_with_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lineage(tmp_path)
    queue = Queue(Workspace(tmp_path))
    queue.add(["digits-s0-F2", "digits-s0-F3"])
    console.queue(queue, as_json=False)
    said = capsys.readouterr().out
    assert (
        said.count("F1 of digits brings no gain") == 1 and "6 runs may be left out: `filial queue remove digits-s0-F2" in said
    )


def test_that_who_works_through_the_queue_says_it_once(tmp_path: Path) -> None:
    runs, advise = lineage(tmp_path), console._once()
    first, second = (next(run for run in runs if run.name == f"digits-s{seed}-F2") for seed in (0, 1))
    assert advise(first).startswith("F1 of digits brings no gain") and "6 runs may be left out" in console._advice(first)
    recorded.begin(first)
    assert "5 runs may be left out" in console._advice(second) and advise(second) == ""


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("stop_after=1",), "all 3 seeds of a generation are trained before the next, and judged on the validation pictures"),
        (("stop_after=1", "seeds=[0]"), "never here, for a verdict needs three seeds, and seeds has 1"),
        (("stop_after=3",), "never here, for generations = 3 leaves none to leave out"),
    ],
)
def test_that_explain_says_what_the_rule_needs(capsys: pytest.CaptureFixture[str], sets: tuple[str, ...], words: str) -> None:
    explained.explain(recipe.read("born-again-digits", ("generations=3", "seeds=[0, 1, 2]", *sets)), False)
    assert words in " ".join(capsys.readouterr().out.split())


def test_that_generations_offers_and_a_click_takes_them_out_of_the_queue(tmp_path: Path, helper: Helper, qtbot: QtBot) -> None:
    lineage(tmp_path)
    queue = Queue(Workspace(tmp_path))
    queue.add(["digits-s0-F2", "digits-s0-F3", "digits-s1-F2"])
    session = Session(tmp_path)
    view = GenerationsView(session, helper)
    qtbot.addWidget(view)
    session.setParent(view)
    view.show()
    settle(view, qtbot)
    assert view.head.offer.text() == (
        "F1 of digits brings no gain over the generation before, by the validation pictures of all seeds. "
        "3 runs that would follow may be left out."
    )
    assert view.head.leave_out.isVisible()
    QTest.mouseClick(view.head.leave_out, Qt.MouseButton.LeftButton)
    assert queue.names() == [] and (tmp_path / "digits-s0-F2" / "recipe.toml").is_file()
    settle(view, qtbot)
    assert not view.head.leave_out.isVisible() and view.head.offer.text() == ""


def test_that_the_queue_offers_too_and_a_click_takes_them_out(tmp_path: Path, dressed, qtbot: QtBot) -> None:
    lineage(tmp_path)
    queue = Queue(Workspace(tmp_path))
    queue.add(["digits-s0-F2", "digits-s0-F3"])
    session = Session(tmp_path)
    view = QueueView(session)
    qtbot.addWidget(view)
    session.setParent(view)
    view.show()
    for _ in range(3):
        session.tick()
    view._show()
    qtbot.waitUntil(lambda: view.head.leave_out.isVisible(), timeout=20_000)
    assert "F1 of digits brings no gain" in view.head.offer.text() and "2 runs that would follow" in view.head.offer.text()
    QTest.mouseClick(view.head.leave_out, Qt.MouseButton.LeftButton)
    assert queue.names() == []
    view._show()
    assert not view.head.leave_out.isVisible() and view.head.offer.text() == ""


def settle(view: GenerationsView, qtbot: QtBot) -> None:
    for _ in range(3):
        view._session.tick()
    view._look(at_once=True)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=20_000)
