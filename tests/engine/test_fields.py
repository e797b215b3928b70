"""Fields and their refusals, on structs made up for the purpose."""

import math
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from engine.fields import Field, RecipeError, RecipeErrors, build, fields_in, fields_of, knob, nearest


class Round(Struct, frozen=True, kw_only=True, tag_field="name", tag="round"):
    """a circle
    of which the second line is not shown"""

    radius: Annotated[float, knob("Radius", "How far it goes.", unit="m", gt=0, le=2)] = 1.0


class Square(Struct, frozen=True, kw_only=True, tag_field="name", tag="square"):
    """four equal sides"""

    side: Annotated[int, knob("Side", "How long a side is.", ge=1)] = 1


class Plain(Struct, frozen=True, kw_only=True, tag_field="name", tag="plain"):
    """nothing to choose"""


class Paint(Struct, frozen=True, kw_only=True):
    colour: Annotated[Literal["red", "green"], knob("Colour", "What it looks like.", basic=True)] = "red"
    coats: Annotated[tuple[int, ...], knob("Coats", "Layers of paint.", ge=0)] = ()
    shine: Annotated[bool, knob("Shine", "Whether it does.")] = False


class Scaled(Struct, frozen=True, kw_only=True):
    rate: Annotated[float | Literal["auto"], knob("Rate", "How fast.", gt=0, le=10)] = 0.1
    size: Annotated[int | Literal["auto"], knob("Size", "How large.", unit="px", ge=8, le=64)] = "auto"
    share: Annotated[float | Literal["auto"], knob("Share", "A part.")] = 0.5


class Thing(Struct, frozen=True, kw_only=True):
    label: Annotated[str, knob("Label", "What it is called.")]
    share: Annotated[float, knob("Share", "A part.", ge=0, lt=1, source="paper", why="table 3")] = 0.5
    offset: Annotated[float, knob("Offset", "Anything.")] = 0.0
    below: Annotated[int, knob("Below", "A debt.", lt=10)] = 0
    form: Round | Square | Plain = Round()
    only: Square = Square()
    paint: Paint = Paint()
    scaled: Scaled = Scaled()


def built(**table: Any) -> Thing:
    errors: list[RecipeError] = []
    thing = build(Thing, {"label": "a", **table}, "", errors)
    if errors:
        raise RecipeErrors(errors)
    return thing


