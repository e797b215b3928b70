"""The watchdog: what it says of trained runs, healthy and broken on purpose, and how it makes up its mind."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import commands, events, recipe, scaled, verdicts, watchdog
from engine.events import AnyEvent, Diagnosed, Recovered
from engine.recipe import RunRecipe
from engine.remedies import HARMLESS, NOT_FINITE
from engine.state import RunState
from engine.verdicts import PATIENCE, settling_steps
from engine.watchdog import Watchdog, caught_up

TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("watchdog_table.json").read_text())
RUNS = [(name, key) for name, entry in TABLE.items() for key in entry["runs"]]
ASKED = {
    "lineage": "dino",
    "method": {"name": "dino", "prototypes": 256, "momentum": 0.99, "teacher_temp": 0.04, "freeze_epochs": 1.0},
    "optimizer": {"name": "adamw", "lr": 0.0005, "clip": 3.0},
    "schedule": {"name": "cosine", "warmup_epochs": 2.0},
    "training": {"epochs": 20, "batch": 32},
}
PER_EPOCH, TOTAL = 50, 1000
BLOCK = 10
SETTLED = 150  # 15 % of the run
WELL = {
    "train/loss": 3.5,
    "grad/norm": 2.0,
    "teacher/entropy": 2.0,
    "teacher/marginal_entropy": 3.6,
    "feature/std": 0.4,
    "schedule/momentum": 0.99,
    "schedule/teacher_temp": 0.04,
    "throughput/data_wait": 0.1,
}
ILL = {
    "uniform": {"teacher/entropy": 5.5, "teacher/marginal_entropy": 5.53},
    "one_dimension": {"teacher/entropy": 0.1, "teacher/marginal_entropy": 0.2},
    "dead": {"feature/std": 0.01},
    "aliased": {"schedule/momentum": 0.0},
    "exploding": {"train/loss": 9.0},
    "teacher_behind": {"schedule/momentum": 1.0},
    "loader_bound": {"throughput/data_wait": 0.9},
    "decays": {"schedule/weight_decay": 100.0},
}  # the others are of runs with labels, of the pictures, or come late: see below


def asked(**changes: Any) -> RunRecipe:
    found: RunRecipe = recipe.parse(RunRecipe, ASKED)
    for path, value in changes.items():
        found = recipe.changed(found, path.replace("__", "."), value)
    return found


def supervised() -> RunRecipe:
    found: RunRecipe = recipe.parse(RunRecipe, {"lineage": "plain"})
    return found


def usual(field: str) -> Any:
    """What "auto" gives."""
    found, _ = scaled.resolve(asked(**{field.replace(".", "__"): "auto"}), scaled.Facts(PER_EPOCH * 32, 0, 0, 0))
    return recipe.flat(recipe.to_table(found))[field]


def dog(**changes: Any) -> Watchdog:
    return Watchdog(asked(**changes), PER_EPOCH, TOTAL)


def fed(watched: Watchdog, first: int, last: int, **different: float) -> list[Any]:
    """What is said in the steps from `first` to `last`, of a run that is well but for `different`."""
    values = WELL | dict(different.items())
    return [told for step in range(first, last + 1) for told in watched.see(step, values)]


# ---- trained runs -------------------------------------------------------------------------------------------------------


def ticks(one: dict[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
    """The blocks of a kept run as ticks, after the very first loss. JSON knows no NaN: what was not finite is None."""
    yield 1, {"train/loss": one["first_loss"]}
    for place in range(len(one["blocks"]["train/loss"])):
        values = {name: math.nan if found[place] is None else found[place] for name, found in one["blocks"].items()}
        yield one["block"] * (place + 1), values


def said(one: dict[str, Any]) -> list[Diagnosed]:
    asked, facts = recipe.parse(RunRecipe, one["recipe"]), one["pictures"]
    watched = Watchdog(asked, one["per_epoch"], one["total_steps"], 1, one["shared"], **facts)
    probes: dict[int, dict[str, float]] = {}
    for name, points in one["probes"].items():
        for step, value in points:
            probes.setdefault(step, {})[name.partition("@")[0]] = value
    told: list[Any] = []
    for step, values in ticks(one):
        for probed in [at for at in sorted(probes) if at <= step]:
            watched.probe(probes.pop(probed))
        told += watched.see(step, values)
    found = [one for one in told if isinstance(one, Diagnosed)]
    return found


@pytest.mark.parametrize(("name", "key"), [run for run in RUNS if not TABLE[run[0]]["expected"]])
def test_that_a_healthy_run_raises_no_alarm(name: str, key: str) -> None:
    assert [(one.verdict, one.step, one.evidence) for one in said(TABLE[name]["runs"][key])] == []


@pytest.mark.parametrize(("name", "key"), [run for run in RUNS if TABLE[run[0]]["expected"]])
def test_that_a_run_broken_on_purpose_is_named_whether_or_not_it_was_calibrated_on(name: str, key: str) -> None:
    entry = TABLE[name]
    found = {one.verdict for one in said(entry["runs"][key])}
    found |= {NOT_FINITE} if entry["runs"][key]["failed"] else set()
    assert found & set(entry["expected"]), found


def test_that_the_table_has_healthy_and_broken_runs_on_both_sides_and_each_of_two_seeds() -> None:
    sides = {(bool(entry["expected"]), entry["held_out"]) for entry in TABLE.values()}
    assert sides == {(False, False), (True, False), (False, True), (True, True)}
    assert all(len({key.split(",")[0] for key in entry["runs"]}) >= 2 for name, entry in TABLE.items() if "whole" not in name)
    broken = {"no centre", "cold temperature 0.08", "no momentum", "momentum 1", "lr x 30", "duplicates", "aliased teacher"}
    assert broken <= {name for name, entry in TABLE.items() if entry["expected"] and not entry["held_out"]}


# ---- with labels, and of pictures ---------------------------------------------------------------------------------------


def with_labels(table: dict[str, Any], **facts: int) -> Watchdog:
    asked: RunRecipe = recipe.parse(RunRecipe, {"lineage": "plain", "training": {"epochs": 20, "batch": 64}} | table)
    return Watchdog(asked, PER_EPOCH, TOTAL, classes=10, **facts)


def heard(watched: Watchdog, loss: float, last: int = 400) -> list[Any]:
    values = {"train/loss": loss, "grad/norm": 1.0, "throughput/data_wait": 0.0}
    return [told for step in range(1, last + 1) for told in watched.see(step, values)]


ADAMW = {"name": "adamw", "lr": 0.001, "weight_decay": 0.05}


def test_that_a_loss_that_stays_at_even_answers_is_told_when_something_should_have_been_learned() -> None:
    (begun,) = heard(with_labels({"optimizer": ADAMW | {"lr": 1e-7}}), 2.3)
    assert (begun.verdict, begun.step) == ("learns_nothing", 300 + PATIENCE * BLOCK)
    assert begun.evidence == "the loss is 2.300, and that of even answers 2.303"
    assert begun.cause == "the learning rate of 100e−9 is one 10,000th of what is usual at this batch"
    assert begun.remedies[0].changes == {"optimizer.lr": 0.001}
    (plain,) = heard(with_labels({"optimizer": ADAMW}), 2.3)
    assert plain.cause.startswith("the network finds nothing") and plain.remedies[1].changes == {"optimizer.lr": 0.003}
    assert heard(with_labels({"optimizer": ADAMW}), 2.2) == []


def test_that_steps_that_are_far_too_large_are_told_as_soon_as_a_run_has_settled() -> None:
    (begun,) = heard(with_labels({"optimizer": ADAMW | {"lr": 0.03}}), 2.2)
    assert (begun.verdict, begun.step) == ("too_fast", SETTLED + PATIENCE * BLOCK)
    assert begun.cause.startswith("the learning rate of 0.03 is 30 times what is usual at this batch: each step undoes")
    assert [one.changes for one in begun.remedies] == [{"optimizer.lr": 0.001}, {"optimizer.clip": 1.0}]
    assert heard(with_labels({"optimizer": ADAMW | {"lr": 0.03}}), 1.9) == [], "large steps that teach are not too large"


def test_that_a_momentum_that_piles_steps_up_is_part_of_their_size() -> None:
    (begun,) = heard(with_labels({"optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.99, "weight_decay": 0.0}}), 2.3)
    assert begun.verdict == "too_fast" and begun.remedies[0].changes == {"optimizer.lr": 0.005}
    assert begun.cause.startswith("a learning rate of 0.05 with a momentum of 0.99 makes steps 10 times as large as is usual")


def test_that_a_weight_decay_that_takes_the_weights_away_is_told_at_once() -> None:
    (begun,) = heard(with_labels({"optimizer": {"name": "sgd", "lr": 0.03, "weight_decay": 10.0}}), 2.25)
    assert (begun.verdict, begun.step) == ("decays", PATIENCE * BLOCK), "and no other verdict follows from it"
    assert begun.evidence == "by decay alone a third of a weight is left after 0.3 steps, of 1,000"
    assert begun.remedies[0].changes == {"optimizer.weight_decay": 0.0005}
    assert heard(with_labels({"optimizer": ADAMW | {"weight_decay": 3.0}}), 0.5) == []


def test_that_pictures_that_are_copies_are_told_at_once_and_nobody_goes_back_for_it() -> None:
    (begun,) = heard(with_labels({}, pictures=800, distinct=5), 1.0)
    assert (begun.verdict, begun.since) == ("copies", 0) and begun.verdict in HARMLESS
    assert begun.evidence == "the 800 training pictures show 5 different pictures"
    assert not any(one.changes for one in begun.remedies)
    assert heard(with_labels({}, pictures=800, distinct=300), 1.0) == []


def test_that_a_loss_with_further_terms_is_not_compared_with_even_answers() -> None:
    teacher = {"teacher": "plain-s0-F0", "generation": 1}
    assert heard(with_labels({"method": {"name": "kd"}, "optimizer": ADAMW | {"lr": 1e-7}} | teacher), 5.0) == []
    (begun,) = heard(with_labels({"method": {"name": "ban_label"}, "optimizer": ADAMW | {"lr": 1e-7}} | teacher), 4.6)
    assert begun.evidence == "the loss is 4.600, and that of even answers 4.605"


def test_that_small_steps_are_not_blamed_for_a_loss_above_a_guess() -> None:
    told = fed(dog(optimizer__lr=5e-7), 1, 400, **{"train/loss": 7.0})
    assert [one.verdict for one in told] == ["learns_nothing"]


# ---- making up its mind -------------------------------------------------------------------------------------------------


def test_that_a_run_that_is_well_hears_nothing() -> None:
    assert fed(dog(), 1, TOTAL) == []


@pytest.mark.parametrize("verdict", ILL)
def test_that_a_verdict_begins_with_its_reasons_and_ends(verdict: str) -> None:
    watched = dog()
    assert fed(watched, 1, 200) == []
    (begun,) = fed(watched, 201, 300, **ILL[verdict])
    assert isinstance(begun, Diagnosed)
    assert (begun.verdict, begun.since, begun.step) == (verdict, 200, 200 + PATIENCE * BLOCK)
    assert begun.evidence and begun.cause and begun.remedies and all(one.text for one in begun.remedies)
    (over,) = fed(watched, 301, 400)
    assert over == Recovered(step=300 + PATIENCE * BLOCK, verdict=verdict)


@pytest.mark.parametrize("verdict", ILL)
def test_that_one_odd_tick_is_no_verdict(verdict: str) -> None:
    watched = dog()
    assert fed(watched, 1, 250) + fed(watched, 251, 251, **ILL[verdict]) + fed(watched, 252, 500) == []


def test_that_a_lone_spike_of_the_gradient_is_no_explosion_and_ten_times_the_usual_for_long_is() -> None:
    watched = dog()
    assert fed(watched, 1, 200) == []
    for step in range(201, 301, BLOCK):
        assert fed(watched, step, step, **{"grad/norm": 2000.0}) + fed(watched, step + 1, step + BLOCK - 1) == []
    assert fed(watched, 301, 340, **{"grad/norm": 200.0, "train/loss": 3.0}) == [], "it leaves a plateau"
    (begun,) = fed(watched, 341, 380, **{"grad/norm": 200.0, "train/loss": 4.5})
    assert begun.verdict == "exploding"
    assert begun.evidence == (
        "the gradient is 200.0 long, and was about 2.000 before; the loss has risen from about 3.500 to 4.500"
    )


def test_that_larger_crops_at_last_are_no_explosion_and_may_tell_nothing_for_a_while() -> None:
    """Gradients ten times as long and a higher loss, from the very step at which crops become larger."""
    jump = {"grad/norm": 24.0, "train/loss": 4.4}
    large: Any = {"name": "dinov2", "high_epochs": 4, "high_size": 96, "global_size": 48, "prototypes": 256}
    larger = Watchdog(recipe.parse(RunRecipe, {**ASKED, "model": {"name": "vit"}, "method": large}), PER_EPOCH, TOTAL)
    same = dog()
    for watched in (larger, same):
        assert fed(watched, 1, 800) == []
    assert [one.verdict for one in fed(same, 801, 900, **jump)] == ["exploding"], "without them it is one"
    settling = 800 + BLOCK + round(0.15 * 200)
    assert fed(larger, 801, settling, **jump, **ILL["uniform"]) == []
    assert fed(larger, settling + 1, TOTAL, **jump) == []


def test_that_what_hovers_at_the_limit_does_not_flicker() -> None:
    watched = dog()
    told = fed(watched, 1, 200) + fed(watched, 201, 240, **{"throughput/data_wait": 0.51})
    for step in range(241, 641, BLOCK):
        told += fed(watched, step, step + BLOCK - 1, **{"throughput/data_wait": 0.51 if step % 20 == 1 else 0.45})
    assert [one.verdict for one in told] == ["loader_bound"]


def test_that_answers_may_be_the_same_for_every_picture_until_the_run_has_settled() -> None:
    watched = dog()
    assert settling_steps(watched.asked, PER_EPOCH, TOTAL) == SETTLED
    (begun,) = fed(watched, 1, 250, **ILL["uniform"])
    assert (begun.since, begun.step) == (0, SETTLED + PATIENCE * BLOCK), "but no checkpoint from then is a healthy one"
    late = dog()
    assert fed(late, 1, SETTLED + 20, **ILL["uniform"]) + fed(late, SETTLED + 21, 300) == []


def test_that_settling_takes_as_long_as_warm_ups_and_frozen_prototypes() -> None:
    assert settling_steps(asked(schedule__warmup_epochs=8.0), PER_EPOCH, TOTAL) == 400
    assert settling_steps(asked(method__freeze_epochs=10.0), PER_EPOCH, TOTAL) == 500
    assert settling_steps(supervised(), 10, 100) == 15


def test_that_after_going_back_it_is_given_time_to_recover() -> None:
    state = RunState()
    state.rollbacks.append(events.RolledBack(step=400, to_step=300, verdict="uniform"))
    watched = caught_up(dog(), state)
    assert watched.quiet_until == 300 + SETTLED
    assert fed(watched, 301, 450, **ILL["uniform"]) == []
    assert [one.verdict for one in fed(watched, 451, 500, **ILL["uniform"])] == ["uniform"]


def test_that_a_teacher_whose_neighbours_stay_behind_its_students_is_told() -> None:
    watched = dog()
    fed(watched, 1, 600)
    for student in (0.54, 0.56, 0.58):
        watched.probe({"knn/student": student, "knn/teacher": 0.45})
        assert fed(watched, 601, 601) == []
    (begun,) = fed(watched, 602, 640)
    assert begun.verdict == "teacher_behind"
    assert begun.evidence == "the student's k-NN is +11.0 points above its teacher's, over 3 probes"
    for _ in range(3):
        watched.probe({"knn/student": 0.5, "knn/teacher": 0.55})
    assert [type(one) for one in fed(watched, 641, 700)] == [Recovered]


def test_that_a_teacher_that_still_rises_is_on_its_way() -> None:
    watched = dog()
    fed(watched, 1, 600)
    for student in (0.3, 0.38, 0.46, 0.5):
        watched.probe({"knn/student": student, "knn/teacher": student - 0.13})
    assert fed(watched, 601, 700) == []


def test_that_a_momentum_that_ends_at_one_is_how_it_should_be() -> None:
    watched = dog()
    assert fed(watched, 1, 500) + fed(watched, 501, TOTAL, **{"schedule/momentum": 1.0}) == []


def test_that_a_student_that_is_its_teacher_is_told_whatever_its_signals_say() -> None:
    watched = Watchdog(asked(), PER_EPOCH, TOTAL, shared=True)
    (begun,) = fed(watched, 1, 50)
    assert begun.verdict == "aliased" and begun.evidence == "student and teacher are the same tensors in memory"
    assert not any(one.changes for one in begun.remedies)


def test_that_of_a_run_with_labels_only_what_it_can_have_is_said() -> None:
    watched = Watchdog(supervised(), PER_EPOCH, TOTAL)
    plain = {"train/loss": 2.0, "grad/norm": 1.0, "throughput/data_wait": 0.0}
    assert [told for step in range(1, 301) for told in watched.see(step, plain)] == []
    (begun,) = [told for step in range(301, 341) for told in watched.see(step, plain | {"train/loss": 3.0})]
    assert begun.verdict == "exploding"
    assert begun.evidence == "the loss is 3.000; a student that knows nothing has 2.000"


def test_that_further_terms_of_a_loss_are_not_held_against_a_guess() -> None:
    assert fed(dog(), 1, 400, **{"train/loss": 9.0, "train/dino": 3.5}) == []
    (begun,) = fed(dog(), 1, 400, **{"train/loss": 9.0, "train/dino": 7.0})
    assert begun.evidence == "the loss is 7.000; a student that knows nothing has 5.545"


def test_that_ticks_of_many_steps_make_whole_blocks() -> None:
    watched = Watchdog(asked(), PER_EPOCH, 100_000, log_every=20)
    assert watched.block == 500
    assert Watchdog(asked(), PER_EPOCH, 700, log_every=7).block == 14


def test_that_its_memory_does_not_grow() -> None:
    watched = dog()
    fed(watched, 1, 20_000)
    for _ in range(1000):
        watched.probe({"knn/student": 0.5, "knn/teacher": 0.5})
    assert len(watched._gradients) == watchdog.REMEMBERED and len(watched._ahead) == watchdog.PROBES
    assert len(watched._sums) <= len(WELL)


# ---- where to go back to ------------------------------------------------------------------------------------------------


def test_that_the_run_is_known_to_be_well_up_to_the_first_sign() -> None:
    watched = dog()
    fed(watched, 1, 205)
    assert watched.well_until == 200, "the block under way may turn out ill"
    fed(watched, 206, 210)
    assert watched.well_until == 210
    fed(watched, 211, 225, **ILL["dead"])
    assert watched.well_until == 210
    fed(watched, 226, 300, **ILL["dead"])
    assert watched.well_until == 210
    fed(watched, 301, 350)
    assert watched.well_until == 350


def test_that_slow_pictures_are_no_reason_to_go_back() -> None:
    watched = dog()
    fed(watched, 1, 300, **ILL["loader_bound"])
    assert watched.well_until == 300


# ---- resuming -----------------------------------------------------------------------------------------------------------


def course() -> Iterator[tuple[int, dict[str, float]]]:
    """A run that falls ill twice and recovers once."""
    for step in range(1, 801):
        ill = "one_dimension" if 230 <= step < 400 else "uniform" if step >= 600 else ""
        yield step, WELL | ILL.get(ill, {})


@pytest.mark.parametrize("cut", [1, 100, 235, 262, 300, 425, 430, 500, 605, 700])
def test_that_a_resumed_watchdog_says_what_an_unbroken_one_says(cut: int) -> None:
    unbroken = dog()
    whole: list[Any] = [told for step, values in course() for told in unbroken.see(step, values)]
    state, first = RunState(), dog()
    told: list[AnyEvent] = []
    for step, values in course():
        if step <= cut:
            told += [events.StepTaken(step=step, epoch=0.0, values=values), *first.see(step, values)]
    for event in told:
        state.fold(event)
    resumed = caught_up(dog(), state)
    rest = [one for step, values in course() if step > cut for one in resumed.see(step, values)]
    assert [one for one in told if not isinstance(one, events.StepTaken)] + rest == whole


def test_that_what_was_abandoned_is_forgotten() -> None:
    state = RunState()
    for step, values in course():
        state.fold(events.StepTaken(step=step, epoch=0.0, values=values))
    state.fold(events.Started(attempt=2, resumed_from_step=200))
    assert fed(caught_up(dog(), state), 201, 500) == []


# ---- what it advises ----------------------------------------------------------------------------------------------------


def said_of(recipe_: RunRecipe, verdict: str) -> list[Diagnosed]:
    """All that is said of a run that falls ill: a recipe may be ill in itself too."""
    watched = Watchdog(recipe_, PER_EPOCH, TOTAL)
    told = fed(watched, 1, 200) + fed(watched, 201, 300, **ILL[verdict])
    return [one for one in told if isinstance(one, Diagnosed)]


@pytest.mark.parametrize("verdict", ILL)
@pytest.mark.parametrize("changes", [{}, {"optimizer__lr": 0.5}, {"method__center_momentum": 1.0}, {"optimizer__clip": 0.0}])
def test_that_every_remedy_is_one_that_a_run_at_work_can_take(verdict: str, changes: dict[str, Any]) -> None:
    watched = dog(**changes)
    begun = next(one for one in said_of(watched.asked, verdict) if one.verdict == verdict)
    for remedy in begun.remedies:
        for field, value in remedy.changes.items():
            assert field in commands.CHANGEABLE
            now = recipe.flat(recipe.to_table(watched.asked))[field]
            assert value != now and recipe.changed(watched.asked, field, value)


@pytest.mark.parametrize(
    ("verdict", "changes", "cause", "change"),
    [
        ("uniform", {"optimizer__lr": 0.02}, "the learning rate of 0.02 is 56 times", {"optimizer.lr": "usual"}),
        ("uniform", {}, "the student cannot say", {"method.teacher_temp": "usual"}),
        ("one_dimension", {"method__center_momentum": 1.0}, "the centre follows too slowly", {"method.center_momentum": 0.9}),
        ("one_dimension", {}, "few prototypes win", {"method.centering": "sinkhorn"}),
        ("dead", {"optimizer__weight_decay": 5.0}, "a weight decay of 5", {"optimizer.weight_decay": 0.5}),
        ("aliased", {"method__momentum": 0.0}, "the teacher is no average", {"method.momentum": "usual"}),
        ("teacher_behind", {"method__momentum": 1.0}, "the teacher is an average over too long", {"method.momentum": "usual"}),
        ("exploding", {"optimizer__clip": 0.0}, "steps are too large", {"optimizer.lr": 0.000167}),
        ("loader_bound", {}, "pictures are prepared more slowly", {}),
    ],
)
def test_that_the_cause_and_the_first_remedy_fit_the_recipe(
    verdict: str, changes: dict[str, Any], cause: str, change: dict[str, Any]
) -> None:
    watched = dog(**changes)
    fed(watched, 1, 200)
    (begun,) = fed(watched, 201, 300, **ILL[verdict])
    first = begun.remedies[0].changes
    assert begun.cause.startswith(cause) and set(first) == set(change)
    assert all(first[field] == (usual(field) if value == "usual" else value) for field, value in change.items())


def test_that_a_temperature_near_the_students_is_named_as_the_cause() -> None:
    watched = dog(method__teacher_temp=0.08)
    fed(watched, 1, 200)
    (begun,) = fed(watched, 201, 300, **ILL["uniform"], **{"schedule/teacher_temp": 0.08})
    assert begun.cause.startswith("the teacher's temperature of 0.08 sharpens too little beside the student's 0.1")
    assert begun.remedies[0].changes == {"method.teacher_temp": usual("method.teacher_temp")}


def test_that_a_loss_that_is_not_finite_is_judged_at_once() -> None:
    watched = dog()
    fed(watched, 1, 203)
    found = watched.not_finite(204, 204)
    assert (found.verdict, found.since, found.step) == (NOT_FINITE, 203, 204)
    assert found.remedies[0].changes == {} and found.remedies[1].changes == {"optimizer.lr": 0.000167}
    assert Watchdog(supervised(), PER_EPOCH, TOTAL).not_finite(1, 1).since == 0, "in the very first step too"


def test_that_every_limit_says_where_it_comes_from() -> None:
    limits = [limit for limit in vars(verdicts).values() if isinstance(limit, verdicts.Limit)]
    assert len(limits) == 13 and all(len(limit.origin) > 20 for limit in limits)
