"""Weights as safetensors: the tensors as the network names them, and in the file's own header all that is needed to use them.

Nothing of Filial is needed to read it: tensors and header by safetensors, what the header says by any reader of JSON. A recipe
starts from it by `model.weights`; that is tried before the export is done.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from engine import __version__
from engine.exports.card import Made, recipe_sha256
from engine.exports.network import Network
from engine.models import imported
from engine.run import Refused

FILE = "model.safetensors"
USE = """\
Any reader of safetensors reads it; the file's header says how the network is built and how pictures are normalised:

```python
import json
from safetensors import safe_open

with safe_open("model.safetensors", "pt") as file:
    about = file.metadata()
    tensors = {name: file.get_tensor(name) for name in file.keys()}
print(about["architecture"], json.loads(about["options"]), json.loads(about["mean"]))
```

Filial starts a recipe of the same network from it, all but its classifier:
`filial train RECIPE --set model.weights=DIR/model.safetensors`."""


def write(folder: Path, network: Network) -> Made:
    """model.safetensors, read back and tried."""
    path = folder / FILE
    tensors = {name: tensor.contiguous() for name, tensor in network.useful.items()}
    path.write_bytes(save(tensors, metadata=header(network)))  # save_file would make a file that its owner alone may read
    _check(path, network)
    said = f"read back; a fresh network that starts from it has the very same features of {network.pictures_words}"
    files = {FILE: "the weights, with what is needed to use them in the file's header"}
    checked = {"what": said, "tensors": len(network.useful), "largest_difference": 0.0}
    return network.made(files, USE, checked, ("torch", "safetensors"))


def header(network: Network) -> dict[str, str]:
    """The file's metadata. Lists and tables are JSON; what is not known is absent."""
    plain = {name: value if isinstance(value, str) else json.dumps(value) for name, value in _facts(network)}
    return {"format": "pt", "made_by": f"filial {__version__}", **plain}


def _facts(network: Network) -> Iterator[tuple[str, Any]]:
    yield "run", network.run.name
    yield from network.facts()
    yield "recipe_sha256", recipe_sha256(network.run)
    yield "files_sha256", str(network.data.get("files_sha256", ""))


def _check(path: Path, network: Network) -> None:
    """What stands in the file is what a recipe would start from."""
    with safe_open(path, "pt") as file:
        same = {name for name in file.keys() if torch.equal(file.get_tensor(name), network.useful[name])}  # noqa: SIM118
    if same != set(network.useful):
        raise Refused(f"the disk gave back other weights than were written for {network.run.name}; nothing is kept of them")
    fresh = network.build.network().eval()
    imported.start_from(fresh, path, whole=True)
    with torch.inference_mode():
        if not torch.equal(fresh.features(network.seen), network.features):  # type: ignore[operator]
            raise Refused(
                f"a network that starts from the export of {network.run.name} sees otherwise than it; nothing is kept"
            )
