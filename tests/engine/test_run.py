"""A run's folder: following it, attempts at it, and what an observer makes of engines that live, die and fall silent."""

import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import toys

from engine import commands, events, processes
from engine import run as room
from engine.fields import RecipeErrors
from engine.run import Attempt, Observer, Refused, Run, Workspace, cannot_be_written, teacher_of
from engine.state import RunState

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")


class Clock:
    """The observer's monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (run,) = toys.runs(tmp_path)
    return run


# ---- a workspace --------------------------------------------------------------------------------------------------------


def test_that_runs_are_ordered_by_lineage_seed_and_generation(tmp_path: Path) -> None:
    toys.runs(tmp_path, toys.lineage("generations=10", "seeds=[2, 10]"))
    toys.runs(tmp_path)
    names = [run.name for run in Workspace(tmp_path).runs()]
    assert names[0] == "single-s0-F0"
    assert names[1:] == [f"toy-s{seed}-F{generation}" for seed in (2, 10) for generation in range(11)]


def test_that_only_folders_with_a_recipe_are_runs(tmp_path: Path) -> None:
    toys.runs(tmp_path)
    for name in ("data", "trash", "trash/old-s0-F0"):
        (tmp_path / name).mkdir()
    (tmp_path / "trash" / "old-s0-F0" / "recipe.toml").write_text("")
    (tmp_path / "queue.json").write_text("[]")
    assert [run.name for run in Workspace(tmp_path).runs()] == ["single-s0-F0"]
    assert Workspace(tmp_path / "nowhere").runs() == []


@pytest.mark.parametrize("name", ["my run", "digits-s²-F0", "digits-sx-F1", "-s-F", "digits-s1-F2-fork1"])
def test_that_a_run_of_any_name_is_listed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "recipe.toml").write_text("not = even = toml")
    toys.runs(tmp_path)
    assert {run.name for run in Workspace(tmp_path).runs()} == {name, "single-s0-F0"}


def test_that_creating_a_lineage_makes_each_runs_folder_with_its_recipe(tmp_path: Path) -> None:
    file = toys.lineage()
    runs = Workspace(tmp_path / "new" / "place").create(file)
    assert [run.name for run in runs] == ["toy-s0-F0", "toy-s0-F1", "toy-s1-F0", "toy-s1-F1"]
    assert [run.recipe() for run in runs] == [one for one, _ in file.runs()]
    assert [[item.name for item in run.folder.iterdir()] for run in runs] == [["recipe.toml"]] * 4


def test_that_the_same_recipe_is_continued_and_its_file_left_alone(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path)
    text = "# my own note\n" + (run.folder / "recipe.toml").read_text()
    (run.folder / "recipe.toml").write_text(text)
    assert toys.runs(tmp_path) == [run]
    assert (run.folder / "recipe.toml").read_text() == text


def test_that_more_seeds_and_generations_join_those_there_are(tmp_path: Path) -> None:
    toys.runs(tmp_path, toys.lineage("seeds=[0]"))
    runs = toys.runs(tmp_path, toys.lineage("seeds=[0, 1]", "generations=2"))
    assert len(runs) == 6 == len(Workspace(tmp_path).runs())


def test_that_a_different_recipe_is_refused_with_two_ways_out_and_nothing_written(tmp_path: Path) -> None:
    toys.runs(tmp_path, toys.lineage("seeds=[1]"))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(Refused) as refused:
        toys.runs(tmp_path, toys.lineage("training.epochs=9", "optimizer.lr=0.2"))
    assert str(refused.value) == (
        f"toy-s1-F0 exists in {tmp_path} with another recipe "
        "(optimizer.lr is 0.1 there and 0.2 here; training.epochs is 4 there and 9 here). "
        f"Either give this lineage another name (--set lineage=NAME), or move {tmp_path / 'toy-s1-F0'} away first."
    )
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before, "not even for the seed that would have been free"
    assert len(toys.runs(tmp_path, toys.lineage("training.epochs=9", "lineage=other"))) == 4


def test_that_a_student_of_a_run_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    toys.runs(tmp_path, toys.lineage("seeds=[0]"))
    student = toys.single("method.name=kd", "seeds=[0, 1]", "method.teacher_run=toy-s{seed}-F1")
    with pytest.raises(
        Refused, match=r"^method.teacher_run: there is no run toy-s1-F1 in .*; write one of these, the nearest "
    ):
        Workspace(tmp_path).create(student)
    assert not list(tmp_path.glob("single*")), "not half of them"
    toys.runs(tmp_path, toys.lineage("seeds=[1]"))
    assert [run.recipe().teacher for run in Workspace(tmp_path).create(student)] == ["toy-s0-F1", "toy-s1-F1"]
    shutil.rmtree(tmp_path / "toy-s0-F1")
    assert len(Workspace(tmp_path).create(student)) == 2, "runs there are go on by themselves; they are blocked meanwhile"


def test_that_a_student_waits_for_a_teacher_of_another_lineage_and_is_blocked_by_its_failure(tmp_path: Path) -> None:
    (teacher,) = toys.runs(tmp_path)
    (student,) = toys.runs(tmp_path, toys.single("lineage=small", "method.name=kd", "method.teacher_run=single-s0-F0"))
    assert teacher_of(student) == teacher and Observer().state_of(student) == "queued"
    toys.tell(teacher, *toys.history(1, end="failed"))
    assert Observer().state_of(student) == "blocked"
    toys.tell(teacher, toys.started(2), toys.finished())
    assert Observer().state_of(student) == "queued"
    shutil.rmtree(teacher.folder)
    assert Observer().state_of(student) == "blocked"


def test_that_a_place_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot be written .* choose another workspace"):
        toys.runs(tmp_path / "file")


def test_that_a_summary_says_what_the_whole_history_says_of_where_a_run_is(run: Run) -> None:
    toys.tell(run, toys.started(), toys.prepared(), *map(toys.stepped, range(1, 21)), toys.measured(20, accuracy=0.5))
    toys.tell(run, toys.started(2, step=10), *map(toys.stepped, range(11, 18)), tail=b'{"type":"step_taken","step":18')
    for told in ((), (b"\n{damaged\n",), (b"",)):
        for part in told:
            toys.tell(run, toys.measured(17, accuracy=0.25), toys.finished("paused"), tail=part)
        whole, brief = run.state(), run.summary()
        assert (brief.step, brief.epoch, brief.values, brief.attempt) == (whole.step, whole.epoch, whole.values, whole.attempt)
        assert (brief.best("val/accuracy"), brief.finished) == (whole.best("val/accuracy"), whole.finished)
        assert (brief.total_steps, brief.altered) == (whole.total_steps, whole.altered)


def test_that_a_run_without_a_history_has_an_empty_summary(run: Run) -> None:
    assert run.summary().attempt == 0


@pytest.mark.parametrize(("number", "remedy"), [(28, "free some space, or choose another"), (30, "choose another")])
def test_that_space_is_to_be_freed_only_where_none_is_left(tmp_path: Path, number: int, remedy: str) -> None:
    said = str(cannot_be_written(tmp_path, OSError(number, "why")))
    assert said == f"{tmp_path} cannot be written (why); {remedy} workspace with --runs DIR"


def test_that_a_damaged_recipe_is_a_recipe_error_with_its_path(run: Run) -> None:
    path = run.folder / "recipe.toml"
    for content, problem in ((b"x = = 1", "line 1: is not TOML"), (b"\xff", "is not UTF-8 text"), (b"", "lineage: is missing")):
        path.write_bytes(content)
        with pytest.raises(RecipeErrors) as refused:
            run.recipe()
        assert str(refused.value).startswith(f"{path}: {problem}")
    path.unlink()
    with pytest.raises(OSError):
        run.recipe()


def test_that_what_is_not_there_yet_is_none(run: Run) -> None:
    assert run.effective() is None and run.data() is None and run.status() is None
    assert run.state().count == 0 and run.newest_valid_step() == 0 and run.checkpoint_folders() == []
    (run.folder / "effective.toml").write_text('[decided]\ndevice = "cpu"\n')
    (run.folder / "data.json").write_text('{"name": "digits"}')
    assert run.effective() == {"decided": {"device": "cpu"}} and run.data() == {"name": "digits"}


def test_that_a_run_is_where_it_is(run: Run, tmp_path: Path) -> None:
    assert run.name == "single-s0-F0" and run.workspace == tmp_path and run == Run(run.folder)
    assert run != "single-s0-F0" and len({run, Run(run.folder)}) == 1 and str(run.folder) in repr(run)


def test_that_checkpoints_are_ordered_by_number_and_only_full_ones_resume(run: Run) -> None:
    for step in (300, 20, 100_000_000, 9):
        toys.put_checkpoint(run, step)
    toys.put_checkpoint(run, 200_000_000, "model.safetensors")
    for name in ("step-00000300 (copy)", ".step-00000400", "best"):
        (run.folder / "checkpoints" / name).mkdir()
    assert [room.checkpoint_step(folder) for folder in run.checkpoint_folders()] == [9, 20, 300, 100_000_000, 200_000_000]
    assert run.newest_valid_step() == 100_000_000


def test_that_the_default_workspace_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert room.default_workspace().parts[-2:] == ("filial", "runs")


# ---- following ----------------------------------------------------------------------------------------------------------


def test_that_a_tail_reads_what_is_new_and_nothing_twice(run: Run) -> None:
    tail, state = run.tail(), RunState()
    assert tail.read_into(state) == 0, "no file yet"
    toys.tell(run, *toys.history(1, 2))
    assert tail.read_into(state) > 0 and state.step == 2
    assert tail.read_into(state) == 0
    toys.tell(run, toys.stepped(3))
    assert tail.read_into(state) > 0
    assert state.curves["train/loss"].steps.tolist() == [1, 2, 3]


def test_that_a_half_line_waits_for_its_newline(run: Run) -> None:
    tail, state = run.tail(), RunState()
    line = events.to_line(toys.stepped(7))
    toys.tell(run, toys.started(), tail=line[:20])
    tail.read_into(state)
    assert (state.step, state.unreadable) == (0, 0)
    toys.tell(run, tail=line[20:-1])
    tail.read_into(state)
    assert (state.step, state.unreadable) == (0, 0), "whole, but its newline has not come"
    toys.tell(run, tail=b"\n")
    tail.read_into(state)
    assert (state.step, state.unreadable) == (7, 0)


def test_that_unknown_and_torn_lines_are_skipped_and_counted(run: Run) -> None:
    toys.tell(run, toys.started(), tail=b'{"type":"invented_later"}\n\n{"type":"step_ta\n')
    toys.tell(run, toys.stepped(1), tail=b"\xff\xfe\n   \n")
    state = run.state()
    assert (state.step, state.count, state.unreadable) == (1, 2, 3)


def test_that_a_long_history_is_read_in_slices(run: Run) -> None:
    many = [toys.stepped(step) for step in range(1, 6001)]
    toys.tell(run, toys.started(), *many)
    size = run.events_path.stat().st_size
    assert size > 2 * room.SLICE
    tail, state, slices = run.tail(), RunState(), []
    while read := tail.read_into(state):
        slices.append(read)
    assert max(slices) == room.SLICE <= 200_000 and sum(slices) == size and len(slices) == 3
    assert state.curves["train/loss"].steps.tolist() == list(range(1, 6001)) and state.unreadable == 0
    assert run.state().count == state.count


def test_that_a_history_arriving_byte_by_byte_is_the_same_history(run: Run, tmp_path: Path) -> None:
    toys.tell(run, *toys.history(1, 2, end="stopped"))
    slow = Run(tmp_path / "slow")
    slow.folder.mkdir()
    tail, state = slow.tail(), RunState()
    with slow.events_path.open("ab", buffering=0) as file:
        for byte in run.events_path.read_bytes():
            file.write(bytes([byte]))
            tail.read_into(state)
    whole = run.state()
    assert (state.log, state.attempts, state.count, state.unreadable) == (whole.log, whole.attempts, whole.count, 0)


def test_that_how_a_run_ended_is_told_by_its_newest_line_alone(run: Run) -> None:
    assert run.ending().attempts == []
    toys.tell(run, *(toys.stepped(step) for step in range(6000)))
    assert run.ending().step == 5999 and run.ending().finished is None
    toys.tell(run, toys.finished("failed"), tail=b'{"torn\n{"half')
    ending = run.ending()
    assert ending.finished is not None and ending.finished.reason == "failed" and ending.count == 1


# ---- an attempt ---------------------------------------------------------------------------------------------------------


def test_that_an_attempt_opens_and_ends_with_its_events(run: Run) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        attempt.record(toys.stepped(1))
        attempt.record(toys.finished("stopped"))
    first, second, third = toys.told(run)
    assert (first["type"], first["attempt"], first["resumed_from_step"]) == ("started", 1, 0)
    assert (first["pid"], first["host"]) == (os.getpid(), processes.host()) and abs(first["time"] - time.time()) < 60
    assert second["type"] == "step_taken" and third["reason"] == "stopped"


def test_that_what_an_engine_knows_is_what_a_reader_folds(run: Run) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        for event in (toys.prepared(), toys.stepped(1), toys.measured(1, accuracy=0.5)):
            attempt.record(event)
        read = run.state()
        assert (read.log, read.attempts, read.values) == (attempt.state.log, attempt.state.attempts, attempt.state.values)


def test_that_attempts_count_on(run: Run) -> None:
    for number, step in ((1, 0), (2, 10), (3, 10)):
        with Attempt(run) as attempt:
            assert attempt.number == number
            attempt.open(step)
            assert attempt.step == step
    assert [attempt.number for attempt in run.state().attempts] == [1, 2, 3]


def test_that_elapsed_is_seconds_in_this_attempt(run: Run, clock: Clock) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        clock.now += 12.3456
        attempt.record(toys.stepped(1))
    with Attempt(run) as attempt:
        attempt.open(1)
        clock.now += 0.5
        attempt.record(toys.stepped(2))
    assert [line["elapsed_s"] for line in toys.told(run)] == [0.0, 12.346, 0.0, 0.5]


@pytest.mark.parametrize("torn", [b'{"type":"step_ta', b'{"type":"warned","step":1,"text":"whole"}'])
def test_that_a_new_attempt_ends_a_torn_last_line(run: Run, torn: bytes) -> None:
    toys.tell(run, *toys.history(1), tail=torn)
    with Attempt(run) as attempt:
        attempt.open(0)
        attempt.record(toys.stepped(2))
    lines = run.events_path.read_bytes().split(b"\n")
    assert lines[3] == torn and b'"started"' in lines[4] and lines[-1] == b""
    state = run.state()
    assert state.attempt == 2 and state.step == 2 and state.unreadable == (0 if torn.endswith(b"}") else 1)


def test_that_whole_lines_are_left_as_they_are(run: Run) -> None:
    toys.tell(run, *toys.history(1))
    before = run.events_path.read_bytes()
    with Attempt(run):
        pass
    assert run.events_path.read_bytes() == before


def test_that_a_full_disk_tears_one_line_and_not_the_next(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.write

    def full(file: int, content: bytes) -> int:
        if len(content) > 10:
            return original(file, content[:10])
        raise OSError(28, "No space left on device")

    with Attempt(run) as attempt:
        attempt.open(0)
        with monkeypatch.context() as patch:
            patch.setattr(room.os, "write", lambda file, content: original(file, content[:7]))
            attempt.record(toys.stepped(1))
            patch.setattr(room.os, "write", full)
            with pytest.raises(OSError, match="No space"):
                attempt.record(toys.stepped(2))
        attempt.record(toys.stepped(3))
    state = run.state()
    assert state.curves["train/loss"].steps.tolist() == [1, 3] and state.unreadable == 1
    assert attempt.state.step == 3, "what was not written did not happen"


def test_that_a_second_engine_is_refused_and_told_where_the_first_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "hold", functools.partial(processes.hold, timeout_s=0))
    with toys.engine(run) as engine:
        engine.tell("open")
        before = run.events_path.read_bytes()
        with pytest.raises(Refused) as refused, Attempt(run):
            raise AssertionError("two engines")
        assert str(refused.value) == (
            f"single-s0-F0 is at work in process {engine.pid} on {processes.host()}; "
            "stop it first, or follow it with `filial status`"
        )
        assert run.events_path.read_bytes() == before
        engine.tell("step 1")
    with Attempt(run) as attempt:
        assert attempt.number == 2


def test_that_a_way_in_that_fails_leaves_the_lock_free(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Run, "state", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError), Attempt(run):
            raise AssertionError("entered")
    assert not run.held()
    with Attempt(run):
        assert run.held()


def test_that_an_attempt_makes_the_folders_it_needs(run: Run) -> None:
    with Attempt(run):
        pass
    found = {path.name for path in run.folder.iterdir()}
    assert found == {"recipe.toml", "run.lock", "events.jsonl", "status.json", "commands", "checkpoints", "artifacts"}


def test_that_an_artifact_is_on_disk_before_the_event_that_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        record = attempt.record

        def checked(event: Any) -> None:
            assert (run.folder / event.path).read_bytes() == b"content"
            record(event)

        monkeypatch.setattr(attempt, "record", checked)
        path = attempt.save_artifact("attention", b"content", 400, 1.25)
    assert path == "artifacts/a01-step00000400-attention.npz"
    line = toys.told(run)[-1]
    assert {key: line[key] for key in ("type", "step", "epoch", "kind", "path", "size", "sha256")} == {
        "type": "artifact_saved",
        "step": 400,
        "epoch": 1.25,
        "kind": "attention",
        "path": path,
        "size": 7,
        "sha256": hashlib.sha256(b"content").hexdigest(),
    }


def test_that_what_is_recorded_can_be_made_to_survive_a_power_cut(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(room.os, "fsync", synced.append)
    with Attempt(run) as attempt:
        attempt.sync()
    assert len(synced) == 1


# ---- commands -----------------------------------------------------------------------------------------------------------


def test_that_commands_for_this_attempt_are_its_own_and_others_expire(run: Run) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
    old = run.send(commands.Stop(attempt=1))
    mine = run.send(commands.Pause(attempt=2))
    for_any = run.send(commands.SaveNow())
    with Attempt(run) as attempt:
        attempt.open(30)
        found = attempt.new_commands()
        assert [command.id for command in found] == [mine, for_any]
        assert attempt.new_commands() == []
        attempt.acknowledge(found[0])
        attempt.acknowledge(found[1], "refused", "not now")
    acknowledged = [line for line in toys.told(run) if line["type"] == "command_acknowledged"]
    assert [(line["id"], line["command"], line["outcome"], line["detail"], line["step"]) for line in acknowledged] == [
        (old, "stop", "expired", "it was meant for attempt 1", 30),
        (mine, "pause", "accepted", "", 30),
        (for_any, "save_now", "refused", "not now", 30),
    ]


def test_that_what_is_acknowledged_once_is_never_read_again(run: Run) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        key = run.send(commands.Pause(attempt=1))
        attempt.acknowledge(*attempt.new_commands())
    with Attempt(run) as attempt:
        attempt.open(0)
        assert attempt.new_commands() == []
    assert run.state().acknowledged == {key: "accepted"}


# ---- status.json --------------------------------------------------------------------------------------------------------


def test_that_status_says_who_is_at_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.BEAT_S <= 2.0, "replaced at least every 2 s"
    monkeypatch.setattr(room, "BEAT_S", 0.01)
    with Attempt(run) as attempt:
        attempt.open(40)
        toys.until(lambda: (status := run.status()) and status.step == 40)
        found = json.loads((run.folder / "status.json").read_bytes())
    me = processes.me()
    assert {key: found[key] for key in ("pid", "started", "boot", "host", "attempt", "step")} == {
        "pid": os.getpid(),
        "started": me.started,
        "boot": processes.boot_id(),
        "host": processes.host(),
        "attempt": 1,
        "step": 40,
    }
    assert isinstance(found["beat"], int)


def test_that_status_is_complete_at_every_read_and_its_counter_rises(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BEAT_S", 0.0005)
    beats: list[int] = []
    broken: list[bytes] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            content = (run.folder / "status.json").read_bytes()
            try:
                beats.append(json.loads(content)["beat"])
            except ValueError:
                broken.append(content)

    with Attempt(run) as attempt:
        attempt.open(0)
        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        toys.until(lambda: beats and max(beats) > 200)
        stop.set()
        for reader in readers:
            reader.join()
    assert not broken and min(beats) < max(beats)
    assert [path.name for path in run.folder.glob(".*")] == []


def test_that_a_lost_beat_never_stops_a_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BEAT_S", 0.001)
    failures: list[int] = []

    def full(path: Path, content: bytes, sync: bool = False) -> None:
        failures.append(1)
        raise OSError(28, "No space left on device")

    with Attempt(run) as attempt:
        attempt.open(0)
        with monkeypatch.context() as patch:
            patch.setattr(processes, "write_aside", full)
            toys.until(lambda: len(failures) > 3)
        attempt.record(toys.stepped(1))
        before = run.status()
        toys.until(lambda: run.status() != before)
    assert run.state().step == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"pid":1}', b'{"pid":"one"}'])
def test_that_an_unreadable_status_is_none(run: Run, content: bytes) -> None:
    (run.folder / "status.json").write_bytes(content)
    assert run.status() is None
    assert Observer().state_of(run) == "queued"


# ---- derived states -----------------------------------------------------------------------------------------------------


def test_that_a_run_is_starting_until_its_first_step_and_running_then(run: Run) -> None:
    observer = Observer()
    assert observer.state_of(run) == "queued"
    with toys.engine(run) as engine:
        assert observer.state_of(run) == "starting"
        engine.tell("open")
        assert observer.state_of(run) == "starting"
        engine.tell("step 1")
        assert observer.state_of(run) == "running"
        run.send(commands.Stop(attempt=1, when="epoch"))
        assert observer.state_of(run) == "running", "requested is not acknowledged"
        assert engine.tell("commands") == "Stop"
        assert observer.state_of(run) == "stopping"
        engine.tell("finish stopped")
        engine.end()
        assert observer.state_of(run) == "finished"


@pytest.mark.parametrize(
    ("reason", "word"), [("completed", "finished"), ("stopped", "finished"), ("failed", "finished"), ("paused", "paused")]
)
def test_that_a_run_that_ended_says_how(run: Run, reason: str, word: str) -> None:
    with Attempt(run) as attempt:
        attempt.open(0)
        attempt.record(toys.finished(reason))
        assert Observer().state_of(run) == word, "its last word is said, the lock about to be given back"
    assert Observer().state_of(run) == word
    state = run.state()
    assert state.finished is not None and state.finished.reason == reason


def test_that_a_resumed_run_is_starting_again(run: Run) -> None:
    toys.tell(run, *toys.history(1, end="paused"))
    with toys.engine(run) as engine:
        assert Observer().state_of(run) == "starting"
        engine.tell("open 1")
        assert Observer().state_of(run) == "starting"
        engine.tell("step 2")
        assert Observer().state_of(run) == "running"


@POSIX
def test_that_a_killed_run_is_lost(run: Run) -> None:
    observer = Observer()
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")
        assert observer.state_of(run) == "running"
        engine.process.kill()
        engine.process.wait()
        assert observer.state_of(run) == "lost"
    assert [line["type"] for line in toys.told(run)] == ["started", "step_taken"], "nobody speaks for the dead"
    with Attempt(run) as attempt:
        attempt.open(1)
        assert Observer().state_of(run) == "starting"


@POSIX
def test_that_a_stopped_process_is_unresponsive_and_well_again_when_it_goes_on(run: Run, clock: Clock) -> None:
    observer = Observer()
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")
        engine.send_signal(signal.SIGSTOP)
        toys.until(lambda: psutil.Process(engine.pid).status() == psutil.STATUS_STOPPED)
        assert observer.state_of(run) == "running"
        clock.now += 29.0
        assert observer.state_of(run) == "running"
        clock.now += 1.5
        assert observer.state_of(run) == "unresponsive"
        engine.send_signal(signal.SIGCONT)
        toys.until(lambda: observer.state_of(run) == "running")
        engine.send_signal(signal.SIGSTOP)
        assert run.kill(), "kill is offered"
        engine.process.wait(timeout=5)
    assert observer.state_of(run) == "lost"


def test_that_a_run_at_work_is_never_unresponsive_while_its_heart_beats(run: Run, clock: Clock) -> None:
    observer = Observer()
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")
        for _ in range(4):
            before = run.status()
            assert observer.state_of(run) == "running"
            clock.now += 25.0
            toys.until(lambda before=before: run.status() != before)


def test_that_a_resumed_run_is_not_blamed_for_the_silence_before_it(run: Run, clock: Clock) -> None:
    toys.tell(run, *toys.history(1, end="paused"))
    toys.put_status(run, beat=70, attempt=1)
    observer = Observer()
    assert observer.state_of(run) == "paused"
    clock.now += 3600
    with processes.hold(run.lock_path):  # the next engine, which has not said anything yet
        assert observer.state_of(run) in ("paused", "starting")
        toys.tell(run, toys.started(2, step=1), toys.stepped(2))
        assert observer.state_of(run) == "running"
        clock.now += 31
        assert observer.state_of(run) == "unresponsive"


def test_that_an_engine_that_can_never_say_who_it_is_is_unresponsive_too(run: Run, clock: Clock) -> None:
    observer = Observer()
    with processes.hold(run.lock_path):
        assert observer.state_of(run) == "starting"
        clock.now += 31
        assert observer.state_of(run) == "unresponsive"


def test_that_a_status_that_cannot_be_read_for_a_moment_is_no_sign_of_life(
    run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.tell(run, *toys.history(1))
    toys.put_status(run)
    observer = Observer()
    with processes.hold(run.lock_path):
        assert observer.state_of(run) == "running"
        clock.now += 20
        with monkeypatch.context() as patch:
            patch.setattr(Run, "status", lambda self: None)
            assert observer.state_of(run) == "running"
        clock.now += 20
        assert observer.state_of(run) == "unresponsive"


@pytest.mark.skipif(sys.platform != "linux", reason="where processes fork and nobody waits")
def test_that_a_zombie_is_dead_even_if_a_child_of_it_kept_the_lock(run: Run) -> None:
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")
        engine.fork()
        engine.die()
        assert processes.is_held(run.lock_path)
        assert not run.held()
        assert Observer().state_of(run) == "lost"
        assert not run.kill()


def test_that_a_reused_number_is_never_killed(run: Run) -> None:
    with toys.Puppet("import sys\nprint('ready', flush=True)\nsys.stdin.readline()") as stranger:
        toys.tell(run, *toys.history(1))
        toys.put_status(run, pid=stranger.pid, started=12.5)
        with processes.hold(run.lock_path):
            assert not run.kill()
        assert not run.kill()
        assert stranger.process.poll() is None
    assert Observer().state_of(run) == "lost"


def test_that_a_run_of_an_earlier_boot_is_lost_and_nothing_is_killed_for_it(run: Run) -> None:
    with toys.Puppet("import sys\nprint('ready', flush=True)\nsys.stdin.readline()") as stranger:
        toys.tell(run, *toys.history(1))
        started = processes._started(psutil.Process(stranger.pid))
        toys.put_status(run, pid=stranger.pid, started=started, boot="before the power cut")
        run.lock_path.touch()
        assert Observer().state_of(run) == "lost"
        assert not run.kill()
        assert stranger.process.poll() is None


def test_that_killing_ends_the_engine_and_keeps_what_was_saved(run: Run) -> None:
    assert not run.kill(), "there is none"
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")
        toys.put_checkpoint(run, 1)
        assert run.kill()
        engine.process.wait(timeout=5)
    assert Observer().state_of(run) == "lost" and run.newest_valid_step() == 1


def test_that_another_users_engine_is_refused_in_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(who: processes.Identity) -> bool:
        raise PermissionError(f"process {who.pid} belongs to somebody else")

    with toys.engine(run) as engine:
        monkeypatch.setattr(processes, "kill", denied)
        with pytest.raises(Refused, match=f"single-s0-F0 cannot be killed from here: process {engine.pid} belongs to"):
            run.kill()


def test_that_another_hosts_run_is_alive_only_while_its_counter_moves_before_our_eyes(run: Run, clock: Clock) -> None:
    toys.tell(run, *toys.history(1))
    toys.put_status(run, beat=7, host="elsewhere")
    observer = Observer()
    assert observer.state_of(run) == "lost", "an old copy looks just like this"
    clock.now += 5
    assert observer.state_of(run) == "lost"
    toys.put_status(run, beat=8, host="elsewhere")
    assert observer.state_of(run) == "running"
    clock.now += 29
    assert observer.state_of(run) == "running"
    clock.now += 2
    assert observer.state_of(run) == "lost"
    toys.put_status(run, beat=9, host="elsewhere")
    assert observer.state_of(run) == "running"
    assert not run.kill(), "a signal does not reach that far"


def test_that_another_hosts_lock_and_process_number_say_nothing_here(run: Run, clock: Clock) -> None:
    toys.tell(run, *toys.history(1))
    toys.put_status(run, beat=7, host="elsewhere")
    observer = Observer()
    with processes.hold(run.lock_path):
        assert observer.state_of(run) == "lost"
        assert not run.kill()


def test_that_another_hosts_clock_does_not_matter(run: Run, clock: Clock) -> None:
    toys.tell(run, toys.started(time=4e9), toys.stepped(1))
    toys.put_status(run, beat=7, host="elsewhere")
    os.utime(run.folder / "status.json", (1, 1))
    observer = Observer()
    observer.vital(run)
    toys.put_status(run, beat=8, host="elsewhere")
    os.utime(run.folder / "status.json", (1, 1))
    assert observer.state_of(run) == "running"


def test_that_a_last_word_written_between_reading_and_looking_is_heard(run: Run) -> None:
    toys.tell(run, *toys.history(1))
    early = run.state()
    toys.tell(run, toys.finished("completed"))
    assert Observer().state_of(run, early) == "finished"
    toys.tell(run, toys.finished("paused"))
    assert Observer().state_of(run, early) == "paused"


def test_that_looking_changes_nothing(run: Run) -> None:
    def content() -> dict[str, Any]:
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.folder.iterdir()}

    toys.tell(run, *toys.history(1))
    toys.put_status(run)
    run.lock_path.touch()
    before = content()
    Observer().state_of(run)
    run.state(), run.recipe(), run.held()
    assert content() == before


# ---- queued and blocked -------------------------------------------------------------------------------------------------


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0, F1, F2 of one seed."""
    return toys.runs(tmp_path, toys.lineage("generations=2", "seeds=[0]"))


