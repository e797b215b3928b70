"""A person's own pictures: a folder of class folders (listing.py), an archive of one (archives.py) or a CSV of labels
(label_file.py), decoded once (decode.py) and kept in the workspace.

The copy is named by what it was decoded from, so that a folder moved, copied or touched gives the same one; beside it lies a
small file for each listing that was read, so that a later start opens no picture. A file that gives no picture is named and
left out; a class without any left is refused. All but the listing serves pictures without classes too (unlabelled.py).

Shapes: N pictures, C channels.
"""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from engine import processes, reading, words
from engine.data import cache, label_file
from engine.data.cache import Arrays
from engine.data.decode import Decoded, Unreadable, decode
from engine.data.listing import Entry, Listing, listed, shown
from engine.data.pictures import Broken, Pictures, Source, Tell
from engine.fields import RecipeError, tag_of
from engine.recipe import Folder, Own

DECODER = 1  # raise it when decode.py gives other pixels for the same file
PORTION = 32  # pictures between two looks at what the run is asked


class Index(Struct, frozen=True):
    """folder-<listing>.json: where the decoded copy of a listing is, and what is not in the copy."""

    cache: str
    sha256: str  # of the copy's arrays
    files_sha256: str
    broken: tuple[tuple[int, str], ...]  # place in the listing, problem
    modes: dict[str, int]
    smallest: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Read:
    pictures_u8: NDArray[np.uint8]
    index: Index


def silent(done: int, total: int) -> None:
    """For those who do not want to be told."""


def load(asked: Folder, data_folder: Path, tell: Tell = silent, threads: int = 1) -> Pictures:
    """The folder's pictures, from `data_folder`'s copy if it is sound. Raises RecipeError for what cannot be used."""
    return read(label_file.labelled(Path(asked.path), data_folder, tell), asked, data_folder, tell, threads)


def read(listing: Listing, asked: Own, data_folder: Path, tell: Tell, threads: int) -> Pictures:
    """The listed pictures as `asked`, from the copy or decoded. Raises RecipeError where none can be."""
    _refuse_too_large(len(listing.entries), asked)
    place = data_folder / f"{tag_of(type(asked))}-{listing.key(asked.size, asked.colour, DECODER)[:16]}.json"
    tell(0, len(listing.entries))
    found = _cached(place)
    if found is None:
        found = _decode_all(listing, asked, tell, threads)
        cache.keep(data_folder / found.index.cache, _copy(found.pictures_u8, _sound(listing, found.index)))
        processes.write_aside(place, msgspec.json.encode(found.index))
    tell(len(listing.entries), len(listing.entries))
    return _pictures(tag_of(type(asked)), listing, found)


def _refuse_too_large(pictures: int, asked: Own) -> None:
    """All pictures are held in memory, those to train on twice."""
    need = 2 * pictures * _channels(asked) * asked.size**2
    free = psutil.virtual_memory().available
    if need > free:
        what = f"{words.plural(pictures, 'picture')} of {asked.size} x {asked.size} px need {words.size(need)} of memory"
        raise RecipeError("data.size", f"{what}, and {words.size(free)} are free; write a smaller size")


def _channels(asked: Own) -> int:
    return 3 if asked.colour == "rgb" else 1


def _cached(place: Path) -> _Read | None:
    try:
        index = reading.json(place, Index, most=2**30)
    except (OSError, msgspec.MsgspecError):
        return None
    arrays = cache.read(place.with_name(Path(index.cache).name), ("pictures", "labels", "files"), index.sha256)
    return None if arrays is None else _Read(arrays["pictures"], index)


# ---- decoding -----------------------------------------------------------------------------------------------------------


def _decode_all(listing: Listing, asked: Own, tell: Tell, threads: int) -> _Read:
    entries = listing.entries
    pictures_u8 = np.empty((len(entries), _channels(asked), asked.size, asked.size), np.uint8)
    sums: dict[str, bytes] = {}
    broken: dict[int, str] = {}
    modes: Counter[str] = Counter()
    sizes: set[tuple[int, int]] = set()
    for place, got in enumerate(_each(listing, asked, tell, threads)):
        if isinstance(got, Unreadable):
            broken[place] = str(got)
            continue
        pictures_u8[place] = got.pixels_CHW
        sums[entries[place].name] = got.sha256
        modes[got.mode] += 1
        sizes.add((got.height, got.width))
    _refuse_empty_classes(listing, broken)
    if broken:
        at = {entry.name: place for place, entry in enumerate(entries)}
        pictures_u8 = pictures_u8[[at[entry.name] for entry in listing.without(broken)]]
    sound = listing.without(broken)
    files_sha256 = _files_sha256([(label_file.identity(listing, entry), sums[entry.name]) for entry in sound])
    index = Index(
        cache=f"{tag_of(type(asked))}-{files_sha256[:16]}-{asked.size}px-{asked.colour}.npz",
        sha256=cache.digest(_copy(pictures_u8, sound)),
        files_sha256=files_sha256,
        broken=tuple(broken.items()),
        modes=dict(modes.most_common()),
        smallest=min(sizes, key=_area),
        largest=max(sizes, key=_area),
    )
    return _Read(pictures_u8, index)


