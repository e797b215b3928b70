"""The maps that a run made of its probe pictures: which there are, what they are called, and reading them.

Reading never raises anything but `Unreadable`. Left to widgets/live_images.py: which of them is shown, and when to ask.

Shapes: P pictures.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import arrays, reading, words
from engine.state import Artifact, RunState
from studio import phrases, theme
from studio.session import Followed
from studio.widgets.attention_grid import Looks, Network, Probe

DRAWN_KINDS = ("attention", "evidence")


def snapshots(state: RunState) -> list[Artifact]:
    """The maps of the probe pictures that no resume has abandoned, in order of their steps; one a step."""
    found = {one.step: one for one in _kept_artifacts(state) if one.kind in DRAWN_KINDS}
    return [found[step] for step in sorted(found)]


def probe_artifact(state: RunState) -> Artifact | None:
    """Where the probe pictures themselves are."""
    return next((one for one in reversed(state.artifacts) if one.kind == "probe-pictures"), None)


def _kept_artifacts(state: RunState) -> Iterator[Artifact]:
    limits: dict[int, float] = {}  # the last step of each attempt that a later one did not leave behind
    limit = float("inf")
    for attempt in reversed(state.attempts):
        limits[attempt.number] = limit
        limit = min(limit, attempt.resumed_from_step)
    return (one for one in state.artifacts if one.step <= limits.get(one.attempt, limit))


def moment_words(snapshot: Artifact) -> str:
    """ "Epoch 13, step 1,950"."""
    whole = f"{snapshot.epoch:g}" if snapshot.epoch < 1 or snapshot.epoch % 1 else words.count(round(snapshot.epoch))
    return f"Epoch {whole}, step {words.count(snapshot.step)}"


def newest_words(one: Followed) -> str:
    """What the newest snapshot is to this run."""
    return "last before the failure" if phrases.reason(one) == "failed" and not one.expected else "newest"


def networks(one: Followed, color: str, teacher: Followed | None) -> tuple[Network, ...]:
    """Whose maps are beside each other, in the colours of their curves."""
    if not one.recipe or not one.recipe.teacher:
        return (Network("student", color), Network("teacher", color))
    theirs = theme.generation_color(teacher.generation if teacher else max(0, one.generation - 1))
    name = f"F{one.generation - 1}" if one.generation else one.recipe.teacher
    return (Network(f"student {one.called}", color), Network(f"teacher {name}", theirs))


# Files of the run's folder --------------------------------------------------------------------------------------


class Unreadable(Exception):
    """A file cannot be shown; the sentence says why."""


def inside(folder: Path, path: str) -> Path:
    """A path that an event names, proved to lie in the run's folder. Raises Unreadable."""
    whole = (folder / path).resolve()
    if not whole.is_relative_to(folder.resolve()):
        raise Unreadable(f"{path} lies outside the run's folder and is not opened.")
    return whole


def read_arrays(folder: Path, path: str) -> dict[str, NDArray[np.generic]]:
    """All arrays of an artifact. Raises Unreadable."""
    whole = inside(folder, path)
    try:
        return arrays.read(whole)
    except FileNotFoundError:
        raise Unreadable(f"{path} is missing from the run's folder.") from None
    except (OSError, ValueError, MemoryError) as error:
        raise Unreadable(f"{path} is damaged and cannot be shown ({type(error).__name__}).") from None


def read_probe(folder: Path, path: str) -> Probe:
    """The probe pictures: uint8 [P, C, H, W] with one or three channels, labels [P]. Raises Unreadable."""
    found = read_arrays(folder, path)
    pictures, marks = found.get("pictures"), found.get("labels")
    whole = pictures is not None and pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[1] in (1, 3)
    if not whole or pictures is None or marks is None or marks.shape != pictures.shape[:1] or 0 in pictures.shape:
        raise Unreadable(f"{path} does not hold the probe pictures it should.")
    return Probe(pictures, tuple(int(mark) for mark in marks))  # type: ignore[arg-type]


def read_looks(folder: Path, path: str, kind: str, pictures: int) -> Looks:
    """The maps of a snapshot for so many pictures. Raises Unreadable."""
    found = read_arrays(folder, path)
    axes = 4 if kind == "attention" else 3
    expected: Mapping[str, int] = {"student": axes, "teacher": axes, "pca_student": 4, "pca_teacher": 4} | dict.fromkeys(
        ("overlap", "jaccard", "student_class", "student_confidence", "teacher_class", "teacher_confidence"), 1
    )
    for name, array in found.items():
        if name in expected and (array.ndim != expected[name] or len(array) != pictures or 0 in array.shape):
            raise Unreadable(f"{path} does not fit the {words.plural(pictures, 'probe picture')}.")
        if name.startswith("pca_") and array.shape[1:2] != (3,):
            raise Unreadable(f"{path} holds colours of patches that are not red, green and blue.")
    if "student" not in found:
        raise Unreadable(f"{path} holds no map of the student.")
    return Looks(
        student=_with_heads(found["student"]),
        teacher=_with_heads(found["teacher"]) if "teacher" in found else None,
        **{f"pca_{name}": _finite(found.get(f"pca_{name}")) for name in ("student", "teacher")},  # type: ignore[arg-type]
        **{name: found.get(name) for name, axes in expected.items() if axes == 1},  # type: ignore[arg-type]
    )


def _with_heads(maps: NDArray[np.generic]) -> NDArray[np.float32]:
    """[P, h, w] or [P, heads, h, w] as the latter; what is not finite counts as nothing."""
    whole = _finite(maps)
    assert whole is not None
    return whole[:, None] if whole.ndim == 3 else whole


def _finite(maps: NDArray[np.generic] | None) -> NDArray[np.float32] | None:
    with np.errstate(over="ignore"):  # beyond float32 is infinite there
        return None if maps is None else np.nan_to_num(maps.astype(np.float32), posinf=0.0, neginf=0.0)


class Shelf:
    """The newest looked-at files of runs, decoded: at most so many of each kind, the longest unused goes first."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._held: OrderedDict[tuple[Path, str], Probe | Looks] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def probe(self, folder: Path, path: str) -> Probe:
        found = self._take((folder, path), lambda: read_probe(folder, path))
        assert isinstance(found, Probe)
        return found

    def looks(self, folder: Path, snapshot: Artifact, pictures: int) -> Looks:
        found = self._take((folder, snapshot.path), lambda: read_looks(folder, snapshot.path, snapshot.kind, pictures))
        assert isinstance(found, Looks)
        return found

    def _take(self, key: tuple[Path, str], read: Callable[[], Probe | Looks]) -> Probe | Looks:
        found = self._held.pop(key, None) or read()
        self._held[key] = found
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return found


def tail_of(path: Path, most: int = 100_000) -> str:
    """The end of a text file, from the beginning of a line; what is not UTF-8 is replaced. Raises Unreadable."""
    try:
        with reading.opened(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is not there: no engine has written one yet.") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror or error}.") from None
    return text if size <= most else text.partition("\n")[2]
