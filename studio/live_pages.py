"""The charts that Live can show of a run: which metrics are on which, under what name, and where they stand at first.

It goes by the names of metrics, so a later method needs a name in PAGES and nothing else; a metric without one gets a page
of its own. Left to live_curves.py: the lines themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine import words
from engine.state import RunState
from studio import phrases
from studio.session import Followed
from studio.widgets.lines import Better, Role


def gib(value: float) -> str:
    return f"{value:.2f} GiB" if value < 10 else f"{value:.1f} GiB"


def number(value: float) -> str:
    """As words.number, but what has run away is told by its size: 5.5e10."""
    return f"{value:.2g}".replace("e+", "e") if abs(value) >= 1e6 else words.number(value)


def _whole(value: float) -> str:
    return words.count(round(value)) if abs(value) >= 10 else words.number(value, 1)


@dataclass(frozen=True)
class Trace:
    """One metric on a chart, and what its legend calls it. points: measured once an epoch, not each tick."""

    metric: str
    name: str
    role: Role = "student"
    points: bool = False


@dataclass(frozen=True)
class Page:
    """A chart that can be shown. `why` says in a sentence what it tells."""

    key: str
    title: str
    traces: tuple[Trace, ...]
    subtitle: str = ""
    format: Callable[[float], str] = number
    better: Better | None = None
    normalised: bool = False
    why: str = ""

    @property
    def is_rate(self) -> bool:
        return self.format is words.percent

    def measured(self, state: RunState) -> tuple[Trace, ...]:
        """The traces that have at least one point."""
        return tuple(trace for trace in self.traces if len(state.curves.get(trace.metric, ())))


PAGES: dict[str, Page] = {
    page.key: page
    for page in (
        Page("objective", "Objective", (Trace("train/loss", "loss"),), "train/loss, nats", better="low",
             why="What the optimizer makes smaller. It is not progress by itself: read What matters for that."),
        Page("knn", "What matters", (Trace("knn/student", "student", points=True),
             Trace("knn/teacher", "teacher", "teacher", points=True)), "k-NN accuracy", words.percent, "high"),
        Page("accuracy", "What matters", (Trace("val/accuracy", "val accuracy", points=True),),
             "val/accuracy", words.percent, "high", why="Accuracy on held-out pictures, after each epoch."),
        Page("agreement", "Agreement", (Trace("train/agreement", "top-1"),), "train/agreement", words.percent, "high",
             why="How often student and teacher name the same class, on the pictures they train on."),
        Page("fit", "Fit to labels", (Trace("train/accuracy", "accuracy"),), "train/accuracy", words.percent, "high",
             why="Accuracy on the pictures and labels it trains on, wrong labels included. It is not a measure of merit."),
        Page("teacher", "Teacher", (Trace("teacher/entropy", "entropy"), Trace("feature/std", "spread", "second"))),
        Page("kl", "Learning signal", (Trace("train/kl", "KL"),), "train/kl, nats", better="low",
             why="How far the student's predictions are from its teacher's: what is left of the loss above its floor, "
                 "which is the entropy of the teacher's predictions."),
        Page("gradient", "Gradient", (Trace("grad/norm", "norm"),), "grad/norm",
             why="Length of the whole gradient, before any clipping."),
        Page("schedules", "Schedules", (Trace("schedule/lr", "lr"), Trace("schedule/momentum", "mom.", "second"),
             Trace("schedule/teacher_temp", "temp.", "second"), Trace("schedule/weight_decay", "decay", "second")),
             "", words.rate, normalised=True, why="Each from its least to its greatest value so far."),
        Page("throughput", "Throughput", (Trace("throughput/images_per_s", "images/s"),), "throughput/images_per_s",
             _whole, "high",             why="Pictures trained on in a second."),
        Page("data wait", "Data wait", (Trace("throughput/data_wait", "waiting"),), "throughput/data_wait",
             words.percent, "low",             why="Share of the time that training waited for pictures."),
        Page("memory", "Memory", (Trace("memory/gib", "in use"),), "memory/gib", gib,
             why="Memory the engine holds: on a GPU its highest so far, on the CPU the whole process."),
    )
}  # fmt: skip

MATTERS = ("knn", "accuracy")
SLOTS = (("agreement", "fit"), ("teacher", "kl", "gradient"), ("schedules",), ("throughput",))  # the small charts
OF_TEACHERS = ("agreement", "teacher", "kl")
RATES = ("accuracy", "ece", "top1", "wrong", "inherited", "fixed", "new", "jaccard", "overlap", "data_wait", "agreement")


def page(key: str) -> Page:
    """The chart of this name; a metric that no chart has gets one of its own."""
    return PAGES.get(key) or _own_page(key)


def _own_page(metric: str) -> Page:
    name, _, split = metric.partition("@")
    last = name.rsplit("/", 1)[-1]
    is_rate = last in RATES or name.startswith(("knn/", "linear/"))
    measured_rarely = bool(split) or not name.startswith(("train/", "grad/", "schedule/", "throughput/", "memory/"))
    title = f"{name}, {split}" if split else name
    trace = Trace(metric, last.replace("_", " "), points=measured_rarely)
    return Page(metric, title, (trace,), format=words.percent if is_rate else number)


def matters_page(state: RunState) -> Page:
    """The headline: k-NN where there is one, else accuracy on the validation pictures."""
    return next((PAGES[key] for key in MATTERS if PAGES[key].measured(state)), PAGES["accuracy"])


def slot_pages(one: Followed) -> tuple[Page, ...]:
    """The small charts: the first of each slot that is measured; before the first step, that will be."""
    has_teacher = bool(one.recipe and one.recipe.teacher)

    def fits(key: str) -> bool:
        if one.state.curves:
            return bool(PAGES[key].measured(one.state))
        return has_teacher and key != "teacher" if key in OF_TEACHERS else True

    return tuple(PAGES[next(filter(fits, slot), slot[-1])] for slot in SLOTS)


def pages(state: RunState) -> list[Page]:
    """Every chart that can be shown of a run now: the named ones, then each metric that none of them has.

    What is measured on test is one value at the end, and no curve.
    """
    named = [one for one in PAGES.values() if one.measured(state) and one.key not in (*MATTERS, "objective")]
    taken = {trace.metric for one in PAGES.values() for trace in one.traces}
    once = ("test/", "@test")
    rest = sorted(metric for metric in state.curves if metric not in taken)
    return named + [_own_page(metric) for metric in rest if not (metric.startswith(once[0]) or metric.endswith(once[1]))]


def subtitle(one: Followed, shown: Page) -> str:
    """What is measured on what: "val/accuracy, 449 held-out images"."""
    held_out = ((one.data or {}).get("counts") or {}).get("val")
    if shown.key == "accuracy" and held_out:
        return f"{shown.subtitle}, {words.plural(held_out, 'held-out image')}"
    return shown.subtitle


def empty_words(shown: Page, one: Followed, now: float) -> tuple[str, str]:
    """What stands on a chart without points, and when that will change."""
    what = "accuracy" if shown.key == "accuracy" else shown.traces[0].name if len(shown.traces) == 1 else shown.title.lower()
    if one.word in ("queued", "blocked") or one.expected:
        return f"No {what} yet", phrases.state_words(one, now)
    if not one.at_work:
        return f"No {what}", "the run ended before it was measured"
    if not shown.traces[0].points:
        return f"No {what} yet", "first value after the first step"
    pace, first = phrases.seconds_a_step(one), f"first value after epoch {next_probe(one)}"
    if pace is None or not one.state.steps_per_epoch:
        return f"No {what} yet", first
    left = (next_probe(one) * one.state.steps_per_epoch - one.state.step) * pace
    return f"No {what} yet", f"{first}, in about {words.duration(left)}"


def next_probe(one: Followed) -> int:
    """The epoch after which the validation pictures are looked at next."""
    every = one.recipe.probes.every_epochs if one.recipe else 1
    return (int(one.state.epoch) // every + 1) * every
