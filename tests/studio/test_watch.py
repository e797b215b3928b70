"""Thousands of runs, played by a handful: those at rest are briefs, kept for the next window, and true all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from by_hand import settle
from followed import follow as folded

from engine import notes
from engine.notes import Notes
from engine.queue import Queue
from engine.run import Run, Tail, Workspace
from engine.state import RunState
from studio import inspect_model, phrases, watch
from studio.session import Followed, Session
from studio.views.inspect import InspectView

Open = Callable[[Path], Session]


@pytest.fixture
def lineages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Run]]:
    """Three lineages of a complete F0 and a paused F1; the last is the one that changed last. Three runs are many."""
    monkeypatch.setattr(watch, "FEW", 3)
    made = [recorded.lineage(tmp_path, f"lineage={name}", "generations=1") for name in "abc"]
    for f0, f1 in made:
        recorded.complete(f0)
        recorded.begin(f1)
        recorded.prepare(f1)
        recorded.steps(f1, 1, 7)
        recorded.end(f1, "paused")
    return made


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of events, by whoever follows runs."""
    found: list[int] = []
    read_into = Tail.read_into

    def counting(self: Tail, state: RunState) -> int:
        found.append(read_into(self, state))
        return found[-1]

    monkeypatch.setattr(Tail, "read_into", counting)
    return found


def one(session: Session, run: Run) -> Followed:
    found = session.followed(run.name)
    assert found is not None
    return found


def test_that_only_the_lineage_that_is_looked_at_is_whole(follow: Open, tmp_path: Path, lineages) -> None:
    session = follow(tmp_path)
    assert {each.lineage for each in session.runs if each.whole} == {session.chosen.lineage}
    assert [each.word for each in session.runs] == ["finished", "paused"] * 3
    for each in session.runs:
        again = folded(each.run, each.word)
        assert phrases.state_words(each, 2e9) == phrases.state_words(again, 2e9)
        assert phrases.seconds_a_step(each) == pytest.approx(phrases.seconds_a_step(again))
        assert phrases.headline(each) == phrases.headline(again)


def test_that_another_window_reads_only_what_it_looks_at(follow: Open, tmp_path: Path, lineages, bytes_read) -> None:
    first = follow(tmp_path)
    near = sum(run.run.events_path.stat().st_size for run in first.lineage(first.chosen.lineage))
    kept = {each.name for each in first.runs if not each.whole}
    bytes_read.clear()
    second = follow(tmp_path)
    assert kept and sum(bytes_read) == near
    assert [(each.name, each.word, each.recipe) for each in second.runs] == [
        (each.name, each.word, each.recipe) for each in first.runs
    ]


def test_that_a_run_is_whole_when_somebody_looks_at_it(follow: Open, tmp_path: Path, lineages) -> None:
    follow(tmp_path)
    session = follow(tmp_path)
    a0, a1 = lineages[0]
    assert not one(session, a1).whole
    session.choose(a0.name)
    settle(session)
    assert one(session, a0).whole and one(session, a1).whole
    assert len(one(session, a1).state.curves["train/loss"]) == 7


def test_that_a_brief_is_not_believed_when_its_run_went_on(follow: Open, tmp_path: Path, lineages) -> None:
    follow(tmp_path)
    a1 = lineages[0][1]
    recorded.begin(a1, 2, 7)
    recorded.steps(a1, 8, 9)
    recorded.end(a1, "failed", "out of memory")
    assert phrases.state_words(one(follow(tmp_path), a1), 2e9) == "failed, out of memory"


def test_that_what_happens_to_a_brief_is_noticed(follow: Open, tmp_path: Path, lineages) -> None:
    session = follow(tmp_path)
    a1 = lineages[0][1]
    assert not one(session, a1).whole
    with recorded.alive(a1, attempt=2):
        recorded.begin(a1, 2, 7)
        recorded.steps(a1, 8, 9)
        settle(session)
        assert one(session, a1).word == "running" and one(session, a1).state.step == 9
    recorded.end(a1, "failed", "out of memory")
    settle(session)
    assert phrases.reason(one(session, a1)) == "failed"


def test_that_a_damaged_line_costs_no_more_than_reading_again(follow: Open, tmp_path: Path, lineages) -> None:
    session = follow(tmp_path)
    path = session._watch._briefs.path
    lines = path.read_bytes().replace(b'"brief":{', b'"brief":[')
    path.write_bytes(lines[:-40])
    again = follow(tmp_path)
    assert [(each.name, each.word) for each in again.runs] == [(each.name, each.word) for each in session.runs]


def test_that_a_process_makes_the_briefs_of_many_and_the_window_reads_only_whom_it_shows(
    qapp, tmp_path: Path, lineages, bytes_read, monkeypatch, qtbot
) -> None:
    monkeypatch.setattr(watch, "HELP", 3)
    monkeypatch.setattr(watch, "FIRST", 2)
    session = Session(tmp_path)
    qtbot.waitUntil(lambda: session.tick() or not session.loading, timeout=20_000)
    assert [(each.name[0], each.word) for each in session.runs] == [
        (name, word) for name in "abc" for word in ("finished", "paused")
    ]
    near = {run.name for run in (*session.lineage("a"), *session.lineage(session.chosen.lineage))}
    sizes = sum(each.run.events_path.stat().st_size for each in session.runs if each.name in near)
    session.tick()
    assert session._watch._readers is None and 0 < sum(bytes_read) <= sizes
    assert not session.followed(lineages[1][0].name).whole


