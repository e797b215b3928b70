"""What is said about a recipe: the page's sentence, the method cards, hints and help beside fields. Pure."""

from collections.abc import Mapping
from typing import Any

from engine import recipe, scaled, schedule, words
from engine.fields import AUTO, Field, tag_of
from engine.recipe import Recipe
from studio import phrases, recipe_fields
from studio.recipe_checks import Known
from studio.recipe_model import OpenRecipe

TITLES = {  # where a card says more than phrases.METHODS, or has no room for it
    "supervised": "Plain supervised",
    "ban_label": "BAN+L",
    "cwtm": "CWTM",
    "dkpp": "DKPP",
    "kd": "Distil",
    "dkd": "Distil, DKD",
}
PROMISES = {  # a card's second line; a method that is not here is told by its own first line
    "supervised": "labels only; the baseline",
    "ban": "learns from the last generation",
    "ban_label": "from the labels and the last",
    "cwtm": "labels, weighted by the last",
    "dkpp": "from the last, shuffled",
    "kd": "from a larger teacher",
    "dkd": "its classes weighted apart",
    "dino": "no labels; teacher is an average",
    "dinov2": "DINO, masked patches, KoLeo",
}
SOURCES = {"paper": "as published", "preset": "", "data": "from the data", "measured": "measured", "user": ""}


# ---- methods -------------------------------------------------------------------------------------------------------------


def method_title(name: str) -> str:
    return TITLES.get(name, phrases.METHODS.get(name, name.replace("_", " ").capitalize()))


def method_promise(name: str, doc: str) -> str:
    first = (doc.strip().splitlines() or [""])[0]
    return PROMISES.get(name, first)


def method_cards() -> list[tuple[str, str, str]]:
    """(name, title, second line) of every method there is."""
    return [(n, method_title(n), method_promise(n, kind.__doc__ or "")) for n, kind in recipe_fields.kinds_of("method").items()]


# ---- the page's head -----------------------------------------------------------------------------------------------------


def sentence(asked: Recipe, seconds: float | None) -> tuple[str, str]:
    """ "Born-Again on digits" and ", small CNN 16, 40 epochs, 3 seeds, about 1 min in all"."""
    data = str(getattr(asked.data, "title", "") or tag_of(type(asked.data)))
    parts = ["", model_words(asked), words.plural(asked.training.epochs, "epoch"), words.plural(len(asked.seeds), "seed")]
    if seconds is not None:
        parts.append(f"about {words.duration(seconds)} in all")
    return f"{method_title(tag_of(type(asked.method)))} on {data}", ", ".join(parts)


def model_words(asked: Recipe) -> str:
    """The network with the number that tells its size: "small CNN 16"."""
    name = phrases.model_words(asked.model)
    return f"{name} {asked.model.width}" if isinstance(asked.model, recipe.SmallCnn) else name


def refused(errors: Mapping[str, str], labels: Mapping[str, str]) -> tuple[str, str]:
    """The same while values are refused: how many, and which."""
    names = ", ".join(labels.get(path, path) for path in errors)
    count = len(errors)
    return ("One value cannot be used yet" if count == 1 else f"{count} values cannot be used yet"), f": {names}"


def where(asked: OpenRecipe) -> str:
    """ "creatures-dino.toml, not saved"."""
    if asked.path is None and asked.preset and not asked.unsaved:
        return f"{asked.name}, comes with Filial"
    if asked.path is None and not asked.preset:
        return f"like {asked.name}, not saved"
    return f"{asked.name}, not saved" if asked.unsaved or asked.path is None else f"{asked.name}, saved"


# ---- fields --------------------------------------------------------------------------------------------------------------


def hint(
    field: Field, asked: OpenRecipe, facts: Known, weights: int | None = None, imported: Mapping[str, str] | None = None
) -> str:
    """What stands right of an editor: what "auto" comes to, the preset's value if it is another, or a number that follows."""
    if field.path in asked.errors:
        return ""
    now, before = asked.value(field), asked.before(field)
    if now == AUTO and field.auto:
        known = recipe_fields.auto_words(field, facts.numbers) if facts.numbers else ""
        from_teacher = field.path in scaled.OF_THE_TEACHER and scaled.teacher_of(asked.last)
        return known or ("auto: its teacher's" if from_teacher else "")
    if imported and now and (told := imported.get(field.path, "")):
        return told
    if list_of(now) != list_of(before) and before is not None and (said := recipe_fields.said(field, before)):
        return f"{'preset' if asked.preset else 'was'} {said}"
    return _derived(field, asked, facts, weights)


