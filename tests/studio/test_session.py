"""The bridge between window and engine: what it finds, what it says, what it asks. The folders are the only witnesses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from engine import events, processes
from engine.commands import SaveNow
from engine.run import Refused, Run
from studio import session as module
from studio.session import Followed, Session

Open = Callable[[Path], Session]


@pytest.fixture
def follow(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a session that looks at every tick and has read all there is."""
    monkeypatch.setattr(module, "LOOK_S", 0.0)

    def opened(folder: Path) -> Session:
        session = Session(folder)
        settle(session)
        return session

    return opened


def settle(session: Session) -> None:
    session.tick()
    while session.loading:
        session.tick()
    session.tick()  # a run's word may rest on another's that was read after it


def one(session: Session, run: Run) -> Followed:
    found = session.followed(run.name)
    assert found is not None
    return found


def sent(run: Run) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((run.folder / "commands").glob("*.json"))]


# ---- what it finds ------------------------------------------------------------------------------------------------------


def test_that_a_missing_workspace_has_no_runs(follow: Open, tmp_path: Path) -> None:
    session = follow(tmp_path / "not there")
    assert session.runs == [] and session.chosen is None


def test_that_runs_are_ordered_and_their_words_derived(follow: Open, tmp_path: Path) -> None:
    f0, f1, f2, f3 = recorded.lineage(tmp_path)
    recorded.complete(f0)
    recorded.begin(f1)
    recorded.prepare(f1)
    recorded.steps(f1, 1, 7)
    session = follow(tmp_path)
    assert [run.name for run in session.runs] == [run.name for run in (f0, f1, f2, f3)]
    assert [run.word for run in session.runs] == ["finished", "lost", "blocked", "blocked"]
    assert session.teacher_of(one(session, f1)) is one(session, f0)


