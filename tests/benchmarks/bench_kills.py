"""`kill -9` in every phase of every method: is anything lost but the steps since the last checkpoint?

python -m tests.benchmarks kills [KILLS [SEED]]     at random moments, and a table by method and phase; 200 kills by default
python -m tests.benchmarks kills sweep              at every call of one run, and of one export, that changes the disk
python -m tests.benchmarks kills full               the disk is full from each such call on, then has room again
python -m tests.benchmarks kills windows [KILLS [SEED]]     windows that look on while runs train; 50 by default
python -m tests.benchmarks kills tails              each file of a killed run cut short: by all, by half, by a byte

A toy run of each method is killed one to four times: at an instant of its whole life, at an instant of one of its phases, or
before its n-th call that changes the disk. After each death its folder must keep every promise (tests/mortal.py); then it goes
on to the end, must have the very weights and values of a run that nobody killed, and leave nothing behind that begins with a
dot. Then an export of it is killed and made again. Linux.
"""

import contextlib
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine import notes, processes, recipe
from engine.commands import SaveNow
from engine.methods import METHODS
from engine.run import Observer, Run, Workspace
from tests.mortal import PHASES, Ended, Mortals, broken_promises, leftovers, outcome

TOY = """
version = 1
lineage = "toy"
generations = 1
seeds = [0]
[method]
name = "ban"
[model]
name = "small_cnn"
width = 8
[data]
name = "folder"
path = "PICTURES"
size = 8
colour = "grey"
label_noise = 0.25
[optimizer]
name = "sgd"
lr = 0.05
[augment]
shift = 1
[training]
epochs = 3
batch = 32
[compute]
device = "cpu"
precision = "float32"
threads = 1
"""
VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2")
HEAD = ("method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", "optimizer.clip=3")
ALONE = {
    "supervised": ("generations=0", "method.name=supervised"),
    "dino": ("generations=0", "method.name=dino", *HEAD, *VIT),
    "dinov2": ("generations=0", "method.name=dinov2", *HEAD, *VIT),
}
CLASSES, EACH = 4, 40
EXPORTS = ("safetensors", "csv")  # and timm, of what it knows; ONNX's exporter takes many seconds, TensorBoard is an extra


class Toy:
    """A run to be killed, in a workspace to be copied for each trial, and what becomes of it when nobody kills it."""

    def __init__(self, place: Path, method: str, changes: Sequence[str], pictures: Path, mortals: Mortals) -> None:
        self.method, self.changes, self._pictures = method, changes, pictures
        self._base = place / f"base-{method}"
        runs = self._make(self._base)
        for source in runs[:-1]:  # its teacher
            assert mortals.train(source.folder).code == 0, source.log_path.read_text()
        self.name = runs[-1].name
        unbroken = self.copy(place / "unbroken")
        self.whole: Ended = mortals.train(unbroken.folder)
        assert self.whole.code == 0, unbroken.log_path.read_text()
        self.outcome = outcome(unbroken.folder)
        shutil.rmtree(unbroken.workspace)

    def _make(self, folder: Path) -> list[Run]:
        return Workspace(folder).create(recipe.read_text(TOY.replace("PICTURES", str(self._pictures)), self.changes))

    def copy(self, folder: Path) -> Run:
        """A workspace in which its teacher is complete and no picture is decoded."""
        shutil.copytree(self._base, folder)
        shutil.rmtree(folder / "data", ignore_errors=True)
        return Run(folder / self.name)


