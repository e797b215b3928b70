"""Which fields a form shows for a recipe as it stands, in what order and groups, and how a value is written and read.

Drawn from the recipe's structs alone: a new method, model or data set brings its fields, and they appear here without a
change. What a document holds is recipe_document.py's, what is refused in it recipe_refused.py's; advice is recipe_checks.py's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import msgspec
import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError

from engine import recipe, words
from engine.fields import AUTO, TAG, Field, fields_of, tag_of
from engine.recipe import Recipe

AVERAGES = ("dino", "dinov2")  # methods whose teacher is a running average of the student
NOT_ASKED = ("version",)  # the format's own business: written by Filial, never chosen by a person
BY_CARD = "method.name"  # chosen on the cards above the form
FIRST = (
    *("lineage", "data", "model", "method", "teacher_model", "augment"),
    *("training", "optimizer", "schedule", "compute", "probes", "watch", "keep"),
)
LAST = ("generations", "stop_after", "seeds")
IN_SIGHT = ("data", "model")  # tables whose kind is chosen in the upper part; the others' kinds stand in their group
TITLES = {
    "method": "Method",
    "model": "Model",
    "optimizer": "Optimiser",
    "data": "Pictures",
    "augment": "Pictures",
    "training": "Training",
    "schedule": "Schedule",
    "compute": "Precision and device",
    "probes": "Probes",
    "watch": "Watchdog",
    "keep": "What is kept",
    "teacher_model": "Teacher model",
}
HEADS, COLLAPSE = "Heads", "Against collapse"
GROUPS = {  # fields of a method that stand elsewhere than under "Method"
    **dict.fromkeys(("global_crops", "global_scale_low", "global_scale_high", "local_scale_low", "local_scale_high"), "Crops"),
    **dict.fromkeys(("flip", "jitter", "mix", "grey", "invert", "blur", "solarize"), "Crops"),
    **dict.fromkeys(("hidden", "bottleneck", "layers", "batch_norm", "frozen_scale", "freeze_epochs"), HEADS),
    **dict.fromkeys(("centering", "center_momentum", "student_temp", "momentum_final", "average_buffers"), COLLAPSE),
    **dict.fromkeys(("teacher_temp_start", "teacher_temp_warmup_epochs"), COLLAPSE),
    **dict.fromkeys(("mask_probability", "mask_ratio_low", "mask_ratio_high"), "Hidden patches"),
    **dict.fromkeys(("high_epochs", "high_size"), "Crops"),
    **dict.fromkeys(("separate_heads", "patch_prototypes"), HEADS),
    **dict.fromkeys(("weight_decay_final", "layer_decay", "patch_rate"), "Optimiser"),
    "koleo_weight": COLLAPSE,
}
# What a method never looks at: fields, and tables with a dot at their end.
UNUSED = dict.fromkeys(AVERAGES, ("augment.", "teacher_model.", "data.label_noise", "data.label_noise_seed", "generations"))
KINDS = {
    "small_cnn": "small CNN",
    "resnet": "ResNet",
    "densenet": "DenseNet",
    "same": "like its students",
    "vit": "ViT",
    "timm": "any timm network",
    "digits": "digits",
    "folder": "folder of pictures",
    "pictures": "unsorted pictures",
    "adamw": "AdamW",
    "sgd": "SGD",
    "grey": "grey",
    "rgb": "RGB",
    "creatures": "drawn creatures",
    "centre": "centring",
    "sinkhorn": "Sinkhorn-Knopp",
    "patch": "patches",
    "conv": "convolutions",
    "cuda": "CUDA GPU",
    "mps": "Apple GPU",
    "cpu": "CPU",
}
SAID_BY_ITSELF = frozenset(KINDS) - {
    "cpu",
    "cuda",
    "mps",
    "patch",
    "conv",
}  # "AdamW" needs no label before it, "device CPU" does
SUMMARY = 3  # so many fields of a group tell what is in it
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Group:
    """Fields that are folded away together."""

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Layout:
    """What the form shows: rows in sight, and groups."""

    basic: tuple[Field, ...]
    groups: tuple[Group, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return (*self.basic, *(field for group in self.groups for field in group.fields))


def layout(table: Mapping[str, Any], struct: type[Struct] = Recipe) -> Layout:
    """The form of a recipe whose tables have these kinds."""
    shown = [field for field in in_force(table, struct) if field.path not in (*NOT_ASKED, BY_CARD)]
    shown = [field for field in shown if not is_unused(field, table)]
    shown.sort(key=lambda field: _place(field.path))
    basic = tuple(field for field in shown if _is_in_sight(field))
    grouped: dict[str, list[Field]] = {}
    for field in shown:
        if field not in basic:
            grouped.setdefault(title_of(field.path), []).append(field)
    return Layout(basic, tuple(Group(title, tuple(fields)) for title, fields in grouped.items()))


def is_unused(field: Field, table: Mapping[str, Any]) -> bool:
    """Whether the method of a recipe never looks at a field, which is as it comes."""
    method = table.get("method")
    named = UNUSED.get(str(method.get(TAG)), ()) if isinstance(method, Mapping) else ()
    unused = any(field.path == name or (name.endswith(".") and field.path.startswith(name)) for name in named)
    return unused and value_in(table, field) == field.default


def in_force(table: Mapping[str, Any], struct: type[Struct] = Recipe, path: str = "") -> Iterator[Field]:
    """The fields of the kinds that are chosen; a table of an unknown kind has only the field that chooses."""
    own, specs = _described(struct, path)
    for spec in specs:
        here = f"{path}.{spec.encode_name}" if path else spec.encode_name
        kinds = tables(spec.type)
        if not kinds:
            yield own[here]
            continue
        given = table.get(spec.encode_name, {})
        given = given if isinstance(given, Mapping) else {}
        by_name = {tag_of(kind): kind for kind in kinds}
        if kinds[0].__struct_config__.tag is not None:
            chooser = own[f"{here}.{TAG}"]
            yield chooser
            name = given.get(TAG, chooser.default)
        else:
            name = tag_of(kinds[0])
        if isinstance(name, str) and name in by_name:
            yield from in_force(given, by_name[name], here)


@cache
def _described(struct: type[Struct], path: str) -> tuple[dict[str, Field], tuple[msgspec.structs.FieldInfo, ...]]:
    """Kept, since asking the types again is most of the time a letter takes."""
    return {field.path: field for field in fields_of(struct, path)}, msgspec.structs.fields(struct)


def tables(kind: Any) -> tuple[type[Struct], ...]:
    """The structs a field may hold: several for a table chosen by its name, none for a value."""
    options = get_args(kind) or (kind,)
    structs = tuple(option for option in options if isinstance(option, type) and issubclass(option, Struct))
    return structs if len(structs) == len(options) else ()


def kinds_of(path: str, struct: type[Struct] = Recipe) -> dict[str, type[Struct]]:
    """The kinds of a table by name: what `method` or `model` may be."""
    spec = next(spec for spec in msgspec.structs.fields(struct) if spec.encode_name == path)
    return {tag_of(kind): kind for kind in tables(spec.type)}


def is_choice_of_kind(field: Field) -> bool:
    """Whether the field decides which other fields there are."""
    return field.path.endswith(f".{TAG}") and field.kind == "choice"


def is_path(field: Field) -> bool:
    """Whether the value names something on disk, for which there is a dialog."""
    return field.path.endswith((".path", ".eval_path")) or is_file(field)


def is_file(field: Field) -> bool:
    """Whether that is a file and no folder."""
    return field.path.endswith((".weights", ".corrections"))


def title_of(path: str) -> str:
    table, _, name = path.partition(".")
    if table == "method" and name in GROUPS:
        return GROUPS[name]
    return TITLES.get(table, table.replace("_", " ").capitalize())


def label_of(field: Field) -> str:
    """A field's label; the choice of a kind is called after its table."""
    return title_of(field.path) if is_choice_of_kind(field) and field.path != "data.name" else field.label


