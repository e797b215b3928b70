"""The probes of a run in progress: which run each time, which at the end, on what. What they measure is in the rooms beside.

A network that classifies is measured by what it says; one that learned without labels by what its features are worth: nearest
neighbours while it trains, linear probes at the end. A further metric is one more `yield name, value` in the room it belongs
to; a further probe one more line below.

Shapes: N pictures, K classes or prototypes, D features.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.augment import normalise
from engine.data.prepared import Prepared
from engine.methods import Method
from engine.probes import accuracy, agreement, attention, collapse, knn, linear
from engine.probes.accuracy import evaluating, predict

SHOWN, EACH = 24, 8  # prototypes whose pictures are kept, and how many of each
PORTION = 256  # pictures copied at a time: a batch of `predict`, so that the numbers are those of one pass
Found = tuple[str, dict[str, float]]  # the split and the values


class Probed:
    """A student, its teacher if it has one, and the pictures they are asked about.

    `between` is called inside long passes: it hears the run's commands and may raise.
    """

    def __init__(self, data: Prepared, method: Method, device: torch.device, between: Callable[[], None]) -> None:
        self.data = data
        self.method = method
        self.device = device
        self.between = between
        self.student, self.teacher = method.backbones()
        self._teacher_said: dict[str, Tensor] = {}

    def predictions(self, network: nn.Module, split: str) -> Tensor:
        """Probabilities [N, K] of a network for the un-augmented pictures of a split."""
        return torch.cat([self._predict(network, portion) for portion in self._portions(self.data, split)])

    def _predict(self, network: nn.Module, index: NDArray[np.int64]) -> Tensor:
        pictures = self.data.tensor(index)
        return predict(network, pictures, self.data.mean, self.data.std, device=self.device, between=self.between)

    def features(self, network: Any, data: Prepared, split: str) -> Tensor:
        """float32 [N, D] on the CPU, of un-augmented pictures; `data` is the run's own or the labelled set beside it."""
        found = []
        for portion in self._portions(data, split):
            with evaluating(network), torch.inference_mode():
                seen = normalise(data.tensor(portion).to(self.device), data.mean, data.std)
                found.append(network.features(seen).float().cpu())
            self.between()
        return torch.cat(found)

    def _portions(self, data: Prepared, split: str) -> Iterator[NDArray[np.int64]]:
        """A split's places, some at a time: a copy of all training pictures at the end of a run may not fit any more."""
        places = data.part(split)
        return (places[start : start + PORTION] for start in range(0, len(places), PORTION))

    def teacher_predictions(self, split: str) -> Tensor | None:
        """The frozen teacher is asked once."""
        if self.teacher is None:
            return None
        if split not in self._teacher_said:
            self._teacher_said[split] = self.predictions(self.teacher, split)
        return self._teacher_said[split]

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Those whose features are judged; the last is the one that is kept."""
        yield from self.method.judged()

    @cached_property
    def probe_pictures(self) -> Tensor:
        return self.data.tensor(self.data.probe)

    def pictures(self) -> dict[str, Any]:
        """The arrays of the "probe-pictures" artifact."""
        found = {
            "pictures": self.probe_pictures.numpy(),
            "labels": self.data.pictures.labels[self.data.probe],
            "index": self.data.probe,
        }
        masks = self.probe_masks
        return found if masks is None else {**found, "masks": masks}

    @cached_property
    def probe_masks(self) -> NDArray[np.bool_] | None:
        masks = self.data.pictures.masks
        return None if masks is None else masks[self.data.probe]

    def maps(self) -> tuple[str, dict[str, Any]] | None:
        """Kind and arrays of an attention or class evidence artifact, for networks that can give one."""
        classifies = self.method.classifies
        kind = attention.kind(self.student, classifies)
        if kind is None:
            return None
        return kind, attention.look(
            self.student,
            self.teacher,
            self.probe_pictures,
            self.data.mean,
            self.data.std,
            device=self.device,
            classes=classifies,
            masks=self.probe_masks,
            judged="student" if classifies or "teacher" not in dict(self.networks()) else "teacher",
        )


def during(probed: Probed) -> Iterator[Found]:
    """(split, values) of the probes that follow training."""
    if probed.method.classifies:
        yield "val", dict(_values(probed, "val", probed.predictions(probed.student, "val")))
    else:
        yield "val", dict(_worth(probed, "val"))


def at_the_end(probed: Probed) -> Iterator[tuple[str, dict[str, float], dict[str, Any]]]:
    """(split, values, arrays to keep): test measured and kept, train kept with the labels that were trained on; "linear" is
    test once more, as the linear probe sees it; val, which the rule that offers to stop looks at, last."""
    if not probed.method.classifies:
        yield from _features_at_the_end(probed)
        return
    test = probed.predictions(probed.student, "test")
    yield "test", dict(_values(probed, "test", test)), _arrays(probed.data, "test", test, probed.data.labels("test"))
    train = probed.predictions(probed.student, "train")
    yield "train", {}, _arrays(probed.data, "train", train, probed.data.train_labels)
    val = probed.predictions(probed.student, "val")
    yield "val", {}, _arrays(probed.data, "val", val, probed.data.labels("val"))


def _values(probed: Probed, split: str, student: Tensor) -> Iterator[tuple[str, float]]:
    labels = torch.from_numpy(probed.data.labels(split))
    yield from accuracy.measure(student, labels, split)
    teacher = probed.teacher_predictions(split)
    if teacher is not None:
        yield from agreement.measure(student, teacher, labels)


def _arrays(data: Prepared, split: str, student: Tensor, labels: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "probabilities": student.numpy(),
        "labels": labels,
        "true_labels": data.labels(split),
        "index": data.part(split),
    }


# ---- without a classifier: what the features are worth ------------------------------------------------------------------


def _worth(probed: Probed, split: str) -> Iterator[tuple[str, float]]:
    """What tells a collapse, and k-NN of student and teacher, or of its average, where there are labels."""
    for name, network in probed.networks():
        features_ND = probed.features(network, probed.data, split)
        if name == "student":
            yield from collapse.measure(features_ND)
        elif name == "teacher" and (
            said := [(said_PK.argmax(dim=1), said_PK.shape[1]) for said_PK in _said(probed, features_ND)]
        ):
            first_N = torch.cat([first_P.cpu() for first_P, _ in said])
            yield "teacher/prototypes_used", float(collapse.prototypes_used(first_N, said[0][1]).number)
        if (data := probed.data.labelled) is not None:
            asked = features_ND if data is probed.data else probed.features(network, data, split)
            labels = torch.from_numpy(data.labels(split))
            yield from knn.measure(name, *_bank(probed, network, data), asked, labels, data.classes, between=probed.between)


def _bank(probed: Probed, network: nn.Module, data: Prepared) -> tuple[Tensor, Tensor]:
    """Features and labels of the training pictures."""
    return probed.features(network, data, "train"), torch.from_numpy(data.train_labels)


def _features_at_the_end(probed: Probed) -> Iterator[tuple[str, dict[str, float], dict[str, Any]]]:
    """The same on test, linear probes, and what the neighbours and the linear probe of the network that is kept say of each
    test picture."""
    data = probed.data.labelled
    if data is None:
        yield "test", dict(_worth(probed, "test")), {}
        return
    values: dict[str, float] = dict(_worth(probed, "test"))
    for name, network in probed.networks():
        train = linear.Labelled(*_bank(probed, network, data))
        val, test = (
            linear.Labelled(probed.features(network, data, split), torch.from_numpy(data.labels(split)))
            for split in ("val", "test")
        )
        fitted = linear.fit(train, val, test, data.classes, between=probed.between)
        values |= {f"linear/{name}": fitted.accuracy(test)} if fitted else {}
        votes, of_val = (knn.votes(*train, asked.features_ND, data.classes, between=probed.between) for asked in (test, val))
    yield "test", values, _arrays(data, "test", votes, data.labels("test"))
    if fitted is not None:
        yield "linear", {}, _arrays(data, "test", fitted.probabilities(test.features_ND), data.labels("test"))
    yield "val", {}, _arrays(data, "val", of_val, data.labels("val"))


def prototypes(probed: Probed) -> dict[str, Any] | None:
    """The arrays of the "prototypes" artifact, of the test pictures; None for methods with classes.

    prototypes [S]: those most often a picture's first choice; uses [S] how often; pictures [S, n]: places in the data set of
    the pictures they are most probable for; probabilities [S, n].
    """
    if probed.teacher is None or probed.method.classifies:
        return None
    features_ND = probed.features(probed.teacher, probed.data, "test")
    uses = [torch.bincount(said_PK.argmax(dim=1).cpu(), minlength=said_PK.shape[1]) for said_PK in _said(probed, features_ND)]
    if not uses:
        return None
    uses_K = torch.stack(uses).sum(dim=0)
    shown_S = uses_K.argsort(descending=True, stable=True)[: min(SHOWN, int((uses_K > 0).sum()))]
    said_NS = torch.cat([said_PK.float().cpu()[:, shown_S] for said_PK in _said(probed, features_ND)])
    top_SN = collapse.top_pictures(said_NS, list(range(len(shown_S))), EACH)
    return {
        "prototypes": shown_S.numpy(),
        "uses": uses_K[shown_S].numpy(),
        "pictures": probed.data.part("test")[top_SN.numpy()],
        "probabilities": said_NS.T.gather(1, top_SN).numpy(),
    }


def _said(probed: Probed, features_ND: Tensor) -> Iterator[Tensor]:
    """The teacher's probabilities [P, K], some pictures at a time: of all they may be gigabytes. Nothing if it has none."""
    for features_PD in features_ND.split(PORTION):
        if (said_PK := probed.method.prototypes(features_PD.to(probed.device))) is not None:
            yield said_PK
