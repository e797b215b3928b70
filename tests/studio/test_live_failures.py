"""What is said of a run that failed, was lost or is silent, and what can be done about it."""

import time
from pathlib import Path

import pytest
import recorded
from followed import blown, follow, training

from engine import events
from engine.run import Run
from studio import live_curves, live_failures, live_words


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def test_that_a_loss_that_is_not_finite_shows_chip_event_cause_and_remedy(chain: list[Run]) -> None:
    one = blown(chain[0])
    finite = live_words.chips(one)[0]
    assert (finite.state, finite.value) == ("bad", "step 12")
    assert live_curves.events(one, "step") == [(12.0, "not finite, step 12", "bad")]
    failed = live_failures.failure(one, time.time())
    assert failed is not None and failed.tone == "bad"
    assert failed.title == "The loss became not finite at step 12"
    assert "gradient norm rose from" in failed.cause and "learning rate" in failed.cause
    assert "Epoch 1 is saved. The batch of 2 pictures is in artifacts/a01-nonfinite.npz." in failed.cause
    half, again = failed.remedies
    assert (half.act, half.button) == ("Resume with half the learning rate", "Resume")
    assert half.promise == "0.015 instead of 0.03, from epoch 1"
    assert (again.act, again.button, again.key) == ("Resume from epoch 1", "Resume", "resume")
    assert "expect the same end" in again.promise, "the CPU repeats itself to the bit"
    assert live_words.sentence(one, time.time()).plain == "Failed in epoch 3 of 4: loss not finite, epoch 1 is saved"


def test_that_half_the_learning_rate_is_half_of_the_one_in_force(chain: list[Run]) -> None:
    one = blown(chain[0])
    rate = one.recipe.optimizer.lr
    assert live_failures.rate_in_force(one) == rate
    recorded.write(chain[0], events.Changed(step=11, field="optimizer.lr", value=rate / 2))
    recorded.write(chain[0], events.Changed(step=11, field="optimizer.clip", value=1.0))
    assert live_failures.rate_in_force(follow(chain[0])) == rate / 2


def test_that_only_a_loss_that_is_not_finite_calls_for_another_rate(chain: list[Run]) -> None:
    training(chain[0])
    recorded.end(chain[0], "failed", "out of memory")
    assert [remedy.key for remedy in live_failures.failure(follow(chain[0]), time.time()).remedies] == ["resume"]


@pytest.mark.parametrize(
    ("detail", "title", "cause"),
    [
        ("out of memory; a smaller training.batch or a smaller model needs less", "Out of memory", "a batch of 64"),
        ("no space left on the disk at /data; free some and resume", "The disk is full", "Free some and resume."),
        ("ValueError: odd shapes (the traceback is in engine.log)", "ValueError: odd shapes", "engine.log holds the traceback"),
        (
            "the data is not what this run began with: x. Bring it back",
            "The data is not what this run began with: x. Bring it back",
            "",
        ),
    ],
)
def test_that_a_known_failure_is_explained(chain: list[Run], detail: str, title: str, cause: str) -> None:
    training(chain[0])
    recorded.end(chain[0], "failed", detail)
    failed = live_failures.failure(follow(chain[0]), time.time())
    assert failed is not None and failed.title == title and cause in failed.cause
    assert failed.remedies[0].promise == "with the same recipe; 2 steps are done again"


def test_that_a_failure_before_the_first_checkpoint_starts_from_the_start(chain: list[Run]) -> None:
    recorded.begin(chain[0])
    recorded.end(chain[0], "failed", "odd")
    failed = live_failures.failure(follow(chain[0]), time.time())
    assert failed is not None
    assert failed.remedies[0].act == "Resume from the start" and "No checkpoint was saved yet." in failed.cause


def test_that_a_lost_run_can_be_resumed_and_a_silent_one_only_killed(chain: list[Run]) -> None:
    training(chain[0])
    lost = live_failures.failure(follow(chain[0], "lost"), time.time())
    assert lost is not None and lost.tone == "warn"
    assert [(remedy.button, remedy.key) for remedy in lost.remedies] == [("Resume from epoch 1", "resume")]
    silent = live_failures.failure(follow(chain[0], "unresponsive"), time.time())
    assert silent is not None and silent.tone == "warn"
    assert [remedy.key for remedy in silent.remedies] == ["kill"] and "epoch 1 stays" in silent.remedies[0].promise


@pytest.mark.parametrize("word", ["running", "paused", "queued", "stopping"])
def test_that_a_healthy_run_has_no_error_card(chain: list[Run], word: str) -> None:
    training(chain[0])
    assert live_failures.failure(follow(chain[0], word), time.time()) is None


def test_that_a_report_holds_what_a_helper_asks_for_first(chain: list[Run]) -> None:
    text = live_failures.report(blown(chain[0]), time.time())
    assert text.startswith("digits-s0-F0: Failed in epoch 3 of 4")
    assert "attempt 1, step 11 of 20, cpu, float32" in text and "grad/norm" in text
    assert "the loss became not finite in step 12" in text and str(chain[0].folder) in text
