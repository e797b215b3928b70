"""Labels that a person has corrected, in a file of their own: the pictures and their folders stay as they are.

A CSV of two columns under the header `picture,label`. A picture is a file as the data set names it (cat/12.jpg below the
folder), or, where the pictures are nobody's files, its place in the data set. A label is the name of a class; empty leaves the
picture out of training. Only training pictures can be corrected: what a network is judged by must not change with its training.

Read by the engine and written by the window, so nothing here needs torch.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import processes, reading
from engine.fields import RecipeError

FIELD = "data.corrections"
HEADER = ["picture", "label"]
MOST_BYTES = 64 * 2**20  # a million lines; more is some other file
SOME = 12  # classes named in a refusal
LEFT_OUT = -1  # in place of a class: not trained on
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Corrections:
    """What a file says, by the picture's place in the data set: a class, or LEFT_OUT."""

    labels: Mapping[int, int]
    sha256: str

    def card(self) -> dict[str, object]:
        """What data.json says of them."""
        left_out = sum(label == LEFT_OUT for label in self.labels.values())
        return {"sha256": self.sha256, "relabelled": len(self.labels) - left_out, "left_out": left_out}


def read(path: str, names: Sequence[str], pictures: int, classes: Sequence[str], train: Index) -> Corrections:
    """The corrections of a data set of so many pictures, whose files have these names (none where they are no files).

    `train`: places of the training pictures. Raises RecipeError naming line and value.
    """
    raw = _bytes(Path(path))
    places = {name: place for place, name in enumerate(names)} if names else {str(place): place for place in range(pictures)}
    numbers, trained, found = {name: number for number, name in enumerate(classes)}, set(train.tolist()), {}
    for line, picture, label in _lines(raw, path):
        place = places.get(picture)
        if place is None:
            raise _refused(path, line, f'there is no picture "{picture}"{_nearest(names)}')
        if place not in trained:
            raise _refused(path, line, f'"{picture}" is not trained on, and only labels of training pictures are corrected')
        if label and label not in numbers:
            some = f"{', '.join(classes[:SOME])}{'...' * (len(classes) > SOME)}"
            raise _refused(path, line, f'"{label}" is no class; there are {some}')
        found[place] = numbers[label] if label else LEFT_OUT
    return Corrections(found, hashlib.sha256(raw).hexdigest())


def sum_of(path: str) -> str:
    """The checksum of the file as it is now; empty for no file. Raises RecipeError if it cannot be read."""
    return hashlib.sha256(_bytes(Path(path))).hexdigest() if path else ""


def applied(corrections: Corrections, train: Index, labels: Index) -> tuple[Index, Index]:
    """Places and labels to train on, from those given: relabelled, and without what is left out."""
    given = zip(train.tolist(), labels.tolist(), strict=True)
    corrected = np.array([corrections.labels.get(place, label) for place, label in given], np.int64)
    kept = corrected != LEFT_OUT
    if not kept.any():
        raise RecipeError(FIELD, "leaves every training picture out, so nothing could be learned; take lines out of it")
    return train[kept], corrected[kept]


def free_file(folder: Path, lineage: str) -> Path:
    """A file that no recipe can have named yet: runs hold to the file they began with, so it must not change."""
    numbers = (number for number in range(1, 1_000_000) if not (folder / f"corrections-{lineage}-{number}.csv").exists())
    return folder / f"corrections-{lineage}-{next(numbers)}.csv"


def write(path: Path, corrected: Mapping[str, str], begun: str = "") -> int:
    """Add these to what the file says already, a picture's newest label in force; how many lines it has now.

    A new file begins with what `begun` says, the corrections in force before. The file is replaced whole. Raises RecipeError
    if what is there is no file of corrections, OSError if it cannot be written.
    """
    source = path if path.exists() else Path(begun) if begun else None
    before = {picture: label for _, picture, label in _lines(_bytes(source), str(source))} if source else {}
    together = {**before, **corrected}
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([HEADER, *together.items()])
    processes.write_aside(path, text.getvalue().encode())
    return len(together)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RecipeError(FIELD, f"{path} has over {MOST_BYTES >> 20} MiB, which is no file of corrections; choose another")
        return reading.content(path, MOST_BYTES)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror or error}); choose another file, or leave it empty"
        raise RecipeError(FIELD, problem) from None


def _lines(raw: bytes, path: str) -> list[tuple[int, str, str]]:
    """Line, picture, label."""
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(FIELD, f"{path} is no CSV file in UTF-8 ({error}); write it anew") from None
    if not rows or [name.strip() for name in rows[0]] != HEADER:
        raise RecipeError(FIELD, f"{path} does not begin with the line {','.join(HEADER)}; write that line first")
    found = []
    for line, row in enumerate(rows[1:], 2):
        if row and len(row) != len(HEADER):
            raise _refused(path, line, f"it has {len(row)} columns instead of {len(HEADER)}")
        if row:
            found.append((line, row[0].strip(), row[1].strip()))
    return found


def _refused(path: str, line: int, problem: str) -> RecipeError:
    return RecipeError(FIELD, f"{path}, line {line}: {problem}; correct that line, or take it out")


def _nearest(names: Sequence[str]) -> str:
    return f"; they are written like {names[0]}" if names else "; here a picture is its place in the data set, a number"
