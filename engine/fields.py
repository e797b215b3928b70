"""What a recipe's field is: label, unit, range, default, help. Form, `--set`, effective.toml and documentation rest on it.

Here: reading fields off msgspec structs, and turning a table of plain values into a struct while collecting *every* refusal.
The structs themselves are in recipe.py and recipes/.
"""

import difflib
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

Source = Literal["paper", "preset", "data", "measured", "user"]
AUTO = "auto"  # in place of a number: it is worked out from the pictures (scaled.py)
TAG = "name"  # the key that chooses among several structs: method.name, model.name
LARGEST = 2**63 - 1  # whole numbers of TOML and of the arrays they end in


class RecipeError(ValueError):
    """One refused value: which field, what is wrong with it, what to do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class RecipeErrors(ValueError):
    """Everything that is wrong with one recipe, reported together."""

    def __init__(self, errors: Sequence[RecipeError], source: str = "") -> None:
        self.errors = tuple(errors)
        self.source = source
        head = f"{source}: " if source else ""
        super().__init__(head + ("\n" + " " * len(head)).join(str(error) for error in errors))


class Field(Struct, frozen=True):
    """One value of a recipe as a form or a page of documentation shows it."""

    path: str
    label: str
    help: str
    kind: Literal["integer", "number", "switch", "text", "choice", "integers"]
    default: Any
    unit: str = ""
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()
    source: Source = "preset"  # where the default comes from
    why: str = ""  # a sentence: the reason of the default
    basic: bool = False
    missing: str = ""  # what to do where a value that has no default is not there
    auto: bool = False  # "auto" may stand in place of the number

    @property
    def range(self) -> str:
        """The allowed values in words: "(0, 1]", "at least 1", "one of adamw, sgd"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.low is None and self.high is None:
            return {"switch": "true or false", "text": "text"}.get(self.kind, "any " + self.kind.rstrip("s"))
        low, high = _plainly(self.low), _plainly(self.high)
        if self.high is None:
            return f"{'above' if self.low_open else 'at least'} {low}"
        if self.low is None:
            return f"{'below' if self.high_open else 'at most'} {high}"
        return f"{'(' if self.low_open else '['}{low}, {high}{')' if self.high_open else ']'}"


def knob(
    label: str,
    help: str,
    *,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    source: Source = "preset",
    why: str = "",
    basic: bool = False,
    missing: str = "",
) -> Meta:
    """What stands beside a field of a recipe struct: `epochs: Annotated[int, knob("Epochs", "...", ge=1)] = 40`."""
    extra = {"unit": unit, "ge": ge, "gt": gt, "le": le, "lt": lt, "source": source, "why": why, "basic": basic}
    extra["missing"] = missing
    return Meta(title=label, description=help, extra=extra)


def fields_of(struct: type[Struct], path: str = "") -> Iterator[Field]:
    """All fields of a struct, nested tables first met first; a table with several kinds (`model`) yields each kind's fields."""
    for key, (spec, kinds, field) in _described(struct, path).items():
        here = _join(path, key)
        if field is not None:
            yield field
        elif kinds[0].__struct_config__.tag is not None:
            yield _tag_field(here, kinds, spec.default)
        for kind in kinds:
            yield from fields_of(kind, here)


def fields_in(chosen: Struct, path: str = "") -> Iterator[tuple[Field, Any]]:
    """The fields of the kinds that a recipe has chosen, each with its value."""
    for key, (spec, kinds, field) in _described(type(chosen), path).items():
        here, value = _join(path, key), getattr(chosen, spec.name)
        if field is not None:
            yield field, value
            continue
        if kinds[0].__struct_config__.tag is not None:
            of_chosen = (type(value).__doc__ or "").strip().splitlines()[0]
            yield msgspec.structs.replace(_tag_field(here, kinds, spec.default), help=of_chosen), tag_of(type(value))
        yield from fields_in(value, here)


