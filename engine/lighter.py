"""Whether there is room and time for what a recipe was measured to cost, and what could make it cost less. No torch.

Here: what all its runs need as a whole, what of that is not there, and changes that keep the method, in words and as values.
cost.py measures the recipe, savings.py its changes.

A ladder is one knob turned down rung by rung: the next rung is for where the one before does not fit yet. What a rung is worth
is never said here: networks differ too much for a rule of thumb.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from engine import scaled
from engine.fields import AUTO
from engine.recipe import Creatures, Densenet, Experiment, Own, Recipe, Resnet, SmallCnn, Vit
from engine.recipes import Dino, Dinov2
from engine.words import count, plural

Of = Literal["memory", "disk", "time"]

DOES_NOT_FIT = "a step does not fit into the memory there is"
LONG_S = 86_400  # of all runs: what takes longer than a day is worth a second look before it begins
LITTLE: dict[Of, float] = {"memory": 0.02, "time": 0.1, "disk": 0.02}  # shares not worth a change; a clock is noisier
LEAST_BATCH, RUNGS = 8, 4
LEAST_CROPS = 2  # local ones: without any, trials on small sets learned markedly less
LEAST_PROTOTYPES, LEAST_HIDDEN, LEAST_WIDTH = 256, 256, 8
FEW_PICTURES = 10_000  # so many are decoded anew at another size while a person waits
STEP = frozenset[Of](("memory", "time"))
NETWORK = frozenset[Of](("memory", "time", "disk"))
RUNS = frozenset[Of](("time", "disk"))
DISK = frozenset[Of](("disk",))


class Change(Struct, frozen=True):
    """Fields with other values. `helps`: of what it may take less; `of_a_step`: whether a step of it must be measured anew."""

    values: tuple[tuple[str, Any], ...]
    words: str  # "batch 32 instead of 64"
    button: str  # "Use 32"
    helps: frozenset[Of]
    note: str = ""  # what else follows, one sentence
    of_a_step: bool = True


Ladder = tuple[Change, ...]


# ---- what is needed, and what is there -----------------------------------------------------------------------------------


class Totals(Struct, frozen=True):
    """What all runs of a recipe need: bytes at the peak of a step, seconds, bytes on disk."""

    memory: int
    time: float
    disk: int


def totals(measured: Mapping[str, Any], asked: Recipe, measured_of: Recipe) -> Totals:
    """Of a recipe whose steps cost what cost.measure answered of another, which may have had other counts of all that is
    repeated or kept."""
    longer = asked.training.epochs / measured_of.training.epochs
    each = float(measured.get("seconds_per_run", 0.0))
    chain = float(measured.get("seconds_first_run", each)) + asked.generations * each
    runs = len(asked.seeds) * (1 + asked.generations)
    memory = sum(measured.get("memory_bytes", {}).values())
    return Totals(memory, len(asked.seeds) * chain * longer, runs * disk_of_a_run(measured, asked, measured_of))


def disk_of_a_run(measured: Mapping[str, Any], asked: Recipe, measured_of: Recipe) -> int:
    """As measured; of other counts by what is kept of each."""
    told = int(measured.get("disk_bytes_per_run", 0))
    if asked == measured_of or not told:
        return told
    weights, optimizer = int(measured["kept_bytes"]), int(measured["memory_bytes"]["optimizer"])
    before, after = (disk_bytes(each, weights, optimizer) for each in (measured_of, asked))
    outputs, kept = (outputs_of_a_run(measured, each, measured_of) for each in (measured_of, asked))
    return told - before + after - outputs + kept


def outputs_of_a_run(measured: Mapping[str, Any], asked: Recipe, measured_of: Recipe) -> int:
    """Bytes of its teacher's that are kept, by how many views of each picture."""
    told = int(measured.get("teacher_outputs_bytes", 0))
    if asked == measured_of:
        return told
    return told * scaled.kept_views(asked) // max(1, scaled.kept_views(measured_of))


