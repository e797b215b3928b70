"""What is said of a data set that was looked through: sentence, figures, findings, classes, probe pictures. No Qt.

A `Scan` is the assistant's answer to a recipe's data table, with the sheet of test pictures it left beside. Which data sets
there are, and which of their fields change what is seen here, is drawn from the recipe's schema. Looking through a folder is
the engine's (data/scan.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import arrays, known_sets, sets, words
from engine.fields import TAG, Field, RecipeErrors, fields_of, tag_of
from engine.recipe import Data, parse_data
from studio import recipe_fields
from studio.lineage_pictures import Pictures

Table = Mapping[str, Any]  # a recipe's data table

SHAPING = ("data.size", "data.colour")  # what a picture becomes before anything sees it
SPLITTING = ("path", "size", "colour", "split_seed", "test_share", "val_share", "probe", "eval_path")  # what makes it this set
PROBES, FEWEST, MOST = 12, 8, 16  # probe pictures: by default, at least, at most
BALANCED = 1.5  # up to here classes count as equally large
LARGEST_SIDE = 256  # px kept of a sheet's picture: it is never shown larger
MODES = {
    "L": "grey",
    "1": "black and white",
    "P": "of a palette",
    "RGBA": "RGB with transparency",
    "LA": "grey with transparency",
}
UNREADABLE = (OSError, ValueError, MemoryError)
MULTIPLY = "\N{MULTIPLICATION SIGN}"


# The answer -----------------------------------------------------------------------------------------------------


class ClassCount(Struct, frozen=True):
    """How many pictures of a class are in each part."""

    name: str
    train: int = 0
    val: int = 0
    test: int = 0

    @property
    def total(self) -> int:
        return self.train + self.val + self.test


class Broken(Struct, frozen=True):
    file: str
    problem: str


class Near(Struct, frozen=True):
    """Two pictures that are nearly the same: their files, their parts (empty outside of all), classes, and correlation."""

    files: tuple[str, str]
    parts: tuple[str, str]
    classes: tuple[str, str] = ("", "")
    alike: float = 0.0

    @property
    def crosses(self) -> bool:
        return set(self.parts) == {"train", "test"}


class Answer(Struct, frozen=True):
    """The assistant's answer to "scan". Lists name the first few hundred; the counts beside them know all."""

    name: str
    pictures: int
    classes: tuple[ClassCount, ...]  # none: nothing tells the pictures apart
    size: tuple[int, int]  # height, width
    channels: int
    found_sizes: dict[str, tuple[int, int]] = {}
    modes: dict[str, int] = {}
    broken: tuple[Broken, ...] = ()
    broken_count: int = 0
    duplicates: tuple[tuple[str, ...], ...] = ()
    duplicates_count: int = 0
    crossing: int = 0  # pairs of the same picture, one in training and one in test
    contradicting: int = 0  # groups of the same picture under different classes
    near: tuple[Near, ...] = ()  # pairs across train and test first, then the most alike
    near_count: int = 0
    near_crossing: int = 0
    near_sheet: str = ""  # the named pairs as pictures
    mean: tuple[float, ...] = ()  # of each channel of the training pictures, in [0, 1]
    std: tuple[float, ...] = ()
    given: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    sheet: str = ""
    kind: str = ""  # of data set: a folder that nobody has sorted is another one than was asked for
    parts: dict[str, int] = {}  # pictures by part


@dataclass(frozen=True, eq=False)
class Sheet:
    """The first test pictures, at their places in the test set. Without pictures `pictures.problem` says why."""

    pictures: Pictures = field(default_factory=Pictures)
    labels: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Scan:
    """A data table and what was found when it was looked through."""

    table: Table
    answer: Answer
    sheet: Sheet
    pairs: NDArray[np.uint8] | None = None  # [P, 2, C, h, w], in the order of answer.near

    @property
    def tests(self) -> int:
        return self.part("test")

    def part(self, name: str) -> int:
        of_classes: int = sum(getattr(one, name) for one in self.answer.classes)
        return self.answer.parts.get(name, of_classes)

    def class_name(self, place: int) -> str:
        """Of a test picture; empty for one that is not on the sheet."""
        label = int(self.sheet.labels[place]) if place < len(self.sheet) else -1
        return self.answer.classes[label].name if 0 <= label < len(self.answer.classes) else ""

    def file(self, place: int) -> str:
        files = self.sheet.pictures.files
        return files[place] if place < len(files) else ""


