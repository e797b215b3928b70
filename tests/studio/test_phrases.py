"""The words of the window, one by one: each state, each title, each promise. No widget, no clock but the one given."""

import time
from pathlib import Path

import pytest
import recorded

from engine import events, recipe
from engine.commands import Pause, Stop
from engine.recipe import Resnet, SmallCnn, Timm, Vit
from engine.run import Run
from engine.state import RunState
from studio import phrases
from studio.session import Followed

NOON = time.mktime((2026, 11, 19, 12, 0, 0, 0, 0, -1))
DAY = 86_400


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return recorded.lineage(tmp_path, "training.epochs=40")[1]


def told(run: Run, word: str, **known: object) -> Followed:
    """The run as a window would know it after reading its events, in this state."""
    one = Followed(run, run.tail(), word=word, recipe=run.recipe())  # type: ignore[arg-type]
    while one.tail.read_into(one.state):
        pass
    for name, value in known.items():
        setattr(one, name, value)
    return one


def trained(run: Run, steps: int, seconds: float = 0.5, save: bool = True) -> None:
    recorded.begin(run, began=NOON - 600)
    recorded.prepare(run, 40)
    recorded.steps(run, 1, steps, seconds, save)


# ---- names --------------------------------------------------------------------------------------------------------------


def test_that_a_run_is_called_by_its_lineage_method_model_seed_and_generation(run: Run) -> None:
    one = told(run, "queued")
    assert phrases.run_title(one) == "digits, Born-Again, small CNN, seed 0, F1"
    assert phrases.run_short(one) == "digits F1 seed 0"


def test_that_a_first_generation_learns_from_labels_only(tmp_path: Path) -> None:
    assert phrases.run_pieces(told(recorded.lineage(tmp_path)[0], "queued"))[1] == "labels only"


def test_that_a_run_whose_recipe_is_damaged_goes_by_its_folder(run: Run) -> None:
    one = told(run, "queued", recipe=None)
    assert phrases.run_title(one) == phrases.run_short(one) == "digits-s0-F1"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (SmallCnn(), "small CNN"),
        (Resnet(depth=32), "ResNet-32"),
        (Vit(patch=2), "ViT/2"),
        (Timm(variant="resnet18"), "resnet18"),
    ],
)
def test_that_models_have_names_people_use(model: recipe.Model, words: str) -> None:
    assert phrases.model_words(model) == words


def test_that_an_unknown_method_keeps_its_name() -> None:
    assert phrases.method_words("sinkhorn") == "sinkhorn"


# ---- states -------------------------------------------------------------------------------------------------------------


def test_that_a_waiting_run_says_for_whom(run: Run, tmp_path: Path) -> None:
    teacher = told(recorded.lineage(tmp_path, "training.epochs=40")[0], "running")
    assert phrases.state_words(told(run, "queued"), NOON) == "queued"
    assert phrases.state_words(told(run, "queued"), NOON, teacher) == "queued, waits for F0"
    places = {1: "next in the queue", 3: "third in the queue", 10: "tenth in the queue", 11: "number 11 in the queue"}
    assert {place: phrases.state_words(told(run, "queued", place=place), NOON) for place in places} == places
    assert phrases.state_words(told(run, "queued", place=2), NOON, teacher) == "queued, waits for F0"
    assert phrases.next_step(told(run, "queued")) == ""


def test_that_a_teacher_of_another_lineage_is_named_whole(run: Run, tmp_path: Path) -> None:
    teacher = told(recorded.lineage(tmp_path, "lineage=large")[0], "lost")
    assert phrases.state_words(told(run, "queued"), NOON, teacher) == "queued, waits for large F0 seed 0"
    assert phrases.state_words(told(run, "blocked"), NOON, teacher) == "blocked: large F0 seed 0 is lost"


@pytest.mark.parametrize(
    ("reason", "word", "words", "step"),
    [
        ("failed", "finished", "blocked: F0 failed", "Resume from the start: digits F0 seed 0"),
        ("stopped", "finished", "blocked: F0 was stopped", "Resume from the start: digits F0 seed 0"),
        ("paused", "paused", "blocked: F0 is paused", "Resume from the start: digits F0 seed 0"),
        ("", "lost", "blocked: F0 is lost", "Resume from the start: digits F0 seed 0"),
        ("", "blocked", "blocked: F0 is blocked", "digits F0 seed 0"),
    ],
)
def test_that_a_blocked_run_says_why_and_what_helps(
    run: Run, tmp_path: Path, reason: str, word: str, words: str, step: str
) -> None:
    first = recorded.lineage(tmp_path, "training.epochs=40")[0]
    recorded.begin(first)
    if reason:
        recorded.end(first, reason)
    teacher = told(first, word)
    one = told(run, "blocked")
    assert phrases.state_words(one, NOON, teacher) == words
    assert phrases.next_step(one, teacher) == step


