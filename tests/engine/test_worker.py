"""Which run the worker turns to, what an end means for the queue, how it leaves; with engines that only say how they ended."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toys

from engine import events, processes
from engine import queue as order
from engine import worker as room
from engine.commands import Stop
from engine.queue import Queue, enqueue
from engine.run import Attempt, Refused, Run, Workspace

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")
CODES = {"completed": 0, "failed": 1, "stopped": 130, "paused": 130}


class Stage:
    """A workspace whose engines end as they are told: a reason, or an exit code without a last word."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder)
        self.queue = Queue(self.workspace)
        self.ends: dict[str, list[Any]] = {}
        self.meanwhile: Callable[[Run], None] = lambda run: None  # while an engine is at work
        self.pauses: list[Callable[[], None]] = []  # what happens while the worker has nothing to do
        self.begun: list[str] = []
        self.said: list[str] = []
        self.clock = 100.0

    def start(self, run: Run) -> Any:
        self.begun.append(run.name.removeprefix("toy-"))
        ends = self.ends.get(self.begun[-1], [])
        end = ends.pop(0) if ends else "completed"
        attempt = run.state().attempt + 1
        toys.tell(run, toys.started(attempt), toys.prepared(), toys.stepped(1))
        codes = iter([None] * 3)

        def poll() -> int | None:
            with contextlib.suppress(StopIteration):
                next(codes)
                return None
            if isinstance(end, str) and run.state().finished is None:
                toys.tell(run, toys.finished(end))
            return CODES[end] if isinstance(end, str) else end

        return SimpleNamespace(poll=poll, terminate=lambda: None)

    def follow(self, run: Run, engine: room.Engine, first: int) -> int:
        while (code := engine.poll()) is None:
            self.meanwhile(run)
        return code

    def pause(self, seconds: float) -> None:
        assert seconds <= 1.0, "a worker that waits looks at least once a second"
        self.clock += seconds
        if self.pauses:
            self.pauses.pop(0)()

    def work(self) -> int:
        return room.work(self.workspace, self.follow, self.said.append)

    def left(self) -> list[str]:
        return [name.removeprefix("toy-") for name in self.queue.names()]

    def run(self, name: str) -> Run:
        return self.workspace.run(f"toy-{name}")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Two seeds, two generations, all queued."""
    stage = Stage(tmp_path / "runs")
    enqueue(stage.workspace, toys.lineage())
    monkeypatch.setattr(room, "_start", stage.start)
    monkeypatch.setattr(room.time, "sleep", stage.pause)
    monkeypatch.setattr(room.time, "monotonic", lambda: stage.clock)
    return stage


# ---- which is next ------------------------------------------------------------------------------------------------------


def test_that_the_queue_is_worked_through_in_its_order(stage: Stage) -> None:
    stage.queue.move(["toy-s1-F0"], 0)
    assert stage.work() == 0
    assert stage.begun == ["s1-F0", "s0-F0", "s0-F1", "s1-F1"] and stage.left() == []
    assert stage.queue.worker() is None and stage.said == []


def test_that_an_empty_queue_is_no_failure(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "new")
    assert stage.work() == 0 and "the queue is empty" in stage.said[0]


def test_that_the_order_is_read_anew_before_every_run(stage: Stage) -> None:
    def change(run: Run) -> None:
        if stage.left()[0] == "s0-F0":
            stage.queue.move(["toy-s1-F0", "toy-s1-F1"], 0)
            enqueue(stage.workspace, toys.single(), place=0)
            stage.queue.remove(["toy-s1-F1"])

    stage.meanwhile = change
    assert stage.work() == 0
    assert stage.begun == ["s0-F0", "single-s0-F0", "s1-F0", "s0-F1"]


def test_that_what_others_trained_at_the_last_moment_is_not_said_to_stay(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ends = {"s0-F0": ["failed"], "s1-F0": ["failed"]}
    original = Queue.undisturbed

    @contextlib.contextmanager
    def undisturbed(queue: Queue) -> Any:
        if stage.left() == ["s0-F1", "s1-F1"] and not stage.run("s1-F1").state().completed:
            for name in ("s0-F1", "s1-F1"):
                toys.tell(stage.run(name), *toys.history(1, end="completed"))
        with original(queue):
            yield

    monkeypatch.setattr(Queue, "undisturbed", undisturbed)
    assert stage.work() == 1 and stage.left() == []
    assert not any("stays" in sentence for sentence in stage.said)


def test_that_what_comes_in_at_the_last_moment_is_trained_or_finds_no_worker(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the end somebody queues: by the lock of the queue this is before or after, never between."""
    original, late = Queue.undisturbed, iter([True])

    @contextlib.contextmanager
    def undisturbed(queue: Queue) -> Any:
        if not queue.names() and next(late, False):
            Queue(stage.workspace).add([run.name for run in stage.workspace.create(toys.single())])
        with original(queue):
            yield

    monkeypatch.setattr(Queue, "undisturbed", undisturbed)
    assert stage.work() == 0
    assert stage.begun[-1] == "single-s0-F0" and stage.left() == []


