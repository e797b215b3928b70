"""The bridge between window and engine: what it finds, what it says, what it asks. The folders are the only witnesses."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from by_hand import queued, sent, settle, worker
from pytestqt.qtbot import QtBot

from engine import events, processes, recipe
from engine.commands import SaveNow
from engine.queue import Queue
from engine.run import Refused, Run, Workspace
from studio import phrases, trash, watch
from studio import session as module
from studio.session import Followed, Session

Open = Callable[[Path], Session]


def one(session: Session, run: Run) -> Followed:
    found = session.followed(run.name)
    assert found is not None
    return found


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
    monkeypatch.setattr(watch, "BUDGET_S", 0.0)  # one run a tick
    session = Session(tmp_path)
    session.tick()
    assert session.loading and session.chosen is one(session, new)


def test_that_the_views_hear_when_everything_is_read(follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded.lineage(tmp_path)
    monkeypatch.setattr(watch, "BUDGET_S", -1.0)
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


def test_that_the_views_hear_of_a_lost_runs_last_events(follow: Open, tmp_path: Path) -> None:
    """They are read together with the look at its lock, not with the others'."""
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 3)
    session = follow(tmp_path)
    assert one(session, run).word == "lost"
    recorded.steps(run, 4, 7)
    heard: list[object] = []
    session.state_changed.connect(lambda: heard.append(session.chosen.state.step))
    session.runs_changed.connect(lambda: heard.append("runs"))
    settle(session)
    assert heard == [7, "runs"] and one(session, run).word == "lost"


