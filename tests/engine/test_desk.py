"""The desk: what an engine does with what it is asked, and with signals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toys

from engine import commands, processes
from engine.commands import Change, Pause, ProbeNow, SaveNow, Stop
from engine.desk import Desk, Leave
from engine.run import Attempt

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Attempt]:
    (run,) = toys.runs(tmp_path)
    with Attempt(run) as attempt:
        attempt.open(0)
        yield attempt


@pytest.fixture
def desk(attempt: Attempt) -> Iterator[Desk]:
    with Desk(attempt) as desk:
        yield desk


def outcomes(attempt: Attempt) -> list[tuple[str, str, str]]:
    told = [line for line in toys.told(attempt.run) if line["type"] == "command_acknowledged"]
    return [(line["command"], line["outcome"], line["detail"]) for line in told]


def test_that_nothing_asked_is_nothing_done(desk: Desk) -> None:
    desk.between()
    assert not desk.leave_after_epoch and desk.wishes == []


def test_that_stop_after_the_epoch_waits_for_it(attempt: Attempt, desk: Desk) -> None:
    attempt.run.send(Stop(attempt=1, when="epoch"))
    desk.between()
    assert desk.leave_after_epoch and outcomes(attempt) == [("stop", "accepted", "")]


@pytest.mark.parametrize(
    ("command", "reason", "detail"), [(Stop(attempt=1, when="now"), "stopped", "by hand"), (Pause(attempt=1), "paused", "")]
)
def test_that_stop_now_and_pause_leave_after_they_are_acknowledged(
    attempt: Attempt, desk: Desk, command: Any, reason: str, detail: str
) -> None:
    attempt.run.send(command)
    with pytest.raises(Leave) as left:
        desk.between()
    assert (left.value.reason, left.value.detail) == (reason, detail)
    assert outcomes(attempt) == [(type(command).__name__.lower(), "accepted", "")]


def test_that_other_wishes_wait_for_the_steps_boundary_in_order(attempt: Attempt, desk: Desk) -> None:
    for command in (SaveNow(), ProbeNow(attempt=1), Change(attempt=1, field="optimizer.lr", value=0.5)):
        attempt.run.send(command)
    desk.between()
    assert [type(wish) for wish in desk.wishes] == [SaveNow, ProbeNow, Change]
    assert [outcome for _, outcome, _ in outcomes(attempt)] == ["accepted"] * 3


def test_that_commands_for_another_attempt_expire(attempt: Attempt, desk: Desk) -> None:
    attempt.run.send(Stop(attempt=3, when="now"))
    desk.between()
    assert outcomes(attempt) == [("stop", "expired", "it was meant for attempt 3")]


def test_that_what_arrives_together_with_a_farewell_is_answered_too(attempt: Attempt, desk: Desk) -> None:
    for command in (SaveNow(), Pause(attempt=1), Stop(attempt=1, when="now"), ProbeNow()):
        attempt.run.send(command)
    with pytest.raises(Leave) as left:
        desk.between()
    assert left.value.reason == "paused", "the first to ask"
    assert outcomes(attempt) == [
        ("save_now", "accepted", ""),
        ("pause", "accepted", ""),
        ("stop", "expired", "the attempt is being paused"),
        ("probe_now", "expired", "the attempt is being paused"),
    ]


def test_that_a_field_whose_meaning_reaches_back_cannot_change(attempt: Attempt, desk: Desk) -> None:
    attempt.run.send(Change(attempt=1, field="model.width", value=8))
    desk.between()
    ((_, outcome, detail),) = outcomes(attempt)
    assert outcome == "refused" and desk.wishes == []
    assert detail.startswith("model.width cannot change while a run is at work; these can: optimizer.lr, ")


@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        ("optimizer.lr", -1.0, "optimizer.lr: -1.0 is outside its range; write a value in (0, 100]"),
        ("optimizer.lr", "fast", "optimizer.lr: 'fast' is not a number; write a value in (0, 100]"),
        ("optimizer.lr", True, "optimizer.lr: true is not a number; write a value in (0, 100]"),
        ("optimizer.lr", "auto", "optimizer.lr: auto is worked out before the first step; write a number"),
        ("probes.every_epochs", 0, "probes.every_epochs: 0 is outside its range; write at least 1 epochs"),
        ("keep.every_epochs", 1.5, "keep.every_epochs: 1.5 is not a whole number; write at least 1 epochs"),
    ],
)
def test_that_a_change_the_recipe_would_refuse_never_reaches_the_run(
    attempt: Attempt, desk: Desk, field: str, value: Any, detail: str
) -> None:
    attempt.run.send(Change(attempt=1, field=field, value=value))
    desk.between()
    assert outcomes(attempt) == [("change", "refused", detail)] and desk.wishes == []


CHOICES = {"watch.policy": "pause", "method.centering": "sinkhorn"}


def test_that_every_changeable_field_can_change(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single("method.name=dino"))
    with Attempt(run) as attempt, Desk(attempt) as desk:
        attempt.open(0)
        for field in commands.CHANGEABLE:
            run.send(Change(attempt=1, field=field, value=CHOICES.get(field, 1)))
        desk.between()
    assert [wish.field for wish in desk.wishes if isinstance(wish, Change)] == list(commands.CHANGEABLE)


def test_that_a_run_whose_method_has_no_such_field_refuses_it(attempt: Attempt, desk: Desk) -> None:
    attempt.run.send(Change(attempt=1, field="method.teacher_temp", value=0.04))
    desk.between()
    ((_, outcome, detail),) = outcomes(attempt)
    assert outcome == "refused" and desk.wishes == [] and "method.teacher_temp" in detail


@POSIX
@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (1, "SIGHUP")])
def test_that_a_signal_is_a_stop_at_the_next_boundary(desk: Desk, number: int, name: str) -> None:
    os.kill(os.getpid(), number)
    with pytest.raises(Leave) as left:
        desk.between()
    assert (left.value.reason, left.value.detail) == ("stopped", f"by {name}")


@POSIX
def test_that_a_second_signal_interrupts_at_once(desk: Desk) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@POSIX
def test_that_commands_are_answered_even_when_a_signal_came_first(attempt: Attempt, desk: Desk) -> None:
    attempt.run.send(Pause(attempt=1))
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Leave) as left:
        desk.between()
    assert left.value.reason == "paused" and outcomes(attempt) == [("pause", "accepted", "")]


@POSIX
def test_that_under_nohup_a_closing_terminal_asks_nothing(attempt: Attempt) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Desk(attempt) as desk:
            os.kill(os.getpid(), signal.SIGHUP)
            desk.between()
    finally:
        signal.signal(signal.SIGHUP, before)


@POSIX
def test_that_signals_are_given_back(attempt: Attempt) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Desk(attempt):
        assert all(signal.getsignal(number) != handler for number, handler in before.items())
    assert {number: signal.getsignal(number) for number in before} == before


def test_that_an_engine_in_another_thread_hears_commands_all_the_same(attempt: Attempt) -> None:
    import threading

    heard: list[str] = []

    def work() -> None:
        with Desk(attempt) as desk:
            try:
                desk.between()
            except Leave as leave:
                heard.append(leave.reason)

    attempt.run.send(Pause(attempt=1))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=10)
    assert heard == ["paused"]