def _derived(field: Field, asked: OpenRecipe, facts: Known, weights: int | None) -> str:
    value = asked.value(field)
    match field.path:
        case "training.batch" if facts.steps_per_epoch:
            return f"{words.plural(facts.steps_per_epoch, 'step')} an epoch"
        case "training.epochs" if facts.steps_per_epoch and isinstance(value, int):
            return f"{words.plural(facts.steps_per_epoch * value, 'step')}"
        case "data.name" if facts.pictures:
            return f"{words.count(facts.pictures)} to train on"
        case "method.momentum" if isinstance(value, float) and 0 < value < 1:
            return f"half-life {words.plural(max(1, round(schedule.half_life(value))), 'step')}"
        case "data.train_size" if value == 0:
            return "all that there are"
        case "model.name" if weights:
            return f"{short_count(weights)} weights"
        case "generations" if isinstance(value, int):
            return f"F0 to F{value}" if value else "F0 alone"
        case "seeds" if isinstance(value, list):
            return words.plural(len(value) * (asked.last.generations + 1), "run")
    if isinstance(value, float) and 0 < value < 1 and "share" in f"{field.label} {field.help}".lower():
        return words.percent(value, 0)
    return ""


def list_of(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def short_count(count: int) -> str:
    """5_400_000 -> "5.4 M"."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.1f} k" if count >= 1e4 else words.count(count)


def foot(field: Field, asked: OpenRecipe, facts: Known | None = None) -> tuple[str, str, str]:
    """The field that has the focus: its label, "training.epochs, 1 to 10,000", and what it is with its default and why."""
    place = f"{field.path}, {range_words(field)}"
    said = [_help(field, asked)]
    if facts and facts.numbers and (scaled_by := facts.why.get(field.path)) and field.path not in asked.errors:
        now = recipe_fields.auto_words(field, facts.numbers).removeprefix("auto: ")
        return recipe_fields.label_of(field), place, f"{said[0]} Here auto is {now}: {scaled_by.reason}."
    if field.default is not None and (default := recipe_fields.said(field, field.default)):
        source = SOURCES.get(field.source, "")
        why = f" ({field.why})" if field.why else ""
        said.append(f"The default is {default}{f', {source}' if source else ''}{why}.")
    elif field.why:
        said.append(f"{field.why[:1].upper()}{field.why[1:]}.")
    return recipe_fields.label_of(field), place, " ".join(part for part in said if part)


def _help(field: Field, asked: OpenRecipe) -> str:
    """What the field is; of a choice of kinds, what the chosen one is."""
    told = field.help
    if recipe_fields.is_choice_of_kind(field):
        kind = recipe_fields.kinds_of(field.path.partition(".")[0]).get(str(asked.value(field)))
        first = ((kind.__doc__ if kind else "") or "").strip().partition("\n")[0]
        told = first[:1].upper() + first[1:]
    return told if told.endswith(".") or not told else f"{told}."


def range_words(field: Field) -> str:
    """ "1 to 100,000 epochs"; open ends keep their brackets: "(0, 1]"."""
    return _bounds_words(field) + (" or auto" if field.auto else "")


def _bounds_words(field: Field) -> str:
    unit = f" {field.unit}" if field.unit else ""
    closed = field.low is not None and field.high is not None and not (field.low_open or field.high_open)
    if closed and not field.choices and field.low is not None and field.high is not None:
        return f"{_bound(field.low)} to {_bound(field.high)}{unit}"
    if field.choices:
        return "one of " + ", ".join(recipe_fields.choice_text(choice) for choice in field.choices)
    unit = unit.removesuffix("s") if field.low == 1 and field.high is None else unit
    return field.range + (unit if field.low is not None or field.high is not None else "")


def _bound(value: float) -> str:
    return words.count(int(value)) if value == int(value) else recipe_fields.number_text(float(value))
