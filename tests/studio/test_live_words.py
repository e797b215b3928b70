"""The sentence and the chips of a run."""

import time
from pathlib import Path

import pytest
import recorded
from followed import follow, training

from engine import events, remedies
from engine.run import Run
from studio import live_failures, live_verdicts, live_words
from studio.session import Followed


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def said(one: Followed) -> str:
    return live_words.sentence(one, time.time()).plain


def test_that_a_running_run_says_epoch_pace_rest_and_best(chain: list[Run]) -> None:
    one = training(chain[0])
    sentence = live_words.sentence(one, time.time())
    assert sentence.lead == "Epoch 2 of 4"
    assert sentence.rest.startswith(", 0.50 s a step, about ") and sentence.rest.endswith(
        " left, best val accuracy 62.9\u2009% at epoch 1"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0001, "under 1 ms a step"),
        (0.0123, "12 ms a step"),
        (0.39, "0.39 s a step"),
        (7.25, "7.2 s a step"),
        (95, "2 min a step"),
    ],
)
def test_that_a_pace_is_told_in_units_of_its_size(seconds: float, words: str) -> None:
    assert live_words.pace_words(seconds) == words


def test_that_every_beginning_and_end_has_its_sentence(chain: list[Run]) -> None:
    run = chain[0]
    assert said(follow(run, "queued")) == "Queued"
    recorded.begin(run)
    recorded.write(run, events.PhaseBegan(name="preparing", detail="reading digits"))
    assert said(follow(run, "starting")) == "Starting, reading digits"
    recorded.write(run, events.PhaseBegan(name="waiting", detail="waiting for digits-s0-F3 (process 9)"))
    assert said(follow(run, "starting")) == "Waiting for the device, held by digits-s0-F3 (process 9)"
    recorded.prepare(run)
    recorded.steps(run, 1, 7)
    assert said(follow(run, "stopping")) == "Stopping after epoch 2"
    assert said(follow(run, "lost")).endswith(": the engine is gone and wrote no last word, epoch 1 is saved")
    assert said(follow(run, "unresponsive")).endswith(", still alive, epoch 1 is saved")
    recorded.write(run, events.PhaseBegan(name="evaluating", detail="final evaluation on the test pictures"))
    assert said(follow(run, "running")) == "Evaluating, final evaluation on the test pictures"


def test_that_a_paused_and_a_stopped_run_say_what_is_saved(chain: list[Run]) -> None:
    training(chain[0])
    recorded.end(chain[0], "paused")
    assert said(follow(chain[0], "paused")) == "Paused, epoch 2 of 4; the device is free, epoch 1 is saved"
    training(chain[1])
    recorded.end(chain[1], "stopped", "by hand; step 7 is saved")
    assert said(follow(chain[1])) == "Stopped by hand at epoch 2, epoch 1 is saved"


def test_that_a_finished_run_says_test_best_and_how_long_it_took(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    sentence = live_words.sentence(follow(chain[0]), time.time())
    assert sentence.lead == "Finished after 4 epochs"
    assert sentence.rest == ", test accuracy 83.0\u2009%, best val accuracy 90.1\u2009% at epoch 4, trained in 11 s"


def test_that_a_run_that_is_being_resumed_is_starting_and_has_no_error_card(chain: list[Run]) -> None:
    training(chain[0])
    recorded.end(chain[0], "failed", "out of memory")
    one = follow(chain[0])
    assert live_failures.failure(one, time.time()) is not None
    one.expected = True
    assert said(one) == "Starting, the engine is loading" and live_failures.failure(one, time.time()) is None


def chips(one: Followed, device_gib: float = 0.0) -> dict[str, tuple[str, str]]:
    one.state.device_memory_gib = device_gib
    return {chip.key: (chip.state, chip.value) for chip in live_words.chips(one)}


def test_that_what_is_not_known_yet_has_no_tick(chain: list[Run]) -> None:
    assert {state for state, _ in chips(follow(chain[0], "queued")).values()} == {"unknown"}


def test_that_healthy_chips_tell_their_values(chain: list[Run]) -> None:
    one = training(chain[0], throughput__data_wait=0.03, memory__gib=1.5)
    assert chips(one, 12.0) == {
        "finite": ("ok", ""),
        "data wait": ("ok", "3\u2009%"),
        "memory": ("ok", "1.5 of 12 GiB"),
    }
    assert chips(one)["memory"] == ("ok", "1.50 GiB")
    assert chips(one, 1.6)["memory"][0] == "warn"
    one.word = "finished"
    assert chips(one)["memory"] == ("ok", "freed")


def test_that_waiting_for_pictures_more_than_a_tenth_of_the_time_is_a_warning(chain: list[Run]) -> None:
    one = training(chain[0], throughput__data_wait=0.14)
    (chip,) = [chip for chip in live_words.chips(one) if chip.key == "data wait"]
    assert (chip.state, chip.value, chip.page) == ("warn", "14\u2009%", "data wait")
    assert "not the network" in chip.why


@pytest.mark.parametrize(("share", "whole", "state"), [(1.0, True, "ok"), (0.95, False, "warn")])
def test_that_the_weights_a_run_began_with_have_a_chip(chain: list[Run], share: float, whole: bool, state: str) -> None:
    assert "weights" not in {chip.key for chip in live_words.chips(training(chain[0]))}
    told = events.WeightsImported(file="/far/vits.pth", sha256="", share=share, whole=whole, text="the backbone starts from it")
    recorded.write(chain[1], told)
    (chip,) = (chip for chip in live_words.chips(training(chain[1])) if chip.key == "weights")
    value = f"{100 * share:.1f}\u2009% of vits.pth"
    assert (chip.state, chip.value, chip.why) == (state, value, "The backbone starts from it.")


def test_that_every_verdict_of_the_watchdog_has_words_and_a_chip_of_its_own_name() -> None:
    assert {*remedies.RULES, remedies.NOT_FINITE} == set(live_verdicts.VERDICTS)
    names = [one.name for one in live_verdicts.VERDICTS.values()]
    assert len(set(names)) == len(names) and not any("_" in name for name in names)


def test_that_what_is_diagnosed_of_a_run_with_labels_is_a_chip_at_the_end(chain: list[Run]) -> None:
    one = training(chain[0])
    told = events.Diagnosed(
        step=9, verdict="copies", since=0, evidence="the 800 training pictures show 5 different pictures",
        cause="they are copies", remedies=[events.Remedy("look at the pictures in Data")],
    )  # fmt: skip
    one.state.fold(told)
    chip = live_words.chips(one)[-1]
    assert (chip.key, chip.state, chip.name) == ("pictures", "bad", "copies")
    assert chip.why.startswith("The 800 training pictures show 5 different pictures. They are copies.")


def test_that_the_chip_of_a_runs_weights_names_the_run(chain: list[Run]) -> None:
    about = {"file": "a-s0-F0/checkpoints/step-00000040/teacher.safetensors", "run": "a-s0-F0", "step": 40}
    recorded.write(chain[0], events.WeightsImported(sha256="", share=1.0, whole=True, text="it starts", **about))
    (chip,) = (chip for chip in live_words.chips(training(chain[0])) if chip.key == "weights")
    assert chip.value == "100.0\u2009% of a-s0-F0"
