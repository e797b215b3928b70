"""What was measured and predicted, as tables that any program reads: CSV, UTF-8, commas, points for decimals.

Nothing that a resume abandoned stands in them. What is absent is an empty cell, never a zero and never the value before.
"""

import contextlib
import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import arrays, words
from engine.exports.card import Made
from engine.lineages import predictions_of
from engine.predictions import ComparisonError, Mistakes, Predictions, mistakes
from engine.run import Run, teacher_of
from engine.state import RunState

UNREADABLE = (OSError, ValueError, KeyError)
LONG, WIDE, ERRORS = "metrics.csv", "metrics-wide.csv", "errors.csv"
USE = """\
```python
import pandas

metrics = pandas.read_csv("metrics.csv")
metrics[metrics.metric == "val/accuracy"].plot("epoch", "value")
```

Rates are fractions. Points that a resume or a roll-back abandoned are left out. In `metrics.csv` every row is one value:
`seconds` of training behind it and the `attempt` that took it. In `metrics-wide.csv` every row is one step and every column one
metric, empty where nothing was measured. `picture` is a picture's place in the data set, `file` its name where the data has
files; `label` is what the run was told, `true_label` what is right; the columns `p:...` are the probabilities of the classes.
In `errors.csv` are the test pictures that the network gets wrong; `fate` says whether its teacher got them wrong too
(*inherited*) or not (*new*), and is empty without a teacher whose predictions can be read."""


def write(folder: Path, run: Run) -> Made:
    """The tables there is something for."""
    state, files = run.state(), {}
    if state.curves:
        _table(folder / LONG, ("step", "epoch", "seconds", "attempt", "metric", "value"), _long(state))
        files[LONG] = "every value that was measured, one a row"
        _table(folder / WIDE, *_wide(state))
        files[WIDE] = "the same, a row for each step and a column for each metric"
    names = list((run.data() or {}).get("classes", ()))
    shown = _files(run)
    for kind, found in _predictions(run, state):
        _table(folder / f"{kind}.csv", *_said(found, names, shown))
        files[f"{kind}.csv"] = f"what the network says of each picture of {kind.rpartition('-')[2]}"
    with contextlib.suppress(ComparisonError):
        if (ours := predictions_of(run, state)) is not None:
            _table(folder / ERRORS, *_errors(ours, _fates(run, ours), names, shown))
            files[ERRORS] = "the test pictures that it gets wrong"
    return Made(files, USE)


def _long(state: RunState) -> Iterator[Sequence[Any]]:
    for name, curve in sorted(state.curves.items()):
        columns = (curve.steps, curve.epochs, curve.times, curve.attempts, curve.values)
        for step, epoch, seconds, attempt, value in zip(*(column[curve.kept].tolist() for column in columns)):
            yield step, epoch, seconds, attempt, name, value


def _wide(state: RunState) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
    names = sorted(state.curves)
    at: dict[int, dict[str, float]] = {}
    epochs: dict[int, float] = {}
    for step, epoch, _, _, name, value in _long(state):
        at.setdefault(step, {})[name] = value
        epochs[step] = epoch
    return ("step", "epoch", *names), ((step, epochs[step], *(at[step].get(name, "") for name in names)) for step in sorted(at))


def _predictions(run: Run, state: RunState) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
    """The newest of each kind that can be read."""
    newest = {one.kind: one for one in state.artifacts if one.kind.startswith("predictions-")}
    for kind, artifact in newest.items():
        with contextlib.suppress(*UNREADABLE):
            found = arrays.read(run.folder / artifact.path)
            if found["probabilities"].ndim == 2:
                yield kind, found


def _said(arrays: dict[str, NDArray[Any]], names: Sequence[str], files: Sequence[str]) -> tuple[list[str], Iterator[list[Any]]]:
    """A row for each picture."""
    probabilities_NK, index_N, labels_N = (arrays[name] for name in ("probabilities", "index", "labels"))
    true_N, chosen_N = arrays.get("true_labels", labels_N), probabilities_NK.argmax(1)
    classes = [_name(names, place) for place in range(probabilities_NK.shape[1])]
    head = ["picture", "file", "label", "true_label", "predicted", "correct", "confidence", *(f"p:{name}" for name in classes)]
    rows = (
        [
            index,
            _name(files, index, ""),
            *(_name(names, one) for one in (label, true, chosen)),
            int(chosen == true),
            *(f"{value:.7g}" for value in (said_K[chosen], *said_K)),
        ]
        for index, label, true, chosen, said_K in zip(
            index_N.tolist(), labels_N.tolist(), true_N.tolist(), chosen_N.tolist(), probabilities_NK
        )
    )
    return head, rows


def _errors(
    ours: Predictions, fates: Mistakes | None, names: Sequence[str], files: Sequence[str]
) -> tuple[list[str], Iterator[list[Any]]]:
    head = ["picture", "file", "true_label", "predicted", "confidence", "p:true_label", "fate"]
    fate = (
        {} if fates is None else dict.fromkeys(fates.inherited.tolist(), "inherited") | dict.fromkeys(fates.new.tolist(), "new")
    )
    rows = (
        [
            int(ours.index[row]),
            _name(files, int(ours.index[row]), ""),
            _name(names, int(ours.labels[row])),
            _name(names, int(ours.predicted[row])),
            *(f"{value:.7g}" for value in (ours.confidence[row], ours.probabilities[row, ours.labels[row]])),
            fate.get(row, ""),
        ]
        for row in np.flatnonzero(~ours.correct).tolist()
    )
    return head, rows


def _fates(run: Run, ours: Predictions) -> Mistakes | None:
    """Against its teacher, where that one predicted the same pictures."""
    teacher = teacher_of(run)
    try:
        theirs = predictions_of(teacher, teacher.state()) if teacher and teacher.folder.is_dir() else None
        return mistakes(theirs, ours) if theirs is not None else None
    except (ComparisonError, OSError, ValueError):
        return None


def _files(run: Run) -> list[str]:
    """The files' names by place, where the data set is a folder whose decoded copy is still there."""
    copy = (run.data() or {}).get("cache", "")
    with contextlib.suppress(*UNREADABLE):
        return arrays.read(run.workspace / "data" / Path(copy).name, "files")["files"].tobytes().decode().split("\n")
    return []


def _name(names: Sequence[str], place: int, otherwise: str | None = None) -> str:
    """What it is called, else its number."""
    return names[place] if 0 <= place < len(names) else str(place) if otherwise is None else otherwise


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in itertools.chain([head], rows):
            writer.writerow([words.cell(one) if isinstance(one, str) else one for one in row])