def refusals(**table: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as refused:
        built(**table)
    return [str(error) for error in refused.value.errors]


def test_that_an_empty_table_gives_the_defaults() -> None:
    assert built() == Thing(label="a")


def test_that_values_reach_the_struct_their_table_names() -> None:
    thing = built(form={"name": "square", "side": 3}, paint={"colour": "green", "coats": [1, 2]}, share=0)
    assert thing == Thing(label="a", form=Square(side=3), paint=Paint(colour="green", coats=(1, 2)), share=0.0)
    assert type(thing.share) is float


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"share": 1.0}, "share: 1.0 is outside its range; write a value in [0, 1)"),
        ({"share": -0.1}, "share: -0.1 is outside its range; write a value in [0, 1)"),
        ({"share": math.nan}, "share: nan is outside its range; write a value in [0, 1)"),
        ({"offset": math.nan}, "offset: nan is outside its range; write any number"),
        ({"offset": -math.inf}, "offset: -inf is outside its range; write any number"),
        ({"share": True}, "share: true is not a number; write a value in [0, 1)"),
        ({"share": "0.5"}, "share: '0.5' is not a number; write a value in [0, 1)"),
        ({"share": [0.5]}, "share: [0.5] is not a number; write a value in [0, 1)"),
        ({"below": 10}, "below: 10 is outside its range; write below 10"),
        ({"below": 1.0}, "below: 1.0 is not a whole number; write below 10"),
        ({"below": False}, "below: false is not a whole number; write below 10"),
        ({"label": 2024}, 'label: 2024 is not text; write "2024", in quotes'),
        ({"form": {"radius": 0}}, "form.radius: 0.0 is outside its range; write a value in (0, 2] m"),
        ({"form": {"radius": 2.5}}, "form.radius: 2.5 is outside its range; write a value in (0, 2] m"),
        ({"only": {"side": 0}}, "only.side: 0 is outside its range; write at least 1"),
        ({"paint": {"shine": 1}}, "paint.shine: 1 is not true or false; write true or false"),
        ({"paint": {"colour": "gren"}}, "paint.colour: unknown choice 'gren'; known, the nearest first: green, red"),
        ({"paint": {"colour": True}}, "paint.colour: unknown choice true; known, the nearest first: red, green"),
        (
            {"paint": {"coats": 1}},
            "paint.coats: 1 is not a list of whole numbers; write a list such as [0, 1], each at least 0",
        ),
        ({"paint": {"coats": [1, -1]}}, "paint.coats: -1 is outside its range; write a list such as [0, 1], each at least 0"),
        (
            {"paint": {"coats": [0.5]}},
            "paint.coats: [0.5] is not a list of whole numbers; write a list such as [0, 1], each at least 0",
        ),
        ({"scaled": {"rate": 11}}, 'scaled.rate: 11.0 is outside its range; write a value in (0, 10] or "auto"'),
        ({"scaled": {"rate": math.nan}}, 'scaled.rate: nan is outside its range; write a value in (0, 10] or "auto"'),
        ({"scaled": {"rate": "Auto"}}, "scaled.rate: 'Auto' is not a number; write a value in (0, 10] or \"auto\""),
        ({"scaled": {"size": 9.5}}, 'scaled.size: 9.5 is not a whole number; write a value in [8, 64] px or "auto"'),
        ({"scaled": {"size": True}}, 'scaled.size: true is not a whole number; write a value in [8, 64] px or "auto"'),
        ({"scaled": {"share": "half"}}, "scaled.share: 'half' is not a number; write any number or \"auto\""),
        ({"share": "auto"}, "share: 'auto' is not a number; write a value in [0, 1)"),
        ({"paint": 3}, "paint: 3 is not a table; write [paint] and its fields below it"),
        ({"form": "square"}, "form: 'square' is not a table; write [form] and its fields below it"),
        ({"form": {"name": "sqare"}}, "form.name: unknown form 'sqare'; known, the nearest first: square, round, plain"),
        ({"form": {"name": ["square"]}}, "form.name: unknown form ['square']; known, the nearest first: square, round, plain"),
        ({"only": {"name": "round"}}, "only.name: unknown only 'round'; known, the nearest first: square"),
        ({"form": {"name": "plain", "side": 1}}, "form.side: plain has no such field; with form.name = square there is one"),
        (
            {"shar": 1},
            "shar: unknown field 'shar'; known, the nearest first: share, scaled, form, label, paint, offset, below, only",
        ),
        ({"paint": {"name": "red"}}, "paint.name: unknown field 'name'; known, the nearest first: shine, coats, colour"),
    ],
)
def test_that_a_refusal_names_field_value_and_remedy(table: dict[str, Any], sentence: str) -> None:
    assert refusals(**table) == [sentence]


def test_that_auto_may_stand_where_a_number_is_worked_out_later() -> None:
    thing = built(scaled={"rate": "auto", "size": 16, "share": 1})
    assert (thing.scaled.rate, thing.scaled.size, thing.scaled.share) == ("auto", 16, 1.0)
    known = {field.path: field for field in fields_of(Thing)}
    assert [known[f"scaled.{key}"].auto for key in ("rate", "size", "share")] == [True, True, True]
    assert [known[f"scaled.{key}"].kind for key in ("rate", "size")] == ["number", "integer"]
    assert known["scaled.size"].default == "auto"
    assert not known["share"].auto


def test_that_a_missing_value_is_named_with_how_to_write_it() -> None:
    errors: list[RecipeError] = []
    assert build(Thing, {}, "", errors) is None
    assert [str(error) for error in errors] == ["label: is missing; write label = ... (text)"]


def test_that_a_wholly_wrong_table_is_refused_at_its_path() -> None:
    errors: list[RecipeError] = []
    assert build(Thing, [1], "there", errors) is None
    assert [str(error) for error in errors] == ["there: [1] is not a table; write [there] and its fields below it"]


def test_that_all_refusals_of_a_table_come_together_in_the_order_of_its_fields() -> None:
    found = refusals(share=2, form={"name": "oval"}, only={"side": -1, "edge": 1}, paint={"colour": "blue", "shine": 0}, odd=1)
    assert [refusal.partition(":")[0] for refusal in found] == [
        "odd",
        "share",
        "form.name",
        "only.edge",
        "only.side",
        "paint.colour",
        "paint.shine",
    ]