def test_that_the_views_hear_of_a_run_whose_reading_ends_on_the_budget(
    follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded.lineage(tmp_path, "generations=1")[0]
    recorded.complete(run)
    monkeypatch.setattr(watch, "BUDGET_S", -1.0)  # spent after each slice
    session = Session(tmp_path)
    heard: list[bool] = []
    session.state_changed.connect(lambda: heard.append(session.chosen.loaded))
    settle(session)
    assert session.chosen is one(session, run) and heard[-1]


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


def test_that_a_child_waits_again_once_its_teacher_stands_in_the_queue_again(follow: Open, tmp_path: Path) -> None:
    teacher, child = recorded.lineage(tmp_path)[:2]
    recorded.begin(teacher)
    session = follow(tmp_path)
    assert (one(session, teacher).word, one(session, child).word) == ("lost", "blocked")
    Queue(session.workspace).add([teacher.name])
    settle(session)
    settle(session)
    assert (one(session, teacher).word, one(session, child).word) == ("lost", "queued")


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


def test_that_resuming_puts_the_run_in_front_and_expects_its_engine(follow: Open, tmp_path: Path, asked) -> None:
    f0, f1, f2, f3 = recorded.lineage(tmp_path)
    other = recorded.lineage(tmp_path, "lineage=other", "generations=1")[0]
    recorded.begin(f0)
    session = follow(tmp_path)
    Queue(session.workspace).add([other.name, f3.name])
    settle(session)
    session.resume(f0.name)
    assert asked == [["work", "--runs", str(tmp_path)]]
    assert session.queue == queued(tmp_path) == [f0.name, f1.name, f2.name, other.name, f3.name]
    assert [run.name for run in session.runs if run.expected] == [f0.name]
    with recorded.alive(f0, attempt=2):
        settle(session)
        assert not one(session, f0).expected and one(session, f0).word == "starting"


def test_that_changes_are_asked_of_the_attempt_to_come(follow: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    follow(tmp_path).resume(run.name, changes=[("optimizer.lr", 0.05), ("optimizer.clip", 1.0)])
    changes = [(command["type"], command["attempt"], command["field"], command["value"]) for command in sent(run)]
    assert changes == [("change", 2, "optimizer.lr", 0.05), ("change", 2, "optimizer.clip", 1.0)]
    assert len(asked) == 1


def test_that_nothing_is_resumed_without_a_change_that_was_wanted(follow: Open, tmp_path: Path, asked, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    (run.folder / "commands").write_text("a file where a folder belongs")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused):
        session.resume(run.name, changes=[("optimizer.lr", 0.05)])
    assert asked == [] and session.queue == []


def test_that_a_run_of_another_machine_is_resumed_only_with_consent(follow: Open, tmp_path: Path, asked, qtbot: QtBot) -> None:
    """And not by the worker, which leaves such a run alone."""
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.elsewhere(run, "otherbox")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as wanted:
        session.resume(run.name)
    key, why, button = wanted.args
    assert "otherbox" in why and button == "Resume here" and asked == []
    session.consent("something else")
    assert asked == []
    session.consent(key)
    assert asked == [["resume", run.name, "--runs", str(tmp_path)]]
    assert one(session, run).expected
    session.consent(key)
    assert len(asked) == 1, "a consent serves once"


def test_that_after_a_resumed_run_of_another_machine_the_next_of_its_lineage_is_expected(
    follow: Open, tmp_path: Path, asked, process
) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    recorded.begin(f0)
    recorded.elsewhere(f0)
    session = follow(tmp_path)
    session.resume(f0.name, consent=True)
    recorded.begin(f0, attempt=2)
    recorded.end(f0)
    settle(session)
    assert one(session, f1).expected and not one(session, f0).expected
    process.returncode = 0
    settle(session)
    assert not any(run.expected for run in session.runs)


def test_that_the_sample_starts_in_a_workspace_that_is_not_there_yet(follow: Open, tmp_path: Path, asked) -> None:
    session = follow(tmp_path / "new")
    assert session.start_sample()
    assert asked == [["work", "--runs", str(tmp_path / "new")]]
    assert session.queue == [run.name for run in session.runs] and len(session.queue) == 12
    assert session.chosen is session.runs[0] and session.chosen.expected


def test_that_a_sample_under_another_recipe_is_refused_in_words(follow: Open, tmp_path: Path, asked, qtbot: QtBot) -> None:
    recorded.lineage(tmp_path)  # the sample's name, fewer epochs
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        assert not session.start_sample()
    assert "another recipe" in refusal.args[0] and asked == []


def test_that_a_sample_whose_recipe_is_damaged_is_refused_in_words(follow: Open, tmp_path: Path, asked, qtbot: QtBot) -> None:
    run = Workspace(tmp_path).create(recipe.read(module.SAMPLE))[0]
    (run.folder / "recipe.toml").write_text("[")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused) as refusal:
        assert not session.start_sample()
    assert "is not TOML" in refusal.args[0] and asked == []


def test_that_starting_never_waits_for_another_machine_but_asks(
    follow: Open, tmp_path: Path, asked, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    run = Workspace(tmp_path).create(recipe.read(module.SAMPLE))[0]
    recorded.begin(run)
    recorded.elsewhere(run, "otherbox")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as wanted:
        assert session.start_sample()
    assert slept == [] and "otherbox" in wanted.args[1]


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (2, "filial: digits is at work elsewhere\n", "digits is at work elsewhere."),
        (1, "Traceback\nImportError: no torch\n", "The engine ended before its work began: ImportError: no torch. "),
        (-9, "", "The engine ended before its work began: it ended with code -9. "),
    ],
)
@pytest.mark.parametrize(("host", "log"), [("", "worker.log"), ("otherbox", "studio.log")])
def test_that_a_process_that_cannot_begin_is_heard(
    follow: Open, tmp_path: Path, asked, process, qtbot: QtBot, code: int, said: str, sentence: str, host: str, log: str
) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    if host:
        recorded.elsewhere(run, host)
    (tmp_path / log).write_text("what an earlier process said\n")
    session = follow(tmp_path)
    session.resume(run.name, consent=True)
    with (tmp_path / log).open("a") as file:
        file.write(said)
    process.returncode = code
    with qtbot.waitSignal(session.refused) as refusal:
        session.tick()
    assert refusal.args[0].startswith(sentence)
    assert code == 2 or refusal.args[0].endswith(f"See {tmp_path / log}.")


def test_that_a_worker_that_was_asked_to_end_is_no_news(follow: Open, tmp_path: Path, asked, process) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    session.resume(run.name)
    heard: list[str] = []
    session.refused.connect(heard.append)
    process.returncode = -signal.SIGTERM
    settle(session)
    assert heard == [] and not session.working