def test_that_runs_in_the_queue_and_runs_that_beat_are_met_before_briefs_are_made_of_others(
    qapp, tmp_path: Path, lineages, monkeypatch
) -> None:
    monkeypatch.setattr(watch, "HELP", 1)
    monkeypatch.setattr(watch, "FIRST", 0)
    monkeypatch.setattr(watch.reader, "start", lambda folder, aside: Patient())
    queued, beating = lineages[1][1], lineages[2][1]
    Queue(Workspace(tmp_path)).add([queued.name])
    with recorded.alive(beating, attempt=1):
        session = Session(tmp_path)
        for _ in range(3):
            session.tick()
        assert {each.name for each in session.runs} == {queued.name, beating.name} and session.loading == 4
    session.stop_following()


class Patient:
    """Readers that never get anywhere."""

    live = True

    def end(self) -> None:
        self.live = False


def test_that_what_the_makers_of_briefs_leave_out_is_read_by_the_window(qapp, tmp_path: Path, lineages, monkeypatch) -> None:
    monkeypatch.setattr(watch, "HELP", 1)
    monkeypatch.setattr(watch, "FIRST", 0)
    readers = Patient()
    monkeypatch.setattr(watch.reader, "start", lambda folder, aside: readers)
    session = Session(tmp_path)
    session.tick()
    assert not session.runs
    readers.live = False
    settle(session)
    assert len(session.runs) == 6 and all(each.loaded for each in session.runs)


def test_that_a_folder_with_many_things_that_are_no_runs_shows_its_runs(follow: Open, tmp_path: Path, lineages) -> None:
    for number in range(20):
        (tmp_path / f"holiday-{number}").mkdir()
    session = follow(tmp_path)
    settle(session)
    assert len(session.runs) == 6 and not session.loading
    (tmp_path / "holiday-7" / "recipe.toml").write_bytes((lineages[0][0].folder / "recipe.toml").read_bytes())
    settle(session)
    settle(session)
    assert session.followed("holiday-7") is not None


def test_that_briefs_are_kept_even_if_the_window_closes_before_it_has_read_all(
    qapp, tmp_path: Path, lineages, monkeypatch
) -> None:
    monkeypatch.setattr(watch, "BUDGET_S", 0.0)
    first = Session(tmp_path)
    while not any(not each.whole for each in first.runs):
        first.tick()
    assert first.loading
    kept = {each.name for each in first.runs if not each.whole}
    first.stop_following()
    second = Session(tmp_path)
    second.tick()
    assert kept <= {each.name for each in second.runs if not each.whole and each.loaded}


def test_that_runs_that_go_are_forgotten_and_those_that_come_are_met(follow: Open, tmp_path: Path, lineages) -> None:
    session = follow(tmp_path)
    (lineages[1][1].folder / "recipe.toml").unlink()
    recorded.lineage(tmp_path, "lineage=aa", "generations=0", "method.name=supervised")
    settle(session)
    settle(session)
    assert [each.name for each in session.runs] == ["a-s0-F0", "a-s0-F1", "aa-s0-F0", "b-s0-F0", "c-s0-F0", "c-s0-F1"]


def test_that_a_student_waits_for_a_teacher_that_is_a_brief(follow: Open, tmp_path: Path, lineages) -> None:
    recorded.lineage(tmp_path, "lineage=d", "generations=1", 'method.teacher_run="a-s0-F1"')
    session = follow(tmp_path)
    settle(session)
    assert session.followed("d-s0-F0").word == "blocked"


def test_that_a_note_is_read_and_wakes_nobody(follow: Open, tmp_path: Path, lineages, qtbot) -> None:
    follow(tmp_path)
    session = follow(tmp_path)
    run = lineages[0][0]
    session._look()
    assert not one(session, run).whole
    notes.write(run, Notes(("good",), "again"))
    for said in ("again", ""):
        qtbot.waitUntil(lambda said=said: session._look() or one(session, run).notes.note == said, timeout=5000)
        assert not one(session, run).whole and one(session, run).waking is None
        (run.folder / "extras" / "notes.json").unlink(missing_ok=True)


def test_that_inspect_wakes_the_networks_it_looks_at(
    dressed, helper, follow: Open, on_screen, tmp_path: Path, lineages, qtbot
) -> None:
    follow(tmp_path)
    session = follow(tmp_path)
    view = InspectView(session, helper)
    on_screen(view)
    f0, f1 = lineages[0]
    assert not one(session, f1).whole
    view.pair.choose_student(inspect_model.Network(f1.name, 7))
    view._look(at_once=True)
    assert view._pages.currentWidget() is view._loading, "a brief names no answers"
    qtbot.waitUntil(lambda: session.tick() or view._pages.currentWidget() is view._page, timeout=5000)
    assert one(session, f0).whole and one(session, f1).whole


def test_that_few_runs_among_many_other_folders_are_all_met(follow: Open, tmp_path: Path, monkeypatch) -> None:
    """What looks like thousands may be a few runs in a folder of other things."""
    monkeypatch.setattr(watch, "FEW", 3)
    monkeypatch.setattr(watch, "FIRST", 1)
    (run, _) = recorded.lineage(tmp_path, "lineage=z", "generations=1")
    recorded.complete(run)
    for number in range(8):
        (tmp_path / f"a-folder-{number}").mkdir()
    session = Session(tmp_path)
    for _ in range(20):
        session.tick()
    assert {one.name for one in session.runs} == {"z-s0-F0", "z-s0-F1"} and not session.loading


def test_that_a_damaged_brief_is_one_that_is_not_there(follow: Open, tmp_path: Path, lineages) -> None:
    session = follow(tmp_path)
    session._watch.flush()
    path = session._watch._briefs.path
    path.write_bytes(b'{"run":"\xff","x":1}\n' + path.read_bytes())
    again = follow(tmp_path)
    assert [one.name for one in again.runs] == [one.name for one in session.runs]
