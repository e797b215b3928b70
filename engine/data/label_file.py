"""A CSV of labels as a data set: which picture shows what, and in which part it is.

    file,label,split
    photos/0001.jpg,cat,train
    photos/0002.jpg,dog,

`file` starts from the CSV's own folder. `split` may be missing, or empty: such pictures are trained on, and what no row names
is split off from them, as in folder.py. Comma, semicolon or tab, as the head has it. Opens no picture. What cannot be
meant is a RecipeError for data.path with line, column and value; a file that is not there is named as broken and left out.
"""

import csv
import hashlib
import io
import posixpath
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from engine import reading
from engine.data import archives, listing
from engine.data.listing import ORDER, PICTURES, READ, Entry, Listing, NoClasses, in_turn, shown, suffix_of
from engine.data.pictures import Broken, Tell
from engine.fields import RecipeError
from engine.recipe import is_label_file

COLUMNS = {
    "file": ("file", "filename", "image", "picture", "path"),
    "label": ("label", "class"),
    "split": ("split", "part", "set"),
}
MOST_BYTES = 2**28  # of a CSV: three million lines
NEEDED = ("file", "label")
PARTS = {**listing.PARTS, "": ""}
HEAD = "write a first line such as file,label,split"


class Row(NamedTuple):
    line: int
    file: str
    label: str
    part: str


def labelled(path: Path, data_folder: Path, tell: Tell, contents: bool = True) -> Listing:
    """Pictures with classes: of a CSV, of a folder, or of an archive of one. Raises RecipeError for data.path."""
    if is_label_file(str(path)) and not path.is_dir():
        return find(path, tell)
    return archives.looked_into(listing.find, path, data_folder, tell, contents)


def find(path: Path, tell: Tell) -> Listing:
    """What the CSV names. Raises RecipeError for what it cannot mean, NoClasses where all have one label."""
    content = _content(path)
    rows = list(_rows(path, content))
    given = tuple(part for part in ORDER if part and any(row.part == part for row in rows))
    if given:  # what is in no part is there to learn from
        rows = [row._replace(part=row.part or "train") for row in rows]
        given = tuple(dict.fromkeys(("train", *given)))
    classes = _classes(path, rows, "train" if given else "")
    entries, broken = _entries(path.parent, rows, {label: place for place, label in enumerate(classes)}, tell)
    if not entries:
        first = f"{broken[0].file} {broken[0].problem}"
        raise _error(path, f"names no picture that is there ({first}); its paths start from {shown(str(path.parent))}")
    told = hashlib.sha256(content).hexdigest()
    return Listing(path.parent, classes, given, tuple(in_turn(entries)), tuple(sorted(broken)), (), told)


def _content(path: Path) -> bytes:
    try:
        return reading.content(path, MOST_BYTES)
    except OSError as error:
        raise _error(path, f"cannot be opened ({error.strerror or error})") from None


def _rows(path: Path, content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _error(path, f"line {line} is not UTF-8; save it as such") from None
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        places = _places(path, next(reader, []))
        seen: dict[str, int] = {}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = _row(path, reader.line_num, cells, places)
                if (first := seen.setdefault(row.file, row.line)) != row.line:
                    raise _error(path, f"line {row.line}, column file: {row.file!r} stands in line {first} already; keep one")
                yield row
        if not seen:
            raise _error(path, "names no picture; write a line for each, below the head")
    except csv.Error as error:
        raise _error(path, f"line {reader.line_num}: {error}; quotes must be closed") from None


def _places(path: Path, head: list[str]) -> dict[str, int]:
    """Where each column stands."""
    names = [name.strip().lower() for name in head]
    found = {}
    for column, also in COLUMNS.items():
        at = [place for place, name in enumerate(names) if name in also]
        if len(at) > 1:
            raise _error(path, f"line 1: {names[at[0]]!r} and {names[at[1]]!r} both mean {column}; leave one of them")
        if at:
            found[column] = at[0]
        elif column in NEEDED:
            raise _error(path, f"line 1 has no column {column} (it has {', '.join(map(repr, names)) or 'nothing'}); {HEAD}")
    return found


def _row(path: Path, line: int, cells: list[str], places: Mapping[str, int]) -> Row:
    value = {column: cells[place].strip() if place < len(cells) else "" for column, place in places.items()}
    for column in NEEDED:
        if not value[column]:
            raise _error(path, f"line {line}, column {column}: is empty; write one, or take the line out")
    split = value.get("split", "")
    if split.lower() not in PARTS:
        raise _error(path, f"line {line}, column split: {split!r} is none of train, val and test; write one, or leave it empty")
    file = posixpath.normpath(value["file"].replace("\\", "/"))  # so that a picture written in two ways is one
    return Row(line, file, value["label"], PARTS[split.lower()])


def _classes(path: Path, rows: list[Row], learned: str) -> tuple[str, ...]:
    """In order: as numbers if all are. What is only in another part cannot be learned."""
    labels = {row.label for row in rows if row.part == learned}
    if not labels:
        raise _error(path, "has no line to train on, only val and test; write train, or nothing, in some")
    for row in rows:
        if row.label not in labels:
            problem = f"line {row.line}, column label: {row.label!r} is in {row.part} but in no line of train"
            raise _error(path, f"{problem}, so it cannot be learned; put some there, or take the line out")
    if len(labels) < 2:
        problem = f"has one label only ({shown(next(iter(labels)))!r}); two or more are needed to tell apart"
        raise NoClasses("data.path", f"{shown(str(path))} {problem}")
    numbers = all(label.isdecimal() for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label), label) if numbers else (0, label)))


def _entries(root: Path, rows: list[Row], classes: Mapping[str, int], tell: Tell) -> tuple[list[Entry], list[Broken]]:
    found, broken = [], []
    for done, row in enumerate(rows):
        if done % 1000 == 0:
            tell(done, 0)
        try:
            facts = (root / row.file).stat()
        except OSError as error:
            broken.append(Broken(shown(row.file), f"cannot be opened ({error.strerror or error}), line {row.line}"))
            continue
        if not stat.S_ISREG(facts.st_mode):
            broken.append(Broken(shown(row.file), f"is not a file, line {row.line}"))
        elif suffix_of(row.file) not in PICTURES:
            broken.append(Broken(shown(row.file), f"is no picture that is read (only {READ}), line {row.line}"))
        else:
            found.append(Entry(row.file, row.part, classes[row.label], facts.st_size, facts.st_mtime_ns))
    return found, broken


def _error(path: Path, problem: str) -> RecipeError:
    return RecipeError("data.path", f"{shown(str(path))} {problem}")


def identity(found: Listing, entry: Entry) -> str:
    """What tells a picture of a data set from others, besides its content: its path, which in a folder says its class too."""
    return f"{entry.name}\0{found.classes[entry.label]}\0{entry.part}" if found.told else entry.name
