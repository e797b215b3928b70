"""What `filial explain` says: every value of a recipe in force, where it comes from and why. Trains nothing, opens no picture.

Its own room, since it needs neither runs nor a queue: it answers before these would have been imported.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.items
from msgspec import structs
from rich.console import Console
from rich.table import Table

from engine import recipe, scaled, suited, words
from engine.fields import Field, RecipeError, fields_in
from engine.recipe import RecipeFile
from engine.scaled import Facts, Why

WIDE = 160  # columns of a file or a pipe, which has none of its own


def explain(file: RecipeFile, as_json: bool) -> int:
    """Every value in force, with its unit, where it comes from and why: a JSON object, or a table."""
    known, said = _pictures_of(file.recipe.data)
    asked, resolved = scaled.resolve(file.recipe, known)
    waiting = scaled.still_auto(asked)
    later = {path: Why("data", _later(asked, path)) for path in waiting}
    written = recipe.flat(file.document.unwrap())
    why = scaled.reasons(asked, written, resolved | later)
    noted = {path: Why("user", note) for path, note in comments(file.document).items() if path not in file.changed}
    why |= {path: note for path, note in noted.items() if path in why and why[path].source == "user"}
    better = suited.better_method(asked, known, written) if known else None
    rows = [_row(field, value, why[field.path]) for field, value in fields_in(asked)]
    if as_json:
        pictures = known.pictures if known else None
        kept = scaled.kept_bytes(asked, known) if known else None
        told = {"lineage": asked.lineage, "pictures": pictures, "said": said, "auto": waiting, "values": rows}
        told |= {"teacher_outputs_bytes": kept, "advice": [structs.asdict(better)] if better else []}
        print(json.dumps(told, indent=1))  # noqa: T201
        return 0
    out = _out()
    out.print(f"{asked.lineage}: {said}" + (f", {_steps(asked, known)}" if known else ""))
    out.print(_table(rows))
    if known and (kept := scaled.kept_bytes(asked, known)):
        out.print(f"A teacher's outputs take {words.size(kept)} on disk for each student that has a teacher of its own")
    if better:
        without = f" without {', '.join(path.rpartition('.')[2] for path in better.drops)}" if better.drops else ""
        out.print(f'Advice: {better.title}. {better.reason} To follow it, write method.name = "{better.method}"{without}')
    if asked.stop_after:
        out.print(_stopping(asked))
    for what in dict.fromkeys(_waits_for(asked, path) for path in waiting):
        left = [path for path in waiting if _waits_for(asked, path) == what]
        out.print(f"Left auto until {what} known: {', '.join(left)}")
    return 0


def _stopping(asked: recipe.Recipe) -> str:
    """What the rule that offers to stop needs, and whether it has that."""
    rule = f"After {words.plural(asked.stop_after, 'generation')} without a gain, leaving out the rest is offered"
    if len(asked.seeds) < 3:
        return f"{rule}: never here, for a verdict needs three seeds, and seeds has {len(asked.seeds)}"
    if asked.generations <= asked.stop_after:
        return f"{rule}: never here, for generations = {asked.generations} leaves none to leave out"
    order = f"all {len(asked.seeds)} seeds of a generation are trained before the next"
    return f"{rule}: {order}, and judged on the validation pictures"


def _waits_for(asked: recipe.Recipe, path: str) -> str:
    teacher = scaled.teacher_of(asked)
    return f"its teacher {teacher} is" if teacher and path in scaled.OF_THE_TEACHER else "the pictures are"


def _later(asked: recipe.Recipe, path: str) -> str:
    if (teacher := scaled.teacher_of(asked)) and path in scaled.OF_THE_TEACHER:
        return f"what its teacher {teacher} answers with"
    return "worked out from the pictures once they are known"


def comments(table: Any, path: str = "") -> dict[str, str]:
    """What stands behind a value in a tomlkit document, by its field: the reason of whoever wrote it."""
    found: dict[str, str] = {}
    body = table.body if isinstance(table, tomlkit.TOMLDocument) else table.value.body
    for key, item in body:
        here = f"{path}{key.key}" if key is not None else ""
        if here and isinstance(item, tomlkit.items.Table | tomlkit.items.InlineTable):
            found |= comments(item, f"{here}.")
        elif here and (note := item.trivia.comment.removeprefix("#").strip()):
            found[here] = note
    return found


def _pictures_of(data: recipe.Data) -> tuple[Facts | None, str]:
    """What is known of the pictures without decoding one, and the same in words. A folder is listed, nothing more."""
    known = scaled.facts(data)
    if known is None and isinstance(data, recipe.Own):
        from engine.data import archives, label_file, listing  # numpy and Pillow, which nobody else here needs

        try:
            with tempfile.TemporaryDirectory() as scratch:  # for an archive, whose names alone are unpacked
                place = Path(data.path), Path(scratch), lambda done, total: None, False
                alike = isinstance(data, recipe.Unlabelled)
                found = archives.looked_into(listing.find_all, *place) if alike else label_file.labelled(*place)
        except RecipeError as error:
            return None, f"how many pictures there are is not known ({error})"
        pool = sum(entry.part not in ("val", "test") for entry in found.entries)
        many = scaled.training_pictures(data, pool, "test" in found.given, "val" in found.given)
        known = scaled.facts(data, many, len(found.classes))
    return (
        known,
        f"{words.plural(known.pictures, 'picture')} to train on" if known else "it is not known how many pictures train",
    )


def _steps(asked: recipe.Recipe, known: Facts) -> str:
    each = known.per_epoch(asked.training.batch)
    return f"{words.plural(each, 'step')} an epoch, {words.count(each * asked.training.epochs)} in all"


def _row(field: Field, value: Any, why: Why) -> dict[str, Any]:
    plain = list(value) if isinstance(value, tuple) else value
    return {
        "path": field.path,
        "label": field.label,
        "value": plain,
        "unit": field.unit,
        "source": why.source,
        "why": why.reason,
    }


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    """Grouped by the recipe's tables; what stands outside of any comes first."""
    table = Table(box=None, pad_edge=False)
    for name in ("field", "value", "unit", "source"):
        table.add_column(name, no_wrap=name != "value", overflow="fold")
    table.add_column("why", ratio=1)
    group = ""
    for row in sorted(rows, key=lambda row: "." in row["path"]):
        here, _, key = row["path"].rpartition(".")
        if here != group:
            group = here
            table.add_row(f"[{here}]")
        value = row["value"] if isinstance(row["value"], str) else json.dumps(row["value"])
        table.add_row(f"  {key}" if here else key, value, row["unit"], row["source"], row["why"])
    return table


def _out() -> Console:
    out = Console(highlight=False, markup=False)  # a lineage may be called [old]
    return out if out.is_terminal else Console(highlight=False, markup=False, width=WIDE)
