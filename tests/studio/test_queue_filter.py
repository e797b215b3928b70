"""What is typed into the filter, which columns are added, and in what order runs stand by them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import recorded

from engine import notes
from studio import preferences, queue_columns, queue_filter, queue_model
from studio.queue_columns import Column, Looks
from studio.queue_model import Wanted
from studio.session import Session

Open = Callable[[Path], Session]


@pytest.fixture
def session(follow: Open, tmp_path: Path) -> Session:
    """wide (two seeds, complete), deep (failed), waiting (never begun)."""
    wide = recorded.lineage(
        tmp_path, "lineage=wide", "generations=0", "method.name=supervised", "seeds=[0, 1]", "model.width=64"
    )
    deep, _ = (
        recorded.lineage(tmp_path, f"lineage={name}", "generations=0", "method.name=supervised", "optimizer.lr=0.025")[0]
        for name in ("deep", "waiting")
    )
    for run in wide:
        recorded.complete(run)
    recorded.begin(deep)
    recorded.prepare(deep)
    recorded.steps(deep, 1, 10)
    recorded.end(deep, "failed", "out of memory")
    notes.write(deep, notes.Notes(("to repeat", "odd"), "the disk was full"))
    return follow(tmp_path)


def found(session: Session, text: str) -> list[str]:
    return [one.name for one in session.runs if queue_filter.matches(one, text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("state=failed", ["deep-s0-F0"]),
        ("tag=odd", ["deep-s0-F0"]),
        ("tag=to-repeat", ["deep-s0-F0"]),
        ("disk", ["deep-s0-F0"]),
        ("lr=0.025", ["deep-s0-F0", "waiting-s0-F0"]),
        ("optimizer.lr=25e-3 state=queued", ["waiting-s0-F0"]),
        ("width>32", ["wide-s0-F0", "wide-s1-F0"]),
        ("width<17", ["deep-s0-F0", "waiting-s0-F0"]),
        ("seed=1", ["wide-s1-F0"]),
        ("model.name=small_cnn wide 1", ["wide-s1-F0"]),
        ("no.such.field=1", []),
    ],
)
def test_that_a_filter_takes_words_and_conditions(session: Session, text: str, names: list[str]) -> None:
    assert found(session, text) == names


def rows(session: Session, wanted: Wanted) -> list[tuple[str, ...]]:
    return [(row.title, row.seeds, *row.added) for row in queue_model.rows(session, wanted, {}, time.time())]


def test_that_a_metric_a_field_and_tags_are_columns(session: Session) -> None:
    best, last = Column("best", "train/loss"), Column("last", "val/accuracy")
    columns = (best, last, Column("field", "model.width"), Column("written", "tags"))
    told = rows(session, Wanted(added=columns, text="deep"))
    assert told == [("deep", "0", "1.000", "77.8\u2009%", "16", "to repeat, odd")]  # the loss falls: its lowest is best


def test_that_seeds_in_one_row_have_their_mean_and_spread(session: Session) -> None:
    column = Column("field", "seed")
    told = rows(session, Wanted(added=(column, Column("best", "val/accuracy")), text="wide"))
    assert told[1][2:] == ("0.500 ± 0.707", "90.1\u2009%")


def test_that_a_column_orders_runs_and_what_it_does_not_know_comes_last(session: Session) -> None:
    column = Column("best", "val/accuracy")
    wanted = Wanted(added=(column,)).sorted_by(column.head)
    assert [row[0] for row in rows(session, wanted)] == ["deep", "wide", "wide", "waiting"]
    falling = wanted.sorted_by(column.head)
    assert [row[0] for row in rows(session, falling)] == ["wide", "wide", "deep", "waiting"]
    assert falling.sorted_by(column.head).sort == ""
    by_run = rows(session, Wanted(sort="Run", falling=True))
    assert [row[:2] for row in by_run] == [("wide", "1"), ("wide", "0"), ("waiting", "0"), ("deep", "0")]


def test_that_columns_are_remembered_and_a_bad_line_costs_nothing_else() -> None:
    looks = Looks(("Method",), (Column("best", "val/accuracy"), Column("field", "optimizer.lr")))
    queue_columns.save(looks)
    assert queue_columns.load() == looks
    path = preferences.folder() / "queue.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"best val/accuracy"', '"worst val/accuracy"'), encoding="utf-8")
    assert queue_columns.load() == Looks(("Method",), (Column("field", "optimizer.lr"),))
    path.write_text("hidden = [", encoding="utf-8")
    assert queue_columns.load() == Looks()
    path.unlink()


def test_that_notes_are_files_of_the_run_and_others_words_are_seen(session: Session) -> None:
    one = session.followed("wide-s0-F0")
    session.write_notes([one.name], tags=" good ,  wide , good")
    assert notes.read(one.run) == notes.Notes(("good", "wide")) == one.notes
    notes.write(one.run, notes.Notes(("bad",), "written by somebody else"))
    session.tick()
    assert one.notes.tags == ("bad",)
    (one.run.folder / "extras" / "notes.json").write_text("{")
    assert notes.read(one.run) == notes.NOTHING