@pytest.mark.parametrize("reason", ["paused", "stopped", "failed", ""])
def test_that_what_a_person_has_queued_goes_on_however_it_ended(stage: Stage, reason: str) -> None:
    toys.tell(stage.run("s0-F0"), *toys.history(1, end=reason))
    assert stage.work() == 0
    assert stage.run("s0-F0").state().attempt == 2 and stage.begun == ["s0-F0", "s0-F1", "s1-F0", "s1-F1"]


def test_that_what_is_complete_leaves_the_queue_untrained(stage: Stage) -> None:
    toys.tell(stage.run("s0-F0"), *toys.history(1, end="completed"))
    assert stage.work() == 0 and stage.begun == ["s0-F1", "s1-F0", "s1-F1"]


def test_that_a_damaged_run_is_taken_out_and_named_and_the_rest_goes_on(stage: Stage) -> None:
    (stage.run("s0-F0").folder / "recipe.toml").write_text("version = = 1")
    stage.queue.add(["gone-s0-F0"])
    assert stage.work() == 1
    assert stage.begun == ["s1-F0", "s1-F1"] and stage.left() == ["s0-F1"]
    assert stage.said[0].startswith("toy-s0-F0 is taken out of the queue: its recipe cannot be read")
    assert stage.said[1] == "gone-s0-F0 is taken out of the queue: its folder is gone"


def test_that_a_run_whose_log_cannot_be_written_does_not_stand_in_the_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = stage.run("s0-F0").log_path
    log.mkdir()

    def start(run: Run) -> Any:
        if run.log_path == log:
            log.open("ab")
        return stage.start(run)

    monkeypatch.setattr(room, "_start", start)
    assert stage.work() == 1
    assert stage.begun == ["s1-F0", "s1-F1"] and stage.left() == ["s0-F1"]
    assert stage.said[0].startswith(f"toy-s0-F0 is taken out of the queue: {log} cannot be written (")


def test_that_a_machine_that_starts_nothing_costs_no_run_its_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(run: Run) -> Any:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(room, "_start", start)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        stage.work()
    assert len(stage.left()) == 4 and stage.queue.worker() is None


def test_that_a_run_lost_on_another_host_is_left_alone_and_named_after_listening(stage: Stage) -> None:
    toys.tell(stage.run("s0-F0"), *toys.history(1))
    toys.put_status(stage.run("s0-F0"), host="elsewhere")
    assert stage.work() == 0
    assert stage.begun == ["s1-F0", "s1-F1"] and stage.left() == ["s0-F0", "s0-F1"]
    assert stage.said[0].startswith("toy-s0-F0 stays in the queue: toy-s0-F0 was at work on elsewhere")
    assert stage.clock >= 102.5, "its counter moves at least every 2 s"


def test_that_a_run_alive_on_another_host_is_waited_for(stage: Stage) -> None:
    run = stage.run("s0-F0")
    toys.tell(run, *toys.history(1))
    toys.put_status(run, host="elsewhere")
    stage.pauses = [lambda: toys.put_status(run, beat=2, host="elsewhere")]
    stage.meanwhile = lambda run: toys.tell(run, toys.finished("completed")) and None
    stage.queue.remove(["toy-s1-F0", "toy-s1-F1"])
    assert stage.work() == 0
    assert stage.begun == ["s0-F1"] and stage.left() == []


# ---- what an end means --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "code", "word"),
    [
        ("failed", 1, "failed"),
        ("stopped", 130, "stopped"),
        ("paused", 130, "paused"),
        (-9, 1, "is lost"),
        (processes.KILLED, 1, "is lost"),
    ],
)
def test_that_an_entry_leaves_when_its_engine_has_ended_and_its_students_stay_blocked(
    stage: Stage, end: Any, code: int, word: str
) -> None:
    stage.ends["s0-F0"] = [end]
    assert stage.work() == code
    assert stage.begun == ["s0-F0", "s1-F0", "s1-F1"] and stage.left() == ["s0-F1"]
    assert stage.said == [f"toy-s0-F1 stays in the queue: blocked: toy-s0-F0 {word}; filial resume toy-s0-F0"]


def test_that_a_failure_outweighs_a_stop(stage: Stage) -> None:
    stage.ends = {"s0-F0": ["stopped"], "s1-F0": ["failed"]}
    assert stage.work() == 1


