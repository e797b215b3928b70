"""Trains what the watchdog's thresholds rest on, and writes tests/engine/watchdog_table.json. Run it by hand:

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.benchmarks calibrate_watchdog [--only NAME ...] [--replay RUN ...]

Every run here takes less than 90 s on one thread. Some are healthy, some broken on purpose; half of the breakages are held out,
which means that no threshold was chosen by looking at them. `--replay` adds whole runs that were trained elsewhere and are
known to be healthy, such as those of a recipe too long for this. What exists in the table is kept unless it is named.

A run is kept as the means over the watchdog's own blocks, so that the test can watch it again with whatever thresholds the
engine has by then, and as percentiles of what each rule looks at, for people.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine import recipe, train, watchdog
from engine.data.prepared import Batches, Prepared
from engine.methods.dino import Dino
from engine.recipe import RecipeFile, RunRecipe
from engine.run import Run, Workspace
from engine.state import RunState

TABLE = Path(__file__).parents[1] / "engine" / "watchdog_table.json"
SEEDS = (0, 1)
SIGNALS = (
    *("train/loss", "grad/norm", "teacher/entropy", "teacher/marginal_entropy", "feature/std"),
    *("schedule/momentum", "schedule/teacher_temp", "throughput/data_wait"),
)
OF_RECIPE = ("lineage", "seed", "generation", "teacher", "method", "model", "optimizer", "schedule", "training")
PROBES = ("knn/student@val", "knn/teacher@val")

DINO = """\
version = 1
lineage = "dino"
[method]
name = "dino"
global_scale_low = 0.6
local_crops = 2
local_size = 8
local_scale_low = 0.5
local_scale_high = 0.9
flip = 0.0
jitter = 0.3
solarize = 0.0
blur = false
prototypes = 128
hidden = 128
bottleneck = 32
freeze_epochs = 5
teacher_temp = 0.04
teacher_temp_start = 0.04
momentum = 0.99
weight_decay_final = 0.1
[model]
name = "small_cnn"
width = 16
[data]
name = "digits"
[optimizer]
name = "adamw"
lr = 0.0005
weight_decay = 0.04
clip = 3.0
[schedule]
name = "cosine"
warmup_epochs = 5
[training]
epochs = 20
batch = 32
[probes]
every_epochs = 2
attention_every_epochs = 1000
[keep]
every_epochs = 1000
[compute]
device = "cpu"
precision = "float32"
threads = 1
"""
VIT = ("model.name=vit", "model.width=48", "model.patch=2", "model.heads=3", "model.depth=2", "training.epochs=12")
CREATURES = (
    *("data.name=creatures", "data.size=32", "data.pictures=1500", "method.local_size=16", "method.mix=1.0", "method.grey=0.5"),
    *("training.epochs=14", "model.width=24"),
)


# ---- breaking things ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def as_it_is() -> Iterator[None]:
    yield


@contextlib.contextmanager
def copies(different: int) -> Iterator[None]:
    """Only so many different training pictures, each many times over."""
    before = train.prepare

    def few(*arguments: Any) -> Prepared:
        data = before(*arguments)
        pictures, places = data.pictures.pictures_u8.copy(), data.split.train
        pictures[places] = pictures[places[np.arange(len(places)) % different]]
        return dataclasses.replace(data, pictures=dataclasses.replace(data.pictures, pictures_u8=pictures))

    with replaced(train, "prepare", few):
        yield


@contextlib.contextmanager
def aliased(head_too: bool) -> Iterator[None]:
    """A method that forgot to copy its student."""
    before = Dino.__init__

    def without_copy(self: Dino, *arguments: Any) -> None:
        before(self, *arguments)
        self.teacher = self.student
        if head_too:
            self.teacher_head = self.head

    with replaced(Dino, "__init__", without_copy):
        yield


@contextlib.contextmanager
def slow_pictures() -> Iterator[None]:
    """Three times as long for the pictures of a step as for the rest of it."""
    before, since = Batches.at, [time.perf_counter()]

    def waiting(self: Batches, epoch: int, place: int) -> Any:
        time.sleep(min(0.1, 3 * (time.perf_counter() - since[0])))
        found = before(self, epoch, place)
        since[0] = time.perf_counter()
        return found

    with replaced(Batches, "at", waiting):
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


# ---- what is trained ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Trial:
    """A recipe, what is done to it, and which verdicts say so (any of them; none for a healthy run)."""

    base: str
    sets: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    held_out: bool = False
    broken: Callable[[], contextlib.AbstractContextManager[None]] = as_it_is
    seeds: tuple[int, ...] = SEEDS
    shared: bool = False

    def recipe(self, seed: int) -> RecipeFile:
        sets = [f"seeds=[{seed}]", *self.sets]
        return recipe.read_text(self.base, sets) if "\n" in self.base else recipe.read(self.base, sets)


def dino(*sets: str, expected: tuple[str, ...] = (), held_out: bool = False, **more: Any) -> Trial:
    return Trial(DINO, sets, expected, held_out, **more)


def preset(name: str, *sets: str) -> Trial:
    return Trial(name, ("generations=1", *sets) if name != "dino-creatures" else sets, seeds=(0, 1))


def warm(temperature: float) -> tuple[str, ...]:
    return f"method.teacher_temp={temperature}", f"method.teacher_temp_start={temperature}"


SUPERVISED = ("method.name=supervised", "generations=0", "data.label_noise=0.0")
SGD = "optimizer={{name='sgd', lr=0.1, momentum={}, weight_decay=5e-4}}"


def labelled(*sets: str, expected: tuple[str, ...] = (), held_out: bool = False, vit: bool = False, **more: Any) -> Trial:
    """Digits with true labels. BatchNorm forgives steps that a ViT does not: a small CNN learns at a hundred times the rate."""
    name = "born-again-digits-vit" if vit else "born-again-digits"
    length = ("training.epochs=40",) if vit else ()
    return dataclasses.replace(preset(name, *SUPERVISED, *length, *sets), expected=expected, held_out=held_out, **more)


SAME = ("uniform", "one_dimension")  # every picture gets the same answer, by one prototype or by all
TRIALS = {
    "dino digits": dino(),
    "dino digits, colder": dino(*warm(0.02)),
    "dino digits, faster": dino("optimizer.lr=0.002"),
    "dino digits, slower teacher": dino("method.momentum=0.996", "optimizer.lr=0.002"),
    "dino digits, sinkhorn": dino("method.centering=sinkhorn"),
    "dino digits, vit": dino(*VIT, "optimizer.lr=0.001"),
    "supervised digits": preset("born-again-digits", *SUPERVISED),
    "born-again-digits": preset("born-again-digits"),
    "born-again-digits-labels": preset("born-again-digits-labels"),
    "born-again-digits-vit": preset("born-again-digits-vit", "training.epochs=40"),
    "distil-digits": preset("distil-digits", "training.epochs=20"),
    "no centre": dino("method.center_momentum=1.0", expected=("one_dimension",)),
    "cold temperature 0.08": dino(*warm(0.08), expected=SAME),
    "no momentum": dino("method.momentum=0.0", "method.momentum_final=0.0", expected=("aliased",)),
    "momentum 1": dino("method.momentum=1.0", expected=("teacher_behind",)),
    "lr x 30": dino(*VIT, "optimizer.lr=0.03", expected=(*SAME, "dead", "exploding")),
    "supervised, lr x 300": dataclasses.replace(
        preset("born-again-digits", *SUPERVISED, "optimizer.lr=9.0"), expected=("exploding", "not_finite")
    ),
    "duplicates": dino(broken=lambda: copies(1), expected=(*SAME, "copies")),
    "aliased teacher": dino(broken=lambda: aliased(True), shared=True, expected=("aliased",)),
    "supervised digits, lr / 10": labelled("optimizer.lr=0.003"),
    "supervised digits, lr x 100": labelled("optimizer.lr=3.0"),
    "supervised digits, momentum 0.995": labelled("optimizer.lr=0.1", "optimizer.momentum=0.995"),
    "supervised digits, most labels wrong": labelled("data.label_noise=0.6"),
    "supervised digits, long warm-up": labelled("schedule.warmup_epochs=15"),
    "supervised vit": labelled(vit=True),
    "supervised vit, weight decay 3": labelled("optimizer.weight_decay=3", vit=True),
    "dino digits, lr / 10": dino("optimizer.lr=5e-5"),
    "supervised, lr / 10,000": labelled("optimizer.lr=3e-6", expected=("learns_nothing",)),
    "dino digits, lr / 1,000": dino("optimizer.lr=5e-7", expected=("learns_nothing",)),
    "dino digits, lr / 300": dino("optimizer.lr=1.7e-6", expected=("learns_nothing",)),
    "supervised vit, lr x 30": labelled("optimizer.lr=0.09", vit=True, expected=("too_fast",)),
    "supervised vit, momentum 0.99": labelled(SGD.format(0.99), vit=True, expected=("too_fast", "exploding", "not_finite")),
    "supervised, weight decay 10": labelled("optimizer.weight_decay=10", expected=("decays",)),
    "supervised vit, weight decay 10": labelled("optimizer.weight_decay=10", vit=True, expected=("decays",)),
    "supervised, duplicates": labelled(broken=lambda: copies(1), expected=("copies",)),
    # held out
    "supervised digits, lr x 30": labelled("optimizer.lr=0.9", held_out=True),
    "supervised digits, momentum 0.99": labelled("optimizer.lr=0.1", "optimizer.momentum=0.99", held_out=True),
    "supervised vit, lr / 10": labelled("optimizer.lr=3e-4", vit=True, held_out=True),
    "supervised vit, sgd": labelled(SGD.format(0.9), vit=True, held_out=True),
    "supervised vit, weight decay 1": labelled("optimizer.weight_decay=1", vit=True, held_out=True),
    "supervised, lr / 3,000": labelled("optimizer.lr=1e-5", expected=("learns_nothing",), held_out=True),
    "supervised vit, lr / 10,000": labelled("optimizer.lr=3e-7", vit=True, expected=("learns_nothing",), held_out=True),
    "dino digits, vit, lr / 1,000": dino(*VIT, "optimizer.lr=1e-6", expected=("learns_nothing",), held_out=True),
    "born-again-digits-labels, lr / 10,000": dataclasses.replace(
        preset("born-again-digits-labels", "optimizer.lr=3e-6"), expected=("learns_nothing",), held_out=True
    ),
    "supervised vit, lr x 100": labelled("optimizer.lr=0.3", vit=True, expected=("too_fast",), held_out=True),
    "supervised vit, momentum 0.995": labelled(
        SGD.format(0.995), vit=True, expected=("too_fast", "exploding", "not_finite"), held_out=True
    ),
    "supervised, weight decay 1": labelled("optimizer.weight_decay=1", expected=("decays",), held_out=True),
    "supervised, duplicates of five": labelled(broken=lambda: copies(5), expected=("copies",), held_out=True),
    "dino digits, batch norm": dino("method.batch_norm=true", held_out=True),
    "dino digits, more crops": dino("method.local_crops=4", "method.prototypes=256", held_out=True),
    "dino digits, one more seed": dino(held_out=True, seeds=(7, 8, 9)),
    "slow centre": dino("method.center_momentum=0.9995", expected=("one_dimension",), held_out=True),
    "temperature 0.1": dino(*warm(0.1), expected=SAME, held_out=True),
    "momentum 0.3": dino("method.momentum=0.3", "method.momentum_final=0.3", expected=("aliased",), held_out=True),
    "momentum 0.9999": dino("method.momentum=0.9999", expected=("teacher_behind",), held_out=True),
    "lr x 30, small cnn": dino("optimizer.lr=0.06", expected=(*SAME, "dead", "exploding"), held_out=True),
    "supervised, lr x 500": dataclasses.replace(
        preset("born-again-digits", *SUPERVISED, "optimizer.lr=15.0"), expected=("exploding", "not_finite"), held_out=True
    ),
    "weight decay": dino(
        *VIT,
        "optimizer.weight_decay=10",
        "method.weight_decay_final=10",
        "optimizer.lr=0.003",
        expected=(*SAME, "dead", "decays"),
        held_out=True,
    ),
    "duplicates of two": dino(broken=lambda: copies(2), expected=(*SAME, "copies"), held_out=True),
    "aliased, heads apart": dino(broken=lambda: aliased(False), shared=True, expected=("aliased",), held_out=True),
    "slow pictures": dino("training.epochs=8", broken=slow_pictures, expected=("loader_bound",), held_out=True),
}


# ---- what is kept of it -------------------------------------------------------------------------------------------------


def number(value: float) -> float | None:
    """Four digits are enough, and JSON knows no NaN."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def asked_of(run: Run) -> RunRecipe:
    """What the run did, every number in force."""
    effective = run.effective()
    assert effective is not None
    found: RunRecipe = recipe.parse(RunRecipe, effective["recipe"])
    return found


