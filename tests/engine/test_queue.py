"""The order on disk, whoever changes it, and what stands in the way of each run; without an engine that trains."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import toys

from engine import processes
from engine import queue as room
from engine.queue import Entry, Queue, enqueue, look, start_worker
from engine.run import Refused, Run, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def queue(workspace: Workspace) -> Queue:
    """Two seeds, two generations, in their order: s0-F0, s0-F1, s1-F0, s1-F1."""
    enqueue(workspace, toys.lineage())
    return Queue(workspace)


def short(queue: Queue) -> list[str]:
    return [name.removeprefix("toy-") for name in queue.names()]


def run_of(queue: Queue, name: str) -> Run:
    return queue.workspace.run(f"toy-{name}")


def stand(queue: Queue) -> dict[str, Entry]:
    return {entry.run.removeprefix("toy-"): entry for entry in look(queue)}


# ---- the order ----------------------------------------------------------------------------------------------------------


def test_that_a_workspace_without_a_queue_has_an_empty_one(workspace: Workspace) -> None:
    queue = Queue(workspace)
    assert queue.names() == [] == look(queue) and not queue.held and queue.worker() is None
    assert not workspace.folder.exists(), "looking makes nothing"


def test_that_queueing_makes_the_folders_at_once_and_the_file_holds_only_the_order(workspace: Workspace) -> None:
    runs = enqueue(workspace, toys.lineage())
    assert all((run.folder / "recipe.toml").is_file() for run in runs)
    kept = json.loads((workspace.folder / "queue.json").read_text())
    assert kept == {"version": 1, "runs": ["toy-s0-F0", "toy-s0-F1", "toy-s1-F0", "toy-s1-F1"]}


def test_that_what_is_complete_is_not_queued_but_given_back(workspace: Workspace) -> None:
    toys.tell(workspace.create(toys.lineage())[0], *toys.history(1, end="completed"))
    assert len(enqueue(workspace, toys.lineage())) == 4
    assert short(Queue(workspace)) == ["s0-F1", "s1-F0", "s1-F1"]


def test_that_another_recipe_under_the_name_is_refused_and_nothing_is_queued(queue: Queue) -> None:
    queue.remove(queue.names())
    with pytest.raises(Refused, match="another recipe"):
        enqueue(queue.workspace, toys.lineage("training.epochs=9"))
    assert queue.names() == []


def test_that_what_is_queued_twice_stands_once(queue: Queue) -> None:
    enqueue(queue.workspace, toys.lineage())
    queue.add(["toy-s1-F1", "toy-s1-F1"])
    assert short(queue) == ["s0-F0", "s0-F1", "s1-F0", "s1-F1"]


def test_that_a_recipe_can_be_put_in_front_as_a_block(queue: Queue) -> None:
    enqueue(queue.workspace, toys.single(), place=0)
    assert queue.names()[0] == "single-s0-F0"
    enqueue(queue.workspace, toys.lineage("seeds=[1]"), place=0)
    assert queue.names() == ["toy-s1-F0", "toy-s1-F1", "single-s0-F0", "toy-s0-F0", "toy-s0-F1"]


@pytest.mark.parametrize(
    ("moved", "place", "order"),
    [
        (["s1-F0"], 0, "s1-F0 s0-F0 s0-F1 s1-F1"),
        (["s1-F1", "s1-F0"], 0, "s1-F0 s1-F1 s0-F0 s0-F1"),
        (["s0-F0", "s0-F1"], 4, "s1-F0 s1-F1 s0-F0 s0-F1"),
        (["s0-F0", "s0-F1"], 99, "s1-F0 s1-F1 s0-F0 s0-F1"),
        (["s0-F0", "s0-F1"], 3, "s1-F0 s0-F0 s0-F1 s1-F1"),
        (["s0-F0", "s1-F0"], 1, "s0-F0 s1-F0 s0-F1 s1-F1"),
        (["s0-F1"], 1, "s0-F0 s0-F1 s1-F0 s1-F1"),
        (["s0-F1"], -3, None),
        (["s0-F0"], 2, None),
        (["s1-F1"], 1, None),
    ],
)
def test_that_a_block_is_put_before_what_is_at_the_place_and_never_a_teacher_behind_its_student(
    queue: Queue, moved: list[str], place: int, order: str | None
) -> None:
    names = [f"toy-{name}" for name in moved]
    if order is not None:
        queue.move(names, place)
        assert short(queue) == order.split()
        return
    with pytest.raises(Refused, match=r"toy-s\d-F1 learns from toy-s\d-F0, which must come before it"):
        queue.move(names, place)
    assert short(queue) == ["s0-F0", "s0-F1", "s1-F0", "s1-F1"]


def test_that_a_student_may_go_before_a_teacher_that_is_complete(queue: Queue) -> None:
    toys.tell(run_of(queue, "s0-F0"), *toys.history(1, end="completed"))
    queue.move(["toy-s0-F1"], 0)
    assert short(queue)[:2] == ["s0-F1", "s0-F0"]


def test_that_a_teacher_queued_after_its_students_comes_before_them(queue: Queue) -> None:
    queue.remove(["toy-s0-F0", "toy-s1-F0"])
    queue.add(["toy-s1-F0"])
    assert short(queue) == ["s0-F1", "s1-F0", "s1-F1"]


def test_that_an_order_written_by_hand_does_not_stand_in_the_way_of_others(queue: Queue) -> None:
    queue.path.write_text('{"version": 1, "runs": ["toy-s0-F1", "toy-s0-F0", "toy-s1-F0", "toy-s1-F1", "toy-s1-F0"]}')
    queue.move(["toy-s1-F0"], 0)
    assert short(queue) == ["s1-F0", "s0-F1", "s0-F0", "s1-F1"]


def test_that_a_run_that_is_not_there_cannot_be_moved_but_may_be_taken_out(queue: Queue) -> None:
    with pytest.raises(Refused, match="toy-s9-F0 not in the queue"):
        queue.move(["toy-s9-F0", "toy-s0-F0"], 0)
    queue.remove(["toy-s9-F0", "toy-s0-F1"])
    assert short(queue) == ["s0-F0", "s1-F0", "s1-F1"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 2, "runs": []}', b'{"version":1,"runs":[3]}']
)
def test_that_a_damaged_file_is_refused_with_a_remedy_and_left_as_it_is(queue: Queue, content: bytes) -> None:
    queue.path.write_bytes(content)
    for change in (queue.names, lambda: queue.add(["toy-s0-F0"]), lambda: queue.remove(["toy-s0-F0"])):
        with pytest.raises(Refused, match=r"queue\.json cannot be read .*Mend it, or delete it and queue again"):
            change()
    assert queue.path.read_bytes() == content


def test_that_a_workspace_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    queue = Queue(Workspace(tmp_path / "file"))
    for change in (lambda: queue.add(["one"]), queue.hold):
        with pytest.raises(Refused, match=r"cannot be written .*--runs DIR"):
            change()


def test_that_a_lock_held_for_long_is_told(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE_S", 0.0)
    with queue.undisturbed(), pytest.raises(Refused, match=r"is being changed by somebody else .*queue\.lock"):
        Queue(queue.workspace).remove(["toy-s0-F0"])


def test_that_hold_and_release_are_a_file(queue: Queue) -> None:
    queue.hold()
    queue.hold()
    assert queue.held and (queue.workspace.folder / "worker.hold").is_file()
    queue.release()
    queue.release()
    assert not queue.held


# ---- many at once ---------------------------------------------------------------------------------------------------------

_CHANGES = """
import random, sys
from pathlib import Path
from engine.queue import Queue
from engine.run import Workspace
mine, queue = sys.argv[2], Queue(Workspace(Path(sys.argv[1])))
dice = random.Random(mine)
for turn in range(8):
    queue.add([f"{mine}-{turn}", f"{mine}-gone-{turn}"], dice.choice([None, 0, 3]))
    queue.move([f"{mine}-{dice.randrange(turn + 1)}"], dice.randrange(10))
    queue.remove([f"{mine}-gone-{turn}"])
