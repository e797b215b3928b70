"""`filial probe`: what training measures of a network, measured later, of any checkpoint that a run still has.

The numbers are those that the run's events have at that step: the same probes, on the same pictures, of the same network.
Events stay closed: what is found lies in extras/probe-<utc>/, probe.json with the values and the arrays beside it. Here: how a
checkpoint becomes a network again beside its teacher, and which probe yields what. What they measure is in probes/.

Shapes: N pictures, D features.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from msgspec import Struct
from rich.table import Table
from torch import nn

from engine import checkpoint, console, decide, extras, methods, processes, reading, recipe, words
from engine.data.prepared import Prepared, prepare
from engine.fields import RecipeErrors
from engine.methods import Method
from engine.probes import attention, collapse, knn, linear
from engine.probes.probed import Probed, at_the_end, during
from engine.run import Refused, Run
from engine.sources import described, load_frozen
from engine.state import RunState

NAME = "probe.json"
SAME = 1e-5  # another number of threads than the run had adds in another order
Arrays = dict[str, Any]
Found = tuple[str, dict[str, float], str, Arrays]  # split, values, the kind of the arrays, and these


class Measurement(Struct, frozen=True):
    """What one probe found at one step, as an event `measured` has it; `recorded` are those of the values that the run's
    events have at that step."""

    step: int
    epoch: float
    split: str
    values: dict[str, float]
    recorded: dict[str, float] = {}


def probe(run: Run, steps: Sequence[int] | None, asked: Sequence[str], as_json: bool) -> int:
    """Measure, write, say. `steps`: none for all checkpoints, [] for the newest; `asked`: names of PROBES, none for what
    training measures. Returns the exit code. Raises Refused, and then nothing was written."""
    folders = _folders(run, steps)
    rebuilt = Rebuilt(run)
    with rebuilt.on_its_device(), extras.alone(run, "probe", movable=False):
        target = extras.place(run, "probe")
        with extras.writing(target, movable=False) as aside:
            found = [one for folder in folders for one in _at(rebuilt, folder, asked, aside)]
            if not found and not any(aside.iterdir()):
                raise Refused(f"{', '.join(map(_flag, asked))}: there is nothing of that kind to measure of {run.name}")
            text = msgspec.json.format(msgspec.json.encode(_report(rebuilt, asked, found)), indent=1)
            (aside / NAME).write_bytes(text)
    if as_json:
        json.dump(msgspec.to_builtins(_report(rebuilt, asked, found)), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        console.OUT.print(_table(found) if found else "class evidence has no measure; its maps lie beside")
        console.OUT.print(f"{target / NAME}")
    return 0


def _flag(name: str) -> str:
    return f"--{name}"


def _folders(run: Run, steps: Sequence[int] | None) -> list[Path]:
    if steps is None:
        there = [folder for folder in run.checkpoint_folders() if checkpoint.is_valid(folder)]
        return there or [checkpoint.chosen(run, None)]
    return [checkpoint.chosen(run, step) for step in steps] or [checkpoint.chosen(run, None)]


def _report(rebuilt: "Rebuilt", asked: Sequence[str], found: Sequence[Measurement]) -> dict[str, Any]:
    return {
        "run": rebuilt.run.name,
        "versions": decide.versions(),
        "device": str(rebuilt.device),
        "threads": torch.get_num_threads(),
        "probes": list(asked) or ["as in training"],
        "measured": found,
    }


# ---- the network, beside its teacher and its pictures -------------------------------------------------------------------


class Rebuilt:
    """A run's method as it was, without an optimizer; `at` puts a checkpoint's weights into it. Raises Refused where that
    cannot be."""

    def __init__(self, run: Run) -> None:
        self.run = run
        known = decide.read(run)
        if known is None:
            raise Refused(f"{run.name} has no effective.toml, so nobody knows what its network is; train it first")
        self.known = known
        self.device = torch.device(decide.device_for(known.decided.device)[0])
        torch.set_num_threads(min(known.decided.threads, decide.threads_beside()))  # a run may be training beside us
        self.data: Prepared = self._data()
        self.state: RunState = run.state()

    def on_its_device(self) -> AbstractContextManager[Any]:
        """A GPU is nobody else's meanwhile; beside a run on the CPU one thread costs it little."""
        if self.device.type == "cpu":
            return nullcontext()
        slots, need = decide.slots_for(self.known.decided)
        return processes.lease(slots, need, f"probe of {self.run.name}", _say_waiting())

    def _data(self) -> Prepared:
        asked, path = self.known.recipe, self.run.folder / "data.json"
        missing = list(recipe.folders_missing(asked.data, "bring it back"))
        if missing:
            raise Refused(str(missing[0]))
        try:
            data = prepare(asked, self.run.workspace / "data")
        except (ValueError, RecipeErrors) as error:
            raise Refused(str(error)) from None
        if path.exists() and described(reading.content(path)) != described(msgspec.json.encode(data.card())):
            raise Refused(f"the data is not what {self.run.name} learned from: {path} describes other pictures")
        return data

    @cached_property
    def method(self) -> Method:
        pinned, asked = self.known.teacher, self.known.recipe.method
        if pinned is not None:
            decide.check_teacher(self.run, pinned)
        by_heads = isinstance(asked, recipe.UNTAUGHT)
        teacher = load_frozen(pinned, self.run.workspace, by_heads) if pinned else None
        student = checkpoint.network_of(checkpoint.chosen(self.run, None))
        return methods.build(asked, student, teacher).to(self.device).train()

    def at(self, folder: Path) -> Probed:
        try:
            self.method.load_weights(checkpoint.load_weights(folder))
        except (KeyError, RuntimeError) as error:
            raise Refused(f"{folder} does not hold the weights of this network: {error}") from None
        return Probed(self.data, self.method, self.device, lambda: None)


