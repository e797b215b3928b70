"""A workspace of an earlier version, kept in tests/samples/ for ever: whatever reads a folder must still read this one."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported for the first time

import numpy as np
import pytest
from conftest import filial  # type: ignore[import-not-found]

from engine import events
from engine.queue import Queue
from engine.run import Observer, Run, Workspace

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = ["look-s0-F0", *(f"sample-s{seed}-F{generation}" for seed in range(4) for generation in (0, 1)), "wild-s0-F0"]
BEGUN = [name for name in NAMES if name not in ("sample-s2-F1", "sample-s3-F0", "sample-s3-F1")]
ENDS = {
    "look-s0-F0": ["completed"],
    "sample-s0-F0": ["completed"],
    "sample-s0-F1": [None, "stopped", "completed"],
    "sample-s1-F0": ["completed"],
    "sample-s1-F1": ["stopped"],
    "sample-s2-F0": [None],
    "wild-s0-F0": ["failed"],
}
SENTENCES = {  # what Live says of them, in part
    "look-s0-F0": "2 epochs",
    "sample-s0-F1": "4 epochs",
    "sample-s1-F1": "step 8 is saved",
    "sample-s2-F0": "on sample-host",
    "wild-s0-F0": "not finite",
}


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    """A copy, for looking at a run alone may make a lock's file."""
    return Workspace(Path(shutil.copytree(SAMPLES / "workspace-1", tmp_path / "runs")))


def test_that_every_run_of_the_sample_is_found_with_its_recipe(sample):
    assert [run.name for run in sample.runs()] == NAMES
    for run in sample.runs():
        asked = run.recipe()
        assert asked.run == run.name and (asked.teacher == "") == (asked.generation == 0)
    assert sample.run("sample-s1-F1").recipe().teacher == "sample-s1-F0"


def test_that_what_was_in_force_and_which_pictures_it_was_trained_on_can_be_read(sample):
    for run in map(sample.run, BEGUN):
        in_force, data = run.effective(), run.data()
        assert in_force["recipe"]["training"]["batch"] == 32 and in_force["decided"]["threads"] == 1
        assert data["counts"] == {"train": 96, "val": 449, "test": 539} and len(data["classes"]) == 10
    assert sample.run("sample-s0-F1").effective()["teacher"]["run"] == "sample-s0-F0"
    assert sample.run("sample-s3-F0").effective() is sample.run("sample-s3-F0").data() is None


def test_that_the_history_of_every_attempt_is_told_as_it_was(sample):
    for name, ends in ENDS.items():
        state, ending = sample.run(name).state(), sample.run(name).ending()
        assert [attempt.finished and attempt.finished.reason for attempt in state.attempts] == ends
        assert state.unreadable == 0
        assert (ending.finished and ending.finished.reason) == ends[-1]
    assert "step 5" in sample.run("wild-s0-F0").state().finished.detail


def test_that_steps_taken_after_the_checkpoint_that_was_resumed_from_are_abandoned(sample):
    state = sample.run("sample-s0-F1").state()
    assert [attempt.resumed_from_step for attempt in state.attempts] == [0, 3, 9]
    loss = state.curves["train/loss"]
    assert loss.steps.tolist() == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert loss.steps[~loss.kept].tolist() == [4, 5]


def test_that_states_are_derived_as_for_any_run_of_another_host(sample):
    observer = Observer()
    words = {run.name: observer.state_of(run) for run in sample.runs()}
    assert words == {
        **dict.fromkeys(NAMES, "finished"),
        "sample-s2-F0": "lost",
        "sample-s2-F1": "blocked",
        "sample-s3-F0": "queued",
        "sample-s3-F1": "queued",
    }
    assert Queue(sample).names() == ["sample-s3-F0", "sample-s3-F1"]


def test_that_commands_are_found_answered(sample):
    for name in ("sample-s0-F1", "sample-s1-F1"):
        run = sample.run(name)
        (path,) = (run.folder / "commands").iterdir()
        assert run.state().acknowledged == {path.stem: "accepted"}


