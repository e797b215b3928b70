"""`kill -9` in every phase, at a named call: nothing is lost but the steps since the last checkpoint, and nothing stays behind.

At random, over all methods, and at every call: `python -m tests.benchmarks kills`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import toy  # type: ignore[import-not-found]
from PIL import Image

from engine.run import Run, Workspace
from tests.mortal import Mortals, broken_promises, leftovers, outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines are forked, and their calls counted in /proc")
VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2")
DINO = ("method.name=dino", "method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", *VIT)


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with Mortals() as mortals:
        yield mortals


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(210):
        path = folder / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 100 + 50 * (number % 3), (8, 8), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pictures: Path, mortals: Mortals) -> Any:
    """`made(*changes)`: a run on those pictures, none of which is decoded, and the outcome of one that nobody killed."""
    outcomes: dict[tuple[str, ...], dict[str, Any]] = {}

    def made(*changes: str) -> tuple[Run, dict[str, Any]]:
        places = (tmp_path_factory.mktemp("runs") for _ in range(2))
        asked = toy("generations=0", "data.name=folder", f"data.path={pictures}", "data.size=8", "data.colour=grey", *changes)
        (run,), (unbroken,) = (Workspace(place).create(asked) for place in places)
        if changes not in outcomes:
            assert mortals.train(unbroken.folder).code == 0
            outcomes[changes] = outcome(unbroken.folder)
        return run, outcomes[changes]

    return made


SUPERVISED = ("method.name=supervised",)


@pytest.mark.parametrize(
    ("changes", "phase", "on"),
    [
        (SUPERVISED, "data", "write data/.folder-"),
        (SUPERVISED, "building", "fsync toy-s0-F0/.effective.toml"),
        (SUPERVISED, "step", "write toy-s0-F0/events.jsonl"),  # half a line
        (DINO, "probe", "fsync toy-s0-F0/artifacts/.a01-step00000003-attention"),  # what val said is told already
        (SUPERVISED, "checkpoint", "write toy-s0-F0/checkpoints/.step-00000006/optimizer"),
        (SUPERVISED, "evaluation", "replace toy-s0-F0/artifacts/.a01-step00000009-predictions-test"),  # and here what test said
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_that_a_killed_engine_costs_nothing_but_the_steps_since_its_checkpoint(made, mortals, changes, phase, on):
    run, whole = made(*changes)
    ended = mortals.train(run.folder, **({"phase": phase, "at": 1} if phase == "step" else {"on": on}))
    assert (ended.code, ended.phase) == (-9, phase) and on in ended.last
    assert leftovers(run.workspace) or phase == "step", "it died over half a file"
    saved = run.newest_valid_step()
    assert list(broken_promises(run.folder)) == []
    assert mortals.train(run.folder).code == 0
    assert run.state().attempts[-1].resumed_from_step == saved
    assert list(broken_promises(run.folder)) == [] and leftovers(run.workspace) == []
    assert outcome(run.folder) == whole


def test_that_what_an_engine_was_removing_when_it_died_is_removed_by_the_next(made, mortals):
    """Also after the last epoch, when nothing but the evaluation is left to be done."""
    run, whole = made(*SUPERVISED)
    ended = mortals.train(run.folder, on="unlink toy-s0-F0/checkpoints/.gone-step-00000003")
    assert ended.code == -9 and any(".gone-" in path for path in leftovers(run.workspace)) and run.state().step == 9
    assert mortals.train(run.folder).code == 0
    assert leftovers(run.workspace) == [] and outcome(run.folder) == whole


def test_that_an_export_is_whole_or_not_there(made, mortals):
    run, _ = made(*SUPERVISED)
    assert mortals.train(run.folder).code == 0
    for file in ("model.safetensors", "card.json", "MODEL.md"):
        ended = mortals.export(run.folder, to="safetensors", on=file)
        assert ended.code == -9 and ".writing" in ended.last
        assert list((run.folder / "extras").glob("export-*")) == [] and list(broken_promises(run.folder)) == []
    assert mortals.export(run.folder, to="safetensors").code == 0
    assert leftovers(run.workspace) == [] and len(list((run.folder / "extras").glob("export-*/card.json"))) == 1