def _say_waiting() -> Callable[[list[str]], None]:
    said: set[str] = set()

    def say(holders: list[str]) -> None:
        line = f"waiting for {', '.join(holders)}"
        if line not in said:
            said.add(line)
            print(line, file=sys.stderr)  # noqa: T201

    return say


# ---- the probes ---------------------------------------------------------------------------------------------------------


def _at(rebuilt: Rebuilt, folder: Path, asked: Sequence[str], into: Path) -> Iterator[Measurement]:
    """Everything asked of one checkpoint; what has arrays puts them into the folder."""
    state, probed = checkpoint.read_state(folder), rebuilt.at(folder)
    found = [one for name in asked for one in PROBES[name](_Features(probed))] if asked else as_in_training(probed)
    for split, values, kind, arrays in found:
        if arrays:
            with (into / f"step{state.step:08d}-{kind}.npz").open("wb") as file:
                np.savez(file, **arrays)
        if values:
            recorded = dict(_recorded(rebuilt.state, state.step, split, values))
            yield Measurement(state.step, state.epoch, split, values, recorded)


def _recorded(state: RunState, step: int, split: str, values: Iterable[str]) -> Iterator[tuple[str, float]]:
    for name in values:
        curve = state.curves.get(name if name.startswith(f"{split}/") else f"{name}@{split}")
        if curve is not None and len(places := np.flatnonzero(curve.kept & (curve.steps == step))):
            yield name, float(curve.values[places[-1]])


def as_in_training(probed: Probed) -> Iterator[Found]:
    """What an epoch's end and the run's end measure, in that order."""
    for split, values in during(probed):
        yield split, values, "", {}
    yield from _attention(_Features(probed))
    for split, values, arrays in at_the_end(probed):
        yield split, values, f"predictions-{split}", arrays


class _Features:
    """Of a network, on the pictures that have classes, worked out once for all probes."""

    def __init__(self, probed: Probed) -> None:
        self.probed = probed
        self._known: dict[tuple[str, str], linear.Labelled] = {}

    def of(self, name: str, network: nn.Module, split: str, data: Prepared) -> linear.Labelled:
        if (name, split) not in self._known:
            labels = data.train_labels if split == "train" else data.labels(split)
            features_ND = self.probed.features(network, data, split)
            self._known[name, split] = linear.Labelled(features_ND, torch.from_numpy(labels))
        return self._known[name, split]


def _knn(features: _Features) -> Iterator[Found]:
    data = features.probed.data.labelled
    for split in ("val", "test") if data is not None else ():
        values: dict[str, float] = {}
        for name, network in features.probed.networks():
            assert data is not None
            bank, asked = (features.of(name, network, part, data) for part in ("train", split))
            values |= knn.measure(name, *bank, *asked, data.classes)
        yield split, values, "", {}


def _linear(kind: str, how: linear.How) -> Callable[[_Features], Iterator[Found]]:
    def measured(features: _Features) -> Iterator[Found]:
        data = features.probed.data.labelled
        values: dict[str, float] = {}
        for name, network in features.probed.networks() if data is not None else ():
            assert data is not None
            train, val, test = (features.of(name, network, part, data) for part in ("train", "val", "test"))
            for _, value in linear.measure(name, train, val, test, data.classes, how=how):
                values[f"{kind}/{name}"] = value
        yield "test", values, "", {}

    return measured


def _rank(features: _Features) -> Iterator[Found]:
    """Of the student's features of the run's own pictures, as in training."""
    probed = features.probed
    for split in ("val", "test"):
        yield split, dict(collapse.measure(probed.features(probed.student, probed.data, split))), "", {}


def _attention(features: _Features) -> Iterator[Found]:
    found = features.probed.maps()
    if found is not None:
        kind, arrays = found
        yield "test", dict(attention.measure(arrays)), kind, arrays


PROBES: dict[str, Callable[[_Features], Iterator[Found]]] = {
    "knn": _knn,
    "linear": _linear("linear", "descend"),
    "logreg": _linear("logreg", "regress"),
    "rank": _rank,
    "attention": _attention,
}


# ---- what is said -------------------------------------------------------------------------------------------------------


def _table(found: Sequence[Measurement]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("step", "epoch", "metric", "value", "in the events"):
        table.add_column(title, justify="left" if title == "metric" else "right", no_wrap=True)
    for one in found:
        for name, value in one.values.items():
            metric = name if name.startswith(f"{one.split}/") else f"{name}, {one.split}"
            cells = (words.count(one.step), f"{one.epoch:.4g}", metric, _said(name, value))
            table.add_row(*cells, _beside(name, value, one.recorded.get(name)))
    return table


def _said(name: str, value: float) -> str:
    share = name.startswith(("knn/", "linear/", "logreg/", "errors/")) or name.endswith(("/accuracy", "/top1", "/wrong"))
    return words.percent(value) if share else words.number(value, 4)


def _beside(name: str, value: float, recorded: float | None) -> str:
    if recorded is None:
        return ""
    return "the same" if abs(value - recorded) <= SAME * max(1.0, abs(recorded)) else _said(name, recorded)
