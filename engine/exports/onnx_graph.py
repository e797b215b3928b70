"""The network as an ONNX graph, for whatever runs ONNX: pixels in, features and probabilities out, any number of pictures.

Normalising is part of the graph, so that nobody can forget it. The file is run by onnxruntime before the folder gets its name,
on the run's own pictures, all together and one alone, and must say what torch says.

Shapes: B pictures, C channels, H and W pixels, D features, K classes.
"""

import contextlib
import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.exports.card import Made
from engine.exports.extra import needed
from engine.exports.network import Network
from engine.run import Refused

FILE = "model.onnx"
TOLERANCE = 1e-4  # of the largest feature, and of a probability: float32, in another order of operations
OPSET = 18  # what torch's exporter writes without converting
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
USE = """\
```python
import numpy as np, onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
pictures = np.asarray(pixels, np.float32) / 255        # {shape}, in [0, 1]: the graph normalises
{outputs} = session.run(None, {{"pictures": pictures}})
```

`pictures` has any number of rows. `features` are what the classifier reads{probabilities}. Names of classes, mean and deviation
stand in the file's metadata."""


def write(folder: Path, network: Network) -> Made:
    """model.onnx, run and compared. Raises Refused without the extra, and for a network that cannot be exported."""
    needed("onnx", *PACKAGES)
    graph = Graph(network).eval()
    path = folder / FILE
    _save(_exported(graph, network), path, network)
    difference = _difference(path, graph, network)
    checked = {
        "what": f"run by onnxruntime on {network.pictures_words}, together and one alone, and compared with torch",
        "largest_difference": difference,
        "largest_feature": float(network.features.abs().max()),
        "tolerance": TOLERANCE,
        "opset": OPSET,
    }
    return network.made({FILE: "the network from pixels on, as one graph"}, _use(network), checked, ("torch", *PACKAGES))


class Graph(nn.Module):
    """Pictures in [0, 1], float32 [B, C, H, W], to features [B, D] and, if it knows classes, probabilities [B, K]."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.module
        self.classifies = network.classifies
        self.register_buffer("mean_C11", torch.tensor(network.mean).reshape(-1, 1, 1))
        self.register_buffer("std_C11", torch.tensor(network.std).reshape(-1, 1, 1))
        self.mean_C11: Tensor
        self.std_C11: Tensor

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        x_BCHW = (pictures - self.mean_C11) / self.std_C11
        features: Any = self.network.features(x_BCHW)  # type: ignore[operator]
        return (features, self.network(x_BCHW).softmax(dim=1)) if self.classifies else (features,)


def _outputs(network: Network) -> list[str]:
    return ["features", "probabilities"] if network.classifies else ["features"]


def _use(network: Network) -> str:
    shape = f"[B, {network.build.channels}, {network.build.size}, {network.build.size}]"
    told = "; `probabilities` are those of the classes, in their order" if network.classifies else ""
    outputs = ", ".join(_outputs(network)) + ("" if network.classifies else ",")
    return USE.format(shape=shape, outputs=outputs, probabilities=told)


def _exported(graph: Graph, network: Network) -> Any:
    """The graph as an onnx ModelProto."""
    example = network.pictures[:2].float() / 255
    example = torch.cat([example, example])[:2]  # with one picture torch would take the batch to be always one
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                input_names=["pictures"],
                output_names=_outputs(network),
                dynamic_shapes=({0: torch.export.Dim("B")},),
                opset_version=OPSET,
                verbose=False,
            )
        return program.model_proto
    except Exception as error:  # whatever torch's exporter meets in a network of timm's; its text is pages long
        raise _refused(network, "torch cannot write it as ONNX", error) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its progress and warns of its own parts: what matters is whether the graph says the same."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _save(model: Any, path: Path, network: Network) -> None:
    onnx: Any = importlib.import_module("onnx")
    for name, value in network.facts():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value if isinstance(value, str) else json.dumps(value)
    try:
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
    except ValueError as error:  # protobuf ends at 2 GiB
        raise _refused(network, "it does not fit into one ONNX file", error) from None


def _difference(path: Path, graph: Graph, network: Network) -> float:
    """The largest of all outputs, of all pictures together and of one alone. Raises Refused if it is no rounding."""
    runtime: Any = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pictures_PCHW, largest = network.pictures.float() / 255, max(1.0, float(network.features.abs().max()))
    worst = 0.0
    for asked in (pictures_PCHW, pictures_PCHW[:1]):
        try:
            said = session.run(None, {"pictures": asked.numpy()})
        except Exception as error:  # onnxruntime's have no class of their own to be told by
            raise _refused(network, f"onnxruntime cannot run it on {len(asked)} pictures", error) from None
        with torch.inference_mode():
            for name, ours, theirs in zip(_outputs(network), graph(asked), said, strict=True):
                different = float((ours - torch.from_numpy(theirs)).abs().max())
                if not different <= TOLERANCE * (largest if name == "features" else 1):
                    raise _refused(network, f"the graph's {name} differ by {different:g}")
                worst = max(worst, different)
    return worst


def _refused(network: Network, problem: str, error: Exception | None = None) -> Refused:
    why = f" ({next(iter(str(error).strip().splitlines()), type(error).__name__)})" if error else ""
    return Refused(f"--to: {network.run.name} as onnx: {problem}{why}, so nothing is kept; --to safetensors has its weights")