def states(chain: list[Run]) -> list[str]:
    observer = Observer()
    return [observer.state_of(run) for run in chain]


def test_that_a_chain_that_has_not_begun_is_queued(chain: list[Run]) -> None:
    assert states(chain) == ["queued"] * 3
    assert [room.teacher_of(run) for run in chain] == [None, chain[0], chain[1]]


@pytest.mark.parametrize("reason", ["failed", "stopped", "paused"])
def test_that_descendants_of_a_run_that_ended_without_completing_are_blocked(chain: list[Run], reason: str) -> None:
    toys.tell(chain[0], *toys.history(1, end=reason))
    word = "paused" if reason == "paused" else "finished"
    assert states(chain) == [word, "blocked", "blocked"]


def test_that_descendants_of_a_lost_run_are_blocked(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1))
    assert states(chain) == ["lost", "blocked", "blocked"]


def test_that_descendants_of_a_run_at_work_are_queued(chain: list[Run]) -> None:
    with toys.engine(chain[0]) as engine:
        assert states(chain) == ["starting", "queued", "queued"]
        engine.tell("open")
        engine.tell("step 1")
        assert states(chain) == ["running", "queued", "queued"]
        engine.tell("finish completed")
        assert states(chain)[1:] == ["queued", "queued"]
        engine.end()
    assert states(chain) == ["finished", "queued", "queued"]


