"""The rows of the queue, what they say, and where a block goes that is moved. Pure, from folders an engine would have left."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from by_hand import worker

from engine import events, recipe
from engine.queue import Queue
from engine.run import Run, Workspace
from studio import queue_acts, queue_model, queue_presets, queue_words
from studio.queue_model import Row, Wanted
from studio.session import Followed, Session

Open = Callable[[Path], Session]
SEEDS = "seeds=[0, 1, 2]"


def chosen(session: Session, run: Run) -> Followed:
    found = session.followed(run.name)
    assert found is not None
    return found


def rows(session: Session, wanted: Wanted = Wanted()) -> list[Row]:  # noqa: B008 -- frozen
    now = time.time()
    return queue_model.rows(session, wanted, queue_words.ends(session, now), now)


def told(session: Session, wanted: Wanted = Wanted()) -> list[tuple[str, str, str]]:  # noqa: B008
    return [(row.title, row.seeds, row.state or row.summary) for row in rows(session, wanted)]


def lineage(folder: Path, *sets: str) -> dict[tuple[int, int], Run]:
    """Runs by seed and generation."""
    return {(one.recipe().seed, one.recipe().generation): one for one in recorded.lineage(folder, *sets)}


def queue(folder: Path, *runs: Run) -> None:
    Queue(Workspace(folder)).add([run.name for run in runs])


def fail(run: Run, detail: str = "out of memory; try a batch of 32") -> None:
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 7)
    recorded.end(run, "failed", detail)


def lose(run: Run) -> None:
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 12)


# Rows ------------------------------------------------------------------------------------------------------------


def test_that_seeds_that_stand_alike_share_a_row_and_others_do_not(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, SEEDS, "generations=2")
    for seed in range(3):
        recorded.complete(runs[seed, 0])
    recorded.complete(runs[0, 1])
    queue(tmp_path, *(run for run in runs.values() if run not in (runs[0, 0], runs[1, 0], runs[2, 0], runs[0, 1])))
    assert told(follow(tmp_path)) == [
        ("digits, Born-Again", "", "4 done, 5 waiting; F0 90.1\u2009% ± 0.0"),
        ("F0", "0, 1, 2", "3 completed"),
        ("F1", "0", "finished, best 90.1\u2009%"),
        ("F1", "1", "second in the queue"),
        ("F1", "2", "fourth in the queue"),
        ("F2", "0, 1, 2", "3 waiting, one is next"),
    ]


def test_that_a_group_row_says_how_far_the_lineage_goes(follow: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, SEEDS)
    head = rows(follow(tmp_path))[0]
    assert (head.kind, head.hint, head.is_open) == ("group", "F0 to F3, 3 seeds, 12 runs", True)
    assert head.summary == "12 not queued"


def test_that_folding_hides_and_asking_unfolds(follow: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, SEEDS, "generations=1")
    session, wanted = follow(tmp_path), Wanted()
    head, f0, _ = rows(session)
    assert [row.title for row in rows(session, wanted.turned(head))] == ["digits, Born-Again"]
    assert rows(session, wanted.turned(head).turned(head)) == rows(session)
    opened = rows(session, wanted.turned(f0))
    assert [(row.title, row.seeds, row.depth) for row in opened[1:5]] == [
        ("F0", "0, 1, 2", 1), ("F0", "0", 2), ("F0", "1", 2), ("F0", "2", 2)
    ]  # fmt: skip


def test_that_a_run_alone_is_a_plain_row_with_its_model(follow: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, "generations=0", "method.name=supervised", "lineage=alone")
    (row,) = rows(follow(tmp_path))
    assert (row.kind, row.depth, row.title, row.method) == ("run", 0, "alone", "labels only, small CNN")


def test_that_an_unreadable_recipe_has_a_row_with_its_problem(follow: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path, "generations=0", "method.name=supervised")[0]
    (run.folder / "recipe.toml").write_text("generations = [")
    (row,) = rows(follow(tmp_path))
    assert row.state == "its recipe cannot be read" and "TOML" in row.tip
    assert queue_words.counted(follow(tmp_path).runs) == "1 without a readable recipe"


def test_that_work_comes_first_then_what_waits_by_turn_then_what_needs_somebody(follow: Open, tmp_path: Path) -> None:
    alone = ("generations=0", "method.name=supervised")
    done, failed, second, first, busy = (
        recorded.lineage(tmp_path, *alone, f"lineage={name}")[0] for name in ("a", "b", "c", "d", "e")
    )
    recorded.complete(done)
    fail(failed)
    lose(busy)
    queue(tmp_path, first, second)
    with recorded.alive(busy):
        assert [row.title for row in rows(follow(tmp_path))] == ["e", "d", "c", "b", "a"]


def test_that_blocked_runs_say_why_and_what_comes_first(follow: Open, tmp_path: Path) -> None:
    f0, f1, f2, f3 = recorded.lineage(tmp_path)
    recorded.complete(f0)
    fail(f1)
    found = {row.names[0]: row for row in rows(follow(tmp_path))[1:]}
    assert found[f1.name].state == "failed, out of memory"
    for blocked in (f2, f3):  # F3 too is kept by F1, not by its own teacher
        assert (found[blocked.name].state, found[blocked.name].ends) == ("blocked: F1 failed", "resume F1 first")
        assert found[blocked.name].mark == ("blocked", "")


def test_that_blocked_seeds_with_different_reasons_stand_apart(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, "seeds=[0, 1]", "generations=2")
    for seed in range(2):
        recorded.complete(runs[seed, 0])
    fail(runs[0, 1])
    lose(runs[1, 1])
    assert told(follow(tmp_path))[-2:] == [("F2", "0", "blocked: F1 failed"), ("F2", "1", "blocked: F1 is lost")]


def test_that_a_run_whose_teacher_is_gone_says_so(follow: Open, tmp_path: Path) -> None:
    f0, _ = recorded.lineage(tmp_path, "generations=1")
    f0.folder.rename(tmp_path / "away")
    (tmp_path / "away" / "recipe.toml").unlink()
    (row,) = rows(follow(tmp_path))
    assert (row.state, row.ends) == ("blocked: F0 is gone", "bring F0 back")


def test_that_lost_silent_and_paused_runs_say_their_next_step(
    follow: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = ("generations=0", "method.name=supervised")
    lost, paused, silent = (recorded.lineage(tmp_path, *alone, f"lineage={name}")[0] for name in ("lost", "paused", "silent"))
    for run in (lost, paused, silent):
        lose(run)
    recorded.end(paused, "paused")
    with recorded.alive(silent):
        session = follow(tmp_path)
        monkeypatch.setattr(time, "monotonic", lambda clock=time.monotonic: clock() + 240)
        session.tick()
        found = {row.title: row for row in rows(session)}
    assert found["lost"].ends == "resume at epoch 2"
    assert found["paused"].ends == "4 s left"
    assert found["silent"].state.endswith("still alive") and found["silent"].ends == "kill it, or wait"
    assert queue_model.counts(session) == {"All": 3, "Waiting": 0, "At work": 1, "To decide": 2}


def test_that_a_failed_run_in_the_queue_again_needs_nobody(follow: Open, tmp_path: Path) -> None:
    f0, *_ = recorded.lineage(tmp_path)
    fail(f0)
    queue(tmp_path, f0)
    session = follow(tmp_path)
    row = rows(session)[1]
    assert (row.state, row.ends, row.mark) == ("next in the queue, again", "from epoch 1", ("queued", ""))
    assert queue_model.counts(session)["To decide"] == 0
    assert queue_acts.failure(chosen(session, f0), session, time.time()) is None


def test_that_a_lost_run_of_another_machine_stays_to_be_decided_even_in_the_queue(follow: Open, tmp_path: Path) -> None:
    f0, *_ = recorded.lineage(tmp_path)
    lose(f0)
    recorded.elsewhere(f0)
    queue(tmp_path, f0)
    session = follow(tmp_path)
    assert queue_words.standing(chosen(session, f0)) == "lost"
    assert queue_model.counts(session)["To decide"] == 1


def test_that_best_is_the_mean_over_seeds_and_a_bar_is_only_drawn_on_the_way(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, "seeds=[0, 1]", "generations=1")
    for seed in range(2):
        recorded.complete(runs[seed, 0])
    better = {"val/accuracy": 0.95}
    recorded.write(runs[1, 0], events.Measured(split="val", step=20, epoch=4, values=better))
    recorded.end(runs[1, 0])
    lose(runs[0, 1])
    head, f0, f1, waiting = rows(follow(tmp_path))
    assert head.summary.endswith("F0 92.5\u2009% ± 3.5")
    assert f0.best == "92.5\u2009% ± 3.5" and f0.share is None
    assert f1.share == pytest.approx(12 / 20) and waiting.share is None and waiting.best == ""


# Filter ----------------------------------------------------------------------------------------------------------


def test_that_words_and_segments_filter_runs_and_keep_their_groups(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, SEEDS, "generations=1")
    recorded.complete(runs[0, 0])
    fail(runs[1, 0])
    queue(tmp_path, runs[0, 1])
    session = follow(tmp_path)
    assert [row.names for row in rows(session, Wanted("seed 1 f1"))[1:]] == [(runs[1, 1].name,)]
    assert rows(session, Wanted("nothing like it")) == []
    assert [row.names for row in rows(session, Wanted(segment="Waiting"))[1:]] == [(runs[0, 1].name,)]
    assert [row.names for row in rows(session, Wanted(segment="To decide"))[1:]] == [(runs[1, 0].name,)]
    assert queue_model.counts(session) == {"All": 6, "Waiting": 1, "At work": 0, "To decide": 1}


# The sentence and the time ---------------------------------------------------------------------------------------


def sentence(session: Session, now: float | None = None) -> str:
    at = time.time() if now is None else now
    return queue_words.sentence(session, queue_words.ends(session, at), at).plain


def test_that_the_sentence_counts_work_waiting_and_decisions(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, SEEDS, "generations=1")
    fail(runs[0, 0])
    lose(runs[1, 0])
    session = follow(tmp_path)
    assert sentence(session) == "Nothing at work, none waiting; 1 failed and 1 lost need a decision"
    queue(tmp_path, runs[2, 0], runs[2, 1])
    session.tick()
    assert sentence(session).startswith("Nothing at work, 2 waiting, the queue is not started; 1 failed")
    Queue(Workspace(tmp_path)).hold()
    session.tick()
    assert "2 waiting, the queue is held: nothing more is started; 1 failed" in sentence(session)


def test_that_a_stopped_teacher_makes_its_first_student_a_decision(follow: Open, tmp_path: Path) -> None:
    f0, *_ = recorded.lineage(tmp_path)
    lose(f0)
    recorded.end(f0, "stopped", "by hand")
    assert sentence(follow(tmp_path)) == "Nothing at work, none waiting; 1 blocked needs a decision"


def test_that_everything_done_is_said(follow: Open, tmp_path: Path) -> None:
    for run in recorded.lineage(tmp_path, "generations=1"):
        recorded.complete(run)
    assert sentence(follow(tmp_path)) == "Everything is done"


def test_that_the_time_rests_on_finished_runs_and_is_left_out_without_them(follow: Open, tmp_path: Path) -> None:
    f0, f1, f2, f3 = recorded.lineage(tmp_path)
    queue(tmp_path, f1, f2, f3)
    with worker(tmp_path):
        session = follow(tmp_path)
        assert queue_words.ends(session, 0.0) == {} and "done about" not in sentence(session)
        recorded.complete(f0)  # 60 s
        session.tick()
        session.tick()
        ends = queue_words.ends(session, 1000.0)
        assert ends == {f1.name: 1060.0, f2.name: 1120.0, f3.name: 1180.0}
        at = time.mktime((2026, 3, 4, 11, 50, 0, 0, 0, -1))
        assert ", all done about 11:53" in sentence(session, at)
        Queue(Workspace(tmp_path)).hold()
        session.tick()
        assert queue_words.ends(session, 1000.0) == {}


def test_that_a_run_that_goes_on_takes_only_what_is_left_of_it(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, "seeds=[0, 1]", "generations=1")
    recorded.complete(runs[0, 0])
    lose(runs[1, 0])  # 12 of 20 steps
    queue(tmp_path, runs[1, 0])
    with worker(tmp_path):
        assert queue_words.ends(follow(tmp_path), 1000.0) == {runs[1, 0].name: pytest.approx(1000 + 60 * 8 / 20)}


# The order -------------------------------------------------------------------------------------------------------


def test_that_a_drop_goes_before_the_next_run_that_waits(follow: Open, tmp_path: Path) -> None:
    alone = ("generations=0", "method.name=supervised")
    a, b, c, done = (recorded.lineage(tmp_path, *alone, f"lineage={name}")[0] for name in "abcd")
    recorded.complete(done)
    queue(tmp_path, a, b, c)
    session = follow(tmp_path)
    shown = rows(session)
    assert queue_model.place_above(0, shown, session.queue, [c.name]) == 0
    assert queue_model.place_above(1, shown, session.queue, [c.name]) == 1
    assert queue_model.place_above(2, shown, session.queue, [c.name]) == 3  # nothing that waits below but itself
    assert queue_model.place_above(4, shown, session.queue, [a.name]) == 3


@pytest.mark.parametrize(
    ("names", "step", "place"),
    [(["c"], -1, 1), (["c"], 1, 4), (["a"], -1, None), (["d"], 1, None), (["b", "c"], -1, 0), (["gone"], 1, None)],
)
def test_that_a_block_passes_one_run_at_a_time(names: list[str], step: int, place: int | None) -> None:
    blocks = {name: name for name in "abcd"}
    assert queue_model.place_beside(names, -1 if step < 0 else 1, list("abcd"), blocks) == place


def test_that_a_lineage_passes_a_whole_lineage_and_nothing_passes_what_is_at_work() -> None:
    order, blocks = ["busy", "a1", "a2", "b1", "b2"], {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    assert queue_model.place_beside(["b1", "b2"], -1, order, blocks) == 1
    assert queue_model.place_beside(["a1", "a2"], 1, order, blocks) == 5
    assert queue_model.place_beside(["a1", "a2"], -1, order, blocks) is None


# What can be done ------------------------------------------------------------------------------------------------


def keys(session: Session, *runs: Run) -> list[str]:
    return [act.key for act in queue_acts.state_acts([chosen(session, run) for run in runs], session)]


def test_that_acts_follow_the_state(follow: Open, tmp_path: Path) -> None:
    runs = lineage(tmp_path, SEEDS, "generations=1")
    recorded.complete(runs[0, 0])
    fail(runs[1, 0])
    lose(runs[2, 0])
    queue(tmp_path, runs[0, 1])
    with recorded.alive(runs[2, 0]):
        session = follow(tmp_path)
        assert keys(session, runs[0, 0]) == []
        assert keys(session, runs[1, 0]) == ["resume"]
        assert keys(session, runs[2, 0]) == ["pause"]
        assert list(queue_acts.stops([chosen(session, runs[2, 0])])) == ["epoch", "now", "kill"]
        assert keys(session, runs[0, 1]) == ["take out"]
        assert keys(session, runs[1, 1]) == []  # blocked: the step is at its teacher
    queue(tmp_path, runs[1, 1])
    session.tick()
    assert keys(session, runs[1, 1]) == ["front", "take out"]


def test_that_a_run_that_is_not_queued_can_be_started(follow: Open, tmp_path: Path) -> None:
    f0, f1, *_ = recorded.lineage(tmp_path)
    session = follow(tmp_path)
    assert keys(session, f0) == ["start", "queue"] and keys(session, f1) == ["queue"]
    assert keys(session, f0, f1) == ["start", "queue"]


def test_that_who_goes_to_the_front_takes_its_teachers_along(follow: Open, tmp_path: Path) -> None:
    f0, f1, f2, f3 = recorded.lineage(tmp_path)
    recorded.complete(f0)
    queue(tmp_path, f1, f2, f3)
    assert sorted(queue_acts.ahead_of([f3.name], follow(tmp_path))) == [f1.name, f2.name, f3.name]


def test_that_the_card_of_a_blocked_run_offers_the_step_at_its_teacher(follow: Open, tmp_path: Path) -> None:
    f0, f1, _, f3 = recorded.lineage(tmp_path)
    recorded.complete(f0)
    fail(f1)
    session = follow(tmp_path)
    card = queue_acts.failure(chosen(session, f3), session, time.time())
    assert card is not None and card.title == "Blocked: F1 failed" and card.tone == "warn"
    assert "digits F1 seed 0 failed, out of memory" in card.cause.lower().replace("f1", "F1")
    assert [(remedy.key, remedy.button) for remedy in card.remedies] == [(queue_acts.RESUME_TEACHER, "Resume from epoch 1")]


# Presets ---------------------------------------------------------------------------------------------------------


def test_that_a_run_differs_from_its_preset_only_in_what_was_changed(tmp_path: Path) -> None:
    f0, f1, *_ = recorded.lineage(tmp_path, "optimizer.lr=0.5", "training.epochs=40")
    for run in (f0, f1):  # F0 is supervised, which the preset is not; that is no difference
        preset, changes = queue_presets.difference(run.recipe())
        assert preset == "born-again-digits"
        assert changes == (queue_presets.Change("optimizer.lr", "0.03", "0.5"),)


def test_that_f0_of_another_network_than_its_students_differs_in_nothing_from_its_preset(tmp_path: Path) -> None:
    file = recipe.read("distil-digits", ("training.epochs=3",))
    assert file.recipe.teacher_model != recipe.SameModel()
    for asked, _ in file.runs():
        preset, changes = queue_presets.difference(asked)
        assert preset == "distil-digits" and [change.path for change in changes] == ["training.epochs"]


def test_that_the_nearest_preset_is_taken_even_one_that_lacks_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    asked = recipe.read("born-again-folder", (f"data.path={tmp_path / 'pictures'}", "training.epochs=3"))
    preset, changes = queue_presets.difference(next(asked.runs())[0])
    assert preset == "born-again-folder" and [change.path for change in changes] == ["training.epochs"]


def test_that_what_only_one_of_them_has_is_told_as_none(tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path, "optimizer.name=adamw", "optimizer.lr=0.001")[0]
    changes = {change.path: change for change in queue_presets.difference(run.recipe()).changes}
    assert changes["optimizer.name"][1:] == ("sgd", "adamw")
    assert changes["optimizer.momentum"].value == queue_presets.ABSENT


def test_that_the_moment_a_run_ended_is_on_its_row(follow: Open, tmp_path: Path) -> None:
    f0 = recorded.lineage(tmp_path, "generations=0", "method.name=supervised")[0]
    recorded.complete(f0)
    os.utime(f0.events_path, (1e9, 1e9))
    assert rows(follow(tmp_path))[0].ends == f"9 Sep 2001 {time.strftime('%H:%M', time.localtime(1e9))}"