"""


def test_that_many_processes_change_the_order_and_nothing_is_lost_doubled_or_half_written(queue: Queue) -> None:
    command = [sys.executable, "-P", "-c", _CHANGES, str(queue.workspace.folder)]
    crowd = [subprocess.Popen([*command, name]) for name in ("studio", "other", "first", "second", "third")]
    looks = 0
    while any(one.poll() is None for one in crowd):
        queue.names()  # raises for a file that is half written
        looks += 1
    assert [one.returncode for one in crowd] == [0] * 5 and looks > 10
    names = json.loads(queue.path.read_text())["runs"]
    wanted = {f"{who}-{turn}" for who in ("studio", "other", "first", "second", "third") for turn in range(8)}
    assert sorted(names) == sorted(wanted | {"toy-s0-F0", "toy-s0-F1", "toy-s1-F0", "toy-s1-F1"})
    assert [name for name in names if name.startswith("toy-s0")] == ["toy-s0-F0", "toy-s0-F1"]
    assert [path.name for path in queue.workspace.folder.glob(".queue*")] == []


# ---- who works ------------------------------------------------------------------------------------------------------------


def test_that_a_worker_is_whoever_holds_its_lock(queue: Queue) -> None:
    processes.write_aside(queue.worker_path, b'{"pid": 7, "started": 1.0, "boot": "b", "host": "h"}')
    assert queue.worker() is None, "a name left behind"
    with processes.hold(queue.worker_lock):
        assert queue.worker() == processes.Identity(7, 1.0, "b", "h")
        assert start_worker(queue.workspace) is None
        queue.worker_path.write_text("{")
        assert queue.worker() is not None, "it has only just begun"
    assert queue.worker() is None


def test_that_a_worker_is_started_detached_with_a_log(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], Path, bool]] = []
    monkeypatch.setattr(processes, "start", lambda *asked, detached: started.append((*asked, detached)))  # type: ignore[arg-type]
    start_worker(queue.workspace)
    ((command, log, detached),) = started
    assert command[1:] == ["-P", "-m", "engine", "work", "--runs", str(queue.workspace.folder)]
    assert log == queue.workspace.folder / "worker.log" and detached


# ---- how each stands -------------------------------------------------------------------------------------------------------


def test_that_students_wait_for_their_teachers_turn(queue: Queue) -> None:
    enqueue(queue.workspace, toys.lineage("lineage=long", "generations=2", "seeds=[0]"))
    entries = look(queue)
    assert [entry.place for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert [entry.standing for entry in entries] == ["ready", "waiting", "ready", "waiting", "ready", "waiting", "waiting"]
    assert entries[1].line() == "waits for toy-s0-F0" and entries[6].line() == "waits for long-s0-F1"


@pytest.mark.parametrize(("end", "word"), [("failed", "failed"), ("stopped", "stopped"), ("paused", "paused"), ("", "is lost")])
def test_that_a_student_is_blocked_by_a_teacher_that_ended_and_is_not_queued(queue: Queue, end: str, word: str) -> None:
    toys.tell(run_of(queue, "s0-F0"), *toys.history(1, end=end))
    assert stand(queue)["s0-F0"].standing == "ready", "its presence is the word of a person"
    assert stand(queue)["s0-F1"].standing == "waiting"
    queue.remove(["toy-s0-F0"])
    blocked = stand(queue)["s0-F1"]
    assert (blocked.state, blocked.standing) == ("blocked", "blocked")
    assert blocked.line() == f"blocked: toy-s0-F0 {word}; filial resume toy-s0-F0"


def test_that_the_whole_chain_behind_a_failure_names_it(workspace: Workspace) -> None:
    runs = enqueue(workspace, toys.lineage("generations=3", "seeds=[0]"))
    toys.tell(runs[0], *toys.history(1, end="failed"))
    queue = Queue(workspace)
    queue.remove([runs[0].name])
    assert {entry.line() for entry in look(queue)} == {"blocked: toy-s0-F0 failed; filial resume toy-s0-F0"}


def test_that_a_teacher_that_is_not_queued_or_gone_is_named(queue: Queue) -> None:
    queue.remove(["toy-s0-F0"])
    assert stand(queue)["s0-F1"].line() == "blocked: toy-s0-F0 is not in the queue; filial queue add toy-s0-F0"
    run_of(queue, "s1-F0").folder.rename(queue.workspace.folder / "elsewhere")
    entries = stand(queue)
    assert (entries["s1-F0"].standing, entries["s1-F0"].line()) == ("damaged", "its folder is gone")
    assert entries["s1-F1"].line() == "blocked: toy-s1-F0 is gone; filial queue remove toy-s1-F1"


def test_that_a_recipe_that_cannot_be_read_is_damage(queue: Queue) -> None:
    (run_of(queue, "s0-F0").folder / "recipe.toml").write_text("version = = 1")
    entries = stand(queue)
    assert entries["s0-F0"].standing == "damaged" and "its recipe cannot be read" in entries["s0-F0"].words
    assert entries["s0-F1"].line().startswith("blocked: toy-s0-F0 cannot be trained: its recipe cannot be read")
    assert "\n" not in entries["s0-F1"].line()


def test_that_completed_teachers_let_students_begin_and_completed_entries_are_told(queue: Queue) -> None:
    toys.tell(run_of(queue, "s0-F0"), *toys.history(1, end="completed"))
    assert {name: entry.standing for name, entry in stand(queue).items()} == {
        "s0-F0": "complete",
        "s0-F1": "ready",
        "s1-F0": "ready",
        "s1-F1": "waiting",
    }


def test_that_a_run_at_work_is_told_with_its_process_and_its_student_waits(queue: Queue) -> None:
    with toys.engine(run_of(queue, "s0-F0")) as engine:
        engine.tell("open")
        engine.tell("step 1")
        entries = stand(queue)
        assert entries["s0-F0"].line() == f"running in process {engine.pid} on {processes.host()}"
        assert (entries["s0-F1"].standing, entries["s0-F1"].behind) == ("waiting", "toy-s0-F0")
        queue.remove(["toy-s0-F0"])
        assert stand(queue)["s0-F1"].standing == "waiting", "it can be waited for, although it is not in the queue"


def test_that_a_run_lost_on_another_host_is_left_to_a_person(queue: Queue) -> None:
    toys.tell(run_of(queue, "s0-F0"), *toys.history(1))
    toys.put_status(run_of(queue, "s0-F0"), host="elsewhere")
    entries = stand(queue)
    line = "toy-s0-F0 was at work on elsewhere and is not heard from here; if it has ended there; filial resume toy-s0-F0"
    assert {entries[name].standing for name in ("s0-F0", "s0-F1")} == {"elsewhere"}
    assert {entries[name].line() for name in ("s0-F0", "s0-F1")} == {line}


def test_that_stopped_runs_in_the_queue_go_on(queue: Queue) -> None:
    toys.tell(run_of(queue, "s0-F0"), *toys.history(1, end="stopped"))
    assert stand(queue)["s0-F0"].line() == "stopped, goes on when its turn comes"


def test_that_recipes_naming_each_other_as_teachers_block_each_other(queue: Queue) -> None:
    toys.runs(queue.workspace.folder, toys.lineage("generations=2", "seeds=[0]"))
    queue.add(["toy-s0-F2"])
    path = run_of(queue, "s0-F1").folder / "recipe.toml"
    path.write_text(path.read_text().replace('teacher = "toy-s0-F0"', 'teacher = "toy-s0-F2"'))
    assert {stand(queue)[name].standing for name in ("s0-F1", "s0-F2")} == {"blocked"}
    queue.add(["toy-s0-F1", "toy-s0-F2"])
    assert sorted(short(queue)) == ["s0-F0", "s0-F1", "s0-F2", "s1-F0", "s1-F1"]
