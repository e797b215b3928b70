"""What stands in a report, part by part. Every number comes from compare.py or a run's events, every wording of numbers from
words.py, as in the window; so the two cannot differ. How it looks is page.py's and charts.py's.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine import compare, curves, differences, recipe, words
from engine.compare import Verdict
from engine.recipe import RunRecipe
from engine.reports import charts, pictures
from engine.reports.charts import Line, Say
from engine.reports.gathered import Gathered, Seen
from engine.reports.page import Html, element, facts, folded, joined, section, table
from engine.study import mean_words, over_seeds

POINTS = 40_000  # of all curves together: about 10 bytes each
SHARES = (  # parts of the names of metrics that are rates in [0, 1]
    "accuracy", "top1", "train/agreement", "agreement/wrong", "inherited", "fixed", "errors/new", "knn/", "linear/", "jaccard",
    "overlap",
)  # fmt: skip
LEADING = {
    "val/accuracy": "Validation accuracy",
    "knn/average@val": "k-NN of the student's average, validation",
    "knn/teacher@val": "k-NN of the teacher, validation",
    "knn/student@val": "k-NN of the student, validation",
    "train/loss": "Training loss",
    "val/nll": "Validation negative log-likelihood",
    "agreement/top1@val": "Agreement with the teacher, validation",
    "feature/rank@val": "Rank of the features, validation",
    "feature/std@val": "Spread of the features, validation",
    "teacher/prototypes_used@val": "Prototypes in use, validation",
    "teacher/entropy": "Entropy of the teacher's targets",
    "teacher/kl": "KL of teacher and student",
    "attention/jaccard": "Attention against the creatures",
}
FINAL = ("@test", "test/")  # where a metric says that it is of the test pictures


def head(found: Gathered) -> Html:
    """The sentence over it all, and how far the runs have come."""
    study = found.study
    lead, rest = ("These runs cannot be compared", f": {study.problem}") if study.problem else _sentence(found)
    complete = sum(one.state.completed for one in found.runs)
    open_ = [f"{one.name}: {one.standing}" for one in found.runs if not one.state.completed]
    standing = f"{complete} of {words.plural(len(found.runs), 'run')} complete. " + "; ".join(open_[:12])
    more = f"; and {len(open_) - 12} more" if len(open_) > 12 else ""
    return element(
        "header",
        element("h1", f"Filial report: {found.name}"),
        element("p", element("strong", lead), rest, class_="sentence"),
        element("p", compare.basis(study.lineage, study.measured), class_="note"),
        element("p", standing + more + ("." if open_ else ""), class_="warn" if open_ else "note"),
        *(element("p", reason, class_="warn") for reason in study.left_out),
        *(element("p", f"{one.name} was altered while it trained: {_changes(one)}", class_="warn") for one in _altered(found)),
    )


def _sentence(found: Gathered) -> tuple[str, str]:
    """As compare.headline; of nearest neighbours, and of features alone, what was measured is said first."""
    study = found.study
    if study.generations and not (study.by_neighbours and len(study.generations) == 1):
        return compare.headline(study.lineage, study.judged)
    if study.rows:
        row = study.rows[0]
        spread = "" if row.sd is None else f" ± {words.points(row.sd).lstrip('+')}"
        return f"k-NN {words.percent(row.mean)}", f"{spread}, {words.plural(len(row.seeds), 'seed')}"
    if rank := over_seeds([one for one in found.runs if one.state.completed], "feature/rank@test"):
        figure, spread = mean_words(rank, lambda v: words.number(v, 2), lambda v: words.number(v, 2))
        return f"Feature rank {figure}", f", {spread}; no labels to be right about"
    return compare.headline(study.lineage, study.judged)


def _altered(found: Gathered) -> list[Seen]:
    return [one for one in found.runs if one.state.altered]


def _changes(one: Seen) -> str:
    return "; ".join(f"{change.field} is {change.value} from step {words.count(change.step)}" for change in one.state.changes)


def results(found: Gathered) -> Html:
    """The table of generations, a dot for every seed, and what each verdict rests on."""
    study = found.study
    rows = [
        (
            row.name,
            words.percent(row.mean),
            "" if row.sd is None else f"± {words.points(row.sd).lstrip('+')}",
            words.count(len(row.seeds)),
            *("" if study.by_neighbours else words.number(value) for value in (row.nll, row.ece, row.brier)),
            _verdict(row.verdict) if row.verdict else Html(""),
        )
        for row in study.rows
    ]
    measured = "k-NN" if study.by_neighbours else "accuracy"
    head = ("", measured, "sd over seeds", "seeds", "NLL", "ECE", "Brier", "against its teacher")
    dots = [(row.generation, list(zip(row.seeds, row.per_seed)), row.mean) for row in study.rows]
    chart = charts.dots(f"Test {measured} of every seed; the bar is their mean", dots) if len(found.runs) > 1 else None
    return section("Results on the test pictures", table(head, rows, words=(0, 7)), chart, verdicts(study.judged))


def _verdict(verdict: Verdict) -> Html:
    kind = verdict.word if verdict.word in ("better", "worse") else None
    return element("span", compare.verdict_words(verdict), class_=kind)


def verdicts(judged: Sequence[Verdict]) -> Html:
    rows = [
        (
            f"F{one.child} against F{one.parent}",
            _verdict(one),
            f"{words.points(one.difference.low)} to {words.points(one.difference.high)}",
            ", ".join(words.points(value) for value in one.difference.per_seed),
            "; ".join(f"s{n.seed}: {n.only_child} to {n.only_parent}, {words.p_value(n.p)}" for n in one.networks),
        )
        for one in judged
    ]
    head = ("", "difference in points", "95 % interval", "seed by seed", "McNemar, these very networks")
    note = (
        "Paired within the seed; ± is the standard error of the difference; interval and p by a bootstrap over seeds and "
        "pictures together, p corrected for all comparisons of the lineage (Holm). Fewer than three seeds give no verdict."
    )
    return table(head, rows, words=(0, 1, 2, 3, 4), caption=note)


def measurements(found: Gathered) -> Html:
    """All that was measured at the end, over the complete seeds of each generation."""
    names = sorted(name for name in found.metrics if name.startswith("test/") or name.endswith("@test"))
    rows = []
    for name in names:
        cells = []
        for generation in found.generations:
            values = over_seeds([one for one in found.of(generation) if one.state.completed], name)
            figure, spread = mean_words(values, _say(name), _spread(name)) if values else ("", "")
            cells.append(f"{figure} {spread.rpartition(',')[0]}".strip())
        if any(cells):
            rows.append((name.removesuffix("@test"), *cells))
    head = ("", *(f"F{generation}" for generation in found.generations))
    note = "Mean and standard deviation over the complete seeds, as recorded when each run ended."
    return section("Everything measured on the test pictures", table(head, rows), note=note if rows else "")


def _is_share(name: str) -> bool:
    return any(part in name for part in SHARES) and "throughput" not in name


def _say(name: str) -> Say:
    return words.percent if _is_share(name) else words.number


def _spread(name: str) -> Say:
    return (lambda value: words.points(value).lstrip("+")) if _is_share(name) else words.number


def flow(found: Gathered) -> Html:
    """What became of the teacher's mistakes."""
    rows = [
        (
            f"F{row.generation - 1} to {row.name}",
            *("" if value is None else words.percent(value) for value in (row.inherited, row.fixed, row.new)),
            *("" if value is None else words.percent(value) for value in (row.agreement, row.agreement_wrong)),
            "" if row.kl is None else words.number(row.kl),
        )
        for row in found.study.rows
        if row.agreement is not None
    ]
    head = ("", "inherited", "fixed", "new", "agreement", "agreement where the teacher errs", "KL, nats")
    note = (
        "Inherited: both wrong. Fixed: the teacher wrong, the student right. New: the reverse. Shares of all test pictures, "
        "means over the seeds that both have."
    )
    return section("What became of the teacher's mistakes", table(head, rows), note=note if rows else "")


