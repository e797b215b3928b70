"""The probes of a run in progress: which run each time, which at the end, on what. What they measure is in the rooms beside.

A further metric is one more `yield name, value` in accuracy.py or agreement.py; a further probe one more line below.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.prepared import Prepared
from engine.methods import Method
from engine.probes import accuracy, agreement, attention
from engine.probes.accuracy import predict

PORTION = 256  # pictures copied at a time: a batch of `predict`, so that the numbers are those of one pass


class Probed:
    """A student, its teacher if it has one, and the pictures they are asked about.

    `between` is called inside long passes: it hears the run's commands and may raise.
    """

    def __init__(self, data: Prepared, method: Method, device: torch.device, between: Callable[[], None]) -> None:
        self.data = data
        self.device = device
        self.between = between
        self.student, self.teacher = method.backbones()
        self._teacher_said: dict[str, Tensor] = {}

    def predictions(self, network: nn.Module, split: str) -> Tensor:
        """Probabilities [N, K] of a network for the un-augmented pictures of a split."""
        return torch.cat([self._predict(network, portion) for portion in self._portions(split)])

    def _predict(self, network: nn.Module, index: NDArray[np.int64]) -> Tensor:
        pictures = self.data.tensor(index)
        return predict(network, pictures, self.data.mean, self.data.std, device=self.device, between=self.between)

    def _portions(self, split: str) -> Iterator[NDArray[np.int64]]:
        """A split's places, some at a time: a copy of all training pictures at the end of a run may not fit any more."""
        places = self.data.part(split)
        return (places[start : start + PORTION] for start in range(0, len(places), PORTION))

    def teacher_predictions(self, split: str) -> Tensor | None:
        """The frozen teacher is asked once."""
        if self.teacher is None:
            return None
        if split not in self._teacher_said:
            self._teacher_said[split] = self.predictions(self.teacher, split)
        return self._teacher_said[split]

    @cached_property
    def probe_pictures(self) -> Tensor:
        return self.data.tensor(self.data.probe)

    def pictures(self) -> dict[str, Any]:
        """The arrays of the "probe-pictures" artifact."""
        return {
            "pictures": self.probe_pictures.numpy(),
            "labels": self.data.pictures.labels[self.data.probe],
            "index": self.data.probe,
        }

    def maps(self) -> tuple[str, dict[str, Any]] | None:
        """Kind and arrays of an attention or class evidence artifact, for networks that can give one."""
        kind = attention.kind(self.student)
        if kind is None:
            return None
        return kind, attention.look(
            self.student, self.teacher, self.probe_pictures, self.data.mean, self.data.std, device=self.device
        )


def during(probed: Probed) -> Iterator[tuple[str, dict[str, float]]]:
    """(split, values) of the probes that follow training."""
    yield "val", dict(_values(probed, "val", probed.predictions(probed.student, "val")))


def at_the_end(probed: Probed) -> Iterator[tuple[str, dict[str, float], dict[str, Any]]]:
    """(split, values, arrays to keep): test measured and kept, train kept with the labels that were trained on."""
    test = probed.predictions(probed.student, "test")
    yield "test", dict(_values(probed, "test", test)), _arrays(probed, "test", test, probed.data.labels("test"))
    train = probed.predictions(probed.student, "train")
    yield "train", {}, _arrays(probed, "train", train, probed.data.train_labels)


def _values(probed: Probed, split: str, student: Tensor) -> Iterator[tuple[str, float]]:
    labels = torch.from_numpy(probed.data.labels(split))
    yield from accuracy.measure(student, labels, split)
    teacher = probed.teacher_predictions(split)
    if teacher is not None:
        yield from agreement.measure(student, teacher, labels)


def _arrays(probed: Probed, split: str, student: Tensor, labels: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {
        "probabilities": student.numpy(),
        "labels": labels,
        "true_labels": probed.data.labels(split),
        "index": probed.data.part(split),
    }