def test_that_a_run_queued_again_while_its_process_is_still_going_is_trained_again(stage: Stage) -> None:
    """Its last word is said, the window offers Resume, and the process takes another second to end."""

    def resume(run: Run) -> None:
        if run.name == "toy-s0-F0" and run.state().finished is None:
            toys.tell(run, toys.finished("stopped"))
            stage.meanwhile = lambda run: None

    def late(run: Run, engine: room.Engine, first: int) -> int:
        stage.meanwhile(run)
        assert engine.poll() is None
        if run.state().finished:
            assert "s0-F0" not in stage.left(), "out as soon as its last word is read"
            stage.queue.add([run.name], 0)
        while (code := engine.poll()) is None:
            pass
        return code

    stage.meanwhile, stage.follow = resume, late  # type: ignore[method-assign]
    stage.ends["s0-F0"] = ["stopped", "completed"]
    assert stage.work() == 130
    assert stage.begun == ["s0-F0", "s0-F0", "s0-F1", "s1-F0", "s1-F1"] and stage.left() == []


def test_that_an_engine_refused_because_another_was_faster_is_waited_for(stage: Stage) -> None:
    run, stack = stage.run("s0-F0"), contextlib.ExitStack()
    original = stage.start

    def start(run: Run) -> Any:
        if run.name != "toy-s0-F0":
            return original(run)
        attempt = stack.enter_context(Attempt(run))
        attempt.open(0)
        stack.callback(attempt.record, events.Finished(reason="completed"))
        return SimpleNamespace(poll=lambda: 2)

    stage.meanwhile = lambda run: stack.close()
    room._start = start
    assert stage.work() == 0
    assert stage.said == [f"waiting for toy-s0-F0, which is at work already, process {os.getpid()} on {processes.host()}"]
    assert run.state().attempt == 1 and stage.begun == ["s0-F1", "s1-F0", "s1-F1"]


def test_that_an_engine_refused_for_another_reason_is_not_started_for_ever(stage: Stage) -> None:
    stage.ends["s0-F0"] = [2]
    assert stage.work() == 1 and stage.begun.count("s0-F0") == 1


# ---- runs that others train ---------------------------------------------------------------------------------------------


def test_that_a_run_at_work_elsewhere_is_waited_for_before_anything_is_begun(stage: Stage) -> None:
    run = stage.run("s1-F0")
    with toys.engine(run) as engine:
        engine.tell("open")
        engine.tell("step 1")

        def end(run: Run) -> None:
            stage.meanwhile = lambda run: None
            assert stage.begun == [] and engine.tell("finish completed") == "done"
            engine.end()

        stage.meanwhile = end
        assert stage.work() == 0
    assert stage.begun == ["s0-F0", "s0-F1", "s1-F1"] and run.state().attempt == 1


def test_that_a_teacher_outside_the_queue_that_is_at_work_is_waited_for(stage: Stage) -> None:
    stage.queue.remove(["toy-s0-F0", "toy-s1-F0", "toy-s1-F1"])
    with toys.engine(stage.run("s0-F0")) as engine:
        engine.tell("open")

        def end(run: Run) -> None:
            stage.meanwhile = lambda run: None
            engine.tell("finish completed")
            engine.end()

        stage.meanwhile = end
        assert stage.work() == 0
    assert stage.begun == ["s0-F1"]


def test_that_a_run_killed_elsewhere_leaves_the_queue(stage: Stage) -> None:
    with toys.engine(stage.run("s0-F0")) as engine:
        engine.tell("open")

        def end(run: Run) -> None:
            stage.meanwhile = lambda run: None
            engine.process.kill()
            engine.process.wait()

        stage.meanwhile = end
        assert stage.work() == 1
    assert stage.begun == ["s1-F0", "s1-F1"] and stage.left() == ["s0-F1"]


# ---- hold ---------------------------------------------------------------------------------------------------------------


def test_that_a_held_queue_finishes_its_run_and_starts_nothing_until_released(stage: Stage) -> None:
    stage.meanwhile = lambda run: stage.queue.hold()
    begun: list[list[str]] = []

    def release() -> None:
        begun.append(list(stage.begun))
        stage.meanwhile = lambda run: None
        stage.queue.release()

    stage.pauses = [lambda: begun.append(list(stage.begun)), release]
    assert stage.work() == 0
    assert begun == [["s0-F0"], ["s0-F0"]] and len(stage.begun) == 4
    assert stage.said == ["the queue is held; `filial queue release` lets toy-s0-F1 begin"]


def test_that_a_held_queue_with_nothing_to_begin_ends(stage: Stage) -> None:
    stage.queue.hold()
    stage.pauses = [lambda: stage.queue.remove(stage.queue.names())]
    assert stage.work() == 0 and stage.begun == []


# ---- the only one -------------------------------------------------------------------------------------------------------


