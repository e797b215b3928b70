"""What is said of a complaint: evidence in words, the likely cause, and what may help as changes that a run at work can take.

When a complaint begins is verdicts.py's. No torch.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from engine import schedule, words
from engine.events import Remedy
from engine.recipe import Sgd
from engine.recipes import Dino
from engine.verdicts import (
    BEHIND,
    PROBES,
    SLOW,
    TIMES,
    WARM,
    Case,
    above_a_guess,
    aliased,
    copies,
    dead,
    decays,
    exploding,
    learns_nothing,
    loader_bound,
    one_dimension,
    teacher_behind,
    too_fast,
    uniform,
    usual,
)

FINAL_DECAY = 0.4  # main_dino.py


class Rule(NamedTuple):
    """One complaint. `severity`: 1 is where it begins; NaN where the signals are missing."""

    severity: Callable[[Case], float]
    evidence: Callable[[Case], str]
    advice: Callable[[Case], tuple[str, list[Remedy]]]  # the likely cause, and what may help


# ---- evidence -----------------------------------------------------------------------------------------------------------


def _said_answers(case: Case) -> str:
    told, even = max(0.0, case.information * case.most), math.log(int(case.method.prototypes))
    return (
        f"the teacher's answers tell {words.number(told, 2)} of {words.number(case.most, 2)} nats of which picture they are "
        f"about; their entropy is {words.number(case['teacher/entropy'], 2)}, {words.number(even, 2)} being an even answer"
    )


def _said_spread(case: Case) -> str:
    return (
        f"a whole batch's answers share about {words.number(math.exp(case['teacher/marginal_entropy']), 1)} of "
        f"{words.count(int(case.method.prototypes))} prototypes"
    )


def _said_features(case: Case) -> str:
    return f"features differ between pictures by {words.number(case['feature/std'], 2)}; 1 would be in all directions alike"


def _said_aliased(case: Case) -> str:
    if case.shared:
        return "student and teacher are the same tensors in memory"
    return f"with a momentum of {case['schedule/momentum']:.4g} the teacher is its student again after every step"


def _said_exploding(case: Case) -> str:
    if above_a_guess(case) >= 1:
        return f"the loss is {words.number(case.answering)}; a student that knows nothing has {words.number(case.guess)}"
    gradient = (
        f"the gradient is {words.number(case['grad/norm'])} long, and was about {words.number(case.usual_gradient)} before"
    )
    return f"{gradient}; the loss has risen from about {words.number(case.usual_loss)} to {words.number(case['train/loss'])}"


def _said_waiting(case: Case) -> str:
    return f"{words.percent(case['throughput/data_wait'], 0)} of the time goes into waiting for pictures"


def _said_behind(case: Case) -> str:
    if case.ahead >= BEHIND.value:
        return f"the student's k-NN is {words.points(case.ahead)} points above its teacher's, over {PROBES} probes"
    if math.isinf(case.half_life):
        return f"with a momentum of {case['schedule/momentum']:.4g} the teacher never moves"
    older = f"half of the teacher is older than {words.count(round(case.half_life))} steps"
    return f"with a momentum of {case['schedule/momentum']:.4g} {older}, and the run has {words.count(case.total_steps)}"


def _said_unlearned(case: Case) -> str:
    return f"the loss is {words.number(case.answering)}, and that of even answers {words.number(case.chance)}"


def _said_decay(case: Case) -> str:
    last = words.number(case.weights_last, 0 if case.weights_last >= 10 else 1)
    return f"by decay alone a third of a weight is left after {last} steps, of {words.count(case.total_steps)}"


def _said_copies(case: Case) -> str:
    return f"the {words.count(case.pictures)} training pictures show {words.plural(case.distinct, 'different picture')}"


# ---- causes and remedies ------------------------------------------------------------------------------------------------


def _for_one_dimension(case: Case) -> tuple[str, list[Remedy]]:
    sinkhorn = Remedy("spread each batch over all prototypes", {"method.centering": "sinkhorn"})
    slower = Remedy("a lower learning rate", _slower(case))
    if _is_fast(case):
        return f"{_fast(case)}: the student runs into one answer before the centre can follow", [slower, sinkhorn]
    if case.method.centering == "centre" and case.method.center_momentum > 0.99:
        centre = Remedy("a centre that follows", {"method.center_momentum": 0.9})
        cause = f"the centre follows too slowly (momentum {case.method.center_momentum:g}), so one prototype wins every time"
        return cause, [centre, sinkhorn]
    if _follows_at_once(case):
        return _for_aliased(case)
    few = Remedy("look at the pictures: sets of few different ones need few prototypes (method.prototypes)")
    return "few prototypes win: the pictures are few or much alike, or the outputs drift faster than the centre", [
        *([sinkhorn] if case.method.centering == "centre" else []), few, slower,
    ]  # fmt: skip


def _for_uniform(case: Case) -> tuple[str, list[Remedy]]:
    slower = Remedy("a lower learning rate", _slower(case))
    colder = _temperature(case)
    easier = Remedy("crops that share more: larger local crops, weaker colour changes (method.local_scale_low, method.jitter)")
    if _follows_at_once(case):
        return _for_aliased(case)
    if _is_fast(case):
        return f"{_fast(case)}: the student forgets what it could tell apart", [slower, *colder, easier]
    ours, theirs = case["schedule/teacher_temp"], case.method.student_temp
    if ours >= WARM * theirs:
        cause = f"the teacher's temperature of {ours:g} sharpens too little beside the student's {theirs:g}"
        return f"{cause}: every answer becomes even", [*colder, slower]
    return "the student cannot say of one crop what another shows, so it says the same of every picture", [
        *colder,
        slower,
        easier,
    ]


def _for_dead(case: Case) -> tuple[str, list[Remedy]]:
    alike = Remedy("look at the pictures: they may be copies of one another")
    lighter = Remedy("a lower weight decay", {"optimizer.weight_decay": case.asked.optimizer.weight_decay / 10})
    slower = Remedy("a lower learning rate", _slower(case))
    if _is_fast(case) or case.asked.optimizer.weight_decay < 0.5:
        return "the network gives the same features for every picture", [slower, alike]
    return f"a weight decay of {case.asked.optimizer.weight_decay:g} leaves the network nothing", [lighter, slower, alike]


def _for_decays(case: Case) -> tuple[str, list[Remedy]]:
    now = case.asked.optimizer
    lighter: dict[str, Any] = {"optimizer.weight_decay": float(f"{min(type(now)().weight_decay, now.weight_decay / 10):.3g}")}
    if isinstance(case.method, Dino) and case.method.weight_decay_final > FINAL_DECAY:
        lighter["method.weight_decay_final"] = FINAL_DECAY
    cause = f"a weight decay of {case.decay:g} at a learning rate of {words.rate(case.rate)} takes more than gradients give"
    return cause, [Remedy("a lighter weight decay", lighter), Remedy("a lower learning rate", _slower(case))]


def _for_too_fast(case: Case) -> tuple[str, list[Remedy]]:
    remedies = [Remedy("a lower learning rate", _slower(case))]
    if not case.asked.optimizer.clip:
        remedies.append(Remedy("a limit to the gradient", {"optimizer.clip": 1.0}))
    return f"{_fast(case)}: each step undoes what the last one taught", remedies


def _for_learns_nothing(case: Case) -> tuple[str, list[Remedy]]:
    look = Remedy("look at the pictures and their labels: nobody can learn labels that do not belong to them")
    if case.times_usual < SLOW:
        faster = Remedy("the usual learning rate", usual(case, "optimizer.lr"))
        share = words.count(round(1 / case.times_usual))
        return f"the learning rate of {words.rate(case.rate)} is one {share}th of what is usual at this batch", [faster, look]
    faster = Remedy("a higher learning rate", {"optimizer.lr": float(f"{3 * case.rate:.3g}")})
    return "the network finds nothing in the pictures that tells what is asked of it", [look, faster]


def _for_copies(case: Case) -> tuple[str, list[Remedy]]:
    look = Remedy("look at the pictures in Data, which lists what is there more than once, and leave the copies out")
    return "most of the training pictures are copies, so they are learnt by heart and say nothing of others", [look]


def _for_aliased(case: Case) -> tuple[str, list[Remedy]]:
    if case.shared:
        report = Remedy("the method's code must copy the student (copy.deepcopy); nothing that can be set helps")
        return "the teacher was not copied from the student but is the student, so it learns from itself", [report]
    slower = Remedy("a teacher that remembers", usual(case, "method.momentum"))
    return "the teacher is no average any more: whatever the student says, the teacher says too", [slower]


def _for_exploding(case: Case) -> tuple[str, list[Remedy]]:
    remedies = [Remedy("a lower learning rate", _slower(case))]
    if not case.asked.optimizer.clip:
        remedies.append(Remedy("a limit to the gradient", {"optimizer.clip": 3.0 if isinstance(case.method, Dino) else 1.0}))
    if _follows_at_once(case):
        cause, first = _for_aliased(case)
        return cause, [*first, *remedies]
    return (_fast(case) if _is_fast(case) else "steps are too large for where the weights are now"), remedies


def for_not_finite(case: Case) -> tuple[str, list[Remedy]]:
    skip = Remedy("go back and pass over this batch")
    cause, remedies = _for_exploding(case)
    return cause, [skip, *remedies, Remedy('in bfloat16: compute.precision = "float32" in a new run')]


def _for_waiting(case: Case) -> tuple[str, list[Remedy]]:
    threads = Remedy("more threads (compute.threads), or fewer runs beside this one")
    fewer = (
        Remedy("fewer crops (method.local_crops)") if isinstance(case.method, Dino) else Remedy("smaller pictures (data.size)")
    )
    return "pictures are prepared more slowly than they are learned from; what is learned is not affected", [threads, fewer]


def _for_behind(case: Case) -> tuple[str, list[Remedy]]:
    sooner = usual(case, "method.momentum")
    if sooner.get("method.momentum", math.inf) >= case["schedule/momentum"]:  # then half as far back as now
        sooner = {"method.momentum": round(schedule.momentum_of(case.half_life / 2), 4)} if case.half_life < math.inf else {}
    faster = Remedy("a teacher that follows sooner", sooner)
    return "the teacher is an average over too long a time, so it holds the student back", [faster]


# ---- what remedies are made of ------------------------------------------------------------------------------------------


def _slower(case: Case) -> dict[str, Any]:
    """To the usual learning rate if it is far above, else to a third of what it is."""
    if case.times_usual > 3:
        return {"optimizer.lr": float(f"{case.rate / case.times_usual:.3g}")}
    return {"optimizer.lr": float(f"{case.rate / 3:.3g}")}


def _temperature(case: Case) -> list[Remedy]:
    """Down to the usual one; nothing below that has been seen to help."""
    colder = usual(case, "method.teacher_temp")
    return [Remedy("a colder teacher", colder)] if colder["method.teacher_temp"] < float(case.method.teacher_temp) else []


def _is_fast(case: Case) -> bool:
    return case.times_usual > TIMES


def _fast(case: Case) -> str:
    rate, times = words.rate(case.rate), words.number(case.times_usual, 0)
    if isinstance(case.asked.optimizer, Sgd) and case.asked.optimizer.momentum > 0.9:
        both = f"a learning rate of {rate} with a momentum of {case.asked.optimizer.momentum:g}"
        return f"{both} makes steps {times} times as large as is usual at this batch"
    return f"the learning rate of {rate} is {times} times what is usual at this batch"


def _follows_at_once(case: Case) -> bool:
    return aliased(case) >= 1


RULES: dict[str, Rule] = {  # causes before what they lead to: the first that begins is acted on
    "aliased": Rule(aliased, _said_aliased, _for_aliased),
    "exploding": Rule(exploding, _said_exploding, _for_exploding),
    "copies": Rule(copies, _said_copies, _for_copies),
    "decays": Rule(decays, _said_decay, _for_decays),
    "too_fast": Rule(too_fast, _said_unlearned, _for_too_fast),
    "teacher_behind": Rule(teacher_behind, _said_behind, _for_behind),
    "dead": Rule(dead, _said_features, _for_dead),
    "one_dimension": Rule(one_dimension, _said_spread, _for_one_dimension),
    "uniform": Rule(uniform, _said_answers, _for_uniform),
    "learns_nothing": Rule(learns_nothing, _said_unlearned, _for_learns_nothing),
    "loader_bound": Rule(loader_bound, _said_waiting, _for_waiting),
}
NOT_FINITE = "not_finite"
# Every run begins so: told only of a run that has had time to settle.
SETTLES = ("one_dimension", "uniform", "too_fast", "learns_nothing")
# Slow, or wrong from the very start, where going back is no cure: always told, never acted on.
HARMLESS = ("loader_bound", "copies")
