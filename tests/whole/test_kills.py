"""`kill -9` in every phase, at a named call: nothing is lost but the steps since the last checkpoint, and nothing stays behind.

At random, over all methods, and at every call: `python -m tests.benchmarks kills`.
"""

import sys

import pytest

from tests.mortal import broken_promises, leftovers, outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines are forked, and their calls counted in /proc")
VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2")
DINO = ("method.name=dino", "method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", *VIT)


@pytest.mark.parametrize(
    ("changes", "phase", "on"),
    [
        ((), "data", "write data/.folder-"),
        ((), "building", "fsync toy-s0-F0/.effective.toml"),
        ((), "step", "write toy-s0-F0/events.jsonl"),  # half a line
        (DINO, "probe", "fsync toy-s0-F0/artifacts/.a01-step00000003-attention"),  # what val said is told already
        ((), "checkpoint", "write toy-s0-F0/checkpoints/.step-00000006/optimizer"),
        ((), "evaluation", "replace toy-s0-F0/artifacts/.a01-step00000009-predictions-test"),  # and here what test said
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
    run, whole = made()
    ended = mortals.train(run.folder, on="unlink toy-s0-F0/checkpoints/.gone-step-00000003")
    assert ended.code == -9 and any(".gone-" in path for path in leftovers(run.workspace)) and run.state().step == 9
    assert mortals.train(run.folder).code == 0
    assert leftovers(run.workspace) == [] and outcome(run.folder) == whole


def test_that_an_export_is_whole_or_not_there(made, mortals):
    run, _ = made()
    assert mortals.train(run.folder).code == 0
    for file in ("model.safetensors", "card.json", "MODEL.md"):
        ended = mortals.export(run.folder, to="safetensors", on=file)
        assert ended.code == -9 and ".writing" in ended.last
        assert list((run.folder / "extras").glob("export-*")) == [] and list(broken_promises(run.folder)) == []
    assert mortals.export(run.folder, to="safetensors").code == 0
    assert leftovers(run.workspace) == [] and len(list((run.folder / "extras").glob("export-*/card.json"))) == 1