@pytest.mark.parametrize("code", [0, 1, 130])
def test_that_a_worker_that_began_tells_its_end_in_the_folders_only(
    follow: Open, tmp_path: Path, asked, process, code: int
) -> None:
    """Also if it began with a run that came to the queue after it was started."""
    first, later = recorded.lineage(tmp_path)[0], recorded.lineage(tmp_path, "lineage=later")[0]
    session = follow(tmp_path)
    session.resume(first.name)
    recorded.begin(later)
    recorded.end(later, "failed", "out of memory")
    process.returncode = code
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


# ---- the queue ----------------------------------------------------------------------------------------------------------


def test_that_a_recipe_is_queued_behind_the_others_and_starts_nothing(follow: Open, tmp_path: Path, asked) -> None:
    session = follow(tmp_path)
    assert session.add_to_queue(recipe.read(module.SAMPLE, ("lineage=one", "seeds=[0]", "generations=1")))
    assert session.add_to_queue(recipe.read(module.SAMPLE, ("lineage=two", "seeds=[0]", "generations=1")))
    assert session.queue == queued(tmp_path) == ["one-s0-F0", "one-s0-F1", "two-s0-F0", "two-s0-F1"]
    assert [run.name for run in session.runs] == sorted(session.queue)
    assert asked == [] and not session.working and not any(run.expected for run in session.runs)


def test_that_a_recipe_started_now_comes_first_and_is_chosen(follow: Open, tmp_path: Path, asked) -> None:
    session = follow(tmp_path)
    session.add_to_queue(recipe.read(module.SAMPLE, ("lineage=one", "seeds=[0]", "generations=1")))
    assert session.start_now(recipe.read(module.SAMPLE, ("lineage=two", "seeds=[0]", "generations=1")))
    assert session.queue == ["two-s0-F0", "two-s0-F1", "one-s0-F0", "one-s0-F1"]
    assert asked == [["work", "--runs", str(tmp_path)]] and session.chosen.name == "two-s0-F0" and session.chosen.expected


def test_that_what_is_complete_is_not_trained_again(follow: Open, tmp_path: Path, asked) -> None:
    file = recipe.read(module.SAMPLE, (*recorded.SMALL, "generations=1"))
    f0, f1 = Workspace(tmp_path).create(file)
    recorded.complete(f0)
    session = follow(tmp_path)
    assert session.start_now(file)
    assert session.queue == [f1.name] and session.chosen.name == f1.name
    recorded.complete(f1)
    Queue(session.workspace).remove([f1.name])
    asked.clear()
    settle(session)
    assert session.start_now(file)
    assert asked == [] and session.queue == [] and session.chosen.name == f0.name


def test_that_a_second_worker_is_not_started(follow: Open, tmp_path: Path, asked) -> None:
    session = follow(tmp_path)
    session.add_to_queue(recipe.read(module.SAMPLE, recorded.SMALL))
    with worker(tmp_path):
        session.start_queue()
        assert session.working and asked == []
    settle(session)
    assert not session.working
    session.start_queue()
    assert session.working and len(asked) == 1, "it counts from its first moment on, before it has said its name"