def pictures(folder: Path) -> Path:
    """Small squares, darker and lighter by class."""
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
        for number in range(EACH):
            grey = np.clip(rng.normal(60 + 40 * label, 40, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / f"class{label}" / f"{number:02d}.png")
    return folder


def toys(place: Path, mortals: Mortals, methods: Sequence[str]) -> Iterator[Toy]:
    """Every method on a folder; every second on an archive of it. And one that keeps what its teacher said."""
    folder = pictures(place / "pictures")
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    for number, method in enumerate(methods):
        kept = ("method.name=ban", "method.cache_views=2") if method == "ban, kept" else (f"method.name={method}",)
        yield Toy(place, method, ALONE.get(method, kept), archive if number % 2 else folder, mortals)


# ---- at random ----------------------------------------------------------------------------------------------------------


def moment(toy: Toy, rng: random.Random) -> dict[str, Any]:
    """When it is to die."""
    kind = rng.choice(("instant", "phase", "phase", "call", "call in a phase"))
    if kind == "instant":
        return {"after_s": rng.uniform(0.0, toy.whole.seconds)}
    if kind == "call":
        return {"at": rng.randrange(toy.whole.calls)}
    phase = rng.choice([name for name, visits in toy.whole.visits.items() if visits and name not in PHASES[:2]])
    if kind == "phase":
        visits = toy.whole.visits[phase]
        delay = rng.uniform(0.0, toy.whole.seconds / 10 / visits)
        return {"phase": phase, "visit": rng.randint(1, visits), "after_s": delay}
    return {"phase": phase, "at": rng.randrange(12)}


class Table:
    """Kills by method and phase, and what was wrong after them."""

    def __init__(self) -> None:
        self.kills: Counter[tuple[str, str]] = Counter()
        self.problems: list[str] = []

    @property
    def total(self) -> int:
        return self.kills.total()

    def judge(self, what: str, problems: Sequence[str]) -> None:
        for problem in problems:
            print(f"! {what}: {problem}", flush=True)
            self.problems.append(problem)

    def show(self) -> None:
        methods = list(dict.fromkeys(method for method, _ in self.kills))
        print("| method | " + " | ".join(PHASES) + " | all |")
        print("|---|" + "---|" * (len(PHASES) + 1))
        for method in methods:
            row = [self.kills[method, phase] for phase in PHASES]
            print(f"| {method} | " + " | ".join(map(str, [*row, sum(row)])) + " |")
        row = [sum(self.kills[method, phase] for method in methods) for phase in PHASES]
        print("| all | " + " | ".join(map(str, [*row, sum(row)])) + " |")


def is_killed(ended: Ended, table: Table, toy: Toy) -> bool:
    if ended.code == -9:
        table.kills[toy.method, ended.phase] += 1
    return ended.code == -9


def trial(toy: Toy, folder: Path, mortals: Mortals, rng: random.Random, table: Table) -> None:
    """Killed one to four times, then to its end, then an export."""
    run = toy.copy(folder)
    for _ in range(rng.randint(1, 4)):
        when = moment(toy, rng)
        ended = mortals.train(run.folder, **when)
        what = f"{toy.method}, {when}, {ended.phase}, {ended.last}"
        if not is_killed(ended, table, toy):
            table.judge(what, [f"it ended with {ended.code}"] if ended.code else [])
        table.judge(what, [*broken_promises(run.folder), *goes_on(run)])
    to_the_end(toy, run, mortals, table)
    export(toy, run, mortals, rng, table)
    shutil.rmtree(folder)


def goes_on(run: Run) -> Iterator[str]:
    """Where the next attempt will begin: at the newest checkpoint that was ever told of."""
    told = max((point.step for point in run.state().checkpoints), default=0)
    if run.newest_valid_step() < told:
        yield f"it would go on from step {run.newest_valid_step()}, and step {told} was saved"


def to_the_end(toy: Toy, run: Run, mortals: Mortals, table: Table) -> None:
    expected = run.newest_valid_step()
    ended = mortals.train(run.folder)
    table.judge(f"{toy.method}, to the end", [f"it ended with {ended.code}"] if ended.code else [])
    attempt = run.state().attempts[-1]
    if not attempt.stepped and attempt.resumed_from_step != expected and not run.state().completed:
        table.judge(toy.method, [f"it began at {attempt.resumed_from_step}, not at {expected}"])
    table.judge(f"{toy.method}, at the end", [*broken_promises(run.folder), *differences(toy, run)])


def differences(toy: Toy, run: Run) -> Iterator[str]:
    """What is otherwise than in the run that nobody killed, and what was left behind."""
    found = outcome(run.folder)
    yield from (f"{name} is another" for name in toy.outcome.keys() | found.keys() if toy.outcome.get(name) != found.get(name))
    yield from (f"{path} is left over" for path in leftovers(run.workspace))


def export(toy: Toy, run: Run, mortals: Mortals, rng: random.Random, table: Table) -> None:
    to = rng.choice((*EXPORTS, "timm") if "model.name=vit" in toy.changes else EXPORTS)
    when: dict[str, Any] = rng.choice(({"at": rng.randrange(14)}, {"after_s": rng.uniform(0.0, 0.15)}))
    ended = mortals.export(run.folder, to=to, **when)
    is_killed(ended, table, toy)
    what = f"{toy.method}, export to {to}, {when}, {ended.last}"
    table.judge(what, [*broken_promises(run.folder), *unfinished_exports(run)])
    again = mortals.export(run.folder, to=to)
    left = [f"{path} is left over" for path in leftovers(run.workspace)]
    whole = list(unfinished_exports(run)) or ([] if list((run.folder / "extras").glob("export-*")) else ["there is no export"])
    table.judge(f"{what}, again", [*([f"it ended with {again.code}"] if again.code else []), *left, *whole])


def unfinished_exports(run: Run) -> Iterator[str]:
    """Exports that lack a file which their card names."""
    import json

    for folder in (run.folder / "extras").glob("export-*"):
        card = json.loads((folder / "card.json").read_bytes()) if (folder / "card.json").exists() else None
        files = card["files"] if card else {"card.json": ""}
        names = [one["name"] if isinstance(one, dict) else one for one in files]
        yield from (f"{folder.name} lacks {name}" for name in names if not (folder / name).exists())


def at_random(kills: int, seed: int, mortals: Mortals, place: Path) -> Table:
    rng, table = random.Random(seed), Table()
    there = list(toys(place, mortals, [*METHODS, "ban, kept"]))
    begun = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):  # what was tried until then counts
        while table.total < kills:
            for toy in there:
                if table.total < kills:
                    trial(toy, place / "trial", mortals, rng, table)
    table.show()
    print(f"{table.total} kills, seed {seed}, {time.monotonic() - begun:.0f} s; {len(table.problems)} problems")
    return table


