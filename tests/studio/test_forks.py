"""Forks in the window: each by a name of its own, beside its parent, and nobody's generation."""

from collections.abc import Callable
from pathlib import Path

import pytest
import toy_lineage
from pytestqt.qtbot import QtBot
from test_generations import follow as read_all
from test_generations import opened  # noqa: F401 -- a fixture
from test_lineage_model import follow
from test_queue_model import told

from engine import recipe
from engine.run import Run
from studio import live_curves, phrases
from studio.session import Session
from studio.views.generations import GenerationsView


def fork(parent: Run, number: int = 1) -> Run:
    """A fork's folder as `filial fork` makes it, complete."""
    run = Run(parent.folder.with_name(f"{parent.name}-fork{number}"))
    run.folder.mkdir()
    text = (parent.folder / "recipe.toml").read_text(encoding="utf-8").partition("\n[fork]")[0]
    origin = f'\n[fork]\nrun = "{parent.name}"\nstep = 10\nsha256 = "{"d" * 64}"\n'
    (run.folder / "recipe.toml").write_text(text + origin, encoding="utf-8")
    toy_lineage.complete(run)
    return run


@pytest.fixture
def forked(tmp_path: Path) -> Path:
    """Two generations of three seeds; F1 of seed 0 has two forks, the second of which has one itself."""
    runs = toy_lineage.finished(tmp_path, generations=1)
    parent = next(run for run in runs if run.name.endswith("-s0-F1"))
    fork(parent)
    fork(fork(parent, 2))
    return tmp_path


def test_that_a_fork_has_a_short_name_of_its_own(forked: Path) -> None:
    names = [one.called for one in follow(forked)]
    assert names == ["F0", "F1", "F1b", "F1c", "F1cb", "F0", "F1", "F0", "F1"]
    fork_ = follow(forked)[2]
    assert phrases.run_short(fork_).endswith("F1b seed 0") and phrases.run_title(fork_).endswith("seed 0, F1b")
    assert recipe.Fork().run == "" and fork_.recipe is not None and fork_.recipe.fork.step == 10


def test_that_live_tells_a_fork_from_its_parent_beside_it(forked: Path) -> None:
    f0, f1, f1b, *_ = runs = follow(forked)
    assert live_curves.labels([f1b, f1, f0]) == ["F1b", "F1", "F0"]
    assert live_curves.labels([f1b, runs[6]]) == ["F1b, seed 0", "F1, seed 1"]
    assert not live_curves.is_chain([f1b, f1], runs), "two of one generation are no chain, so each has a colour of its own"
    (heading, found), *_ = live_curves.to_compare(f1b, runs)
    assert heading == "Generations of this seed" and f1 in found


def test_that_the_queue_has_a_row_for_each(forked: Path, qapp: object) -> None:
    session = Session(forked)
    session.tick()
    titles = [title for title, _, _ in told(session)]
    assert titles[1:] == ["F0", "F1", "F1b", "F1c", "F1cb"]


def test_that_generations_compares_the_lineage_without_its_forks_and_tells_of_each(
    forked: Path, opened: Callable[[Path], GenerationsView], qtbot: QtBot  # noqa: F811
) -> None:  # fmt: skip
    view = opened(forked)
    read_all(view, qtbot)
    assert not view.study.problem and not view.study.left_out and view.study.generations == (0, 1)
    assert [row.seeds for row in view.study.rows] == [(0, 1, 2), (0, 1, 2)]
    lines = view._basis.text().splitlines()
    assert len(lines) == 4 and "Holm" in lines[0]
    assert lines[1].startswith("digits-s0-F1-fork1, from step 10, nothing changed, ")
    assert "-s0-F1 (these two networks, p = 1.00)" in lines[1]
