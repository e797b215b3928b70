"""Means of what each step yields, without making the device wait: values are copied off it behind its back.

A tick ends after a fixed number of steps, never by the clock. On a GPU the copy of a tick's sums runs on while the next steps
are computed, so a tick's event may be recorded a little later than its step; `flush` waits for all.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class _Copy:
    about: Any
    names: list[str]
    sums: Tensor  # float32 [names] in pinned memory
    steps: int
    done: Any  # torch.cuda.Event, None where the copy was immediate


class Meter:
    """Sums of scalars since the last tick. `partial` and `restore` carry them through a checkpoint."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._steps = 0
        self._copies: deque[_Copy] = deque()

    def add(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._steps += 1

    @property
    def steps(self) -> int:
        """Since the last tick."""
        return self._steps

    def tick(self, about: Any) -> None:
        """End the tick: its means come out of `ready` or `flush` together with `about`."""
        names = list(self._sums)
        sums = torch.stack(list(self._sums.values()))
        done = None
        if sums.is_cuda:
            pinned = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
            pinned.copy_(sums, non_blocking=True)
            sums, done = pinned, torch.cuda.Event()
            done.record()
        self._copies.append(_Copy(about, names, sums, self._steps, done))
        self._sums, self._steps = {}, 0

    def ready(self) -> Iterator[tuple[Any, dict[str, float]]]:
        """Ticks whose copies have arrived, the oldest first."""
        while self._copies and (self._copies[0].done is None or self._copies[0].done.query()):
            yield self._out()

    def flush(self) -> Iterator[tuple[Any, dict[str, float]]]:
        """All ticks, waiting for those under way."""
        while self._copies:
            if self._copies[0].done is not None:
                self._copies[0].done.synchronize()
            yield self._out()

    def partial(self) -> dict[str, float]:
        """The sums of the tick under way; exact, since float32 fits into JSON's doubles."""
        return {name: float(value) for name, value in self._sums.items()} | ({"steps": self._steps} if self._steps else {})

    def restore(self, partial: Mapping[str, float], device: torch.device) -> None:
        self._steps = int(partial.get("steps", 0))
        self._sums = {name: torch.tensor(value, device=device) for name, value in partial.items() if name != "steps"}

    def _out(self) -> tuple[Any, dict[str, float]]:
        copy = self._copies.popleft()
        return copy.about, {name: value / copy.steps for name, value in zip(copy.names, copy.sums.tolist(), strict=True)}