def read(table: Table, answer: Mapping[str, Any]) -> Scan:
    """The answer with its sheet. Raises ValueError for an answer of another form; a damaged sheet only lacks its pictures."""
    asked = msgspec.convert(answer, Answer)
    return Scan(_as_kind(table, asked.kind), asked, _sheet(Path(asked.sheet)), _pairs(asked))


def _pairs(asked: Answer) -> NDArray[np.uint8] | None:
    """None where the pictures cannot be had: the files are named all the same."""
    if not asked.near:
        return None
    try:
        pairs: NDArray[np.uint8] = arrays.read(asked.near_sheet, "pairs_u8")["pairs_u8"]
    except UNREADABLE:
        return None
    fits = pairs.dtype == np.uint8 and pairs.ndim == 5 and pairs.shape[:2] == (len(asked.near), 2) and pairs.shape[2] in (1, 3)
    return pairs if fits else None


def _sheet(path: Path) -> Sheet:
    try:
        array, labels, files = arrays.read(path, "pictures_u8", "labels", "files", kinds=arrays.NUMBERS + arrays.TEXT).values()
    except UNREADABLE as error:
        return Sheet(Pictures(problem=f"the pictures cannot be shown: {error}"))
    fits = (
        array.dtype == np.uint8
        and array.ndim == 4
        and array.shape[1] in (1, 3)
        and labels.shape == files.shape == (len(array),)
    )
    if not fits or labels.dtype.kind not in "iu":
        return Sheet(Pictures(problem=f"the pictures cannot be shown: {array.dtype} of shape {array.shape}"))
    return Sheet(Pictures(_reduced(array), tuple(map(str, files))), labels.astype(np.int64))