def test_that_a_teacher_that_ended_but_waits_in_the_queue_again_keeps_nobody_blocked(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="stopped"))
    observer = Observer(queued=[chain[0].name])
    assert [observer.state_of(run) for run in chain] == ["finished", "queued", "queued"]


def test_that_a_run_whose_teacher_is_gone_is_blocked(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="completed"))
    chain[1].folder.rename(chain[1].workspace / "trash")
    (chain[1].workspace / "trash" / "recipe.toml").unlink()
    assert states([chain[0], chain[2]]) == ["finished", "blocked"]


def test_that_a_block_goes_away_with_its_reason(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="failed"))
    observer = Observer()
    assert observer.state_of(chain[2]) == "blocked"
    toys.tell(chain[0], toys.started(2, step=1), toys.finished("completed"))
    assert observer.state_of(chain[2]) == "queued"


def test_that_only_queued_runs_are_blocked(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="failed"))
    toys.tell(chain[1], *toys.history(1, end="stopped"))
    assert states(chain) == ["finished", "finished", "blocked"]


def test_that_a_run_that_teaches_itself_is_blocked_and_not_for_ever_asked(chain: list[Run]) -> None:
    for run, teacher in ((chain[1], "toy-s0-F2"), (chain[2], "toy-s0-F1")):
        text = (run.folder / "recipe.toml").read_text()
        (run.folder / "recipe.toml").write_text(text.replace(f'teacher = "{run.recipe().teacher}"', f'teacher = "{teacher}"'))
    assert states(chain) == ["queued", "blocked", "blocked"]


