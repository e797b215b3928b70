"""What a recipe costs as one real step has told, in words, and what was measured to make it cost less. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine import lighter, recipe, words
from engine.lighter import Of, Totals
from engine.recipe import Recipe
from studio.recipe_checks import Check, Remedy
from studio.widgets.cost_card import CostWords

# A step costs the same whatever these say.
LEFT_ASIDE = ("lineage", "seeds", "generations", "training.epochs", "keep", "probes", "watch")
SMALL = 2**29  # bytes: what needs less is told in its own units, not in tenths of a GiB
BUSY = 1.25  # times as long as before, or the reverse: times that were compared are off by as much
NOT_YET = "Not measured yet. Measure takes one real step and says how long and how much memory it takes."
DEVICES = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the Apple GPU"}


@dataclass(frozen=True)
class Cost:
    """What one real step told, and of which recipe."""

    answer: Mapping[str, Any]
    asked: Recipe
    at: float  # unix seconds

    def holds_for(self, asked: Recipe) -> bool:
        """Whether a step of this recipe costs what was measured. How many steps and runs there are is only multiplied."""
        return _costly(asked) == _costly(self.asked)

    def seconds_a_seed(self, asked: Recipe) -> float:
        each = float(self.answer.get("seconds_per_run", 0.0))
        first = float(self.answer.get("seconds_first_run", each))
        return (first + asked.generations * each) * asked.training.epochs / self.asked.training.epochs

    def seconds_all(self, asked: Recipe) -> float:
        return self.seconds_a_seed(asked) * len(asked.seeds)

    def counted(self, asked: Recipe) -> "Cost":
        """As if a recipe of which this holds had been measured itself."""
        return Cost(lighter.counted(self.answer, asked, self.asked), asked, self.at)

    def totals(self, asked: Recipe) -> Totals:
        """What all runs of a recipe need, of which this holds."""
        return lighter.totals(self.answer, asked, self.asked)

    def lacks(self, asked: Recipe) -> frozenset[Of]:
        """What of that is not there."""
        return lighter.short_of(self.totals(asked), self.answer)

    @property
    def memory(self) -> dict[str, int]:
        parts = self.answer.get("memory_bytes") or {}
        return {name: int(parts.get(name, 0)) for name in ("weights", "optimizer", "activations")}

    @property
    def device(self) -> str:
        return DEVICES.get(str(self.answer.get("device", "")), "the device")

    @property
    def device_bytes(self) -> int:
        return int(self.answer.get("device_memory_bytes") or 0)


def _costly(asked: Recipe) -> dict[str, Any]:
    flat = recipe.flat(recipe.to_table(asked))
    kept = {path: value for path, value in flat.items() if path not in LEFT_ASIDE and path.partition(".")[0] not in LEFT_ASIDE}
    return {**kept, "taught": asked.generations > 0}


def figure(seconds: float) -> str:
    """ "39 min"; no run takes no time at all."""
    return words.duration(seconds) if seconds >= 0.5 else "< 1 s"


def a_seed_words(cost: Cost, asked: Recipe) -> str:
    """ "a seed; 1 h 57 min for 3"."""
    count = len(asked.seeds)
    return "a seed" if count == 1 else f"a seed; {words.duration(cost.seconds_all(asked))} for {count}"


def disk_words(cost: Cost, asked: Recipe) -> tuple[str, bool]:
    """ "A run takes 31 MiB on disk, 2.0 MiB of it its teacher's outputs", and whether all runs find that much room."""
    each = lighter.disk_of_a_run(cost.answer, asked, cost.asked)
    outputs, free = lighter.outputs_of_a_run(cost.answer, asked, cost.asked), int(cost.answer.get("disk_free_bytes") or 0)
    if not each:
        return "", True
    of_it = f", {words.size(outputs)} of it its teacher's outputs" if outputs else ""
    enough = "disk" not in cost.lacks(asked)
    return f"A run takes {words.size(each)} on disk{of_it}{'' if enough else f'; {words.size(free)} are free for all'}", enough


def memory_words(cost: Cost) -> tuple[str, str]:
    """ "3.4 GiB of 12.0 GiB on cuda", and what it is made of."""
    total, room = sum(cost.memory.values()), cost.device_bytes
    names = {"weights": "weights", "optimizer": "optimiser", "activations": "activations"}
    if total < SMALL:
        of = f" of {words.size(room)}" if room else ""
        parts = ", ".join(f"{names[name]} {words.size(part)}" for name, part in cost.memory.items())
        return f"{words.size(total)}{of} on {cost.device}", parts
    of = f" of {room / 2**30:.1f}" if room else ""
    parts = ", ".join(f"{names[name]} {part / 2**30:.1f}" for name, part in cost.memory.items())
    return f"{total / 2**30:.1f}{of} GiB on {cost.device}", parts


# ---- the card ------------------------------------------------------------------------------------------------------------


class Measured(Protocol):
    """What measuring.py knows."""

    cost: Cost | None
    failed: tuple[str, str]
    words: str

    @property
    def busy(self) -> bool: ...


def card(known: Measured, asked: Recipe, can_ask: bool) -> CostWords:
    """All that the card says of a recipe: what is under way, what failed, or what was measured and whether it still holds."""
    sentence, _ = known.failed
    if known.busy:
        return CostWords(note=known.words or "starting", button="Cancel")
    if known.cost is None:
        no_room = lighter.DOES_NOT_FIT in sentence
        return CostWords(
            note=sentence or NOT_YET, state="bad" if sentence else "", can_ask=can_ask, can_save=no_room and can_ask
        )
    cost = known.cost
    stale = not cost.holds_for(asked)
    shown = cost.asked if stale else asked
    memory, made_of = memory_words(cost)
    disk, _ = disk_words(cost, shown)
    fresh = ". ".join(part for part in (_measured_words(cost), disk) if part)
    room = cost.device_bytes
    return CostWords(
        note=sentence or ("The recipe has changed since; measure again." if stale else fresh),
        figure=figure(cost.seconds_a_seed(shown)),
        under=a_seed_words(cost, shown),
        memory=memory,
        made_of=made_of,
        shares=tuple(part / room for part in cost.memory.values()) if room else (),
        state="bad" if sentence else "warn" if stale or cost.lacks(shown) else "",
        can_ask=can_ask,
        can_save=can_ask and not stale,
    )


def _measured_words(cost: Cost) -> str:
    left_out = str(cost.answer.get("includes", "")).partition("; not ")[2]  # engine/cost.py says what it leaves out
    return f"measured {words.clock(cost.at)}" + (f" without {left_out}" if left_out else "")


# ---- what does not fit, and what would help ------------------------------------------------------------------------------


def shortages(cost: Cost, asked: Recipe) -> list[Check]:
    """A row for each thing there is too little of."""
    needed, answer = cost.totals(asked), cost.answer
    room, free = words.size(cost.device_bytes), words.size(int(answer.get("disk_free_bytes") or 0))
    runs = words.plural(len(asked.seeds) * (1 + asked.generations), "run")
    said: dict[Of, tuple[str, str]] = {
        "memory": (
            f"A step needs {words.size(needed.memory)} of memory",
            f"{cost.device[:1].upper()}{cost.device[1:]} has {room}.",
        ),
        "disk": (f"{runs} need {words.size(needed.disk)} of disk", f"{free} are free where they are written."),
        "time": (f"{runs} take {words.duration(needed.time)} in all", "One after the other, more than a day."),
    }
    return [Check("warn", *said[name]) for name in said if name in cost.lacks(asked)]


def savings(answer: Mapping[str, Any], cost: Cost | None) -> list[Check]:
    """A row for each change that was looked at, with a button that makes it; what the engine has said is told as it is.

    `cost`: what the recipe itself was measured to need; None where not even one step of it did fit.
    """
    was = cost.totals(cost.asked) if cost else None
    found = [_saving(change, was, cost) for change in answer["changes"]]
    clock = float(answer.get("clock", 1.0))
    if found and not 1 / BUSY < clock < BUSY:
        reason = f"Its own step took {clock:.1f} times as long when it was measured again. Look again when nothing else runs."
        found.insert(0, Check("warn", "Others used the machine while times were compared", reason))
    if not found:
        found = [Check("warn", "Nothing was found that would help", "A smaller model, or another machine, is what is left.")]
    return found


def _saving(change: Mapping[str, Any], was: Totals | None, cost: Cost | None) -> Check:
    then = Totals(int(change["memory"]), float(change["time"]), int(change["disk"]))
    title = f"{change['words'][:1].upper()}{change['words'][1:]}"
    reason = f"{words.size(then.memory)} of memory, {words.duration(then.time)} in all"
    if was is None or cost is None:
        title += ": fits"
    else:
        title += f": {', '.join(_differences(was, then, less=True))}"
        more = _differences(was, then, less=False)
        reason = "; ".join((f"Then {reason}", *more))
    reason = f"{reason}. {change['note']}".strip() if change["note"] else f"{reason}."
    values = tuple((str(path), value) for path, value in change["values"])
    return Check("less", title, reason, Remedy(str(change["button"]), values))


def _differences(was: Totals, then: Totals, less: bool) -> list[str]:
    """ "3.1 GiB less", "40 min more": of what is less, or of what is more, as far as it is worth a word."""
    sign, word = (1, "less") if less else (-1, "more")
    told = []
    kinds: tuple[tuple[Of, str, Callable[[float], str]], ...]
    kinds = (("memory", "", words.size), ("time", "", words.duration), ("disk", " of disk", words.size))
    for name, of, say in kinds:
        before, after = getattr(was, name), getattr(then, name)
        if before and sign * (before - after) / before > lighter.LITTLE[name]:
            told.append(f"{say(abs(before - after))}{of} {word}")
    return told
