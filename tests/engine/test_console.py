"""What is said of runs at work and of a table, where a word could be mistaken or go missing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toys

from engine import console, events
from engine.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return toys.runs(tmp_path / "[old]")[0]


def ends(run: Run, code: int, *told: Any) -> SimpleNamespace:
    """An engine that says what it has to say and ends."""

    def poll() -> int:
        if told:
            toys.tell(run, *told)
        return code

    return SimpleNamespace(poll=poll)


def follow(run: Run, engine: Any, first: int | None = None) -> list[str]:
    with console.OUT.capture() as captured, console._Display() as display:
        display.follow(run, engine, first)
    return [line.strip() for line in captured.get().splitlines()]


def test_that_what_earlier_attempts_have_said_is_not_said_again(run: Run) -> None:
    toys.tell(run, *toys.history(10), toys.finished("failed", "for one reason"))
    second = follow(run, ends(run, 1, toys.started(2), toys.finished("failed", "for another")))
    third = follow(run, ends(run, 1, toys.started(3), toys.finished("failed", "for a third")), first=3)
    for said, reason in ((second, "for another"), (third, "for a third")):
        assert [line for line in said if "for " in line] == [f"failed: {reason}", f"single-s0-F0 failed: {reason}"]


def test_that_an_attempt_that_is_waited_for_is_told_from_its_beginning(run: Run) -> None:
    toys.tell(run, toys.started(), toys.prepared(), events.PhaseBegan(name="waiting", detail="waiting for another"))
    assert "waiting for another" in follow(run, ends(run, 0, toys.finished()), 1)[1]


def test_that_the_name_of_a_folder_is_no_mark_up(run: Run) -> None:
    assert follow(run, ends(run, 1))[-1].endswith(f"see {run.log_path}") and "[old]" in str(run.log_path)


def test_that_a_folder_that_is_gone_is_not_pointed_to(run: Run) -> None:
    run.folder.rename(run.folder.with_name("away"))
    assert follow(run, ends(run, 1))[-1] == "single-s0-F0: its folder is gone, and its engine ended (exit code 1)"


def test_that_a_damaged_recipe_is_said_in_the_table(run: Run) -> None:
    (run.folder / "recipe.toml").write_text("version = = 1")
    with console.OUT.capture() as captured:
        assert console.status([run], as_json=False) == 0
    assert "queued, recipe damaged" in captured.get()


def test_that_k_nn_stands_where_nothing_classifies(run: Run) -> None:
    measured = [
        events.Measured(step=2, epoch=1.0, split="val", values={"knn/teacher": 0.641, "knn/student": 0.62}),
        events.Measured(step=2, epoch=1.0, split="test", values={"knn/teacher": 0.6}),
    ]
    toys.tell(run, toys.started(), toys.prepared(), *measured)
    with console.OUT.capture() as captured:
        console.status([run], as_json=False)
    assert captured.get().split("\n")[1].rstrip().endswith("k-NN 64.1\u2009%  k-NN 60.0\u2009%")
    assert follow(run, ends(run, 0, toys.finished()), 1)[-1] == "single-s0-F0 completed, knn/teacher 60.0\u2009%"
