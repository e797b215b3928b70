"""What was exported is of use: a run starts from it."""

from conftest import toy  # type: ignore[import-not-found]
from safetensors.numpy import load_file

from engine import exports
from engine.run import Workspace
from engine.train import train


def test_that_a_run_starts_from_an_exported_network(workspace: Workspace) -> None:
    alone = ("generations=0", "method.name=supervised", "training.epochs=1")
    (first,) = workspace.create(toy(*alone, "model={name='vit', patch=2, width=24, depth=1, registers=2, layer_scale=0.1}"))
    assert train(first) == 0
    file = exports.export(first, "safetensors") / "model.safetensors"
    vit = f"model={{name='vit', patch=2, width=24, depth=1, registers=2, layer_scale=0.1, weights='{file}', freeze=true}}"
    (second,) = workspace.create(toy(*alone, "lineage=second", vit))
    assert train(second) == 0
    assert any(line.text.startswith("the backbone starts from model.safetensors: ") for line in second.state().log)
    before, after = load_file(file), load_file(exports.export(second, "safetensors") / "model.safetensors")
    same = {name for name in before if (before[name] == after[name]).all()}
    assert {name for name in before if not name.startswith("classify")} == same, "all but the classifier, which learned"