def _each(listing: Listing, asked: Own, tell: Tell, threads: int) -> Iterator[Decoded | Unreadable]:
    """Every file in its order, decoded on threads: Pillow gives the interpreter's lock back while it decodes."""

    def one(entry: Entry) -> Decoded | Unreadable:
        try:
            return decode(listing.root / entry.name, asked.size, asked.colour)
        except Unreadable as problem:
            return problem

    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about files that are a little wrong; what is too wrong is raised
        for start in range(0, len(listing.entries), PORTION):
            tell(start, len(listing.entries))
            yield from pool.map(one, listing.entries[start : start + PORTION])


def _refuse_empty_classes(listing: Listing, broken: dict[int, str]) -> None:
    of_class: dict[tuple[str, int], list[int]] = {}
    for place, entry in enumerate(listing.entries):
        of_class.setdefault((entry.part, entry.label), []).append(place)
    for (part, label), places in of_class.items():
        if all(place in broken for place in places):
            first = f"{shown(listing.entries[places[0]].name)} {broken[places[0]]}"
            problem = f"none of the {words.plural(len(places), 'file')}{_of_what(listing, part, label)} can be read ({first})"
            remedy = "mend them, or move the folder away" if part or listing.classes else "write another folder"
            raise RecipeError("data.path", f"{problem}; {remedy}")


def _of_what(listing: Listing, part: str, label: int) -> str:
    """ " of the class 'train/cat'"; " in 'train'" where there are no classes."""
    if listing.classes:
        return f" of the class {listed([f'{part}/{listing.classes[label]}' if part else listing.classes[label]])}"
    return f" in {listed([part])}" if part else ""


def _files_sha256(files: Sequence[tuple[str, bytes]]) -> str:
    """Of names and contents, so of the classes too: the same wherever the folder lies and whenever it was copied."""
    sums = hashlib.sha256()
    for name, content in files:
        sums.update(os.fsencode(name) + b"\0" + content)
    return sums.hexdigest()


def _area(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return size[0] * size[1], size


# ---- what is left -------------------------------------------------------------------------------------------------------


def _sound(listing: Listing, index: Index) -> list[Entry]:
    return listing.without(dict(index.broken))


def _labels(entries: Sequence[Entry]) -> NDArray[np.int64]:
    return np.array([entry.label for entry in entries], dtype=np.int64)


def _copy(pictures_u8: NDArray[np.uint8], entries: Sequence[Entry]) -> Arrays:
    """What is kept: pictures and labels for whoever shows them, and the files' names, one a line, as UTF-8."""
    names = "\n".join(shown(entry.name) for entry in entries).encode()
    return {"pictures": pictures_u8, "labels": _labels(entries), "files": np.frombuffer(names, np.uint8)}


def _pictures(name: str, listing: Listing, found: _Read) -> Pictures:
    index, sound = found.index, _sound(listing, found.index)
    parts = np.array([entry.part for entry in sound])
    broken = [Broken(shown(listing.entries[place].name), problem) for place, problem in index.broken]
    return Pictures(
        name,
        found.pictures_u8,
        _labels(sound),
        tuple(shown(name) for name in listing.classes),
        index.files_sha256,
        index.cache,
        given={part: np.flatnonzero(parts == part) for part in listing.given},
        broken=tuple(sorted([*broken, *listing.broken])),
        source=Source(tuple(shown(entry.name) for entry in sound), index.modes, index.smallest, index.largest, listing.remarks),
    )


# ---- a look before training ---------------------------------------------------------------------------------------------


def scan(
    table: dict[str, Any], scratch: Path, tell: Callable[[float, str], None], caches: Path | None = None
) -> dict[str, Any]:
    """What a person wants to know of a recipe's data table before training on it; see scan.py."""
    from engine.data import scan as room  # which needs this one

    return room.scan(table, scratch, tell, caches)