def test_that_a_run_without_its_teacher_says_which_is_gone(run: Run) -> None:
    one = told(run, "blocked")
    assert phrases.state_words(one, NOON) == "blocked: its teacher digits-s0-F0 is gone"
    assert phrases.next_step(one) == "bring back digits-s0-F0"


def test_that_a_starting_run_says_what_it_does(run: Run) -> None:
    recorded.begin(run)
    assert phrases.state_words(told(run, "starting"), NOON) == "starting"
    recorded.write(run, events.PhaseBegan(name="preparing", detail="reading 41,200 pictures"))
    assert phrases.state_words(told(run, "starting"), NOON) == "starting, reading 41,200 pictures"


def test_that_a_run_whose_engine_is_loading_is_starting_and_nothing_else(run: Run) -> None:
    trained(run, 93)
    one = told(run, "lost", expected=True)
    assert phrases.state_words(one, NOON) == "starting, the engine is loading"
    assert phrases.resume_label(one) == phrases.next_step(one) == ""


@pytest.mark.parametrize(
    ("steps", "words"), [(1, "epoch 1 of 40"), (5, "epoch 2 of 40"), (93, "epoch 19 of 40"), (200, "epoch 40 of 40")]
)
def test_that_a_running_run_is_in_the_epoch_under_way(run: Run, steps: int, words: str) -> None:
    trained(run, steps)
    assert phrases.state_words(told(run, "running"), NOON) == f"running, {words}"


def test_that_a_long_phase_is_told_instead_of_the_epoch(run: Run) -> None:
    trained(run, 200)
    recorded.write(run, events.PhaseBegan(name="evaluating", detail="final evaluation on the test pictures"))
    assert phrases.state_words(told(run, "running"), NOON) == "running, final evaluation on the test pictures"


@pytest.mark.parametrize(("steps", "words"), [(45, "paused, epoch 9 of 40"), (46, "paused, epoch 10 of 40")])
def test_that_a_paused_run_says_where_it_paused(run: Run, steps: int, words: str) -> None:
    trained(run, steps)
    recorded.end(run, "paused")
    assert phrases.state_words(told(run, "paused"), NOON) == words


def test_that_a_run_paused_before_its_first_step_says_so(run: Run) -> None:
    recorded.begin(run)
    recorded.end(run, "paused")
    assert phrases.state_words(told(run, "paused"), NOON) == "paused before the first step"


def test_that_a_silent_run_says_since_when_and_is_never_resumed(run: Run) -> None:
    trained(run, 10)
    one = told(run, "unresponsive", heard_at=NOON - 240)
    assert phrases.state_words(one, NOON) == "silent for 4 min, still alive"
    assert phrases.resume_label(one) == ""
    assert phrases.next_step(one).startswith("Kill it")


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (NOON - 3600, "lost since 11:00"),
        (NOON - DAY, "lost since yesterday 12:00"),
        (NOON - 9 * DAY, "lost since 10 Nov 12:00"),
    ],
)
def test_that_a_lost_run_says_since_when(run: Run, heard: float, words: str) -> None:
    trained(run, 62)
    one = told(run, "lost", heard_at=heard)
    assert phrases.state_words(one, NOON) == words
    assert phrases.next_step(one) == phrases.resume_label(one) == "Resume from epoch 12"


def test_that_a_run_lost_elsewhere_says_where(run: Run) -> None:
    one = told(run, "lost", heard_at=NOON - 3600, host="otherbox")
    assert phrases.state_words(one, NOON) == "last heard of on otherbox 11:00"


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        ("completed", "40 epochs", "finished, best 91.3 %"),
        ("stopped", "by hand; step 24 is saved", "stopped by hand at epoch 5"),
        ("stopped", "after epoch 5, which is saved", "stopped by hand at epoch 5"),
        ("stopped", "by Ctrl-C; step 24 is saved", "stopped by Ctrl-C at epoch 5"),
        ("failed", "out of memory; the newest checkpoint is step 20", "failed, out of memory"),
        ("failed", "x" * 200, "failed, " + "x" * 89 + "…"),
    ],
)
def test_that_an_ended_run_says_how(run: Run, reason: str, detail: str, words: str) -> None:
    trained(run, 24)
    recorded.write(run, events.Measured(step=20, epoch=4, split="val", values={"val/accuracy": 0.913}))
    recorded.end(run, reason, detail)
    one = told(run, "finished")
    assert phrases.state_words(one, NOON).replace("\N{THIN SPACE}", " ") == words
    assert bool(phrases.resume_label(one)) == (reason != "completed")