@given(st.integers(2**63))
def test_that_whole_numbers_that_no_array_holds_are_refused(number: int) -> None:
    assert "is outside its range" in refusals(only={"side": number})[0]
    assert "is outside its range" in refusals(below=-number)[0]


def test_that_a_number_as_long_as_a_page_is_refused_briefly() -> None:
    assert len(refusals(only={"side": 10**4000})[0]) < 200
    assert len(refusals(share=10**400)[0]) < 200


def test_that_several_refusals_read_as_lines_under_their_source() -> None:
    errors = RecipeErrors([RecipeError("a", "is odd"), RecipeError("", "is torn")], "my.toml")
    assert str(errors) == "my.toml: a: is odd\n         is torn"
    assert str(RecipeErrors([RecipeError("a.b", "is odd")])) == "a.b: is odd"
    assert (errors.errors[0].field, errors.errors[0].problem) == ("a", "is odd")


def test_that_fields_are_read_off_the_structs() -> None:
    fields = {field.path: field for field in fields_of(Thing)}
    assert list(fields) == [
        "label",
        "share",
        "offset",
        "below",
        "form.name",
        "form.radius",
        "form.side",
        "only.name",
        "only.side",
        "paint.colour",
        "paint.coats",
        "paint.shine",
        "scaled.rate",
        "scaled.size",
        "scaled.share",
    ]
    share = Field("share", "Share", "A part.", "number", 0.5, low=0, high=1, high_open=True, source="paper", why="table 3")
    assert fields["share"] == share
    form = fields["form.name"]
    assert (form.kind, form.default, form.choices, form.basic) == ("choice", "round", ("round", "square", "plain"), True)
    assert form.help == "round: a circle; square: four equal sides; plain: nothing to choose"
    assert fields["only.name"].choices == ("square",)
    assert (fields["paint.coats"].kind, fields["paint.coats"].default) == ("integers", ())
    assert (fields["label"].kind, fields["label"].default) == ("text", None)
    assert fields["paint.shine"].kind == "switch" and fields["only.side"].kind == "integer"
    assert fields["form.radius"].unit == "m" and fields["paint.colour"].basic and not fields["label"].basic


def test_that_only_the_fields_of_the_chosen_kinds_are_in_force() -> None:
    found = {field.path: value for field, value in fields_in(Thing(label="a", form=Square(side=3)))}
    assert found["form.name"] == "square" and found["form.side"] == 3 and "form.radius" not in found
    assert found["scaled.size"] == "auto" and found["label"] == "a"
    assert set(found) < {field.path for field in fields_of(Thing)}


def test_that_fields_below_a_path_carry_it() -> None:
    assert [field.path for field in fields_of(Square, "form")] == ["form.side"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("label", "text"),
        ("share", "[0, 1)"),
        ("offset", "any number"),
        ("below", "below 10"),
        ("form.radius", "(0, 2]"),
        ("only.side", "at least 1"),
        ("paint.colour", "one of red, green"),
        ("paint.coats", "at least 0"),
        ("paint.shine", "true or false"),
    ],
)
def test_that_a_range_is_said_in_words(path: str, words: str) -> None:
    assert {field.path: field for field in fields_of(Thing)}[path].range == words


def test_that_the_other_ends_of_ranges_are_said_too() -> None:
    assert Field("a", "A", "", "number", 0, high=0.25).range == "at most 0.25"
    assert Field("a", "A", "", "number", 0, low=0, low_open=True).range == "above 0"
    assert Field("a", "A", "", "integer", 0, low=0, high=2**31).range == "[0, 2147483648]"
    assert Field("a", "A", "", "integers", ()).range == "any integer"


def test_that_a_field_without_a_knob_is_a_mistake_of_ours() -> None:
    class Bare(Struct):
        value: int = 0

    with pytest.raises(AssertionError, match="value has no knob"):
        list(fields_of(Bare))


def test_that_the_nearest_name_comes_first_whatever_its_case() -> None:
    assert nearest("ADAM", ["sgd", "adamw", "lars"]) == ["adamw", "sgd", "lars"]
    assert nearest("x", []) == []