def _reduced(pictures_NCHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Large pictures by means of whole blocks: two hundred of 1024 px would be 600 MB that nobody sees."""
    block = max(pictures_NCHW.shape[2:]) // LARGEST_SIDE
    if block < 2:
        return pictures_NCHW
    count, channels, height, width = pictures_NCHW.shape
    high, wide = height // block, width // block
    small = np.empty((count, channels, high, wide), np.uint8)
    for place, picture in enumerate(pictures_NCHW):
        cut = picture[:, : high * block, : wide * block].reshape(channels, high, block, wide, block)
        small[place] = cut.mean(axis=(2, 4)).round()
    return small


# What there is to look at ---------------------------------------------------------------------------------------


def kinds() -> dict[str, type[Struct]]:
    """The data sets of the recipe's schema by name."""
    return recipe_fields.kinds_of("data")


def is_folder(kind: str) -> bool:
    """Whether a data set of this kind is a folder that a person names."""
    return any(recipe_fields.is_path(one) and not recipe_fields.is_file(one) for one in _fields(kind))


def folder_kind() -> str:
    return next(name for name in kinds() if is_folder(name))


def known() -> list[tuple[str, str, Table]]:
    """Data sets that need nothing but their name: (words, what it is, table)."""
    whole = [name for name, struct in kinds().items() if not is_folder(name) and not _requires(struct)]
    return [(recipe_fields.choice_text(name), _doc(kinds()[name]), {TAG: name}) for name in whole]


class Offered(NamedTuple):
    """A data set in a menu: its words, more of it, the table to look at, and what is to be fetched before, if anything."""

    words: str
    more: str
    table: Table
    fetch: str = ""


def in_workspace(data_folder: Path) -> list[Offered]:
    """What was added by `filial data add` and is still there."""
    found = [one for one in sets.added(data_folder) if one.is_here and one.name not in known_sets.KNOWN]
    return [Offered(f"{one.name}, {words.plural(one.pictures, 'picture')}", one.path or one.name, one.table) for one in found]


def to_fetch(data_folder: Path) -> list[Offered]:
    """Sets that everybody knows, with size and licence, or that they are here."""
    found = []
    for name, known in known_sets.KNOWN.items():
        here = known_sets.is_here(name, data_folder)
        state = "here" if here else f"{words.size(known.length)} to fetch, {known.licence}"
        found.append(Offered(f"{known.title}, {state}", known.words, known_sets.table(name, data_folder), "" if here else name))
    return found


def recent(asked: Iterable[Data]) -> list[tuple[str, str, Table]]:
    """Folders that runs were trained on, the newest first as given: (words, where, table). Each once."""
    tables: dict[tuple[Any, ...], Table] = {}
    for one in asked:
        if not is_folder(tag_of(type(one))):
            continue
        said = msgspec.to_builtins(one)
        table = {key: said[key] for key in (TAG, *SPLITTING) if key in said and said[key] != _default(one, key)}
        table |= {key: said[key] for key in ("size", "colour") if key in said}
        tables.setdefault(tuple(map(str, table.items())), table)
    return [(f"{title(table)}, {_shape_words(table)}", str(table["path"]), table) for table in tables.values()]


def folder_table(path: str, like: Table | None = None) -> Table:
    """The table for a folder that was just chosen; it becomes what the pictures looked at before became."""
    kind = folder_kind()
    shaping = shape(like) if like and is_folder(str(like.get(TAG))) else {}
    return {TAG: kind, "path": path, **{_key(one): shaping.get(_key(one), one.default) for one in shaping_fields({TAG: kind})}}


def shaping_fields(table: Table) -> list[Field]:
    """The fields that decide what a picture becomes, as this kind has them."""
    return [one for one in _fields(str(table.get(TAG, ""))) if one.path in SHAPING]


def shape(table: Table) -> dict[str, Any]:
    """Size and colour in force."""
    return {_key(one): table.get(_key(one), one.default) for one in shaping_fields(table)}


def same_place(one: Table, other: Table) -> bool:
    """Whether two tables are about the same files."""
    return (one.get(TAG), one.get("path")) == (other.get(TAG), other.get("path"))


def same_pictures(one: Scan, other: Scan) -> bool:
    """Whether the same pictures stand at the same places of the test set, whatever became of them."""
    return (
        same_place(one.table, other.table)
        and one.sheet.pictures.files == other.sheet.pictures.files
        and one.tests == other.tests
    )


def _as_kind(table: Table, kind: str) -> Table:
    """The table of the kind that the pictures turned out to be, with what both have."""
    if kind in ("", table.get(TAG)) or kind not in kinds():
        return dict(table)
    return {TAG: kind, **{_key(one): table[_key(one)] for one in _fields(kind) if _key(one) in table}}


def title(table: Table) -> str:
    """What a person calls the data set: the folder's name, or its own."""
    path = str(table.get("path", ""))
    return (Path(path).name or path) if path else recipe_fields.choice_text(str(table.get(TAG, "")))


def refusal(table: Table) -> tuple[str, str]:
    """(field, sentence) of what the recipe would refuse at once; empty if nothing."""
    try:
        parse_data(table)
    except RecipeErrors as refused:
        first = refused.errors[0]
        return first.field, first.problem
    return "", ""


def label_of(path: str, table: Table) -> str:
    """The label of a field that is refused."""
    return next((one.label for one in _fields(str(table.get(TAG, ""))) if one.path == path), "")


def _fields(kind: str) -> list[Field]:
    return list(fields_of(kinds()[kind], "data")) if kind in kinds() else []


def _key(one: Field) -> str:
    return one.path.rpartition(".")[2]


def _requires(struct: type[Struct]) -> bool:
    return any(one.required for one in msgspec.structs.fields(struct))


def _default(one: Struct, key: str) -> Any:
    return next((spec.default for spec in msgspec.structs.fields(type(one)) if spec.encode_name == key), None)


def _doc(struct: type[Struct]) -> str:
    return (struct.__doc__ or "").strip().partition("\n")[0]


def _shape_words(table: Table) -> str:
    shaping = shape(table)
    parts = [f"{shaping['size']} px"] if "size" in shaping else []
    return ", ".join([*parts, *(recipe_fields.choice_text(str(shaping[key])) for key in shaping if key == "colour")])


# What is said ---------------------------------------------------------------------------------------------------


class Figure(NamedTuple):
    value: str
    under: str
    tip: str = ""


def sentence(scan: Scan) -> tuple[str, str]:
    """ "creatures" and ", 12,000 pictures in 10 classes; 3 broken, 41 doubled"."""
    answer = scan.answer
    what = f", {words.plural(answer.pictures, 'picture')} {_classes_words(len(answer.classes))}"
    broken, doubled = _broken(answer), _doubled(answer)
    wrong = [f"{words.count(broken)} broken"] * bool(broken) + [f"{words.count(doubled)} doubled"] * bool(doubled)
    return title(scan.table), what + (f"; {', '.join(wrong)}" if wrong else "; none broken, none doubled")


def figures(scan: Scan) -> list[Figure]:
    answer = scan.answer
    height, width = answer.size
    side = f"{height} px" if height == width else f"{width} {MULTIPLY} {height} px"
    colour = "RGB" if answer.channels == 3 else "grey"
    val, test = scan.part("val"), scan.tests
    return [
        Figure(
            words.count(answer.pictures),
            f"pictures, {side}, {colour}",
            f"{words.count(scan.part('train'))} of them to train on",
        ),
        Figure(words.count(len(answer.classes)), "class" if len(answer.classes) == 1 else "classes"),
        Figure(words.count(val), "validation", "held out to watch training and to choose checkpoints"),
        Figure(words.count(test), "test", "held out for the final report"),
    ]


def _classes_words(count: int) -> str:
    return f"in {words.count(count)} {'class' if count == 1 else 'classes'}" if count else "without classes"


def _broken(answer: Answer) -> int:
    return max(answer.broken_count, len(answer.broken))


def _doubled(answer: Answer) -> int:
    return max(answer.duplicates_count, len(answer.duplicates))


# Findings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listing:
    """Files named one by one: a head and rows, and what is left unnamed."""

    title: str
    subtitle: str
    rows: tuple[tuple[str, ...], ...]  # names of the columns first
    pairs: tuple["PairWords", ...] = ()  # in place of rows, where pictures stand side by side

    @property
    def text(self) -> str:
        """For the clipboard: a line a row, tabs between."""
        return "\n".join("\t".join(row) for row in self.rows[1:])


@dataclass(frozen=True)
class PairWords:
    """What is said of two pictures side by side: how they lie to each other, and of each what it is."""

    title: str
    warns: bool
    left: str
    right: str


@dataclass(frozen=True)
class Finding:
    """A row: "ok", "warn" or "note", what was found, what that means, and the files if they can be shown."""

    tone: str
    title: str
    detail: str = ""
    listing: Listing | None = None


def findings(scan: Scan) -> list[Finding]:
    """What a person should know before training, what needs a look first."""
    answer = scan.answer
    found = [*_broken_files(answer), *_equal_pictures(answer), *_near_pictures(answer), _balance(answer)]
    found += [*_layout(scan), *_originals(answer), *_channels(answer)]
    found += [_remark(one) for one in answer.remarks]
    return sorted(found, key=lambda one: ("warn", "ok", "note").index(one.tone))


def _broken_files(answer: Answer) -> Iterator[Finding]:
    count = _broken(answer)
    if not count:
        return
    said = words.plural(count, "broken file")
    rows = (("File", "Problem"), *((one.file, one.problem) for one in answer.broken))
    yield Finding("warn", said, "cannot be read; left out", Listing(said, _first_of(len(answer.broken), count), rows))


def _equal_pictures(answer: Answer) -> Iterator[Finding]:
    count = _doubled(answer)
    if not count:
        yield Finding("ok", "No picture is there twice")
        return
    pairs = all(len(group) == 2 for group in answer.duplicates)
    said = words.plural(count, "pair" if pairs else "group") + " of equal pictures"
    rows = (("Picture", "The same as"), *((group[0], ", ".join(group[1:])) for group in answer.duplicates))
    subtitle = _first_of(len(answer.duplicates), count) or "the same to the last pixel at this size"
    yield Finding("warn", said, _crossing_words(answer), Listing(said, subtitle, rows))


def _crossing_words(answer: Answer) -> str:
    crossing = answer.crossing
    parts = [
        f"{words.plural(crossing, 'pair')} cross{'es' if crossing == 1 else ''} train and test"
        if crossing
        else "none crosses train and test"
    ]
    if answer.contradicting:
        parts.append(f"{words.count(answer.contradicting)} of different classes")
    return "; ".join(parts)


def _near_pictures(answer: Answer) -> Iterator[Finding]:
    count = max(answer.near_count, len(answer.near))
    if not count:
        return
    said = words.plural(count, "pair") + " of pictures nearly the same"
    rows = (("Picture", "Nearly the same"), *(one.files for one in answer.near))
    listing = Listing(said, _first_of(len(answer.near), count), rows, tuple(map(_pair_words, answer.near)))
    crossing = answer.near_crossing
    across = f"{words.plural(crossing, 'pair')} cross{'es' if crossing == 1 else ''} train and test"
    yield Finding("warn" if crossing else "note", said, across if crossing else "none crosses train and test", listing)


def _pair_words(pair: Near) -> PairWords:
    lies = "across train and test" if pair.crosses else _and(list(dict.fromkeys(filter(None, pair.parts)))) or "not used"
    other = ", of different classes" if len(set(pair.classes)) > 1 else ""
    sides = [
        ", ".join(part for part in (file, part, label) if part)
        for file, part, label in zip(pair.files, pair.parts, pair.classes, strict=True)
    ]
    return PairWords(f"{lies}{other}; {words.percent(min(pair.alike, 0.999))} alike", pair.crosses or bool(other), *sides)


def _channels(answer: Answer) -> Iterator[Finding]:
    if answer.mean:
        means, deviations = (", ".join(f"{value:.3f}" for value in each) for each in (answer.mean, answer.std))
        what = "Red, green, blue" if len(answer.mean) == 3 else "Grey"
        yield Finding("note", f"{what}: mean {means}", f"deviation {deviations}, of the training pictures in 0 to 1")


def _balance(answer: Answer) -> Finding:
    if not answer.classes:
        said = f"{words.plural(answer.pictures, 'picture')} without classes"
        return Finding("note", said, "DINO learns from them; other methods need one sub-folder a class")
    sizes = sorted(answer.classes, key=lambda one: one.total)
    if not sizes[0].total:
        return Finding("warn", "A class has no pictures", sizes[0].name)
    smallest, largest = sizes[0], sizes[-1]
    times = largest.total / smallest.total
    if times <= BALANCED:
        return Finding(
            "ok", "Classes balanced", f"largest is {times:.2f} times the smallest" if times > 1 else "all the same size"
        )
    return Finding("warn", "Classes unbalanced", f"{largest.name} has {_times(times)} times the pictures of {smallest.name}")


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else words.count(round(value))


def _layout(scan: Scan) -> Iterator[Finding]:
    given = scan.answer.given
    if not given:
        return
    named = _and(given)
    missing = [part for part in ("validation", "test") if {"validation": "val"}.get(part, part) not in given]
    split = f"{_and(missing)} {'are' if len(missing) > 1 else 'is'} split from train" if missing else "used as they are"
    yield Finding("note", f"{named} folder{'s' if len(given) > 1 else ''} found", split)


def _originals(answer: Answer) -> Iterator[Finding]:
    smallest, largest = (answer.found_sizes.get(key, answer.size) for key in ("min", "max"))
    modes = sorted(answer.modes.items(), key=lambda one: -one[1])
    mixed = ", ".join(f"{words.count(count)} {MODES.get(mode, mode)}" for mode, count in modes) if len(modes) > 1 else ""
    if smallest == largest == answer.size:
        if mixed:
            yield Finding("note", "Pictures of several kinds", mixed)
        return
    sides = _by(smallest) if smallest == largest else f"{_by(smallest)} to {_by(largest)}"
    enlarged = min(smallest) < min(answer.size)
    become = f"become {_by(answer.size)}{', small ones enlarged' if enlarged else ''}"
    yield Finding("note", f"Files of {sides} px", f"{become}; {mixed}" if mixed else become)


def _remark(remark: str) -> Finding:
    """The engine's own sentence, its remedy below it."""
    said, _, more = remark.partition(" (")
    return Finding("warn", said[:1].upper() + said[1:], more.removesuffix(")"))


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]} {MULTIPLY} {size[0]}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _first_of(named: int, count: int) -> str:
    return f"the first {words.count(named)} of them" if named < count else ""