def test_that_a_loss_that_is_not_finite_is_called_that(run: Run) -> None:
    trained(run, 24)
    recorded.write(run, events.LossNotFinite(first_step=25, last_step=25, pictures=[]))
    recorded.end(run, "failed", "the loss or its gradient became not finite at step 25; the newest checkpoint is step 20")
    assert phrases.state_words(told(run, "finished"), NOON) == "failed, loss not finite at step 25"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Stop(id="1", when="epoch"), "stopping after epoch 19"),
        (Stop(id="1", when="now"), "stopping, saving first"),
        (Pause(id="1"), "pausing, saving first"),
    ],
)
def test_that_a_stopping_run_says_when_it_ends(run: Run, command: Stop | Pause, words: str) -> None:
    trained(run, 93)
    kind = type(command).__name__.lower()
    recorded.write(run, events.CommandAcknowledged(id="1", command=kind, outcome="accepted"))
    one = told(run, "stopping", asked={"1": (command, NOON)})
    assert phrases.state_words(one, NOON) == words
    assert one.wish == f"{kind} acknowledged"


# ---- time ---------------------------------------------------------------------------------------------------------------


def test_that_the_time_left_rests_on_the_newest_epochs(run: Run) -> None:
    recorded.begin(run, began=NOON - 600)
    recorded.prepare(run, 40)
    recorded.steps(run, 1, 20, seconds=100.0)
    last = 1.0 + 100.0 * 20
    for step in range(21, 41):  # ten times as fast
        at = {"elapsed_s": last + 10.0 * (step - 20), "step": step, "epoch": step / 5}
        recorded.write(run, events.StepTaken(values={"train/loss": 1.0}, **at))
    one = told(run, "running")
    heard = NOON - 600 + last + 200
    assert phrases.seconds_a_step(one) == pytest.approx(10.0)
    assert phrases.seconds_left(one, heard) == pytest.approx(1600)
    assert phrases.eta(one, heard).startswith("27 min left, done at ")


def test_that_nothing_gets_nearer_while_nothing_is_heard(run: Run) -> None:
    trained(run, 100)
    one = told(run, "running")
    heard = NOON - 600 + 51
    assert phrases.seconds_left(one, heard) == pytest.approx(50)
    assert phrases.seconds_left(one, heard + 0.25) == pytest.approx(49.75)
    assert phrases.seconds_left(one, heard + 3600) == pytest.approx(49.5), "one step may be under way, not all of them"


def test_that_no_time_is_told_before_two_steps_of_this_attempt(run: Run) -> None:
    trained(run, 50)
    recorded.begin(run, attempt=2, resumed_from=50)
    recorded.prepare(run, 40)
    recorded.write(run, events.StepTaken(elapsed_s=2.0, step=51, epoch=10.2, values={"train/loss": 1.0}))
    assert phrases.eta(told(run, "running"), NOON) == ""


def test_that_an_end_on_another_day_says_which(run: Run) -> None:
    trained(run, 100, seconds=1000)
    one = told(run, "running")
    assert phrases.eta(one, NOON - 600 + 100_001) == "27 h 47 min left, done at 21 Nov 19:23"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("completed", "finished 09:12"), ("stopped", "stopped 09:12"), ("failed", "failed 09:12"), ("paused", "paused 09:12")],
)
def test_that_an_ended_run_says_when(run: Run, reason: str, words: str) -> None:
    recorded.begin(run)
    recorded.end(run, reason)
    one = told(run, "paused" if reason == "paused" else "finished", changed_at=NOON - 2 * 3600 - 48 * 60)
    assert phrases.ended_at(one, NOON) == words


def test_that_a_run_that_never_began_or_is_at_work_has_no_end(run: Run) -> None:
    assert phrases.ended_at(told(run, "queued"), NOON) == ""
    trained(run, 3)
    assert phrases.ended_at(told(run, "running", changed_at=NOON), NOON) == ""


# ---- promises -----------------------------------------------------------------------------------------------------------


def test_that_each_way_to_stop_says_what_it_keeps_and_loses(run: Run) -> None:
    trained(run, 93, seconds=2.0)
    assert phrases.stop_promises(told(run, "running")) == {
        "epoch": "finishes epoch 19 and saves it, in about 4 s",
        "now": "saves this step and ends; loses nothing",
        "kill": "at once; keeps epoch 18, loses 3 steps",
    }


