"""The queue as a person has it: its verbs, and a worker whose engines really train, are killed, and are gone on with."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import filial, toy, toy_file, until, weights  # type: ignore[import-not-found]

from engine import processes
from engine.__main__ import main
from engine.queue import Queue, enqueue
from engine.run import Observer, Workspace
from engine.train import train

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")
SINGLE = ("generations=0", "method.name=supervised")
LONG = (*SINGLE, "training.epochs=60", "probes.every_epochs=60", "probes.attention_every_epochs=60")
STEPS = 180  # 96 pictures in batches of 32, sixty epochs


@pytest.fixture
def queue(workspace):
    return Queue(workspace)


@pytest.fixture
def say(workspace, capsys):
    """`say("queue", "list")`: the exit code and what is said, in this process."""

    def say(*arguments):
        code = main([*map(str, arguments), "--runs", str(workspace.folder)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return say


def worker(workspace):
    """`filial work` in a process group of its own, as a shell would start it."""
    command = processes.python("engine", "work", "--runs", str(workspace.folder))
    log = (workspace.folder / "said.log").open("ab")
    with log:
        return subprocess.Popen(
            command, env=processes.environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def unbroken(tmp_path, decoded_digits, *changes):
    folder = tmp_path / "unbroken"
    folder.mkdir()
    (folder / "data").symlink_to(decoded_digits, target_is_directory=True)
    (run,) = Workspace(folder).create(toy(*changes))
    assert train(run) == 0
    return run


# ---- the verbs -----------------------------------------------------------------------------------------------------------


def test_that_queueing_only_queues_and_says_how_to_start(say, queue, tmp_path):
    recipe = toy_file(tmp_path)
    assert say("queue", "add", recipe) == (
        0,
        "2 runs in the queue, places 1 to 2. `filial work` trains what is in the queue.\n",
    )
    assert say("queue", "add", recipe, "--set", "lineage=other", "--front")[0] == 0
    assert queue.names() == ["other-s0-F0", "other-s0-F1", "toy-s0-F0", "toy-s0-F1"] and queue.worker() is None
    assert [run.state().attempt for run in queue.workspace.runs()] == [0, 0, 0, 0]


def test_that_the_list_tells_place_run_and_how_it_stands(say, queue, tmp_path):
    assert "the queue is empty; `filial queue add RECIPE`" in say("queue", "list")[1]
    say("queue", "add", toy_file(tmp_path))
    code, said = say("queue", "list")
    assert code == 0 and "nobody works through the queue; `filial work` does" in said
    assert "1  toy-s0-F0  ready" in said and "2  toy-s0-F1  waits for toy-s0-F0" in said
    assert say("queue", "--json") == say("queue", "list", "--json") == say("queue", "--json", "list")
    assert say("queue")[1] == said and "queued, place 2" in say("status")[1]
    rows = json.loads(say("queue", "list", "--json")[1])
    assert [(row["place"], row["run"], row["state"], row["standing"], row["offer"]) for row in rows] == [
        (1, "toy-s0-F0", "queued", "ready", None),
        (2, "toy-s0-F1", "queued", "waiting", None),
    ]


def test_that_runs_and_lineages_are_moved_taken_out_and_queued_again_by_name(say, queue, tmp_path):
    say("queue", "add", toy_file(tmp_path, "seeds=[0, 1]"))
    say("queue", "add", toy_file(tmp_path, "lineage=other"))
    assert say("queue", "move", "other", "1")[0] == 0 and queue.names()[:2] == ["other-s0-F0", "other-s0-F1"]
    assert say("queue", "move", "toy-s1-F0", "toy-s1-F1", "1")[0] == 0 and queue.names()[0] == "toy-s1-F0"
    code, said = say("queue", "move", "toy-s0-F1", "1")
    assert code == 2 and "toy-s0-F1 learns from toy-s0-F0" in said
    assert say("queue", "remove", "toy", "other-s0-F1")[0] == 0 and queue.names() == ["other-s0-F0"]
    assert say("queue", "add", "toy-s1-F0")[0] == 0 and queue.names() == ["other-s0-F0", "toy-s1-F0"]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (("add", "nobody"), "there is no run 'nobody'"),
        (("add", "nobody.toml"), "there is no such file"),
        (("move", "toy-s0-F2", "1"), "the nearest first: toy-s0-F"),
        (("move", "toy-s0-F1", "1"), "not in the queue; `filial queue list` shows"),
        (("remove", "toy-s0-F1"), "not in the queue; `filial queue list` shows"),
    ],
)
def test_that_what_cannot_be_done_is_refused_in_words(say, queue, asked, part):
    queue.workspace.create(toy())
    code, said = say("queue", *asked)
    assert code == 2 and part in said and queue.names() == []


def test_that_a_timm_name_is_checked_before_anything_is_queued(say, queue, tmp_path):
    code, said = say("queue", "add", toy_file(tmp_path), "--set", 'model={name="timm", variant="resnet19"}')
    assert code == 2 and "model.variant" in said and queue.names() == [] and queue.workspace.runs() == []


def test_that_a_run_that_is_gone_can_be_taken_out_by_name(say, queue):
    queue.add(["gone-s0-F0"])
    assert "its folder is gone" in say("queue", "list")[1]
    assert say("queue", "remove", "gone-s0-F0")[0] == 0 and queue.names() == []


def test_that_hold_and_release_say_what_follows(say, queue, tmp_path):
    assert "nothing more is started until `filial queue release`" in say("queue", "hold")[1] and queue.held
    assert "The queue is held" in say("queue", "add", toy_file(tmp_path))[1]
    assert "It is held; `filial queue release` lets it go on" in say("queue", "list")[1]
    assert "`filial work` trains what is in it" in say("queue", "release")[1] and not queue.held


def test_that_no_verb_of_the_queue_imports_torch(workspace, tmp_path):
    recipe = str(toy_file(tmp_path))
    check = "import sys; sys.argv[0]='filial'\nfrom engine.__main__ import main\ncode = main()\n"
    check += "assert 'torch' not in sys.modules and 'PySide6' not in sys.modules; sys.exit(code)"
    asked = (
        ["queue", "add", recipe],
        ["queue", "list"],
        ["queue", "move", "toy", "1"],
        ["queue", "hold"],
        ["queue", "release"],
        ["queue", "remove", "toy"],
        ["work"],
    )
    for arguments in asked:
        command = [sys.executable, "-P", "-c", check, *arguments, "--runs", str(workspace.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)


# ---- the worker -----------------------------------------------------------------------------------------------------------


@POSIX
def test_that_an_engine_outlives_a_killed_worker_and_the_next_worker_waits_for_it(workspace, queue, tmp_path, decoded_digits):
    enqueue(workspace, toy(*LONG, "lineage=first"))
    enqueue(workspace, toy(*SINGLE, "lineage=second"))
    first, second = workspace.run("first-s0-F0"), workspace.run("second-s0-F0")
    killed = worker(workspace)
    until(lambda: first.state().step > 2, killed)
    killed.kill()
    killed.wait()
    assert first.held() and queue.names() == [first.name, second.name] and queue.worker() is None
    assert worker(workspace).wait(120) == 0
    assert "waiting for first-s0-F0, which is at work already" in (workspace.folder / "said.log").read_text()
    assert (first.state().attempt, second.state().attempt) == (1, 1) and queue.names() == []
    assert second.state().completed
    assert weights(first, STEPS) == weights(unbroken(tmp_path, decoded_digits, *LONG, "lineage=first"), STEPS)


@POSIX
def test_that_a_stopped_worker_leaves_its_run_at_the_front_and_the_next_goes_on(workspace, queue, tmp_path, decoded_digits):
    (run,) = enqueue(workspace, toy(*LONG))
    for attempt, number in enumerate((signal.SIGTERM, signal.SIGINT), 1):
        process = worker(workspace)
        until(lambda attempt=attempt: run.state().attempt == attempt and run.state().attempts[-1].stepped, process)
        os.killpg(process.pid, number)  # the engine is in the group: SIGTERM reaches it twice, Ctrl-C once
        assert process.wait(60) == 130
        state = run.state()
        assert state.finished.reason == "stopped" and run.newest_valid_step() == state.step > 0
        assert queue.names() == [run.name] and not run.held()
    assert worker(workspace).wait(120) == 0
    assert run.state().attempt == 3 and queue.names() == []
    assert weights(run, STEPS) == weights(unbroken(tmp_path, decoded_digits, *LONG), STEPS)


def test_that_a_killed_engine_blocks_its_students_only_and_resuming_the_chain_unblocks_them(workspace, queue):
    teacher, student = enqueue(workspace, toy("training.epochs=30"))
    (other,) = enqueue(workspace, toy(*SINGLE, "lineage=other"))
    process = worker(workspace)
    until(lambda: teacher.state().step > 2, process)
    psutil.Process(teacher.status().pid).suspend()  # else it may complete while the second worker is being started
    second = filial("work", "--runs", workspace.folder)
    assert second.returncode == 2 and f"process {process.pid} on" in second.stderr
    assert teacher.kill()
    assert process.wait(60) == 1
    assert other.state().completed and queue.names() == [student.name]
    assert Observer().state_of(student) == "blocked"
    listed = filial("queue", "list", "--runs", workspace.folder).stdout
    assert "blocked: toy-s0-F0 is lost; filial resume toy-s0-F0" in listed
    assert filial("resume", teacher.name, "--runs", workspace.folder).returncode == 0
    assert student.state().completed
    assert filial("work", "--runs", workspace.folder).returncode == 0 and queue.names() == []