def test_that_a_second_worker_is_refused_in_words(stage: Stage) -> None:
    def second(run: Run) -> None:
        stage.meanwhile = lambda run: None
        who = stage.queue.worker()
        assert who is not None and who.pid == os.getpid()
        with pytest.raises(Refused, match=rf"process {os.getpid()} on .* works through this queue already"):
            stage.work()

    stage.meanwhile = second
    assert stage.work() == 0 and len(stage.begun) == 4


def test_that_a_worker_that_has_ended_is_followed_by_another(stage: Stage) -> None:
    stage.ends["s0-F0"] = ["failed"]
    assert (stage.work(), stage.work()) == (1, 0)
    assert order.Queue(stage.workspace).worker() is None and stage.left() == ["s0-F1"]


# ---- asked to leave -----------------------------------------------------------------------------------------------------


def ask(number: int) -> None:
    os.kill(os.getpid(), number)


@POSIX
def test_that_after_ctrl_c_the_run_keeps_its_place_and_the_next_worker_goes_on_with_it(stage: Stage) -> None:
    stage.ends["s0-F0"] = ["stopped"]
    before = signal.getsignal(signal.SIGINT)
    stage.meanwhile = lambda run: ask(signal.SIGINT)
    assert stage.work() == 130
    assert stage.begun == ["s0-F0"] and stage.left() == ["s0-F0", "s0-F1", "s1-F0", "s1-F1"]
    assert signal.getsignal(signal.SIGINT) == before and stage.queue.worker() is None
    assert not list((stage.run("s0-F0").folder / "commands").glob("*")), "the terminal has told the engine itself"
    stage.meanwhile = lambda run: None
    assert stage.work() == 0 and stage.begun[1] == "s0-F0" and stage.left() == []


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", 0)])
def test_that_another_signal_asks_the_engine_to_save_and_stop_once(stage: Stage, number: int) -> None:
    stage.ends["s0-F0"] = ["stopped"]
    toys.tell(stage.run("s0-F0"), *toys.history(1, end="paused"))
    polls = 0

    def twice(run: Run, engine: room.Engine, first: int) -> int:
        nonlocal polls
        ask(number)
        while (code := engine.poll()) is None:
            polls += 1
        return code

    stage.follow = twice  # type: ignore[method-assign]
    assert stage.work() == 130
    from engine import commands

    (command,) = commands.read(stage.run("s0-F0").folder / "commands", set())
    assert isinstance(command, Stop) and (command.attempt, command.when) == (2, "now")
    assert stage.left()[0] == "s0-F0" and stage.begun == ["s0-F0"]


@POSIX
def test_that_an_engine_that_has_not_begun_is_ended_at_once(stage: Stage) -> None:
    ended: list[bool] = []
    run = stage.run("s0-F0")

    def start(run: Run) -> Any:
        ask(signal.SIGTERM)
        return SimpleNamespace(poll=lambda: -15 if ended else None, terminate=lambda: ended.append(True))

    room._start = start
    assert stage.work() == 130
    assert ended == [True] and stage.left()[0] == "s0-F0" and run.state().attempt == 0


@POSIX
@pytest.mark.parametrize("end", ["completed", "failed"])
def test_that_a_run_that_was_done_all_the_same_leaves_the_queue(stage: Stage, end: str) -> None:
    stage.ends["s0-F0"] = [end]
    stage.meanwhile = lambda run: ask(signal.SIGINT)
    assert stage.work() == 130
    assert stage.left() == ["s0-F1", "s1-F0", "s1-F1"] and stage.begun == ["s0-F0"]


@POSIX
def test_that_ctrl_c_ends_a_worker_that_waits(stage: Stage) -> None:
    stage.queue.hold()
    stage.pauses = [lambda: ask(signal.SIGINT)]
    assert stage.work() == 130 and stage.begun == []
    stage.queue.release()
    with toys.engine(stage.run("s0-F0")) as engine:
        stage.meanwhile = lambda run: ask(signal.SIGINT)
        assert stage.work() == 130
        assert engine.process.poll() is None, "what somebody else trains goes on"
    assert len(stage.left()) == 4


@POSIX
def test_that_a_signal_that_is_ignored_stays_ignored(stage: Stage) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stage.meanwhile = lambda run: ask(signal.SIGHUP)
        assert stage.work() == 0 and len(stage.begun) == 4
    finally:
        signal.signal(signal.SIGHUP, before)


def test_that_an_old_end_is_not_taken_for_the_resumed_attempt_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt begins between two readings of its events."""
    (run,) = toys.runs(tmp_path)
    toys.tell(run, *toys.history(1, end="paused"))
    read = Run.ending

    def just_before_it_begins(self: Run) -> Any:
        ending = read(self)
        toys.tell(self, toys.started(2, 1))
        return ending

    monkeypatch.setattr(Run, "ending", just_before_it_begins)
    heeded: list[str] = []
    room._Noticing(SimpleNamespace(poll=lambda: None), run, 2, heeded.append).poll()
    assert heeded == []