def test_that_a_damaged_recipe_is_listed_with_its_problem(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    (run.folder / "recipe.toml").write_text("generations = [")
    session = follow(tmp_path)
    assert one(session, run).recipe is None
    assert one(session, run).problem and one(session, run).lineage == run.name


def test_that_a_run_at_work_is_chosen_first_and_else_the_one_that_changed_last(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    recorded.complete(f0)
    recorded.begin(f1)
    os.utime(f1.events_path, (1e9, 1e9))
    session = follow(tmp_path)
    assert session.chosen is one(session, f0)
    with recorded.alive(f1):
        assert follow(tmp_path).chosen.name == f1.name


def test_that_a_run_is_chosen_well_even_before_all_is_read(
    follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = recorded.lineage(tmp_path)[:2]
    recorded.complete(old)
    recorded.complete(new)
    os.utime(old.events_path, (1e9, 1e9))
    monkeypatch.setattr(module, "BUDGET_S", 0.0)  # one run a tick
    session = Session(tmp_path)
    session.tick()
    assert session.loading and session.chosen is one(session, new)


def test_that_the_views_hear_when_everything_is_read(follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded.lineage(tmp_path)
    monkeypatch.setattr(module, "BUDGET_S", -1.0)
    session = Session(tmp_path)
    heard: list[int] = []
    session.runs_changed.connect(lambda: heard.append(session.loading))
    settle(session)
    assert heard[-1] == 0


def test_that_a_run_whose_engine_dies_is_lost_and_one_that_said_goodbye_never_is(follow: Open, tmp_path: Path) -> None:
    dies, ends = recorded.lineage(tmp_path)[:2]
    words: list[str] = []
    with recorded.alive(dies), recorded.alive(ends):
        for run in (dies, ends):
            recorded.begin(run)
            recorded.prepare(run)
            recorded.steps(run, 1, 3)
        session = follow(tmp_path)
        assert one(session, dies).word == one(session, ends).word == "running"
        session.runs_changed.connect(lambda: words.append(one(session, ends).word))
        recorded.end(ends)
    settle(session)
    assert one(session, dies).word == "lost"
    assert one(session, ends).word == "finished"
    assert "lost" not in words


def test_that_a_last_word_written_between_reading_and_looking_is_not_missed(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        recorded.prepare(run)
        recorded.steps(run, 1, 3)
        session = follow(tmp_path)
    recorded.end(run)
    session._look()  # the lock is free, and the last word is not read yet
    assert one(session, run).word == "finished"


def test_that_a_silent_engine_is_unresponsive_and_stays_news(
    follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        recorded.prepare(run)
        recorded.steps(run, 1, 3)
        session = follow(tmp_path)
        monkeypatch.setattr("engine.state.SILENT_S", 0.0)
        heard: list[str] = []
        session.runs_changed.connect(lambda: heard.append(one(session, run).word))
        session.tick()
        session.tick()
    assert heard == ["unresponsive", "unresponsive"]
    assert one(session, run).heard_at > 0


def test_that_a_child_waits_while_its_teacher_may_still_complete(follow: Open, tmp_path: Path) -> None:
    teacher, child = recorded.lineage(tmp_path)[:2]
    with recorded.alive(teacher):
        recorded.begin(teacher)
        session = follow(tmp_path)
        assert one(session, child).word == "queued"
    settle(session)
    assert one(session, child).word == "blocked"
    recorded.begin(teacher, attempt=2)
    recorded.end(teacher)
    settle(session)
    assert one(session, child).word == "queued"


def test_that_a_child_without_its_teacher_is_blocked(follow: Open, tmp_path: Path) -> None:
    teacher, child = recorded.lineage(tmp_path)[:2]
    (teacher.folder / "recipe.toml").unlink()
    assert one(follow(tmp_path), child).word == "blocked"


def test_that_a_run_of_another_machine_says_so(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.elsewhere(run, "otherbox")
    assert one(follow(tmp_path), run).host == "otherbox"


def test_that_another_workspace_or_one_run_of_it_can_be_opened(follow: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path / "one")
    second = recorded.lineage(tmp_path / "two")
    session = follow(tmp_path / "one")
    session.open_workspace(second[2].folder)
    assert session.workspace.folder == tmp_path / "two"
    assert session.chosen.name == second[2].name


# ---- going along --------------------------------------------------------------------------------------------------------


def test_that_who_looks_at_a_run_at_work_goes_along_with_its_lineage(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    with recorded.alive(f0):
        session = follow(tmp_path)
        assert session.chosen is one(session, f0)
        recorded.complete(f0)
    settle(session)
    assert session.chosen is one(session, f0), "nothing else has begun yet"
    with recorded.alive(f1):
        settle(session)
        assert session.chosen is one(session, f1)


def test_that_who_chose_a_run_before_it_began_goes_along_as_well(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    session = follow(tmp_path)
    session.choose(f0.name)
    with recorded.alive(f0):
        settle(session)
        recorded.complete(f0)
    settle(session)
    with recorded.alive(f1):
        settle(session)
        assert session.chosen is one(session, f1)


def test_that_who_chose_a_finished_run_stays_with_it(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    recorded.complete(f0)
    session = follow(tmp_path)
    session.choose(f0.name)
    with recorded.alive(f1):
        settle(session)
        assert session.chosen is one(session, f0)


def test_that_nobody_is_taken_away_from_a_run_that_stopped(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    with recorded.alive(f0):
        recorded.begin(f0)
        session = follow(tmp_path)
        recorded.end(f0, "stopped", "by hand")
    with recorded.alive(f1):
        settle(session)
        assert session.chosen is one(session, f0)


# ---- asking -------------------------------------------------------------------------------------------------------------


def test_that_a_stop_is_requested_then_acknowledged_then_done(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        recorded.prepare(run)
        recorded.steps(run, 1, 3)
        session = follow(tmp_path)
        session.stop("now", run.name)
        assert one(session, run).wish == "stop requested"
        command = sent(run)[0]
        assert (command["type"], command["when"], command["attempt"]) == ("stop", "now", 1)
        recorded.write(run, events.CommandAcknowledged(id=str(command["id"]), command="stop", outcome="accepted"))
        settle(session)
        assert one(session, run).wish == "stop acknowledged"
        recorded.end(run, "stopped", "by hand; step 3 is saved")
    settle(session)
    assert (one(session, run).word, one(session, run).wish) == ("finished", "")


def test_that_what_was_asked_of_an_earlier_attempt_is_over_with_it(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        session = follow(tmp_path)
        session.pause(run.name)
        command = sent(run)[0]
        recorded.write(run, events.CommandAcknowledged(id=str(command["id"]), command="pause", outcome="accepted"))
        recorded.end(run, "paused")
    settle(session)
    assert one(session, run).word == "paused"
    with recorded.alive(run, attempt=2):
        recorded.begin(run, attempt=2)
        settle(session)
        assert one(session, run).at_work and one(session, run).wish == ""


def test_that_a_command_is_addressed_to_the_attempt_that_is_opening(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.end(run, "paused")
    with recorded.alive(run, attempt=2):
        session = follow(tmp_path)
        session.send(SaveNow(), run.name)
    assert sent(run)[0]["attempt"] == 2


def test_that_a_run_that_cannot_be_asked_is_refused_in_words(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[0]
    (run.folder / "commands").write_text("a file where a folder belongs")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        session.pause(run.name)
    assert refusal.args[0].startswith(f"{run.name} cannot be asked anything: ")


def test_that_killing_what_is_dead_is_refused_in_words(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        session.kill(run.name)
    assert refusal.args == [f"{run.name} has no engine on this machine to kill."]


def test_that_an_engine_of_another_user_is_not_killed_and_that_is_said(
    follow: Open, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Run) -> bool:
        raise Refused(f"{self.name} belongs to another user")

    run = recorded.lineage(tmp_path)[0]
    monkeypatch.setattr(Run, "kill", refuse)
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        session.kill(run.name)
    assert refusal.args == [f"{run.name} belongs to another user"]


# ---- starting -----------------------------------------------------------------------------------------------------------


class Process:
    """A started process, as far as the session looks at it."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> tuple[list[list[str]], Process]:
    """The argument lists of processes that would have been started, and the process that all of them are."""
    asked: list[list[str]] = []
    process = Process()

    def start(command: list[str], log: Path, detached: bool) -> Process:
        assert detached, "an engine outlives the window"
        asked.append(command)
        return process

    monkeypatch.setattr(processes, "start", start)
    return asked, process


def test_that_resuming_starts_a_process_for_the_run_and_expects_its_engine(follow: Open, tmp_path: Path, started) -> None:
    asked, _ = started
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    session = follow(tmp_path)
    session.resume(run.name)
    assert asked == [[sys.executable, "-P", "-m", "engine", "resume", run.name, "--runs", str(tmp_path)]]
    assert one(session, run).expected
    with recorded.alive(run, attempt=2):
        settle(session)
        assert not one(session, run).expected and one(session, run).word == "starting"


def test_that_the_next_run_of_the_lineage_is_expected_between_two_engines(follow: Open, tmp_path: Path, started) -> None:
    _, process = started
    f0, f1 = recorded.lineage(tmp_path)[:2]
    recorded.begin(f0)
    session = follow(tmp_path)
    session.resume(f0.name)
    recorded.begin(f0, attempt=2)
    recorded.end(f0)
    settle(session)
    assert one(session, f1).expected and not one(session, f0).expected
    process.code = 0
    settle(session)
    assert not any(run.expected for run in session.runs)


def test_that_a_run_of_another_machine_is_resumed_only_with_consent(
    follow: Open, tmp_path: Path, started, qtbot: QtBot
) -> None:
    asked, _ = started
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.elsewhere(run, "otherbox")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as wanted:
        session.resume(run.name)
    assert wanted.args[0] == run.name and "otherbox" in wanted.args[1] and asked == []
    session.resume(run.name, consent=True)
    assert len(asked) == 1


def test_that_the_sample_starts_in_a_workspace_that_is_not_there_yet(follow: Open, tmp_path: Path, started) -> None:
    asked, _ = started
    session = follow(tmp_path / "new")
    assert session.start_sample()
    assert asked[0][4:] == ["train", "born-again-digits", "--resume", "--runs", str(tmp_path / "new")]
    assert len(session.runs) == 12
    assert session.chosen is session.runs[0] and session.chosen.expected


def test_that_a_sample_under_another_recipe_is_refused_in_words(follow: Open, tmp_path: Path, started, qtbot: QtBot) -> None:
    asked, _ = started
    recorded.lineage(tmp_path)  # the sample's name, fewer epochs
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        assert not session.start_sample()
    assert "another recipe" in refusal.args[0] and asked == []


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (2, "filial: digits is at work elsewhere\n", "digits is at work elsewhere."),
        (1, "Traceback\nImportError: no torch\n", "The engine ended before its work began: ImportError: no torch. "),
        (-9, "", "The engine ended before its work began: it ended with code -9. "),
    ],
)
def test_that_an_engine_that_cannot_begin_is_heard(
    follow: Open, tmp_path: Path, started, qtbot: QtBot, code: int, said: str, sentence: str
) -> None:
    _, process = started
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    log = tmp_path / "studio.log"
    log.write_text("what an earlier process said\n")
    session = follow(tmp_path)
    session.resume(run.name)
    with log.open("a") as file:
        file.write(said)
    process.code = code
    with qtbot.waitSignal(session.refused) as refusal:
        session.tick()
    assert refusal.args[0].startswith(sentence)


@pytest.mark.parametrize("code", [0, 1, 130])
def test_that_an_engine_that_began_tells_its_end_in_its_folder_only(follow: Open, tmp_path: Path, started, code: int) -> None:
    _, process = started
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    session.resume(run.name)
    recorded.begin(run)
    recorded.end(run, "failed", "out of memory")
    process.code = code
    heard: list[str] = []
    session.refused.connect(heard.append)
    settle(session)
    assert heard == []


def test_that_a_process_that_cannot_be_started_is_refused_in_words(
    follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(*_: object, **__: object) -> subprocess.Popen[bytes]:
        raise OSError(12, "Cannot allocate memory")

    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    session = follow(tmp_path)
    monkeypatch.setattr(processes, "start", fail)
    with qtbot.waitSignal(session.refused) as refusal:
        session.resume(run.name)
    assert refusal.args == ["The engine cannot be started: Cannot allocate memory."]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_that_a_started_process_is_not_of_our_terminal(tmp_path: Path) -> None:
    """Closing the window's terminal must not reach it: it leads a session of its own."""
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", "input()"], log, detached=True)
    try:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