# ---- at every call ------------------------------------------------------------------------------------------------------


def sweep(mortals: Mortals, place: Path) -> Table:
    """Dead before each call that changes the disk, of a whole run and of an export."""
    table = Table()
    (toy,) = toys(place, mortals, ["ban, kept"])
    with contextlib.suppress(KeyboardInterrupt):
        for to in EXPORTS:
            _sweep_export(toy, to, mortals, place, table)
        for at in range(toy.whole.calls + 1):
            run = toy.copy(place / "trial")
            ended = mortals.train(run.folder, at=at)
            is_killed(ended, table, toy)
            table.judge(f"at {at}, {ended.last}", [*broken_promises(run.folder), *goes_on(run)])
            to_the_end(toy, run, mortals, table)
            shutil.rmtree(run.workspace)
    table.show()
    print(f"{table.total} kills, one before each call that changes the disk; {len(table.problems)} problems")
    return table


def _sweep_export(toy: Toy, to: str, mortals: Mortals, place: Path, table: Table) -> None:
    run = toy.copy(place / "trial")
    to_the_end(toy, run, mortals, table)
    ended = None
    for at in range(1000):
        ended = mortals.export(run.folder, to=to, at=at)
        table.judge(f"export to {to} at {at}, {ended.last}", [*broken_promises(run.folder), *unfinished_exports(run)])
        if not is_killed(ended, table, toy):
            break
    table.judge(f"export to {to}", [f"{path} is left over" for path in leftovers(run.workspace)])
    shutil.rmtree(run.workspace)


def full(mortals: Mortals, place: Path) -> Table:
    """A disk that is full from each call on that takes room, and one that fails at that call alone."""
    table = Table()
    (toy,) = toys(place, mortals, ["ban, kept"])
    ends: Counter[str] = Counter()
    for stays in (True, False):
        for at in range(toy.whole.calls):
            run = toy.copy(place / "trial")
            ended = mortals.train(run.folder, at=at, error=errno.ENOSPC, stays=stays)
            what = f"full {'from' if stays else 'at'} {at}, {ended.last}"
            state = run.state()
            said = state.finished.detail if state.finished else "lost"
            ends[said if ended.code else "completed"] += 1
            table.judge(what, [] if ended.code in (0, 1, 2) else [f"it ended with {ended.code}"])
            table.judge(what, list(broken_promises(run.folder)))
            to_the_end(toy, run, mortals, table)
            shutil.rmtree(run.workspace)
    for said, number in ends.most_common():
        print(f"{number:>5}  {said}")
    print(f"{ends.total()} full disks; {len(table.problems)} problems")
    return table


