"""`filial data`: what pictures a workspace has, what is in them, and more of them. What is found is said by data/scan.py, whose
answer the window shows too; sets that are fetched are known_sets.py's.
"""

import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from rich.table import Table

from engine import known_sets, recipe, sets, words
from engine.console import OUT
from engine.data.scan import scan
from engine.fields import TAG, RecipeError, RecipeErrors, nearest, tag_of
from engine.recipe import whole_path
from engine.run import Refused
from engine.sets import Added

SHOWN = 10  # files and pairs named one by one; --json names more
BUILT_IN = {tag_of(kind): (kind.__doc__ or "").strip() for kind in (recipe.Digits, recipe.Creatures)}
FILES = ("sheet", "near_sheet")  # of the answer: for a window


def add(workspace: Path, what: str, changes: Sequence[str], name: str, as_json: bool) -> int:
    """Look a data set through, keep its decoded copy, and know it by name; a known set is fetched first."""
    folder = workspace / "data"
    if name:
        _refuse_name(name, what)
    if what in known_sets.KNOWN:
        known_sets.fetch(what, folder, _progress())
    table, found = _look(workspace, what, changes)
    name = name or (what if what in known_sets.KNOWN else sets.fitting_name(table))
    before = next((one for one in sets.added(folder) if one.name == name), None)
    if before is not None and before.path != table.get("path", ""):
        raise Refused(f"{name} is {before.path or before.table[TAG]} here; take another --name, or remove {name}{sets.SUFFIX}")
    sets.remember(folder, Added(name, table, found["pictures"], len(found["classes"]), time.time()))
    if as_json:
        return _as_json({"name": name, "table": table, **found})
    _say(name, table, found)
    OUT.print(f"Train on it: filial train RECIPE {_sets(table)}")
    return 0


def _refuse_name(name: str, what: str) -> None:
    if not sets.is_fitting(name):
        raise Refused(f"--name {name!r} cannot name a file; use letters, digits, -, _ and dots between them")
    if name != what and name in {*BUILT_IN, *known_sets.KNOWN}:
        raise Refused(f"--name {name!r} is the name of a data set that Filial knows; take another")


def inspect(workspace: Path, what: str, changes: Sequence[str], as_json: bool) -> int:
    """What is in a data set, and what is wrong with it."""
    table, found = _look(workspace, what, changes)
    if as_json:
        return _as_json({"table": table, **found})
    _say(sets.fitting_name(table), table, found)
    return 0


def show(workspace: Path, as_json: bool) -> int:
    """What this workspace knows, what comes with Filial, what can be fetched."""
    rows = list(_rows(workspace / "data"))
    if as_json:
        return _as_json(rows)
    shown = Table(box=None, pad_edge=False)
    for title in ("name", "state", "pictures", "classes", "what"):
        shown.add_column(title, justify="right" if title in ("pictures", "classes") else "left", no_wrap=title != "what")
    for row in rows:
        counts = (words.count(row[key]) if row[key] else "" for key in ("pictures", "classes"))
        shown.add_row(row["name"], row["state"], *counts, row["what"])
    OUT.print(shown)
    return 0


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    there = {one.name: one for one in sets.added(folder)}
    for one in there.values():
        state = "added" if one.is_here else "gone"
        yield {
            "name": one.name,
            "state": state,
            "pictures": one.pictures,
            "classes": one.classes,
            "what": one.path,
            "table": one.table,
        }
    for name, what in BUILT_IN.items():
        if name not in there:
            yield {"name": name, "state": "built in", "pictures": None, "classes": None, "what": what, "table": {TAG: name}}
    for name, known in known_sets.KNOWN.items():
        if name not in there:
            state = "fetched" if known_sets.is_here(name, folder) else f"{words.size(known.length)} to fetch"
            table = known_sets.table(name, folder)
            yield {"name": name, "state": state, "pictures": None, "classes": None, "what": known.words, "table": table}


# ---- looking through -----------------------------------------------------------------------------------------------------