def test_that_a_damaged_recipe_names_no_teacher(run: Run) -> None:
    for content in (b"x = = 1", b"\xff", b"teacher = 3"):
        (run.folder / "recipe.toml").write_bytes(content)
        assert room.teacher_of(run) is None
        assert Observer().state_of(run) == "queued"


# ---- cost ---------------------------------------------------------------------------------------------------------------


def test_that_hundreds_of_runs_can_be_looked_at_every_second(tmp_path: Path) -> None:
    runs = toys.runs(tmp_path, toys.lineage("generations=3", f"seeds={list(range(75))}"))
    assert len(runs) == 300
    for run in runs[::4]:
        toys.tell(run, *toys.history(*range(1, 50), end="completed"))
        run.lock_path.touch()
        toys.put_status(run)
    observer = Observer()
    folded = [run.state() for run in runs]
    spent = []
    for _ in range(3):
        began = time.process_time()
        found = [observer.state_of(run, state) for run, state in zip(Workspace(tmp_path).runs(), folded, strict=True)]
        spent.append(time.process_time() - began)
    assert found == ["finished", "queued", "queued", "queued"] * 75
    assert min(spent) < 0.25, "a window that looks once a second must have time for other things"


# ---- answers at once ----------------------------------------------------------------------------------------------------