def _is_in_sight(field: Field) -> bool:
    table = field.path.partition(".")[0]
    return table in IN_SIGHT if is_choice_of_kind(field) else field.basic


def _place(path: str) -> float:
    table = path.partition(".")[0]
    if table == "method" and title_of(path) == TITLES["optimizer"]:
        return FIRST.index("optimizer") + 0.5  # below the choice of the optimiser
    if table in LAST:
        return 1000 + LAST.index(table)
    return FIRST.index(table) if table in FIRST else 500


# ---- values --------------------------------------------------------------------------------------------------------------


def value_in(table: Mapping[str, Any], field: Field) -> Any:
    """What the document holds for a field, or its default."""
    place: Any = table
    for part in field.path.split("."):
        if not isinstance(place, Mapping) or part not in place:
            return field.default
        place = place[part]
    return place


def text_of(value: Any) -> str:
    """A value as an editor shows it; `read` gives the same value back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return words.count(value).replace("-", words.MINUS)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(text_of(each) if isinstance(each, float) else str(each) for each in value)
    return "" if value is None else str(value)


def number_text(value: float) -> str:
    """As on the charts where that is exact ("125e-6"), else with all its digits."""
    short = words.rate(value)
    return short if _as_number(short) == value else repr(value).replace("-", words.MINUS)


def read(field: Field, text: str) -> Any:
    """What was typed, as a value of TOML. What cannot be read stays text, for the recipe to refuse it in words."""
    plain = text.strip().replace(words.MINUS, "-").replace(words.THIN, "")
    if field.auto and plain.lower() == AUTO:
        return AUTO
    if field.kind in ("text", "choice"):
        return text.strip()
    if field.kind == "switch":
        return {"true": True, "false": False}.get(plain, plain)
    if field.kind == "integers":
        return _read_list(plain)
    return _read_number(plain)


def _read_list(plain: str) -> Any:
    parts = [part for part in re.split(r"[\s,]+", plain.strip("[]")) if part]
    return [_read_number(part) for part in parts]


def _read_number(plain: str) -> Any:
    """A number of TOML, written as it was typed wherever TOML knows that spelling."""
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return plain
    try:
        return tomlkit.parse(f"x = {plain}")["x"]
    except TOMLKitError:  # .5, 5. and 007 are numbers to a person
        value = float(plain)
        return int(plain) if re.fullmatch(r"[-+]?\d+", plain) else value


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(words.MINUS, "-").replace(",", ""))
    except ValueError:
        return None


def choice_text(choice: str) -> str:
    """A choice in words; one that nobody has put into words stands as it is written."""
    return KINDS.get(choice, choice.replace("_", " "))


# ---- what is said of a field --------------------------------------------------------------------------------------------


def said(field: Field, value: Any) -> str:
    """A value in a sentence: "AdamW", "0.05", "3, 4"."""
    if field.kind == "choice":
        return choice_text(str(value))
    if field.kind == "switch":
        return "on" if value is True else "off"
    return text_of(value)


def auto_words(field: Field, numbers: Recipe) -> str:
    """What an "auto" comes to, as it stands beside the editor: "auto: 0.9844"; empty where that is not known yet."""
    value = value_in(recipe.to_table(numbers), field)
    return f"auto: {said(field, value)}" if value != AUTO else ""


def summary(group: Group, table: Mapping[str, Any]) -> str:
    """The first few values of a folded group: "AdamW, weight decay 0.05, gradient clip 0"."""
    parts = []
    for field in group.fields:
        value = value_in(table, field)
        if "seed" in field.path or value in ((), []):
            continue
        text = said(field, value)
        if is_choice_of_kind(field) or (field.kind == "choice" and value in SAID_BY_ITSELF):
            parts.append(text)
        elif text:
            parts.append(f"{lower(field.label)} {text}")
    return ", ".join(parts[:SUMMARY])


def lower(label: str) -> str:
    """A label within a sentence; an abbreviation at its head stays."""
    first = label.split(" ")[0]
    return label if first.isupper() and len(first) > 1 else label[:1].lower() + label[1:]
