"""MODEL.md: a card as a person reads it. Says nothing that the card does not say; what is empty there is said to be so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine import recipe, words

EMPTY = "*not said*"
LABELS = {"license": "Licence", "intended_use": "Intended use", "limitations": "Limitations"}


def page(card: Mapping[str, Any], use: str) -> str:
    """Markdown. `use` says how the files are opened."""
    parts = [_head(card), "## How to use it\n\n" + use, _files(card), _network(card), _results(card), _data(card)]
    return "\n\n".join(filter(None, (*parts, _origin(card), _environment(card), _recipe(card)))) + "\n"


def _head(card: Mapping[str, Any]) -> str:
    run = card["run"]
    network = card["network"]
    which = (
        f"The {network['name']} at step {words.count(network['step'])}, as {card['kind']}" if network else "What was recorded"
    )
    standing = f"{run['ended'] or 'not ended'}, step {words.count(run['step'])} of {words.count(run['total_steps'])}"
    told = f"{which}, of the run `{run['name']}` ({run['method']}, F{run['generation']}, seed {run['seed']}; {standing})."
    changed = [f"{one['field']} is {one['value']} from step {one['step']}" for one in run["changed_while_training"]]
    altered = [f"It was altered while it trained: {'; '.join(changed)}."] if changed else []
    unsaid = [f"- {label}: {_cell(card[name]) or EMPTY}" for name, label in LABELS.items()]
    made = f"Made by {card['made_by']} at {card['made_at']}. `card.json` says all of this to programs."
    return "\n\n".join([f"# {run['name']}: {card['kind']}", told, *altered, made, "\n".join(unsaid)])


def _files(card: Mapping[str, Any]) -> str:
    rows = [(f"`{one['name']}`", one["what"], words.size(one["bytes"]), f"`{one['sha256'][:16]}`") for one in card["files"]]
    checked = card["checked"]
    told = f"\n\nChecked before it was given its name: {checked['what']}." if checked else ""
    numbers = [f"- {_plain(name)}: {_number(value)}" for name, value in checked.items() if name != "what"]
    return "## Files\n\n" + _table(("file", "what it is", "size", "SHA-256 begins"), rows) + told + _listed(numbers)


def _network(card: Mapping[str, Any]) -> str:
    rows = [(_plain(name), f"`{_cell(value)}`") for name, value in card["network"].items() if value not in ("", [], {}, None)]
    return "## The network\n\n" + _table(("", ""), rows) if rows else ""


def _results(card: Mapping[str, Any]) -> str:
    results = card["results"]
    measured = _table(("metric", "value"), [(f"`{name}`", _number(value)) for name, value in results["measured"].items()])
    parts = [measured if results["measured"] else "Nothing was measured of it."]
    parts += [f"Not judged: {results['problem']}."] if results.get("problem") else []
    parts += [f"{results['headline']}. {results['basis']}."] if results.get("headline") else []
    parts += [_of_all_seeds(results["generation"])] if results.get("generation") else []
    parts += [_verdicts(results["verdicts"])] if results.get("verdicts") else []
    parts += [f"{results['fork']}."] if results.get("fork") else []
    return "## Results\n\nRates are fractions.\n\n" + "\n\n".join(parts)


def _of_all_seeds(row: Mapping[str, Any]) -> str:
    sd = "" if row["sd"] is None else f" ± {words.points(row['sd']).lstrip('+')}"
    seeds = ", ".join(f"s{seed} {words.percent(value)}" for seed, value in zip(row["seeds"], row["per_seed"]))
    rest = f"NLL {words.number(row['nll'])}, ECE {words.number(row['ece'])}, Brier {words.number(row['brier'])}"
    return f"All seeds of {row['name']}: {words.percent(row['mean'])}{sd} ({seeds}); {rest}."


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"F{one['child']} against F{one['parent']}",
            one["words"],
            f"{words.points(one['difference']['low'])} to {words.points(one['difference']['high'])}",
        )
        for one in verdicts
    ]
    return _table(("", "difference in points", "95 % interval"), rows)


def _data(card: Mapping[str, Any]) -> str:
    data = card["data"]
    rows = [(_plain(name), f"`{_cell(value)}`") for name, value in data.items() if name not in ("skipped", "evaluated")]
    return "## Data\n\n" + _table(("", ""), rows) if rows else "## Data\n\nNothing is recorded of it."


def _origin(card: Mapping[str, Any]) -> str:
    told = [f"- Taught by `{one['run']}` at step {one['step']}, SHA-256 `{one['sha256']}`" for one in card["teachers"]]
    for name, words_ in (("forked_from", "Forked from"), ("started_from", "Started from")):
        origin = card["run"].get(name) or card.get(name)
        told += [f"- {words_} " + ", ".join(f"{key} `{value}`" for key, value in origin.items())] if origin else []
    told += [f"- Recipe, SHA-256 `{card['recipe_sha256']}`"]
    return "## Where it comes from" + _listed(told)


def _environment(card: Mapping[str, Any]) -> str:
    names = {"trained": "Trained with", "exported": "Exported with"}
    told = [
        f"{names[when]}: " + ", ".join(f"{name} {_cell(value)}" for name, value in found.items() if value != "") + "."
        for when, found in card["environment"].items()
        if found
    ]
    return "## Environment\n\n" + "\n\n".join(told)


def _recipe(card: Mapping[str, Any]) -> str:
    rows = [(f"`{name}`", f"`{_cell(value)}`") for name, value in recipe.flat(card["recipe"]).items()]
    return "## Recipe\n\nEvery value in force.\n\n" + _table(("field", "value"), rows)


# ---- Markdown -----------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def _listed(lines: Sequence[str]) -> str:
    return "\n\n" + "\n".join(lines) if lines else ""


def _cell(value: Any) -> str:
    """In one line of a table, whatever a class or a folder is called."""
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return " ".join(str(value).split()).replace("|", "\\|").replace("`", "'")


def _pairs(value: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name}: {_cell(one)}" for name, one in value.items())


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(value: Any) -> str:
    return words.number(value, 4) if isinstance(value, float) and value else _cell(value)
