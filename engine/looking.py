"""One network looked at from inside: what it says of a picture, where it looks, what lies near in its features.

For the window's Inspect, through the assistant. Networks that were looked at last stay in memory, and so do the features of
the training and the test pictures, also half of them: who is interrupted goes on where it stopped. Nothing is written into a
run. What a map is stands in probes/attention.py, how neighbours vote in probes/knn.py.

Shapes: C channels, H and W of a picture, h and w of a map, K classes, D features, N pictures, n the nearest.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor

from engine import checkpoint, corrections, decide
from engine.data.augment import normalise
from engine.data.decode import Unreadable, decode
from engine.data.prepared import Prepared, prepare
from engine.fields import tag_of
from engine.methods import METHODS
from engine.models.vit import Vit
from engine.probes import attention, knn
from engine.recipe import RunRecipe
from engine.run import Refused, Run
from engine.words import count, plural

NETWORKS, FEATURES = 4, 6  # kept: student and teacher, and those looked at just before; training and test of three
MOST = 20_000  # pictures whose features are kept, evenly spread over a larger set
NEAREST = 12
SLICE_S = 0.1  # the longest nobody hears that an answer is no longer wanted

Tell = Callable[[float, str], None]
Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")


class Chosen(Struct, frozen=True):
    """A network on disk: `part` is the student's own weights, or the running average of them."""

    run: str
    step: int
    part: Literal["model", "teacher"] = "model"

    def folder(self, workspace: Path) -> Path:
        return workspace / self.run / "checkpoints" / f"step-{self.step:08d}"


@dataclass(frozen=True, eq=False)
class Network:
    """Loaded, in evaluation mode, with what is known of the pictures it learned from."""

    key: tuple[Path, str, str]  # checkpoint, part, checksum: a run that went back may write the same step anew
    module: Any
    asked: RunRecipe
    card: Mapping[str, Any]  # data.json
    channels: int
    size: int

    @property
    def classifies(self) -> bool:
        method = METHODS[tag_of(type(self.asked.method))]
        return bool(method.classifies)  # type: ignore[attr-defined]

    @property
    def kind(self) -> attention.Kind | None:
        return attention.kind(self.module, self.classifies)

    @property
    def classes(self) -> list[str]:
        """Of its logits; none if it learned without labels."""
        return [str(name) for name in self.card["classes"]] if self.classifies else []

    def reads(self, pictures_u8: Tensor) -> Tensor:
        return normalise(pictures_u8, self.card["mean"], self.card["std"])


@dataclass(eq=False)
class Features:
    """Of some pictures of a split, as far as they are worked out."""

    places: NDArray[np.int64]  # [N] in the data set
    labels: NDArray[np.int64]  # [N] those trained on
    of: int  # pictures of the split, of which these are all or MOST
    rows_ND: Tensor
    done: int = 0


