"""A folder of pictures: its layout, its classes, its files in their order. Opens no picture; decode.py does.

With classes (`find`):

    <path>/<class>/...                     all is split
    <path>/{train,val,test}/<class>/...    what is given stays as it is; the rest is split off train
    <path>/<anything>/...                  a single folder around one of these is looked into

Folders below a class folder belong to the class. Without classes (`find_all`) every picture counts, however deep it lies; only
train, val and test folders keep their meaning. Hidden files, what systems leave behind and files that are no pictures are
passed over. What is left out is said in `remarks` and `broken`; what makes the whole unusable is a RecipeError for data.path.
"""

import contextlib
import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.data.pictures import Broken, Tell
from engine.fields import RecipeError
from engine.recipe import ANY_FOLDER, no_folder
from engine.words import count, plural

_PNM = (".ppm", ".pgm", ".pbm", ".pnm")
PICTURES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", *_PNM))
# Pictures, or what holds them, that are not read: unlike a README they are worth a word.
_PHOTOS = ("heic", "heif", "avif", "jxl", "jp2", "raw", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef", "srw")
_DRAWINGS = ("svg", "psd", "tga", "ico", "icns", "eps", "pdf", "exr", "hdr")
_HOLDERS = ("dcm", "nii", "fits", "npy", "npz", "mat", "mp4", "mov", "avi", "mkv", "webm", "zip", "tar", "gz", "7z", "rar")
OTHER_FORMATS = frozenset(f".{name}" for name in (*_PHOTOS, *_DRAWINGS, *_HOLDERS, "tfrecord", "parquet"))
LEFT_BEHIND = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"))
PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
ORDER = ("train", "val", "test", "")
UNSORTED = 'write data.name = "pictures" to learn from them without classes'
WRAPPINGS = 3
READ = "JPEG, PNG, BMP, GIF, WebP, TIFF, PPM"


class Entry(NamedTuple):
    """A file that may be a picture. `name` is its path below the root, with /; `part` is "" where all is split."""

    name: str
    part: str
    label: int  # 0 where there are no classes
    size: int
    time_ns: int


class NoClasses(RecipeError):
    """There are pictures, but nothing that tells them apart: they could be learned from without labels."""


@dataclass(frozen=True)
class Listing:
    root: Path
    classes: tuple[str, ...]  # none: all pictures count alike
    given: tuple[str, ...]  # which of train, val and test are folders
    entries: tuple[Entry, ...]
    broken: tuple[Broken, ...]
    remarks: tuple[str, ...]
    told: str = ""  # digest of a file that says what the pictures show; of a folder the paths say it

    def key(self, *how: object) -> str:
        """Tells this listing, decoded in this way, from any other: names, sizes and times of all files."""
        sums = hashlib.sha256(repr((os.fsencode(self.root), *how, *filter(None, [self.told]))).encode())
        for entry in self.entries:
            sums.update(os.fsencode(entry.name) + f"\0{entry.size} {entry.time_ns}\n".encode())
        return sums.hexdigest()

    def without(self, broken: Collection[int]) -> list[Entry]:
        """The entries but those at these places, put in turn again, as if the others had never been there."""
        if not broken:
            return list(self.entries)
        return in_turn([entry for place, entry in enumerate(self.entries) if place not in broken], not self.classes)


def find(path: Path, tell: Tell) -> Listing:
    """What lies in the folder by class. Raises RecipeError where no two classes can be found: NoClasses if pictures can."""
    if not path.is_dir():
        raise RecipeError("data.path", no_folder(str(path)))
    root = _unwrapped(path)
    parts, remarks = _parts(root)
    walk = _Walk(root, tell)
    found = {part: dict(walk.classes(folder)) for part, folder in parts.items()}
    classes = _classes(root, found, walk)
    entries = [
        Entry(name, part, classes.index(label), *facts)
        for part, by_class in found.items()
        for label, files in by_class.items()
        for name, facts in files.items()
    ]
    given = tuple(part for part in ORDER if part and part in parts)
    remarks += list(walk.remarks()) + list(_gaps(found, classes))
    return Listing(root, tuple(classes), given, tuple(in_turn(entries)), tuple(sorted(walk.broken)), tuple(remarks))


def find_all(path: Path, tell: Tell) -> Listing:
    """What lies in the folder, however deep, whatever it shows. Raises RecipeError where there is no picture."""
    if not path.is_dir():
        raise RecipeError("data.path", no_folder(str(path), ANY_FOLDER))
    root = _unwrapped(path)
    folders = _given_folders(root)
    rest = "train" if folders else ""  # what lies beside a test folder is there to learn from
    walk = _Walk(root, tell)
    entries = [Entry(name, folders.get(name.partition("/")[0], rest), 0, *facts) for name, facts in walk.files(root)]
    if not entries:
        others = "".join(f"; {remark}" for remark in walk.remarks())
        raise _error(root, f"holds no picture ({READ}); {ANY_FOLDER}{others}")
    given = tuple(part for part in ORDER if part in folders.values())
    return Listing(root, (), given, tuple(in_turn(entries, True)), tuple(sorted(walk.broken)), tuple(walk.remarks()))


def in_turn(entries: Sequence[Entry], by_folder: bool = False) -> list[Entry]:
    """Part after part, and within it one file of each class, the next of each class, and so on: the first pictures of a part
    show different classes. A class's own files are in the order of their names. `by_folder`: each folder counts as a class."""
    seen: Counter[tuple[str, int | str]] = Counter()
    placed = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        group = entry.name.rpartition("/")[0] if by_folder else entry.label
        rank = seen[entry.part, group]
        seen[entry.part, group] += 1
        placed.append((ORDER.index(entry.part), rank, group, entry))
    return [entry for *_, entry in sorted(placed, key=lambda place: place[:3])]


def shown(name: str) -> str:
    """A file's name in a sentence or in JSON: on one line, and whatever its bytes are."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def listed(names: Sequence[str], most: int = 5) -> str:
    """ "'cat', 'dog' and 3 more"."""
    some = ", ".join(f"'{shown(name)}'" for name in names[:most])
    return some + (f" and {count(len(names) - most)} more" if len(names) > most else "")


# ---- the layout ---------------------------------------------------------------------------------------------------------


def _unwrapped(path: Path) -> Path:
    """The folder that holds the class folders: `path`, or what a zip file was unpacked into below it."""
    for _ in range(WRAPPINGS):
        folders, pictures = _children(path)
        if len(folders) != 1 or pictures or folders[0].name.lower() in PARTS or not _children(folders[0])[0]:
            break
        path = folders[0]
    return path


def _children(folder: Path) -> tuple[list[Path], int]:
    """The folders in a folder, sorted, and how many pictures lie beside them."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not is_hidden(entry.name)]
            folders = sorted(Path(entry.path) for entry in visible if _is_folder(entry))
            pictures = sum(suffix_of(entry.name) in PICTURES and not _is_folder(entry) for entry in visible)
    except OSError as error:
        raise RecipeError("data.path", f"{shown(str(folder))} cannot be opened ({error.strerror or error})") from None
    return folders, pictures


def _parts(root: Path) -> tuple[dict[str, Path], list[str]]:
    """The folder of each part, {"": root} where all is to be split, and what was left out in words."""
    folders, loose = _children(root)
    named: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        named[PARTS.get(folder.name.lower(), "")].append(folder)
    others = named.pop("", [])
    if not named or (others and not _is_split(named)):
        _refuse_inside_out(folders)
        return {"": root}, _loose(loose)
    _refuse_unfit_parts(root, named)
    kept = [part for part in ORDER if part in named]
    remarks = [f"{listed([other.name for other in others])} beside {' and '.join(kept)} is left out"] if others else []
    return {part: named[part][0] for part in kept}, remarks + _loose(loose)


def _given_folders(root: Path) -> dict[str, str]:
    """Which folder is which part, where nobody has sorted the pictures: train beside val or test, else none is."""
    found = {folder.name: PARTS[folder.name.lower()] for folder in _children(root)[0] if folder.name.lower() in PARTS}
    return found if {"train"} < set(found.values()) else {}


def _loose(pictures: int) -> list[str]:
    return [f"{plural(pictures, 'picture')} outside the class folders left out"] if pictures else []


def _is_split(named: Mapping[str, list[Path]]) -> bool:
    """Whether these are parts, with classes inside, rather than classes beside others: a train is also a vehicle."""
    return {"train"} < set(named) and all(_children(folder)[0] for folders in named.values() for folder in folders)


def _refuse_unfit_parts(root: Path, named: Mapping[str, list[Path]]) -> None:
    twice = next((folders for folders in named.values() if len(folders) > 1), None)
    if twice:
        raise _error(root, f"has {listed([folder.name for folder in twice])}, which mean the same; leave one of them")
    if "train" not in named:
        there = listed([folder.name for folders in named.values() for folder in folders])
        raise _error(root, f"has {there} but no train folder; put the pictures to learn from into train/<class>")
    for part, (folder,) in named.items():
        folders, pictures = _children(folder)
        if folders:
            continue
        held = f"{plural(pictures, 'picture')} but no class folders" if pictures else "no class folders"
        unsorted = f"holds {held}, so nobody knows what they show"
        if part == "train" and pictures:
            raise NoClasses("data.path", _of(folder, f"{unsorted}; sort them into one folder a class, or {UNSORTED}"))
        remedy = "sort them into one folder a class" if part == "train" else f"sort them, or move {folder.name} away"
        raise _error(folder, f"{unsorted}; {remedy}")


def _refuse_inside_out(folders: Sequence[Path]) -> None:
    """<class>/train and <class>/test, read as classes, would mix test pictures into training."""
    inner = {PARTS.get(child.name.lower(), "") for child in _children(folders[0])[0]} if folders else set()
    if {"train", "test"} <= inner:
        first = shown(folders[0].name)
        raise _error(folders[0], f"holds train and test itself; turn them around: train/{first} and test/{first}")


def _error(folder: Path, problem: str) -> RecipeError:
    return RecipeError("data.path", _of(folder, problem))


def _of(folder: Path, problem: str) -> str:
    return f"{shown(str(folder))} {problem}"


# ---- the classes --------------------------------------------------------------------------------------------------------

Facts = tuple[int, int]  # size in bytes, time of the last change in ns
Found = Mapping[str, Mapping[str, Mapping[str, Facts]]]  # part, class, file


def _classes(root: Path, found: Found, walk: "_Walk") -> list[str]:
    """The names of the classes in order. Raises RecipeError where training has fewer than two, or another part has more."""
    learned = found.get("train", found.get("", {}))
    classes = sorted(label for label, files in learned.items() if files)
    for part, by_class in found.items():
        unknown = sorted(label for label, files in by_class.items() if files and label not in classes)
        if unknown:
            problem = f"has pictures of {listed(unknown)} in {part} but none in train, so they cannot be learned"
            raise _error(root, f"{problem}; put some into train, or move those in {part} away")
    if len(classes) >= 2:
        return classes
    others = "".join(f"; {remark}" for remark in walk.remarks())
    if classes:
        problem = f"has pictures of one class only ({listed(classes)}); two or more are needed to tell apart"
        raise NoClasses("data.path", _of(root, f"{problem}, each in a folder of its own; or {UNSORTED}{others}"))
    if loose := _children(root)[1]:
        problem = f"holds {plural(loose, 'picture')} but no class folder with pictures; sort them into one folder a class"
        raise NoClasses("data.path", _of(root, f"{problem}, or {UNSORTED}{others}"))
    raise _error(root, f"holds no class folder with pictures ({READ}); write the folder with one sub-folder a class{others}")


def _gaps(found: Found, classes: Sequence[str]) -> Iterator[str]:
    """Classes that a given part says nothing about."""
    for part, by_class in found.items():
        lacking = [label for label in classes if not by_class.get(label)]
        if lacking and part:
            yield f"{part} has no pictures of {listed(lacking)}"


class _Walk:
    """Goes through class folders and counts what it passes over."""

    def __init__(self, root: Path, tell: Tell) -> None:
        self.root = root
        self.tell = tell
        self.seen = 0
        self.broken: list[Broken] = []
        self.other: Counter[str] = Counter()
        self.empty: list[str] = []

    def remarks(self) -> Iterator[str]:
        if self.other:
            kinds = ", ".join(f"{count(number)} {suffix}" for suffix, number in self.other.most_common())
            yield f"left out: {kinds} (only {READ} are read; save pictures of other kinds as JPEG or PNG)"
        if self.empty:
            yield f"class folders without a picture, left out: {listed(self.empty)}"

    def classes(self, folder: Path) -> Iterator[tuple[str, dict[str, Facts]]]:
        """Each class folder's name and its files."""
        for child in _children(folder)[0]:
            files = dict(self.files(child))
            if not files:
                self.empty.append(child.relative_to(self.root).as_posix())
            yield child.name, files

    def files(self, folder: Path) -> Iterator[tuple[str, Facts]]:
        """The pictures in a folder and below it. Links are followed, but never into a folder that has been entered, so that a
        circle of links has an end."""
        entered = {_identity(place) for place in folder.parents}
        waiting = [folder.relative_to(self.root).as_posix() if folder != self.root else ""]
        while waiting:
            here = waiting.pop()
            try:
                identity = _identity(self.root / here)
                if identity in entered:
                    continue
                entered.add(identity)
                with os.scandir(self.root / here) as entries:
                    for entry in entries:
                        yield from self._look_at(f"{here}/{entry.name}" if here else entry.name, entry, waiting)
            except OSError as error:
                self._is_broken(here, error)

    def _look_at(self, name: str, entry: "os.DirEntry[str]", waiting: list[str]) -> Iterator[tuple[str, Facts]]:
        if is_hidden(entry.name):
            return
        self.seen += 1
        if self.seen % 1000 == 0:
            self.tell(self.seen, 0)
        suffix = suffix_of(entry.name)
        try:
            if entry.is_dir():
                waiting.append(name)
            elif suffix in PICTURES:
                facts = entry.stat()
                if stat.S_ISREG(facts.st_mode):  # a pipe would be waited for without end
                    yield name, (facts.st_size, facts.st_mtime_ns)
                else:
                    self.broken.append(Broken(shown(name), "is not a file"))
            elif suffix in OTHER_FORMATS:
                self.other[suffix] += 1
        except OSError as error:
            self._is_broken(name, error)

    def _is_broken(self, name: str, error: OSError) -> None:
        self.broken.append(Broken(shown(name), f"cannot be opened ({error.strerror or error})"))


def _identity(folder: Path) -> tuple[int, int]:
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    with contextlib.suppress(OSError):  # a link that leads to itself
        return entry.is_dir()
    return False


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name in LEFT_BEHIND


def suffix_of(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - asked for every file