def test_that_every_artifact_is_what_its_event_says(sample):
    for run in map(sample.run, BEGUN):
        saved = [event for event in _told(run) if isinstance(event, events.ArtifactSaved)]
        assert saved
        for event in saved:
            content = (run.folder / event.path).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (event.size, event.sha256)
            with np.load(run.folder / event.path, allow_pickle=False) as arrays:
                assert all(arrays[name].size for name in arrays.files)


def _told(run: Run) -> list[events.AnyEvent | None]:
    return [events.from_line(line) for line in run.events_path.read_bytes().splitlines()]


def test_that_the_newest_checkpoints_are_sound_and_hold_their_networks(sample):
    import torch

    from engine import checkpoint

    steps = {"look-s0-F0": 6, "sample-s0-F1": 12, "sample-s1-F1": 8, "sample-s2-F0": 6, "wild-s0-F0": 3}
    for name, step in steps.items():
        newest = checkpoint.newest_valid(sample.run(name))
        assert newest is not None
        state = checkpoint.read_state(newest)
        network = state.build.network()
        checkpoint.load_model(newest, network)
        assert state.step == step
        assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_that_the_teacher_a_child_has_pinned_is_still_that_teacher(sample):
    from engine import decide

    child = sample.run("sample-s1-F1")
    known = decide.read(child)
    decide.check_teacher(child, known.teacher)  # refuses another one
    assert known.teacher.step == 12


def test_that_status_and_compare_still_say_at_least_what_they_said(sample):
    status = json.loads(filial("status", sample.folder, "--json").stdout)
    compared = json.loads(filial("compare", "sample", "--runs", sample.folder, "--json").stdout)
    _assert_says(status, _expected("status"))
    _assert_says(compared, _expected("compare-sample"))


def _expected(what: str) -> Any:
    return json.loads((SAMPLES / f"workspace-1.{what}.json").read_text(encoding="utf-8"))


def _assert_says(now: Any, then: Any, where: str = "") -> None:
    """More may be said than then, numbers may differ in their last digits; nothing else."""
    if isinstance(then, dict):
        for key, value in then.items():
            assert key in now, f"{where}.{key} is gone"
            _assert_says(now[key], value, f"{where}.{key}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for place, value in enumerate(then):
            _assert_says(now[place], value, f"{where}[{place}]")
    else:
        assert now == (pytest.approx(then, rel=1e-6) if isinstance(then, float) else then), where


def test_that_live_and_generations_show_every_run_of_the_sample(sample, qtbot, qapp):
    from studio import theme
    from studio.assistant import Assistant
    from studio.session import Session
    from studio.views.generations import GenerationsView
    from studio.views.live import LiveView

    theme.apply(qapp, "light")
    session = Session(sample.folder)
    live, generations = LiveView(session), GenerationsView(session, Assistant())
    for view in (live, generations):
        qtbot.addWidget(view)
        view.resize(1280, 720)
        view.show()
    session.start()
    qtbot.waitUntil(lambda: session.runs and not session.loading, timeout=20_000)
    assert not [one.problem for one in session.runs if one.problem]
    for name in NAMES:
        session.choose(name)
        said = live.header.sentence.accessibleName()
        assert SENTENCES.get(name, "") in said, (name, said)
        assert not live.grab().isNull() and not generations.grab().isNull()
        assert generations.lineage == session.followed(name).lineage
    session.choose("sample-s0-F1")
    qtbot.waitUntil(lambda: "13.0" in generations.head.said, timeout=20_000)
    assert len(live.slots[0].plot.table()) > 12
    session.stop_following()


@pytest.mark.parametrize(("name", "total", "begun_at"), [("sample-s1-F1", 12, 8), ("sample-s2-F0", 12, 6)])
def test_that_what_was_stopped_or_lost_is_resumed_to_its_end_by_this_version(sample, name, total, begun_at):
    from engine.train import train

    before = sample.run(name).state()
    assert train(sample.run(name)) == 0
    state = sample.run(name).state()
    assert state.completed and state.step == total and state.attempt == before.attempt + 1
    assert state.attempts[-1].resumed_from_step == begun_at
    assert "test/accuracy" in state.curves