def _look(workspace: Path, what: str, changes: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The data table, as the pictures turned out to be, and what was found."""
    table = _changed(_table(workspace / "data", what), changes)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            found = dict(scan(table, Path(scratch), _progress(), workspace / "data"))
    except RecipeError as refused:
        raise RecipeErrors([refused], what) from None
    for file in FILES:
        found.pop(file)
    return {**table, TAG: found["kind"]}, found


def _table(folder: Path, what: str) -> dict[str, Any]:
    """A path is one that is there, or looks like one; everything else is a name."""
    if Path(what).exists() or "/" in what or "\\" in what or what.startswith("~"):
        return {TAG: tag_of(recipe.Folder), "path": whole_path(what, Path())}
    for one in sets.added(folder):
        if one.name == what:
            return dict(one.table)
    if what in BUILT_IN:
        return {TAG: what}
    if known_sets.is_here(what, folder) and what in known_sets.KNOWN:
        return known_sets.table(what, folder)
    if what in known_sets.KNOWN:
        raise Refused(f"{known_sets.KNOWN[what].title} is not here yet; `filial data add {what}` fetches it")
    names = nearest(what, [*(one.name for one in sets.added(folder)), *BUILT_IN, *known_sets.KNOWN])[:5]
    raise Refused(f"{what} is neither a path that is there nor a data set; there are, the nearest first: {', '.join(names)}")


def _changed(table: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """`size=64` and `data.size=64` mean the same here."""
    document = tomlkit.document()
    document["data"] = table
    for change in changes:
        recipe.apply_set(document, change if change.startswith("data.") else f"data.{change}")
    changed: dict[str, Any] = document.unwrap()["data"]
    recipe.parse_data(changed)
    return changed


def _progress() -> Callable[[float, str], None]:
    """On a terminal a line that is written over; elsewhere nothing: the answer alone."""
    wide = 0

    def tell(share: float, said: str) -> None:
        nonlocal wide
        line = f"{words.percent(share, 0)}  {said}" if share else said
        sys.stderr.write(f"\r{line.ljust(wide)}")
        sys.stderr.flush()
        wide = len(line)
        if share >= 1:
            sys.stderr.write(f"\r{' ' * wide}\r")

    return tell if sys.stderr.isatty() else lambda share, said: None


# ---- saying --------------------------------------------------------------------------------------------------------------


def _as_json(what: Any) -> int:
    json.dump(what, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


def _sets(table: Mapping[str, Any]) -> str:
    return " ".join(f"--set {shlex.quote(f'data.{key}={value}')}" for key, value in table.items())


def _say(name: str, table: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    height, width = found["size"]
    colour = "RGB" if found["channels"] == 3 else "grey"
    parts = ", ".join(f"{words.count(count)} {part}" for part, count in found["parts"].items())
    OUT.print(f"{name}: {words.plural(found['pictures'], 'picture')} of {width} x {height} px, {colour}; {parts}")
    if table.get("path"):
        OUT.print(str(table["path"]))
    if found["classes"]:
        OUT.print(_classes(found["classes"]))
    for line in _lines(found):
        OUT.print(line)


def _classes(classes: Sequence[Mapping[str, Any]]) -> Table:
    shown = Table(box=None, pad_edge=False)
    columns = ("train", "val", "test")
    for title in ("class", *columns, "all"):
        shown.add_column(title, justify="left" if title == "class" else "right")
    for one in classes:
        counts = [one[part] for part in columns]
        shown.add_row(one["name"], *map(words.count, [*counts, sum(counts)]))
    return shown


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What there is to know, then what is wrong, a line each."""
    low, high = found["found_sizes"]["min"], found["found_sizes"]["max"]
    modes = ", ".join(f"{words.count(count)} {mode}" for mode, count in found["modes"].items())
    yield f"sizes: {low[1]} x {low[0]} to {high[1]} x {high[0]} px; {modes}"
    means, deviations = (", ".join(f"{value:.4f}" for value in found[key]) for key in ("mean", "std"))
    yield f"channels of the training pictures: mean {means}; deviation {deviations}"
    sizes = sorted((sum(one[part] for part in ("train", "val", "test")), one["name"]) for one in found["classes"])
    if sizes and sizes[0][0]:
        yield f"balance: {sizes[-1][1]} has {sizes[-1][0] / sizes[0][0]:.2f} times the pictures of {sizes[0][1]}"
    yield from found["remarks"]
    yield f"broken files: {words.count(found['broken_count'])}"
    yield from _some((f"{one['file']} {one['problem']}" for one in found["broken"]), found["broken_count"])
    crossing = f", {words.plural(found['crossing'], 'pair')} across train and test" if found["crossing"] else ""
    differing = f", {found['contradicting']} of different classes" if found["contradicting"] else ""
    yield f"there twice: {words.plural(found['duplicates_count'], 'group')} of equal pictures{crossing}{differing}"
    yield from _some((" = ".join(group) for group in found["duplicates"]), found["duplicates_count"])
    near = f", {words.count(found['near_crossing'])} across train and test" if found["near_crossing"] else ""
    yield f"nearly the same: {words.plural(found['near_count'], 'pair')}{near}"
    yield from _some((_pair(one) for one in found["near"]), found["near_count"])


def _pair(one: Mapping[str, Any]) -> str:
    sides = (
        f"{file} ({', '.join(filter(None, (part, label)))})"
        for file, part, label in zip(one["files"], one["parts"], one["classes"])
    )
    return f"{' ~ '.join(sides)}, {words.percent(min(one['alike'], 0.999))} alike"


def _some(lines: Iterable[str], count: int) -> Iterator[str]:
    for place, line in enumerate(lines):
        if place == SHOWN:
            break
        yield f"  {line}"
    if count > SHOWN:
        yield f"  and {words.count(count - SHOWN)} more; --json names them"