def kept(run: Run, shared: bool) -> dict[str, Any]:
    """A run as the table has it."""
    state, asked = run.state(), asked_of(run)
    dog = watchdog.Watchdog(asked, state.steps_per_epoch, state.total_steps, state.log_every, shared)
    blocks = blocks_of(state, dog.block)
    data = run.data() or {}
    one = {
        "recipe": {name: value for name, value in recipe.to_table(asked).items() if name in OF_RECIPE},
        "per_epoch": state.steps_per_epoch,
        "total_steps": state.total_steps,
        "block": dog.block,
        "first_loss": number(float(state.curves["train/loss"].values[0])),
        "shared": shared,
        "pictures": {"classes": len(data["classes"]), "pictures": data["counts"]["train"], "distinct": data["distinct"]},
        "blocks": blocks,
        "probes": {name: points(state, name) for name in PROBES if name in state.curves},
        "failed": bool(state.finished and state.finished.reason == "failed"),
    }
    return one | {"looked at": percentiles(one)}


def blocks_of(state: RunState, block: int) -> dict[str, list[float | None]]:
    """Means over blocks; the gradient's is geometric, as the watchdog takes it."""
    found: dict[str, list[float | None]] = {}
    for name in SIGNALS:
        if name not in state.curves:
            continue
        values = state.curves[name].values
        if name == "grad/norm":
            values = np.log(np.maximum(values, 1e-30))
        size = block // state.log_every
        means = values[: len(values) // size * size].reshape(-1, size).mean(1)
        found[name] = [number(float(value)) for value in (np.exp(means) if name == "grad/norm" else means)]
    return found


def points(state: RunState, name: str) -> list[list[float | None]]:
    curve = state.curves[name]
    return [[int(step), number(float(value))] for step, value in zip(curve.steps, curve.values)]


def watched(one: dict[str, Any]) -> Iterator[watchdog.Case]:
    """Each block of a kept run, as the rules look at it."""
    asked = recipe.parse(RunRecipe, one["recipe"])
    dog = watchdog.Watchdog(asked, one["per_epoch"], one["total_steps"], 1, one["shared"], **one["pictures"])
    dog.see(1, {"train/loss": one["first_loss"]})
    probes: dict[int, dict[str, float]] = {}
    for name, measured in one["probes"].items():
        for step, value in measured:
            probes.setdefault(step, {})[name.partition("@")[0]] = value
    for place in range(len(one["blocks"]["train/loss"])):
        step = one["block"] * (place + 1)
        for at in [at for at in sorted(probes) if at <= step]:
            dog.probe(probes.pop(at))
        dog.see(step, {name: math.nan if found[place] is None else found[place] for name, found in one["blocks"].items()})
        assert dog.last is not None
        yield dog.last


def percentiles(one: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Of what each rule looks at: 5th, 50th and 95th percentile over the settled blocks, and the most lasting severity."""
    cases = list(watched(one))
    settled = [case for case in cases if case.settled]
    of_dino = [case for case in settled if isinstance(case.method, recipe.Dino)]
    looked = {
        "information": [case.information for case in of_dino],
        "spread": [case.spread for case in of_dino],
        "feature/std": [case["feature/std"] for case in settled],
        "gradient, times the usual": [case["grad/norm"] / case.usual_gradient for case in cases],
        "loss, of even answers": [case.answering / case.chance for case in settled],
        "weights last": [case.weights_last for case in cases],
        "loss, of a guess": [case["train/loss"] / case.guess for case in cases],
        "student's k-NN ahead": [case.ahead for case in settled],
        "half life, of the run": [case.half_life / case.total_steps for case in cases if case.step <= case.total_steps / 2],
        "waiting": [case["throughput/data_wait"] for case in cases],
    }
    severe = {
        name: lasting([rule.severity(case) for case in (settled if name in watchdog.SETTLES else cases)])
        for name, rule in watchdog.RULES.items()
    }
    found = {name: spread_of(values) for name, values in looked.items()}
    return {name: values for name, values in found.items() if values} | {
        "severity": {name: value for name, value in severe.items() if value is not None}
    }


def spread_of(values: list[float]) -> dict[str, float | None]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return {}
    return {f"p{q}": number(float(np.percentile(finite, q))) for q in (5, 50, 95)}


def lasting(severities: list[float]) -> float | None:
    """The highest severity that held for as many blocks in a row as a verdict takes."""
    known = [value for value in severities if not math.isnan(value)]
    windows = [min(known[at : at + watchdog.PATIENCE]) for at in range(len(known) - watchdog.PATIENCE + 1)]
    return number(min(1e6, max(windows))) if windows else None


def as_text(table: dict[str, Any]) -> str:
    """A line for each signal of each run: what changes can be seen."""
    return json.dumps(table, separators=(",", ":")).replace('},"', '},\n"').replace('],"', '],\n"') + "\n"


# ---- doing it -----------------------------------------------------------------------------------------------------------


def trained(trial: Trial, seed: int, folder: Path) -> Iterator[tuple[Run, float]]:
    """Every generation of a trial, and how long it took."""
    for run in Workspace(folder).create(trial.recipe(seed)):
        began = time.monotonic()
        with trial.broken(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            train.train(run)
        yield run, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--replay", nargs="*", default=[], type=Path)
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    table = json.loads(asked.table.read_text()) if asked.table.exists() else {}
    for one in [one for entry in table.values() for one in entry["runs"].values()]:
        one["looked at"] = percentiles(one)  # by the rules as they are now
    for folder in asked.replay:
        entry = table.setdefault(f"{folder.name.partition('-s')[0]}, whole", {"expected": [], "held_out": False, "runs": {}})
        entry["runs"][str(asked_of(Run(folder)).seed)] = kept(Run(folder), False)
    asked.table.write_text(as_text(table))
    for name, trial in TRIALS.items():
        if (name in table and name not in asked.only) or (asked.only and name not in asked.only) or asked.replay:
            continue
        entry: dict[str, Any] = {"expected": list(trial.expected), "held_out": trial.held_out, "runs": {}}
        for seed in trial.seeds:
            with tempfile.TemporaryDirectory() as folder:
                for run, seconds in trained(trial, seed, Path(folder)):
                    key = f"{seed}" if not run.name.endswith("F1") else f"{seed}, F1"
                    entry["runs"][key] = kept(run, trial.shared)
                    severe = {rule: value for rule, value in entry["runs"][key]["looked at"]["severity"].items() if value > 0.5}
                    print(f"{name:32} {key:6} {seconds:5.1f} s  {severe}", flush=True)
        table[name] = entry
        asked.table.write_text(as_text(table))


if __name__ == "__main__":
    main()