def test_that_a_kill_before_the_first_checkpoint_is_honest(run: Run) -> None:
    trained(run, 93, save=False)
    assert phrases.stop_promises(told(run, "running"))["kill"] == "at once; nothing is saved yet, loses 93 steps"


def test_that_a_checkpoint_within_an_epoch_is_called_by_its_step(run: Run) -> None:
    trained(run, 93)
    recorded.write(run, events.CheckpointSaved(step=92, epoch=18.4, path="checkpoints/step-00000092"))
    one = told(run, "running")
    assert phrases.stop_promises(one)["kill"] == "at once; keeps step 92, loses 1 step"


def test_that_a_starting_run_can_be_stopped_before_its_first_step(run: Run) -> None:
    recorded.begin(run)
    promises = phrases.stop_promises(told(run, "starting"))
    assert promises["epoch"] == "trains one epoch, saves it and ends"
    assert promises["now"] == "ends before the first step; nothing is lost"


@pytest.mark.parametrize(
    ("word", "command", "ways"),
    [
        ("running", None, ["epoch", "now", "kill"]),
        ("running", Stop(when="epoch", attempt=1), ["now", "kill"]),
        ("stopping", None, ["now", "kill"]),
        ("running", Stop(when="now", attempt=1), ["kill"]),
        ("running", Pause(attempt=1), ["kill"]),
        ("unresponsive", None, ["kill"]),
        ("lost", None, []),
        ("queued", None, []),
    ],
)
def test_that_only_ways_that_are_quicker_than_what_was_asked_are_offered(
    run: Run, word: str, command: Stop | Pause | None, ways: list[str]
) -> None:
    trained(run, 93)
    one = told(run, word, asked={"1": (command, NOON)} if command else {})
    assert list(phrases.stop_promises(one)) == ways


# ---- stories ------------------------------------------------------------------------------------------------------------


def test_that_the_story_of_a_run_at_work_has_its_time(run: Run) -> None:
    trained(run, 100)
    one = told(run, "running")
    assert phrases.story(one, NOON - 600 + 51) == "epoch 21 of 40, about 50 s left, started 11:50"


def test_that_the_story_of_a_lost_run_says_what_is_saved(run: Run) -> None:
    trained(run, 62)
    one = told(run, "lost", heard_at=NOON - 3600)
    assert phrases.story(one, NOON) == "lost: no sign of life since 11:00; epoch 12 is saved"


def test_that_the_story_of_a_paused_run_says_that_the_device_is_free(run: Run) -> None:
    trained(run, 45)
    recorded.end(run, "paused")
    assert phrases.story(told(run, "paused"), NOON) == "paused, epoch 9 of 40; epoch 9 is saved, the device is free"


def test_that_what_matters_is_what_checkpoints_are_told_apart_by(run: Run) -> None:
    trained(run, 10)
    recorded.write(run, events.Measured(step=10, epoch=2, split="val", values={"knn/teacher": 0.7}))
    one = told(run, "running")
    assert phrases.headline_name(one) == one.state.headline == "val/accuracy"
    assert phrases.headline(Followed(run, run.tail(), RunState())) is None


def test_that_a_run_without_classes_is_told_by_its_neighbours(run: Run) -> None:
    recorded.begin(run)
    recorded.prepare(run)
    for epoch, value in ((2, 0.7), (4, 0.6)):
        values = {"knn/teacher": value, "knn/student": value - 0.1, "feature/rank": 30.0}
        recorded.write(run, events.Measured(step=5 * epoch, epoch=epoch, split="val", values=values))
    recorded.end(run)
    one = told(run, "finished")
    assert phrases.headline(one) == ("knn/teacher@val", 0.7, 10) and one.state.headline == "knn/teacher@val"
    assert phrases.state_words(one) == "finished, best k-NN 70.0\u2009%"
    assert phrases.tested(one) is None
    recorded.write(run, events.Measured(step=20, epoch=4, split="test", values={"knn/teacher": 0.65}))
    assert phrases.tested(told(run, "finished")) == ("knn/teacher@val", 0.65)


def test_that_a_run_without_labels_is_told_by_the_rank_of_its_features(run: Run) -> None:
    recorded.begin(run)
    recorded.prepare(run)
    for epoch, value in ((2, 30.0), (4, 14.62)):
        recorded.write(run, events.Measured(step=5 * epoch, epoch=epoch, split="val", values={"feature/rank": value}))
    recorded.end(run)
    one = told(run, "finished")
    assert phrases.headline(one) == ("feature/rank@val", 14.62, 20), "the newest: of ranks nobody knows the best"
    assert phrases.state_words(one) == "finished, feature rank 14.6"