FRONT = [
    "fields",
    "recipe",
    "recipes",
    "events",
    "commands",
    "run",
    "state",
    "compare",
    "turns",
    "queue",
    "processes",
    "rates",
    "schedule",
    "words",
]
HEAVY = {"torch", "torchvision", "timm", "sklearn", "safetensors", "PySide6", "pyqtgraph", "rich", "pytest", "asyncio"}


def imported(code: str, *arguments: str) -> set[str]:
    """The packages a process of ours has loaded after running this."""
    say = "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    check = f"import sys\ntry:\n    {code}\nfinally:\n    {say}"
    ran = subprocess.run([*processes.python("")[:2], "-c", check, *arguments], capture_output=True, text=True, check=False)
    return set(ran.stderr.splitlines()[-1].split())


def test_that_the_front_of_the_engine_is_light() -> None:
    found = imported("; ".join(f"import engine.{name}" for name in FRONT))
    assert "engine" in found and not found & HEAVY


@pytest.mark.parametrize("verb", [["--help"], ["--version"], ["status"], ["status", "--json"], ["stop", "single-s0-F0"]])
def test_that_what_must_answer_within_half_a_second_never_loads_torch(run: Run, verb: list[str]) -> None:
    toys.tell(run, *toys.history(*range(1, 50), end="completed"))
    arguments = verb if verb[0].startswith("-") else [*verb, "--runs", str(run.workspace)]
    found = imported("from engine.__main__ import main; main()", *arguments)
    assert "engine" in found and not found & {"torch", "PySide6", "timm", "sklearn"}