# Classes --------------------------------------------------------------------------------------------------------


def ordered(classes: Sequence[ClassCount], by_count: bool) -> list[ClassCount]:
    """By name as the folders have it, or the largest first."""
    return sorted(classes, key=lambda one: -one.total) if by_count else list(classes)


def class_rows(classes: Sequence[ClassCount]) -> list[list[str | float | None]]:
    """The table behind the bars."""
    rows: list[list[str | float | None]] = [["Class", "Train", "Val", "Test", "All"]]
    for one in classes:
        rows.append([one.name, one.train, one.val, one.test, one.total])
    return rows


def shown_places(scan: Scan, class_name: str) -> list[int]:
    """Places on the sheet, of one class or of all for an empty name."""
    names = [one.name for one in scan.answer.classes]
    if class_name not in names:
        return list(range(len(scan.sheet)))
    return np.flatnonzero(scan.sheet.labels == names.index(class_name)).tolist()


def grid_words(scan: Scan, class_name: str) -> str:
    """What the grid shows of the test set, and what a press does."""
    on_sheet = words.count(len(scan.sheet))
    if class_name:
        of = f"the first {on_sheet}" if len(scan.sheet) < scan.tests else on_sheet
        said = f"{words.count(len(shown_places(scan, class_name)))} of {of}"
    else:
        said = f"the first {on_sheet} of {words.count(scan.tests)}" if len(scan.sheet) < scan.tests else on_sheet
    return f"{said}; press one to pin it"


