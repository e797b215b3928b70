"""A recipe made into many: values, names, what is refused, and that all or none are made."""

from pathlib import Path

import pytest

from engine import grid, recipe
from engine.fields import RecipeErrors
from engine.queue import Queue, enqueue_all
from engine.run import Refused, Workspace

TEXT = recipe.read("born-again-digits", ("generations=1", "seeds=[0, 1]", "lineage=d", "training.epochs=2")).text()


def made(*axes: str) -> list[recipe.RecipeFile]:
    return grid.expand(TEXT, [grid.axis(one) for one in axes])


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("optimizer.lr=0.1, 0.03,0.1", ("0.1", "0.03")),
        ("training.batch=32..128:4", ("32", "64", "96", "128")),
        ("optimizer.lr=1e-4..1e-1:log4", ("0.0001", "0.001", "0.01", "0.1")),
        ("training.epochs=1..2:5", ("1", "2")),
        ("augment.flip=true,false", ("true", "false")),
        ("optimizer.name=sgd,adamw", ("sgd", "adamw")),
    ],
)
def test_that_values_are_listed_or_spread(said: str, values: tuple[str, ...]) -> None:
    assert grid.axis(said) == (said.partition("=")[0], values)


def test_that_each_combination_is_a_lineage_named_after_it() -> None:
    files = made("optimizer.lr=0.1,0.03", "model.width=16,32")
    told = [(file.recipe.lineage, file.recipe.optimizer.lr, file.recipe.model.width) for file in files]
    assert told == [
        ("d-lr-0.1-width-16", 0.1, 16), ("d-lr-0.1-width-32", 0.1, 32),
        ("d-lr-0.03-width-16", 0.03, 16), ("d-lr-0.03-width-32", 0.03, 32),
    ]  # fmt: skip
    assert [one.recipe.seeds for one in files] == [(0, 1)] * 4


def test_that_fields_that_end_alike_keep_their_paths_in_the_name() -> None:
    files = made("data.split_seed=1", "data.label_noise_seed=2", "optimizer.name=sgd")
    assert files[0].recipe.lineage == "d-split_seed-1-label_noise_seed-2-optimizer.name-sgd"
    twice = grid.expand(TEXT, [grid.axis("probes.every_epochs=1"), grid.axis("keep.every_epochs=2")])
    assert twice[0].recipe.lineage == "d-probes.every_epochs-1-keep.every_epochs-2"


@pytest.mark.parametrize(
    ("axes", "field", "why"),
    [
        (("optimizer.lrr=1",), "optimizer.lrr", "no such field; the nearest are optimizer.lr"),
        (("lineage=a,b",), "lineage", "makes the names"),
        (("optimizer.lr",), "optimizer.lr", "names no values"),
        (("optimizer.lr=0.1,,0.2",), "optimizer.lr", "empty value"),
        (("optimizer.lr=0..1:log3",), "optimizer.lr", "by factors"),
        (("optimizer.lr=0.1..1:1",), "optimizer.lr", "two or more"),
        (("optimizer.name=1..3:2",), "optimizer.name", "no number"),
        (("schedule.milestones=1,2",), "schedule.milestones", "is a list"),
        (("optimizer.lr=0.1", "optimizer.lr=0.2"), "optimizer.lr", "twice"),
        (("optimizer.lr=0.1..1:100", "training.batch=1..100:100"), "training.batch", "10,000 lineages"),
        (("optimizer.lr=0.1,-3",), "optimizer.lr", "-3"),
        ((f"compute.device=auto,{'x' * 90}",), "compute.device", "unknown choice"),
    ],
)
def test_that_what_cannot_be_made_is_refused_by_its_field(axes: tuple[str, ...], field: str, why: str) -> None:
    with pytest.raises(RecipeErrors) as refused:
        made(*axes)
    assert refused.value.errors[0].field == field and why in str(refused.value)


def test_that_a_grid_is_queued_whole_or_not_at_all_and_twice_is_once(tmp_path: Path) -> None:
    workspace, files = Workspace(tmp_path), made("optimizer.lr=0.1,0.03")
    other = grid.expand(TEXT.replace("epochs = 2", "epochs = 3"), [grid.axis("optimizer.lr=0.03")])
    enqueue_all(workspace, other)
    before = sorted(run.name for run in workspace.runs())
    with pytest.raises(Refused, match="another recipe"):
        enqueue_all(workspace, files)
    assert sorted(run.name for run in workspace.runs()) == before
    fine = made("optimizer.lr=0.1,0.05")
    names = [run.name for run in enqueue_all(workspace, fine)]
    assert [run.name for run in enqueue_all(workspace, fine)] == names
    assert len(names) == 8 and [name for name in Queue(workspace).names() if name in names] == names
