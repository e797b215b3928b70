"""The charts that Live can show of a run: which metrics are on which, under what name, and where they stand at first.

It goes by the names of metrics, so a later method needs a name in PAGES and nothing else; a metric without one gets a page
of its own. Left to live_curves.py: the lines themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine import words
from engine.state import RunState
from studio import live_facts, phrases
from studio.session import Followed
from studio.widgets.lines import Better, Role


def gib(value: float) -> str:
    return f"{value:.2f} GiB" if value < 10 else f"{value:.1f} GiB"


def number(value: float) -> str:
    """As words.number, but what has run away is told by its size: 5.5e10."""
    return f"{value:.2g}".replace("e+", "e") if abs(value) >= 1e6 else words.number(value)


def _whole(value: float) -> str:
    return words.count(round(value)) if abs(value) >= 10 else words.number(value, 1)


def _two(value: float) -> str:
    return f"{value:.2f}"


@dataclass(frozen=True)
class Trace:
    """One metric on a chart, and what its legend calls it. points: measured once an epoch, not each tick.

    share: drawn as a share of ln K, the most that entropy can be over K prototypes.
    """

    metric: str
    name: str
    role: Role = "student"
    points: bool = False
    share: bool = False


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
        Page("knn", "What matters", (Trace("knn/student@val", "student", points=True),
             Trace("knn/teacher@val", "teacher", "teacher", points=True),
             Trace("knn/average@val", "average", "teacher", points=True)), "k-NN, k = 20", words.percent, "high",
             why="How often the nearest training pictures, by the features of student or teacher, are of the same class. "
                 "In healthy training the teacher stays above its student. A student of a frozen network is told beside its "
                 "own average, which is kept; the dotted line is the network it learns from."),
        Page("accuracy", "What matters", (Trace("val/accuracy", "val accuracy", points=True),),
             "val/accuracy", words.percent, "high", why="Accuracy on held-out pictures, after each epoch."),
        Page("rank", "Feature rank", (Trace("feature/rank@val", "rank", points=True),), "feature/rank, RankMe",
             why="In how many directions the student's features of held-out pictures spread. It falls where training "
                 "collapses; only runs of one method can be compared by it."),
        Page("agreement", "Agreement", (Trace("train/agreement", "top-1"),), "train/agreement", words.percent, "high",
             why="How often student and teacher name the same class, or prototype, on the pictures they train on."),
        Page("fit", "Fit to labels", (Trace("train/accuracy", "accuracy"),), "train/accuracy", words.percent, "high",
             why="Accuracy on the pictures and labels it trains on, wrong labels included. It is not a measure of merit."),
        Page("teacher", "Teacher", (Trace("teacher/entropy", "entropy", share=True), Trace("feature/std", "spread", "second")),
             format=_two, why="entropy: how undecided the teacher is, 1 where it prefers no prototype, 0 where it is sure. "
                 "spread: how different the student's features of different pictures are, 0 for one point for all."),
        Page("split", "Entropy and KL", (Trace("teacher/entropy", "entropy"), Trace("teacher/kl", "KL", "second")),
             "nats; their sum is the loss",
             why="The loss is the teacher's entropy and how far the student is from it. A loss that rises while KL falls is a "
                 "teacher that grew less sure. KL near 0 for long means collapse."),
        Page("marginal", "One and all", (Trace("teacher/entropy", "a picture"),
             Trace("teacher/marginal_entropy", "all", "second")), "teacher's entropy, nats",
             why="The teacher's entropy of one picture, and of the mean over all. The gap is what it knows of pictures: "
                 "none left means that it says the same of everything."),
        Page("center", "Centre", (Trace("center/norm", "norm"),), "center/norm",
             why="Length of the mean that is taken from the teacher's outputs. It may grow at first, but not without end."),
        Page("prototypes", "Prototypes in use", (Trace("teacher/prototypes_used@val", "in use", points=True),),
             "teacher/prototypes_used", _whole,
             why="How many prototypes are some held-out picture's first choice. One or a few mean collapse."),
        Page("lag", "Teacher's lag", (Trace("teacher/lag_epochs", "epochs"),), "teacher/lag_epochs",
             why="How far back the teacher looks: half of it is newer than this many epochs. It grows with the momentum."),
        Page("kl", "Learning signal", (Trace("train/kl", "KL"),), "train/kl, nats", better="low",
             why="How far the student's predictions are from its teacher's: what is left of the loss above its floor, "
                 "which is the entropy of the teacher's predictions."),
        Page("gradient", "Gradient", (Trace("grad/norm", "norm"),), "grad/norm",
             why="Length of the whole gradient, before any clipping."),
        Page("schedules", "Schedules", (Trace("schedule/lr", "lr"), Trace("schedule/momentum", "mom.", "second"),
             Trace("schedule/teacher_temp", "temp.", "second"), Trace("schedule/weight_decay", "decay", "second")),
             "", words.rate, normalised=True, why="Each from its least to its greatest value so far."),
        Page("jaccard", "On the creature", (Trace("attention/jaccard@test", "best", points=True),
             Trace("attention/jaccard_head@test", "head", "second", points=True),
             Trace("attention/jaccard_mean@test", "mean", "second", points=True)), "attention/jaccard", words.percent, "high",
             why="What the teacher's attention and the drawn mask mark both, as a share of what either marks, on the probe "
                 "pictures: of each picture's best head, of the best single head, of the mean over the heads."),
        Page("overlap", "Overlap", (Trace("attention/overlap@test", "overlap", points=True),), "attention/overlap",
             words.percent, why="How much the attention of student and teacher covers the same places."),
        Page("terms", "Terms of the loss", (Trace("train/dino", "DINO"), Trace("train/ibot", "patches", "second"),
             Trace("train/koleo", "KoLeo", "second")), "nats", why="What the loss is the sum of."),
        Page("throughput", "Throughput", (Trace("throughput/images_per_s", "images/s"),), "throughput/images_per_s",
             _whole, "high",             why="Pictures trained on in a second."),
        Page("data wait", "Data wait", (Trace("throughput/data_wait", "waiting"),), "throughput/data_wait",
             words.percent, "low",             why="Share of the time that training waited for pictures."),
        Page("memory", "Memory", (Trace("memory/gib", "in use"),), "memory/gib", gib,
             why="Memory the engine holds: on a GPU its highest so far, on the CPU the whole process."),
    )
}  # fmt: skip

MATTERS = ("knn", "accuracy", "rank")
ALONE = ("terms",)  # pages that say nothing with a single trace
SLOTS = (("agreement", "fit"), ("teacher", "kl", "gradient"), ("schedules",), ("throughput",))  # the small charts
OF_TEACHERS = ("agreement", "teacher", "kl")
RATES = ("accuracy", "ece", "top1", "wrong", "inherited", "fixed", "new", "jaccard", "jaccard_head", "jaccard_mean", "overlap",
         "data_wait", "agreement")  # fmt: skip


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


def matters_page(one: Followed) -> Page:
    """The headline: k-NN where features are learned, else accuracy; without labels the rank of the features."""
    measured = next((key for key in MATTERS if PAGES[key].measured(one.state)), "")
    if not live_facts.averages(one):
        return PAGES[measured or "accuracy"]
    return PAGES[measured if measured == "knn" else "knn" if live_facts.has_labels(one) else "rank"]


def slot_pages(one: Followed) -> tuple[Page, ...]:
    """The small charts: the first of each slot that is measured; before the first step, that will be."""
    averages = live_facts.averages(one)
    has_teacher = bool(one.recipe and one.recipe.teacher) or averages

    def fits(key: str) -> bool:
        if one.state.curves:
            return bool(PAGES[key].measured(one.state))
        return has_teacher and (averages or key != "teacher") if key in OF_TEACHERS else True

    return tuple(PAGES[next(filter(fits, slot), slot[-1])] for slot in SLOTS)


def pages(state: RunState) -> list[Page]:
    """Every chart that can be shown of a run now: the named ones, then each metric that none of them has.

    What is measured on test is one value at the end, and no curve.
    """
    big = ("objective", next((key for key in MATTERS if PAGES[key].measured(state)), ""))
    named = [one for one in PAGES.values() if _worth_it(one, state) and one.key not in big]
    taken = {trace.metric for one in PAGES.values() for trace in one.traces}
    once = ("test/", "@test")
    rest = sorted(metric for metric in state.curves if metric not in taken)
    return named + [_own_page(metric) for metric in rest if not (metric.startswith(once[0]) or metric.endswith(once[1]))]


def _worth_it(shown: Page, state: RunState) -> bool:
    return len(shown.measured(state)) > (1 if shown.key in ALONE else 0)


def subtitle(one: Followed, shown: Page) -> str:
    """What is measured on what: "val/accuracy, 449 held-out images"."""
    data = one.data or {}
    held_out = ((data.get("evaluated") or data).get("counts") or {}).get("val")  # by which those without labels are judged
    if shown.key in ("accuracy", "knn") and held_out:
        return f"{shown.subtitle}, {words.plural(held_out, 'held-out image')}"
    return shown.subtitle


_CALLED = {"accuracy": "accuracy", "knn": "k-NN"}


def empty_words(shown: Page, one: Followed, now: float) -> tuple[str, str]:
    """What stands on a chart without points, and when that will change."""
    alone = len(shown.traces) == 1
    what = _CALLED.get(shown.key) or (shown.traces[0].name if alone else shown.title.lower())
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
    """The epoch after which the validation pictures are looked at next; the last one at the latest."""
    every = one.recipe.probes.every_epochs if one.recipe else 1
    found = (int(one.state.epoch) // every + 1) * every
    return min(found, one.state.epochs) if one.state.epochs else found