def test_that_the_queue_is_held_and_goes_on(follow: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    Queue(session.workspace).add([run.name])
    with worker(tmp_path):
        settle(session)
        assert one(session, run).expected
        session.hold_queue()
        assert session.held and Queue(session.workspace).held and not one(session, run).expected
        session.start_queue()
        assert not session.held and not Queue(session.workspace).held and one(session, run).expected


def test_that_the_order_is_changed_and_its_refusals_are_heard(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    f0, f1, _f2, _f3 = recorded.lineage(tmp_path)
    other = recorded.lineage(tmp_path, "lineage=other")[0]
    session = follow(tmp_path)
    Queue(session.workspace).add([f0.name, f1.name, other.name])
    settle(session)
    session.move([other.name], 0)
    assert session.queue == queued(tmp_path) == [other.name, f0.name, f1.name]
    with qtbot.waitSignal(session.refused) as refusal:
        session.move([f1.name], 0)
    assert f0.name in refusal.args[0] and session.queue == [other.name, f0.name, f1.name]
    session.take_out([f0.name, f1.name])
    assert session.queue == queued(tmp_path) == [other.name]
    assert one(session, f1).word == "queued", "the run itself stays as it is"


def test_that_others_changes_of_the_queue_are_news(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    heard: list[tuple[list[str], bool, bool]] = []
    session.runs_changed.connect(lambda: heard.append((session.queue, session.working, session.held)))
    Queue(session.workspace).add([run.name])
    session.tick()
    with worker(tmp_path):
        session.tick()
        Queue(session.workspace).hold()
        session.tick()
        session.tick()
    assert heard == [([run.name], False, False), ([run.name], True, False), ([run.name], True, True)]


def test_that_waiting_runs_know_their_place(follow: Open, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path)
    Queue(Workspace(tmp_path)).add([run.name for run in runs[:3]])
    with recorded.alive(runs[0]):
        session = follow(tmp_path)
        assert [run.place for run in session.runs] == [0, 1, 2, 0]


def test_that_a_damaged_order_is_told_once(follow: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path)
    session = follow(tmp_path)
    heard: list[str] = []
    session.refused.connect(heard.append)
    (tmp_path / "queue.json").write_text("[")
    settle(session)
    assert len(heard) == 1 and str(tmp_path / "queue.json") in heard[0] and session.queue == []
    (tmp_path / "queue.json").unlink()
    settle(session)
    (tmp_path / "queue.json").write_text("[")
    settle(session)
    assert len(heard) == 2


def test_that_the_worker_turns_to_what_can_begin(follow: Open, tmp_path: Path) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    elsewhere, free = (recorded.lineage(tmp_path, f"lineage={name}")[0] for name in ("elsewhere", "free"))
    recorded.begin(elsewhere)
    recorded.elsewhere(elsewhere)
    recorded.begin(f0)
    recorded.end(f0, "failed", "out of memory")
    Queue(Workspace(tmp_path)).add([f1.name, elsewhere.name, free.name])
    with worker(tmp_path):
        session = follow(tmp_path)
        assert [run.name for run in session.runs if run.expected] == [free.name]
        with recorded.alive(free):
            settle(session)
            assert not any(run.expected for run in session.runs)


def test_that_a_run_that_stopped_is_not_expected_again_before_it_is_taken_out(follow: Open, tmp_path: Path, asked) -> None:
    run, other = recorded.lineage(tmp_path)[0], recorded.lineage(tmp_path, "lineage=other")[0]
    Queue(Workspace(tmp_path)).add([run.name, other.name])
    with worker(tmp_path):
        with recorded.alive(run):
            recorded.begin(run)
            session = follow(tmp_path)
            recorded.end(run, "stopped", "by hand")
        settle(session)
        assert [one.name for one in session.runs if one.expected] == [other.name]
        session.resume(run.name)
        assert [one.name for one in session.runs if one.expected] == [run.name], "a person wants it again"


def test_that_a_run_that_kept_its_place_is_expected_of_the_next_worker(follow: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    Queue(Workspace(tmp_path)).add([run.name])
    with worker(tmp_path), recorded.alive(run):
        recorded.begin(run)
        session = follow(tmp_path)
        recorded.end(run, "stopped", "by hand")
    settle(session)
    assert not one(session, run).expected
    session.start_queue()
    assert one(session, run).expected


def test_that_another_workspace_has_another_queue(follow: Open, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path / "one")
    Queue(Workspace(tmp_path / "one")).add([runs[0].name])
    recorded.lineage(tmp_path / "two")
    with worker(tmp_path / "one"):
        session = follow(tmp_path / "one")
        assert session.queue and session.working
        session.open_workspace(tmp_path / "two")
        assert session.queue == [] and not session.working


# ---- all of them --------------------------------------------------------------------------------------------------------


def test_that_everything_is_asked_to_save_and_end(follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f0, f1 = recorded.lineage(tmp_path)[:2]
    other = recorded.lineage(tmp_path, "lineage=other")[0]
    dismissed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: dismissed.append((pid, number)))
    Queue(Workspace(tmp_path)).add([f0.name, f1.name])
    with recorded.alive(f0), recorded.alive(other), worker(tmp_path):
        recorded.begin(f0)
        recorded.begin(other)
        session = follow(tmp_path)
        assert session.busy
        session.stop_all()
        assert [(run, [command["when"] for command in sent(run)]) for run in (f0, f1, other)] == [
            (f0, ["now"]), (f1, []), (other, ["now"]),
        ]  # fmt: skip
        assert Queue(session.workspace).held
        assert dismissed == ([] if processes.WINDOWS else [(os.getpid(), signal.SIGTERM)])
        monkeypatch.undo()


def test_that_without_a_worker_nothing_is_held(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        session = follow(tmp_path)
        session.stop_all()
    assert [command["type"] for command in sent(run)] == ["stop"] and not Queue(session.workspace).held


def test_that_a_window_is_busy_while_something_trains_or_is_about_to(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    assert not session.busy
    Queue(session.workspace).add([run.name])
    settle(session)
    assert not session.busy, "nobody works through the queue"
    with worker(tmp_path):
        settle(session)
        assert session.busy
        session.hold_queue()
        assert not session.busy


# ---- the trash ----------------------------------------------------------------------------------------------------------


def test_that_a_run_goes_to_the_trash_whole(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[3]
    recorded.complete(run)
    before = sorted(path.name for path in run.folder.iterdir())
    session = follow(tmp_path)
    Queue(session.workspace).add([run.name])
    assert session.trash([run.name])
    [kept] = (tmp_path / "trash").iterdir()
    assert kept.name.startswith(f"{run.name}-20") and sorted(path.name for path in kept.iterdir()) == before
    assert session.followed(run.name) is None and session.queue == queued(tmp_path) == []


def test_that_those_who_learn_from_it_are_named_first(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    _f0, f1, f2, f3 = recorded.lineage(tmp_path)
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as wanted:
        assert not session.trash([f1.name, f3.name])
    key, why, button = wanted.args
    assert f"{f2.name} learns from {f1.name} " in why and f3.name not in why and button == "Move to trash"
    assert f1.folder.is_dir()
    session.consent(key)
    assert not f1.folder.exists() and not f3.folder.exists() and f2.folder.is_dir()
    assert one(session, f2).word == "blocked"


def test_that_a_run_that_starts_from_weights_waits_is_blocked_and_is_named(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    runs = recorded.lineage(tmp_path)
    asked = recipe.read_text(f'version = 1\nlineage = "warm"\n[model]\nweights = "{runs[0].name}"\n')
    (warm,) = Workspace(tmp_path).create(asked)
    session = follow(tmp_path)
    ours, source = one(session, warm), one(session, runs[0])
    assert session.teacher_of(ours) is None and session.source_of(ours) is source
    assert (ours.word, phrases.state_words(ours, teacher=source)) == (
        "queued",
        f"queued, waits for {phrases.run_short(source)}",
    )
    with qtbot.waitSignal(session.consent_wanted) as wanted:
        assert not session.trash([run.name for run in runs])
    key, why, _ = wanted.args
    assert why.startswith(f"{warm.name} needs {runs[0].name} and would be left without the weights it starts from")
    session.consent(key)
    assert one(session, warm).word == "blocked"
    said = phrases.state_words(one(session, warm), teacher=session.source_of(one(session, warm)))
    assert said == f"blocked: {runs[0].name} is gone, from whose weights it starts"


def test_that_a_whole_lineage_goes_without_a_question(follow: Open, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path)
    session = follow(tmp_path)
    assert session.trash([run.name for run in runs])
    assert session.runs == [] and len(list((tmp_path / "trash").iterdir())) == 4


def test_that_a_run_at_work_is_not_put_away(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    idle, busy = recorded.lineage(tmp_path)[2:]
    session = follow(tmp_path)
    with recorded.alive(busy), qtbot.waitSignal(session.refused) as refusal:  # since the last look
        assert not session.trash([busy.name, idle.name])
    assert refusal.args == [f"{busy.name} is at work; stop it first."]
    assert busy.folder.is_dir() and idle.folder.is_dir()


def test_that_a_run_about_to_start_is_not_put_away(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[0]
    Queue(Workspace(tmp_path)).add([run.name])
    with worker(tmp_path):
        session = follow(tmp_path)
        with qtbot.waitSignal(session.refused) as refusal:
            assert not session.trash([run.name])
    assert "about to start" in refusal.args[0] and run.folder.is_dir()


def test_that_what_went_to_the_trash_comes_back_to_its_place_in_the_queue(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    runs = [recorded.lineage(tmp_path, f"lineage={name}", "generations=0", "method.name=supervised")[0] for name in "abc"]
    recorded.complete(runs[1])
    Queue(Workspace(tmp_path)).add([run.name for run in runs])
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as asked:
        assert session.trash([runs[0].name, runs[1].name])
    key, said, button = asked.args
    assert said == "a-s0-F0 and b-s0-F0 are in the workspace's trash." and button == "Undo"
    assert queued(tmp_path) == ["c-s0-F0"] and len(session.runs) == 1
    session.consent(key)
    assert queued(tmp_path) == ["a-s0-F0", "b-s0-F0", "c-s0-F0"] and one(session, runs[1]).state.completed
    assert not list((tmp_path / "trash").iterdir())


def test_that_nothing_is_undone_over_a_run_that_has_the_name_by_now(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path, "generations=0", "method.name=supervised")[0]
    session = follow(tmp_path)
    with qtbot.waitSignal(session.consent_wanted) as asked:
        session.trash([run.name])
    recorded.lineage(tmp_path, "generations=0", "method.name=supervised")
    with qtbot.waitSignal(session.refused) as refused:
        session.consent(asked.args[0])
    assert "another run has its name" in refused.args[0] and len(list((tmp_path / "trash").iterdir())) == 1


def test_that_a_trash_that_cannot_be_written_is_refused_in_words(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[3]
    (tmp_path / "trash").write_text("a file where a folder belongs")
    session = follow(tmp_path)
    with qtbot.waitSignal(session.refused):
        assert not session.trash([run.name])
    assert run.folder.is_dir()


def test_that_many_learners_are_counted() -> None:
    names = [f"digits-s{seed}-F1" for seed in range(6)]
    said = trash.warning(["digits-s0-F0"], names)
    assert said.startswith("digits-s0-F1, digits-s1-F1, digits-s2-F1, digits-s3-F1 and 2 more learn from digits-s0-F0 ")


# ---- recipes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sets",
    [
        ("seeds=[0, 2]", "generations=2"),
        ("generations=0", "method.name=supervised", "seeds=[1]"),
        ("generations=1", "teacher_model.name=resnet", "teacher_model.depth=8"),
        ("generations=1", "seeds=[0, 2]", "method.teacher_run=large-s{seed}-F0", "method.teacher_step=8"),
        ("generations=0", "seeds=[0, 2]", "method.name=kd", "method.teacher_run=large-s0-F0"),
    ],
)
def test_that_the_recipe_of_a_lineage_can_be_had_from_its_runs(follow: Open, tmp_path: Path, sets: tuple[str, ...]) -> None:
    file = recipe.read(module.SAMPLE, sets)
    Workspace(tmp_path).create(recipe.read(module.SAMPLE, ("lineage=large", "seeds=[0, 1, 2]")))
    runs = Workspace(tmp_path).create(file)
    again = recipe.read_text(follow(tmp_path).recipe_text(runs[0].name))
    assert again.recipe == file.recipe
    assert [one for one, _ in again.runs()] == [run.recipe() for run in runs]


def test_that_a_recipe_that_cannot_be_read_is_refused_in_words(follow: Open, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path)[0]
    session = follow(tmp_path)
    (run.workspace / "digits-s0-F3" / "recipe.toml").write_text("[")
    with qtbot.waitSignal(session.refused):
        assert session.recipe_text(run.name) == ""


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