class Looker:
    """Answers about networks of any workspace."""

    def __init__(self) -> None:
        self._networks: OrderedDict[tuple[Path, str, str], Network] = OrderedDict()
        self._features: OrderedDict[tuple[Any, str], Features] = OrderedDict()
        self._data: OrderedDict[tuple[Path, bytes], Prepared] = OrderedDict()

    # ---- what is asked ------------------------------------------------------------------------------------------------------

    def look(self, workspace: Path, chosen: Mapping[str, Chosen], picture: Path) -> tuple[dict[str, Any], Arrays]:
        """What each of the networks, by a name such as "student", makes of a picture file: facts, and by name

        <name>_picture uint8 [C, H, W] as it was read; <name>_map float32, attention [heads, h, w] or class evidence [1, h, w];
        <name>_logits, <name>_probabilities float32 [K]; <name>_colours float32 [3, h, w], the main directions of its patches'
        features. What a network cannot give is absent. "overlap" if "student" and "teacher" have the same kind of map.
        """
        _stand_back()
        facts: dict[str, Any] = {}
        arrays: Arrays = {}
        maps: dict[str, tuple[Any, Tensor | None]] = {}
        for name, one in chosen.items():
            network = self.network(workspace, one)
            read_u8 = _read(picture, network)
            seen = _look(network, read_u8)
            maps[name] = (network.kind, seen.get("map"))
            arrays |= {f"{name}_picture": read_u8[0].numpy(), **{f"{name}_{what}": held.numpy() for what, held in seen.items()}}
            facts[name] = {"kind": network.kind, "classes": network.classes, "run": one.run, "step": one.step, "part": one.part}
        (ours, our_map), (theirs, their_map) = (maps.get(name, (None, None)) for name in ("student", "teacher"))
        if ours == theirs and our_map is not None and their_map is not None:
            arrays["overlap"] = attention.overlap(our_map[None], their_map[None]).float().numpy()
        return facts, arrays

    def neighbours(self, workspace: Path, chosen: Chosen, picture: Path, tell: Tell) -> tuple[dict[str, Any], Arrays]:
        """The training pictures whose features point most nearly where the picture's do (cosine), the nearest first.

        place, label int64 [n], similarity float32 [n], pictures uint8 [n, C, H, W]; votes float32 [K] of the nearest 20 as in
        k-NN, where the pictures have classes. A picture that is itself one of them is its own nearest.
        """
        network = self.network(workspace, chosen)
        data = self._labelled(workspace, network, tell)
        known = self._known(network, data, "train", tell)
        with torch.inference_mode():
            asked_1D = F.normalize(network.module.features(network.reads(_read(picture, network))).float(), dim=1)
        near_n = (F.normalize(known.rows_ND, dim=1) @ asked_1D[0]).topk(min(NEAREST, len(known.places)))
        arrays: Arrays = {
            "place": known.places[near_n.indices.numpy()],
            "label": known.labels[near_n.indices.numpy()],
            "similarity": near_n.values.numpy(),
            "pictures": data.tensor(known.places[near_n.indices.numpy()]).numpy(),
        }
        if data.classes:
            votes_1K = knn.votes(known.rows_ND, torch.from_numpy(known.labels), asked_1D, data.classes)
            arrays["votes"] = votes_1K[0].numpy()
        return {"of": known.of, "searched": len(known.places), "classes": list(data.pictures.class_names)}, arrays

    def embed(self, workspace: Path, chosen: Chosen, tell: Tell) -> tuple[dict[str, Any], Arrays]:
        """The two main directions of the features of the test pictures: xy float32 [N, 2], place, label int64 [N].

        The share of the variance that each direction holds is among the facts.
        """
        network = self.network(workspace, chosen)
        data = self._labelled(workspace, network, tell)
        known = self._known(network, data, "test", tell)
        xy_N2, shares = plane(known.rows_ND)
        arrays: Arrays = {"xy": xy_N2.numpy(), "place": known.places, "label": known.labels}
        return {"of": known.of, "shares": shares, "classes": list(data.pictures.class_names)}, arrays

    # ---- what is kept -------------------------------------------------------------------------------------------------------

    def network(self, workspace: Path, chosen: Chosen) -> Network:
        """From memory, or from its checkpoint. Raises Refused."""
        folder = chosen.folder(workspace)
        try:
            state = checkpoint.read_state(folder)
            sum_ = state.sha256[f"{chosen.part}.safetensors"]
        except (OSError, msgspec.MsgspecError, KeyError):
            gone = f"{chosen.run} has no checkpoint of step {count(chosen.step)} that can be read"
            raise Refused(f"{gone}, or not any more; choose another one") from None
        key = (folder, chosen.part, sum_)
        return _keep(self._networks, key, NETWORKS, lambda: _load(key, state.build, chosen.part))

    def _labelled(self, workspace: Path, network: Network, tell: Tell) -> Prepared:
        """The pictures with classes by which its features can be read, or its own."""
        asked = network.asked
        tell(0.0, "reading the pictures")

        def reading(done: int, total: int) -> None:
            tell(0.0, f"{count(done)} of {plural(total, 'picture')} read" if total else "reading the pictures")

        labels = corrections.sum_of(asked.data.corrections)  # the same name may hold other labels by now
        key = (workspace, msgspec.json.encode(asked.data), labels)
        data = _keep(self._data, key, 1, lambda: prepare(asked, workspace / "data", reading))
        return data.labelled or data

    def _known(self, network: Network, data: Prepared, part: str, tell: Tell) -> Features:
        labels = data.corrected.sha256 if data.corrected else ""
        known = _keep(self._features, (network.key, part, labels), FEATURES, lambda: _unknown(network, data, part))
        some = 8
        while known.done < len(known.places):
            tell(
                known.done / len(known.places),
                f"{count(known.done)} of {plural(len(known.places), f'{part} picture')} looked at",
            )
            _stand_back()
            began = time.monotonic()
            _go_on(known, network, data, some)
            some = min(2 * some, 256) if time.monotonic() - began < SLICE_S / 2 else max(1, some // 2)
        return known


@cache
def looker() -> Looker:
    """That of this process."""
    return Looker()


def plane(rows_ND: Tensor) -> tuple[Tensor, list[float]]:
    """The two directions in which the rows vary most, float32 [N, 2] about 0, and the share of the variance of each.

    A direction's sign is free: it is the one with a third moment above 0.
    """
    x_ND = rows_ND.double()
    x_ND = x_ND - x_ND.mean(dim=0)
    values_D, vectors_DD = torch.linalg.eigh(x_ND.T @ x_ND)
    along_N2 = F.pad(x_ND @ vectors_DD[:, -2:].flip(1), (0, max(0, 2 - x_ND.shape[1])))
    along_N2 = torch.where(along_N2.pow(3).sum(dim=0) < 0, -along_N2, along_N2)
    total = float(values_D.clamp(min=0).sum())
    shares = [float(value) / total if total > 0 else 0.0 for value in values_D.flip(0)[:2]]
    return along_N2.float(), shares


def _stand_back() -> None:
    """A run that has begun meanwhile needs its cores."""
    torch.set_num_threads(decide.threads_beside())


def _keep(held: "OrderedDict[Any, T]", key: Any, most: int, make: Callable[[], T]) -> T:
    """Held from last time, or made; the longest unused goes, before there is one too many."""
    if key not in held:
        while len(held) >= most:
            held.popitem(last=False)
        held[key] = make()
    held.move_to_end(key)
    return held[key]


def _load(key: tuple[Path, str, str], build: checkpoint.Build, part: str) -> Network:
    folder = key[0]
    run = Run(folder.parent.parent)
    card = run.data()
    if card is None:
        raise Refused(f"{run.name} has no data.json, which says how its pictures are read; it cannot be looked at")
    known = decide.read(run)
    module = checkpoint.network_of(folder)
    checkpoint.load_model(folder, module, part)
    module.eval()
    return Network(key, module, known.recipe if known else run.recipe(), card, build.channels, build.size)


def _read(picture: Path, network: Network) -> Tensor:
    """uint8 [1, C, H, W]: the middle of the picture, as large as the network's own were."""
    try:
        found = decode(picture, network.size, "grey" if network.channels == 1 else "rgb")
    except Unreadable as why:
        raise Refused(f"{picture.name} {why}; choose another picture") from None
    return torch.from_numpy(np.array(found.pixels_CHW))[None]


def _look(network: Network, picture_u8: Tensor) -> dict[str, Tensor]:
    """map, logits, probabilities and colours, as far as the network has them."""
    module, x_1CHW = network.module, network.reads(picture_u8)
    found: dict[str, Tensor] = {}
    logits_1K = patches_1Dhw = None
    with torch.no_grad():
        if isinstance(module, Vit):
            features_1D, patches_1Dhw, map_1Hhw = module.inside(x_1CHW)
            found["map"] = map_1Hhw[0]
            logits_1K = module.classify(features_1D) if network.classifies else None
        elif network.kind == "evidence":
            found["map"], logits_1K = attention.evidence(module, x_1CHW)
        else:
            found |= {"map": module.attention(x_1CHW)[0]} if network.kind else {}
            patches_1Dhw = module.patch_features(x_1CHW) if isinstance(module, attention.HasPatches) else None
            logits_1K = module(x_1CHW) if network.classifies else None
    if logits_1K is not None:
        found |= {"logits": logits_1K[0].float(), "probabilities": logits_1K[0].float().softmax(dim=0)}
    if patches_1Dhw is not None and patches_1Dhw.isfinite().all():
        found["colours"] = attention.pca_maps(patches_1Dhw)[0]
    return {name: tensor.float() for name, tensor in found.items()}


def _unknown(network: Network, data: Prepared, part: str) -> Features:
    """Which pictures, none of them looked at yet."""
    places, labels = data.part(part), data.train_labels if part == "train" else data.labels(part)
    if not len(places):
        raise Refused(f"there are no {part} pictures")
    chosen = np.linspace(0, len(places) - 1, min(len(places), MOST)).round().astype(np.int64)
    rows_ND = torch.zeros(len(chosen), int(network.module.embed_dim))
    return Features(places[chosen], labels[chosen], len(places), rows_ND)


def _go_on(known: Features, network: Network, data: Prepared, some: int) -> None:
    until = min(known.done + some, len(known.places))
    with torch.inference_mode():
        features = network.module.features(network.reads(data.tensor(known.places[known.done : until]))).float()
    if not features.isfinite().all():
        raise Refused("its features are not finite: this network has exploded; choose an earlier checkpoint")
    known.rows_ND[known.done : until] = features
    known.done = until