# Probe pictures -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probe:
    """The test pictures that are watched while training: places in the test set."""

    places: tuple[int, ...]
    tests: int
    refused: str = ""  # why the last wish was not granted

    @classmethod
    def first(cls, tests: int) -> "Probe":
        return cls(tuple(range(min(PROBES, tests))), tests)

    @classmethod
    def of(cls, table: Table, tests: int) -> "Probe":
        """As the table says; places that this test set does not have are left out, and that is said."""
        asked = tuple(dict.fromkeys(table.get("probe") or ()))
        there = tuple(place for place in asked if place < tests)
        if not there:
            return cls.first(tests)
        gone = len(asked) - len(there)
        return cls(there, tests, f"{words.plural(gone, 'place')} outside the test set left out" if gone else "")

    @property
    def is_default(self) -> bool:
        return self.places == Probe.first(self.tests).places

    def toggled(self, place: int) -> "Probe":
        """With this picture, or without it; within the bounds."""
        if place in self.places:
            if len(self.places) <= min(FEWEST, self.tests):
                return Probe(self.places, self.tests, f"{len(self.places)} is the least; press another picture first")
            return Probe(tuple(other for other in self.places if other != place), self.tests)
        if len(self.places) >= MOST:
            return Probe(self.places, self.tests, f"{len(self.places)} is the most; take one out first")
        return Probe((*self.places, place), self.tests)


def probe_words(probe: Probe) -> str:
    return f"{len(probe.places)} of {min(FEWEST, probe.tests)} to {min(MOST, probe.tests)}, watched while training"


def wanted(scan: Scan, probe: Probe) -> dict[str, Any]:
    """The data table for a recipe: as it was looked through, with the probe pictures if they are not the first twelve."""
    table = {key: value for key, value in scan.table.items() if key != "probe"}
    return table if probe.is_default else {**table, "probe": list(probe.places)}