def counted(measured: Mapping[str, Any], asked: Recipe, measured_of: Recipe) -> dict[str, Any]:
    """The answer as it would be of a recipe that differs in counts alone."""
    longer = asked.training.epochs / measured_of.training.epochs
    each = {name: measured[name] * longer for name in ("seconds_per_run", "seconds_first_run") if name in measured}
    runs = len(asked.seeds) * (1 + asked.generations)
    outputs = outputs_of_a_run(measured, asked, measured_of)
    disk = {"disk_bytes_per_run": disk_of_a_run(measured, asked, measured_of), "teacher_outputs_bytes": outputs}
    return {**measured, **each, **disk, "runs": runs, "seconds_all": totals(measured, asked, measured_of).time}


def disk_bytes(asked: Experiment, weights: int, optimizer: int) -> int:
    """Checkpoints that stay when a run is complete: the newest whole, the best and the snapshots as weights. One more whole
    where the run may go back: the last healthy one may be an old one."""
    keep = asked.keep
    saved = -(-asked.training.epochs // keep.every_epochs)
    full = min(keep.full + (asked.watch.policy == "roll_back"), saved)
    light = min(saved - full, 1 + keep.snapshots)
    return full * (weights + optimizer) + light * weights


def lacking(measured: Mapping[str, Any] | None, asked: Recipe, measured_of: Recipe) -> frozenset[Of]:
    """What there is too little of; where a step did not fit at all, memory."""
    return short_of(totals(measured, asked, measured_of), measured) if measured else frozenset(("memory",))


def short_of(needed: Totals, measured: Mapping[str, Any]) -> frozenset[Of]:
    """What there is too little of, on the machine and with the disk of a measurement. Where it tells nothing, nothing."""
    there: dict[Of, float] = {"time": LONG_S}
    there["memory"], there["disk"] = (float(measured.get(f"{name}_bytes") or 0) for name in ("device_memory", "disk_free"))
    return frozenset(name for name, room in there.items() if room and getattr(needed, name) > room)


# ---- what could be changed -----------------------------------------------------------------------------------------------


def ladders(asked: Recipe, numbers: Recipe, precision: str, pictures: int | None = None) -> list[Ladder]:
    """Every knob that can be turned down. `numbers`: the recipe without an "auto"; `precision`: what its steps are taken in."""
    found = [
        _batch(asked, numbers),
        _precision(precision),
        _crops(numbers),
        _sizes(numbers),
        _large_at_last(numbers),
        _head(numbers, "prototypes", LEAST_PROTOTYPES, "prototypes"),
        _head(numbers, "hidden", LEAST_HIDDEN, "features in the head's inner layers"),
        _network(numbers),
        _pictures(numbers, pictures),
        _epochs(numbers),
        _seeds(numbers),
        _generations(numbers),
        *_kept(numbers),
    ]
    return [ladder for each in found if (ladder := tuple(each))]


# ---- what a step needs ---------------------------------------------------------------------------------------------------


def _batch(asked: Recipe, numbers: Recipe) -> Iterator[Change]:
    was, batch = numbers.training.batch, numbers.training.batch // 2
    stays = asked.optimizer.lr != AUTO
    note = "The learning rate stays as it is written; Calculators scale it." if stays else "The learning rate follows."
    for _ in range(RUNGS):
        if batch < LEAST_BATCH:
            return
        yield _one("training.batch", batch, f"batch {count(batch)} instead of {count(was)}", STEP, note)
        batch //= 2


def _precision(precision: str) -> Iterator[Change]:
    if precision == "float32":
        values = (("compute.precision", "bfloat16"),)
        yield Change(values, "steps in bfloat16 instead of float32", "Use bfloat16", STEP, "Weights stay float32.")


def _crops(numbers: Recipe) -> Iterator[Change]:
    if not isinstance(numbers.method, Dino):
        return
    was = crops = numbers.method.local_crops
    while crops // 2 >= LEAST_CROPS:
        crops //= 2
        yield _one("method.local_crops", crops, f"{plural(crops, 'local crop')} instead of {was}", STEP)


def _sizes(numbers: Recipe) -> Iterator[Change]:
    """Smaller global crops; where local ones are "auto" they follow."""
    method, patch = numbers.method, scaled.patch_of(numbers)
    if not isinstance(method, Dino) or isinstance(method.global_size, str):
        return
    was, least = method.global_size, max(patch * 2, scaled.SMALLEST)
    sizes = (round(was * share) // patch * patch for share in (0.75, 0.5))
    for size in dict.fromkeys(size for size in sizes if least <= size < was):
        yield _one("method.global_size", size, f"global crops of {size} px instead of {was} px", STEP)


def _large_at_last(numbers: Recipe) -> Iterator[Change]:
    if isinstance(numbers.method, Dinov2) and numbers.method.high_epochs:
        values = (("method.high_epochs", 0),)
        yield Change(values, "no large crops at last", "Leave out", STEP, "Maps of patches become coarser.")


def _head(numbers: Recipe, name: str, least: int, what: str) -> Iterator[Change]:
    """Half as many, unless a frozen teacher answers with as many."""
    many = getattr(numbers.method, name, None)
    if not isinstance(many, int) or many // 2 < least or scaled.teacher_of(numbers):
        return
    yield _one(f"method.{name}", many // 2, f"{count(many // 2)} {what} instead of {count(many)}", NETWORK)


def _network(numbers: Recipe) -> Iterator[Change]:
    """Half as wide or as deep; a network that starts from given weights stays as these are."""
    model = numbers.model
    name = {SmallCnn: "width", Resnet: "width", Densenet: "growth", Vit: "depth"}.get(type(model), "")
    if not name or model.weights:
        return
    was = int(getattr(model, name))
    if was // 2 >= (1 if name == "depth" else LEAST_WIDTH):
        words = f"a {name} of {count(was // 2)} instead of {count(was)}"
        yield _one(f"model.{name}", was // 2, words, NETWORK, "A smaller network, which may learn less.")


def _pictures(numbers: Recipe, pictures: int | None) -> Iterator[Change]:
    """Half the side; of a method with crops their size decides."""
    data, patch = numbers.data, scaled.patch_of(numbers)
    if isinstance(numbers.method, Dino) or not isinstance(data, Own | Creatures) or (pictures or 0) > FEW_PICTURES:
        return
    size = data.size // 2 // patch * patch
    if size >= (32 if isinstance(data, Creatures) else max(16, 2 * patch)):
        yield _one("data.size", size, f"pictures of {size} px instead of {data.size} px", STEP, "Small things are lost.")


# ---- what is only multiplied ---------------------------------------------------------------------------------------------


def _epochs(numbers: Recipe) -> Iterator[Change]:
    was = numbers.training.epochs
    if was >= 10:
        yield _counted("training.epochs", was // 2, f"{count(was // 2)} epochs instead of {count(was)}", frozenset(("time",)))


def _seeds(numbers: Recipe) -> Iterator[Change]:
    if len(numbers.seeds) > 3:
        seeds = list(numbers.seeds[:3])
        words, note = f"three seeds instead of {len(numbers.seeds)}", "Three are enough for a verdict."
        yield Change((("seeds", seeds),), words, "Use three", RUNS, note, of_a_step=False)


def _generations(numbers: Recipe) -> Iterator[Change]:
    was = numbers.generations
    if was > 1:
        note = "Gains mostly end after a few generations (Born-Again Networks)."
        yield _counted("generations", was - 1, f"{plural(was - 1, 'generation')} after F0 instead of {was}", RUNS, note)


def _kept(numbers: Recipe) -> Iterator[Iterator[Change]]:
    keep = numbers.keep
    if keep.snapshots:
        yield iter([_counted("keep.snapshots", 0, "no snapshots", DISK, "Pages that show earlier epochs have fewer of them.")])
    if keep.full > 1:
        yield iter([_counted("keep.full", 1, f"one full checkpoint instead of {keep.full}", DISK)])
    if getattr(numbers.method, "cache_views", 0):
        note = "Then the teacher is asked at each step, which takes longer."
        yield iter([_counted("method.cache_views", 0, "a teacher's outputs not kept", DISK, note)])


def _one(path: str, value: int, words: str, helps: frozenset[Of], note: str = "") -> Change:
    return Change(((path, value),), words, f"Use {count(value)}", helps, note)


def _counted(path: str, value: int, words: str, helps: frozenset[Of], note: str = "") -> Change:
    return Change(((path, value),), words, f"Use {count(value)}", helps, note, of_a_step=False)