def ensembles(found: Gathered) -> Html:
    rows = [
        (
            one.name,
            words.percent(one.mean),
            "" if one.sd is None else f"± {words.points(one.sd).lstrip('+')}",
            words.points(one.gain),
            words.number(one.nll),
            words.number(one.ece),
            ", ".join(f"F{member} {words.points(share)}" for member, share in zip(one.members, one.contributions)),
        )
        for one in compare.ensembles(found.study.lineage)
    ]
    head = ("", "accuracy", "sd over seeds", "above its members' mean", "NLL", "ECE", "what it loses without each")
    return section("Ensembles", table(head, rows, words=(0, 6), caption="Means of the members' probabilities, seed by seed."))


def calibration(found: Gathered) -> Html:
    made = [
        charts.calibration(f"{g.name}: ECE {words.number(row.ece)}", g.calibration(), g.generation)
        for g, row in zip(found.study.lineage.generations, found.study.rows)
        if not found.study.by_neighbours
    ]
    note = "Accuracy over confidence, all seeds together; on the dashed line confidence is what comes true. Pale: few pictures."
    return section("Calibration", element("div", *made, class_="small") if made else None, note=note if made else "")


def training(found: Gathered) -> Html:
    """What matters first, a thin line a seed and a thick one for the mean; of one run alone all there is."""
    leading = [name for name in LEADING if name in found.metrics]
    rest = sorted(name for name in found.metrics if name not in LEADING and not _is_elsewhere(name))
    points = max(40, min(400, POINTS // max(1, len(found.runs) * (len(leading) + len(rest)))))
    large = [_curves(found, name, LEADING[name], points) for name in leading]
    small = [_curves(found, name, name, points) for name in rest]
    more = folded(f"{words.plural(len(small), 'more curve')}", element("div", *small, class_="charts")) if small else None
    seeds = "" if found.alone else "Thick: the mean over complete seeds. Thin: each seed. "
    note = f"{seeds}Points that a resumed run took back are left out."
    return section("Training", element("div", *large, class_="charts"), more, note=note) if large else Html("")


def _is_elsewhere(name: str) -> bool:
    return name.startswith(("schedule/", "test/")) or name.endswith("@test")


def _curves(found: Gathered, metric: str, title: str, points: int) -> Html:
    made: list[Line] = []
    for generation in found.generations:
        runs = [one for one in found.of(generation) if metric in one.state.curves and one.state.curves[metric].kept.any()]
        trusted = [one for one in runs if one.state.completed] or runs
        thin = len(runs) > 1
        made += [Line(f"F{generation}", *curves.kept(one.state.curves[metric]), generation, thin) for one in runs]
        if thin:
            x, y, _ = curves.mean_over([(one.state.curves[metric], 1.0) for one in trusted])
            made += [Line(f"F{generation}", x, y, generation)] if len(x) else []
    return charts.lines(title, made, _axis(metric), points)


def _axis(name: str) -> Say:
    return (
        (lambda value: f"{100 * value:g} %")
        if _is_share(name)
        else lambda value: f"{value:.4g}" if abs(value) < 1000 else words.number(value)
    )


def schedules(found: Gathered) -> Html:
    """As they were followed, of the first seed of each generation; generations that follow the same share a line."""
    made = []
    for name in sorted(one for one in found.metrics if one.startswith("schedule/")):
        lines: list[Line] = []
        for generation in found.generations:
            curve = next((one.state.curves[name] for one in found.of(generation) if name in one.state.curves), None)
            if curve is None or not curve.kept.any():
                continue
            x, y = curves.kept(curve)
            if not any(np.array_equal(x, line.x) and np.array_equal(y, line.y) for line in lines):
                lines.append(Line(f"from F{generation}" if lines else f"F{generation}", x, y, generation))
        made.append(charts.lines(name.removeprefix("schedule/"), lines, words.rate, 200))
    return section("Schedules", element("div", *made, class_="charts") if any(made) else None)


def looks(found: Gathered) -> Html:
    kind = pictures.kind(found)
    says = {
        "attention": "How much the last block's class token attends to each patch, the mean over its heads.",
        "evidence": "What speaks for the class that the network names (Grad-CAM), in its last feature maps.",
    }
    title = "Attention" if kind == "attention" else "Class evidence"
    return section(title, *pictures.maps(found), note=f"{says[kind]} Light: much." if kind else "")


def recipes(found: Gathered) -> Html:
    """In what the generations differ, and every value in force in the newest."""
    parts: list[Html] = []
    for before, after in zip(found.generations, found.generations[1:]):
        rows = differences.recipe_difference(differences.settings(found.of(before)), differences.settings(found.of(after)))
        changed = [(row.label or row.path, element("code", row.path), row.before, row.after) for row in rows if not row.equal]
        head = ("", "field", f"F{before}", f"F{after}")
        title = f"F{before} to F{after}: {differences.difference_words(rows)}"
        parts.append(table(head, changed, words=(0, 1, 2, 3), caption=title) or element("p", title, class_="note"))
    last = found.last
    return section("Recipe", *parts, element("h3", f"Every value in force in {last.name}"), _in_force(last))


def _in_force(one: Seen) -> Html:
    """Field, value, unit, source and reason."""
    fields = {field.path: field for field in recipe.all_fields(RunRecipe)}
    why = one.effective.get("why", {})
    rows = []
    for path, value in recipe.flat(one.effective.get("recipe") or recipe.to_table(one.recipe)).items():
        label, unit = (fields[path].label, fields[path].unit) if path in fields else (path, "")
        told = why.get(path, {})
        rows.append((element("code", path), label, plain(value), unit, told.get("source", ""), told.get("reason", "")))
    if not one.effective:
        rows = [row[:4] for row in rows]  # type: ignore[misc]
        return table(("field", "", "value", "unit"), rows, words=(0, 1, 2, 3), caption="As asked; it has not begun yet.")
    return folded("All fields with their sources", table(("field", "", "value", "unit", "source", "why"), rows, words=range(6)))


def plain(value: Any) -> str:
    """A value as a recipe writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def runs(found: Gathered) -> Html:
    rows = [
        (
            one.name,
            one.method,
            one.standing,
            words.count(one.state.step),
            words.count(one.state.attempt),
            words.duration(_trained_s(one)) if one.state.attempts else "",
            _taught_by(one),
        )
        for one in found.runs
    ]
    head = ("", "method", "state", "step", "attempts", "trained", "teacher")
    told = [element("p", f"{one.name}: {text}", class_="warn") for one in found.runs for text in _incidents(one)]
    return section("Runs", table(head, rows, words=(0, 1, 2, 6)), *told)


def _trained_s(one: Seen) -> float:
    curve = one.state.curves.get("train/loss")
    return float(curve.times[curve.kept].max()) if curve is not None and curve.kept.any() else 0.0


def _taught_by(one: Seen) -> str:
    pinned = one.state.teacher
    return f"{pinned.run}, step {words.count(pinned.step)}, sha256 {pinned.sha256[:12]}" if pinned else one.recipe.teacher


def _incidents(one: Seen) -> Iterator[str]:
    """What a reader of the numbers must know: going back, and what is wrong now."""
    for back in one.state.rollbacks:
        yield f"rolled back from step {words.count(back.step)} to {words.count(back.to_step)}"
    for verdict, told in one.state.diagnoses.items():
        yield f"{verdict.replace('_', ' ')} at step {words.count(told.step)}: {told.evidence}"


def data(found: Gathered) -> Html:
    known = next((one.data for one in found.runs if one.data), None)
    if known is None:
        return section("Data", element("p", "No run has prepared its data yet.", class_="note"))
    differ = len({json.dumps(one.data.get("split"), sort_keys=True) for one in found.runs if one.data}) > 1
    warning = element("p", "Not all of these runs saw the same split.", class_="warn") if differ else None
    judged = known.get("evaluated")
    judges = [element("h3", "Judged by"), facts(described(judged))] if judged else []
    return section("Data", warning, facts(described(known)), *judges)


def described(card: dict[str, Any]) -> list[tuple[str, str]]:
    """data.json in words: what the pictures are, and the hashes by which they are known again."""
    counts, split = card.get("counts", {}), card.get("split", {})
    size = " x ".join(map(str, card.get("size", [])))
    return [
        ("name", str(card.get("name", ""))),
        ("pictures", ", ".join(f"{words.count(counts[part])} {part}" for part in counts)),
        ("size", f"{size} px, {words.plural(card['channels'], 'channel')}" if size and "channels" in card else size),
        ("classes", f"{len(card['classes'])}: {', '.join(map(str, card['classes']))}" if card.get("classes") else ""),
        ("mean", ", ".join(f"{value:.4f}" for value in card.get("mean", []))),
        ("standard deviation", ", ".join(f"{value:.4f}" for value in card.get("std", []))),
        ("files, sha256", str(card.get("files_sha256", ""))),
        *((f"{part} split, hash", str(digest)) for part, digest in split.items()),
    ]


def environment(found: Gathered) -> Html:
    """Of the newest generation; other runs only where theirs was another."""
    begun = [one for one in found.runs if one.effective]
    groups: dict[str, list[Seen]] = {}
    for one in begun:
        groups.setdefault(json.dumps([_decided(one), one.effective.get("versions", {})]), []).append(one)
    parts = []
    for same in groups.values():
        names = ", ".join(one.name for one in same) if len(groups) > 1 else ""
        versions = {name: str(version) for name, version in same[0].effective.get("versions", {}).items()}
        parts += [element("h3", names) if names else None, facts([*_decided(same[0]), *versions.items()])]
    return section("Environment", *parts)


def _decided(one: Seen) -> list[tuple[str, str]]:
    decided = one.effective.get("decided", {})
    told = {name: str(value) for name, value in decided.items() if not name.endswith("_reason")}
    return [
        (name, f"{value} ({decided[name + '_reason']})" if decided.get(f"{name}_reason") else value)
        for name, value in told.items()
        if value
    ]


def whole(found: Gathered) -> Html:
    """All parts in the order of reading: what came of it, how it came about, what it was made of."""
    order = (
        head, results, flow, ensembles, calibration, measurements, training, looks, schedules, recipes, runs, data, environment,
    )  # fmt: skip
    return joined(part(found) for part in order)