def build(struct: type[Struct], table: Any, path: str, errors: list[RecipeError], kinds: Sequence[type[Struct]] = ()) -> Any:
    """A struct from plain values. Refusals are appended to `errors`; the result is meaningless if any was.

    `kinds` are the structs among which the table's name has chosen this one.
    """
    if not isinstance(table, Mapping):
        errors.append(RecipeError(path, f"{table!r} is not a table; write [{path}] and its fields below it"))
        return None
    described = _described(struct, path)
    tag = struct.__struct_config__.tag
    for key in table:
        if key not in described and not (tag is not None and key == TAG):
            elsewhere = [tag_of(kind) for kind in kinds if str(key) in _described(kind, path)]
            problem = f"{tag_of(struct)} has no such field; with {path}.name = {' or '.join(elsewhere)} there is one"
            errors.append(RecipeError(_join(path, str(key)), problem if elsewhere else _unknown("field", str(key), described)))
    values: dict[str, Any] = {}
    for key, (spec, kinds, field) in described.items():
        if field is None:
            given = table.get(key, {})
            chosen = _choose(kinds, given, spec.default, _join(path, key), errors)
            if chosen is not None:
                values[spec.name] = build(chosen, given, _join(path, key), errors, kinds)
        elif key in table:
            values[spec.name] = _value(field, spec.type, table[key], errors)
        elif spec.required:
            errors.append(RecipeError(field.path, f"is missing; {field.missing or f'write {key} = ... ({field.range})'}"))
    return struct(**values) if not errors else None


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The known names, the most alike first."""
    return sorted(known, key=lambda other: -difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio())


Described = tuple[msgspec.structs.FieldInfo, tuple[type[Struct], ...], Field | None]


@functools.cache
def _described(struct: type[Struct], path: str) -> dict[str, Described]:
    """Each field of a struct by its key: as msgspec knows it, and either the tables it may hold or what its value may be.

    Kept, since asking the types again is most of the time a recipe takes, and a window reads hundreds.
    """
    described: dict[str, Described] = {}
    for spec in msgspec.structs.fields(struct):
        kinds = _tables(spec.type)
        described[spec.encode_name] = (spec, kinds, None if kinds else _field(_join(path, spec.encode_name), spec))
    return described


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _unknown(what: str, name: Any, known: Any) -> str:
    names = ", ".join(nearest(str(name), list(known)))
    there = f"known, the nearest first: {names}" if names else f"there is no {what} to set here"
    return f"unknown {what} {_show(name)}; {there}"


def _tables(kind: Any) -> tuple[type[Struct], ...]:
    """The structs a field may hold: one for a plain table, several for a table chosen by its name, none for a value."""
    options = get_args(kind) or (kind,)
    structs = tuple(option for option in options if isinstance(option, type) and issubclass(option, Struct))
    return structs if len(structs) == len(options) else ()


def tag_of(struct: type[Struct]) -> str:
    """The name by which a table chooses this struct."""
    return str(struct.__struct_config__.tag)


def _tag_field(path: str, kinds: tuple[type[Struct], ...], default: Any) -> Field:
    label = path.rsplit(".", 1)[-1].capitalize()
    names = tuple(tag_of(kind) for kind in kinds)
    helps = "; ".join(f"{tag_of(kind)}: {(kind.__doc__ or '').strip().splitlines()[0]}" for kind in kinds)
    chosen = tag_of(type(default)) if isinstance(default, Struct) else names[0]
    why = str(getattr(type(default) if isinstance(default, Struct) else kinds[0], "why", ""))
    return Field(_join(path, TAG), label, helps, "choice", chosen, choices=names, why=why, basic=True)


def _choose(kinds: Any, given: Any, default: Any, path: str, errors: list[RecipeError]) -> type[Struct] | None:
    if kinds[0].__struct_config__.tag is None:
        return kinds[0]  # type: ignore[no-any-return]
    by_name = {tag_of(kind): kind for kind in kinds}
    fallback = tag_of(type(default)) if isinstance(default, Struct) else next(iter(by_name))
    name = given.get(TAG, fallback) if isinstance(given, Mapping) else fallback
    if isinstance(name, str) and name in by_name:
        return by_name[name]  # type: ignore[no-any-return]
    errors.append(RecipeError(_join(path, TAG), _unknown(path.rsplit(".", 1)[-1], name, by_name)))
    return None


def _field(path: str, spec: msgspec.structs.FieldInfo) -> Field:
    meta = next((m for m in getattr(spec.type, "__metadata__", ()) if isinstance(m, Meta)), None)
    assert meta is not None, f"{path} has no knob: every field of a recipe explains itself"
    kind, choices, auto = _kind(spec.type)
    default = None if spec.required else spec.default
    if default is msgspec.NODEFAULT and spec.default_factory is not msgspec.NODEFAULT:
        default = spec.default_factory()
    extra = meta.extra or {}
    low, high = extra["ge"], extra["le"]
    return Field(
        path=path,
        label=meta.title or path,
        help=meta.description or "",
        kind=kind,
        default=default,
        unit=extra["unit"],
        low=extra["gt"] if low is None else low,
        high=extra["lt"] if high is None else high,
        low_open=extra["gt"] is not None,
        high_open=extra["lt"] is not None,
        choices=choices,
        source=extra["source"],
        why=extra["why"],
        basic=extra["basic"],
        missing=extra["missing"],
        auto=auto,
    )


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...], bool]:
    """What a value is, what there is to choose from, in the order in which it is written, and whether it may be "auto"."""
    plain = get_args(annotation)[0]  # an Annotated with its knob: _field has seen to it
    if get_origin(plain) is Literal:
        return "choice", tuple(str(value) for value in get_args(plain)), False
    auto = plain in (float | Literal["auto"], int | Literal["auto"])
    kinds = {int: "integer", float: "number", bool: "switch", str: "text", tuple[int, ...]: "integers"}
    return kinds[get_args(plain)[0] if auto else plain], (), auto


def _value(field: Field, kind: Any, given: Any, errors: list[RecipeError]) -> Any:
    plain = given.unwrap() if hasattr(given, "unwrap") else given
    if field.kind == "choice" and plain not in field.choices:
        errors.append(RecipeError(field.path, _unknown("choice", plain, field.choices)))
        return None
    try:
        value = msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError:
        wanted = {"integer": "a whole number", "number": "a number", "switch": "true or false", "text": "text"}
        is_not = wanted.get(field.kind, "a list of whole numbers")
        remedy = f'"{_show(plain)}", in quotes' if field.kind == "text" else _say(field)
        errors.append(RecipeError(field.path, f"{_show(plain)} is not {is_not}; write {remedy}"))
        return None
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float | int) and not isinstance(number, bool) and _outside(field, number):
            errors.append(RecipeError(field.path, f"{_show(number)} is outside its range; write {_say(field)}"))
            return None
    return value


def _show(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plainly(number: float | None) -> str:
    return "" if number is None else f"{number:.0f}" if number == round(number) else f"{number:g}"


def _say(field: Field) -> str:
    """What may be written, to follow "write"."""
    unit = (f" {field.unit}" if field.unit else "") + (f' or "{AUTO}"' if field.auto else "")
    bounded = field.low is not None and field.high is not None
    if field.kind == "integers":
        unbounded = field.low is None and field.high is None
        return "a list such as [0, 1]" + ("" if unbounded else f", each {'in ' if bounded else ''}{field.range}{unit}")
    return (f"a value in {field.range}" if bounded else field.range) + unit


def _outside(field: Field, number: float) -> bool:
    if abs(number) > LARGEST if isinstance(number, int) else not math.isfinite(number):
        return True
    too_low = field.low is not None and (number < field.low or (field.low_open and number == field.low))
    too_high = field.high is not None and (number > field.high or (field.high_open and number == field.high))
    return too_low or too_high