def tails(mortals: Mortals, place: Path) -> Table:
    """Each file cut short: the run goes on to the same weights, or says in words why it cannot."""
    table, ends = Table(), Counter[str]()
    (toy,) = toys(place, mortals, ["ban, kept"])
    killed = toy.copy(place / "killed")
    assert mortals.train(killed.folder, on="checkpoints/.step-00000012").code == -9
    killed.send(SaveNow())
    notes.write(killed, notes.Notes(tags=("good",)))
    files = [path.relative_to(killed.workspace) for path in sorted(killed.workspace.rglob("*")) if path.is_file()]
    for file in files:
        size = (killed.workspace / file).stat().st_size
        for left in sorted({0, size // 2, max(0, size - 1)}):
            shutil.copytree(killed.workspace, place / "trial")
            os.truncate(place / "trial" / file, left)
            ends[_with_a_cut_file(toy, Run(place / "trial" / toy.name), f"{file}, {left} of {size} bytes", mortals, table)] += 1
            shutil.rmtree(place / "trial")
    for said, number in ends.most_common():
        print(f"{number:>5}  {said}")
    print(f"{ends.total()} cut files; {len(table.problems)} problems")
    return table


def _with_a_cut_file(toy: Toy, run: Run, what: str, mortals: Mortals, table: Table) -> str:
    """What became of it."""
    observer = Observer()
    for one in Workspace(run.workspace).runs():
        observer.state_of(one), one.summary(), notes.read(one)
    ended = mortals.train(run.folder)
    finished = run.state().finished
    if ended.code == 0:
        found = outcome(run.folder)
        tensors = {name: value for name, value in toy.outcome.items() if isinstance(value, bytes)}
        table.judge(what, [f"{name} is another" for name, value in tensors.items() if value != found[name]])
        return "the same weights"
    words = finished.detail if finished else run.log_path.read_text().splitlines()[-1]
    words = words.replace(str(run.workspace), "...")
    table.judge(what, [words] if ended.code not in (1, 2) or "traceback" in words or (not finished and ended.code == 1) else [])
    return words


def windows(kills: int, seed: int, mortals: Mortals, place: Path) -> Table:
    """Windows that look on while runs train, each killed at a moment of its first four seconds; then one that draws it all."""
    rng, table, ends = random.Random(seed), Table(), 0
    long = ("training.epochs=150", "keep.every_epochs=10", "probes.every_epochs=10", "probes.attention_every_epochs=10")
    toy = Toy(place, "supervised", (*ALONE["supervised"], *long), pictures(place / "pictures"), mortals)
    environment = {**processes.environment(), "QT_QPA_PLATFORM": "offscreen"}
    environment |= {f"XDG_{kind}_HOME": str(place / kind) for kind in ("CONFIG", "CACHE", "DATA", "STATE")}
    while table.total < kills:
        run = toy.copy(place / "trial")
        mortals.begin({"do": "train", "folder": str(run.folder)})
        while run.state().finished is None and table.total < kills:
            with subprocess.Popen(processes.python("studio", str(run.workspace)), env=environment) as window:
                time.sleep(rng.uniform(0.0, 4.0))
                window.kill()
            table.kills["windows", "starting" if window.returncode != -9 else "step"] += 1
        table.judge("windows", [f"the engine ended with {code}"] if (code := mortals.end().code) else [])
        table.judge("windows", [*broken_promises(run.folder), *differences(toy, run)])
        drawn = [*processes.python("studio", "--render", str(place / "drawn")), str(run.workspace)]
        table.judge("windows", ["nothing can be drawn"] if subprocess.run(drawn, env=environment).returncode else [])
        shutil.rmtree(run.workspace)
        ends += 1
    print(f"{table.total} windows killed beside {ends} runs, seed {seed}; {len(table.problems)} problems")
    return table


def main(arguments: Sequence[str]) -> int:
    assert sys.platform == "linux", "the process that forks engines reads /proc"
    with tempfile.TemporaryDirectory(prefix="filial-kills-") as folder, Mortals() as mortals:
        place = Path(folder).resolve()
        if arguments[:1] == ["sweep"]:
            table = sweep(mortals, place)
        elif arguments[:1] == ["full"]:
            table = full(mortals, place)
        elif arguments[:1] == ["tails"]:
            table = tails(mortals, place)
        elif arguments[:1] == ["windows"]:
            table = windows(*_numbers(arguments[1:], 50, 0), mortals, place)
        else:
            table = at_random(*_numbers(arguments, 200, 0), mortals, place)
    return 1 if table.problems else 0


def _numbers(given: Sequence[str], kills: int, seed: int) -> tuple[int, int]:
    kills, seed = (*map(int, given), *(kills, seed)[len(given) :])
    return kills, seed


if __name__ == "__main__":
    processes.die_with_parent()
    sys.exit(main(sys.argv[1:]))
