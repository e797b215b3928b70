"""Events: their exact lines, and what a reader makes of lines it cannot read."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import events
from engine.events import AnyEvent

TYPES = {str(kind.__struct_config__.tag): kind for kind in AnyEvent.__args__}

GOLDEN: list[tuple[AnyEvent, str]] = [
    (
        events.Started(attempt=2, resumed_from_step=400, time=1700000000.5, pid=77, host="box", elapsed_s=0.001),
        '{"type":"started","elapsed_s":0.001,"attempt":2,"resumed_from_step":400,"time":1700000000.5,"pid":77,"host":"box"}',
    ),
    (
        events.PhaseBegan(name="preparing", detail="reading digits", elapsed_s=0.2),
        '{"type":"phase_began","elapsed_s":0.2,"name":"preparing","detail":"reading digits"}',
    ),
    (
        events.TeacherPinned(run="digits-s0-F0", step=1600, sha256="ab" * 32, elapsed_s=0.3),
        '{"type":"teacher_pinned","elapsed_s":0.3,"run":"digits-s0-F0","step":1600,"sha256":"' + "ab" * 32 + '"}',
    ),
    (
        events.WeightsImported(file="/w/vits.pth", sha256="ab" * 32, share=0.5, whole=False, text="half of it"),
        '{"type":"weights_imported","elapsed_s":0.0,"file":"/w/vits.pth","sha256":"' + "ab" * 32 + '","share":0.5,'
        '"whole":false,"text":"half of it","run":"","step":0}',
    ),
    (
        events.StepTaken(step=400, epoch=1.25, elapsed_s=12.3, values={"train/loss": 0.25, "schedule/lr": 0.1}),
        '{"type":"step_taken","elapsed_s":12.3,"step":400,"epoch":1.25,"values":{"train/loss":0.25,"schedule/lr":0.1}}',
    ),
    (
        events.Measured(step=400, epoch=1.25, split="val", values={"val/accuracy": 0.5}, elapsed_s=12.5),
        '{"type":"measured","elapsed_s":12.5,"step":400,"epoch":1.25,"split":"val","values":{"val/accuracy":0.5}}',
    ),
    (
        events.CheckpointSaved(step=400, epoch=1.0, path="checkpoints/step-00000400", size=1024, elapsed_s=13.0),
        '{"type":"checkpoint_saved","elapsed_s":13.0,"step":400,"epoch":1.0,"path":"checkpoints/step-00000400","size":1024}',
    ),
    (
        events.ArtifactSaved(
            step=4, kind="attention", path="artifacts/a01-step00000004-attention.npz", size=9, sha256="cd" * 32
        ),
        '{"type":"artifact_saved","elapsed_s":0.0,"step":4,"epoch":0.0,"kind":"attention",'
        '"path":"artifacts/a01-step00000004-attention.npz","size":9,"sha256":"' + "cd" * 32 + '"}',
    ),
    (
        events.CommandAcknowledged(id="c1", command="stop", outcome="accepted", step=7, elapsed_s=1.0),
        '{"type":"command_acknowledged","elapsed_s":1.0,"id":"c1","command":"stop","outcome":"accepted","step":7,"detail":""}',
    ),
    (
        events.Changed(step=7, field="optimizer.lr", value=0.05, elapsed_s=1.0),
        '{"type":"changed","elapsed_s":1.0,"step":7,"field":"optimizer.lr","value":0.05}',
    ),
    (
        events.Warned(step=7, text="größer als nötig", elapsed_s=1.0),
        '{"type":"warned","elapsed_s":1.0,"step":7,"text":"größer als nötig"}',
    ),
    (
        events.LossNotFinite(first_step=7, last_step=9, pictures=[3, 1], path="artifacts/x.npz", elapsed_s=1.0),
        '{"type":"loss_not_finite","elapsed_s":1.0,"first_step":7,"last_step":9,"pictures":[3,1],"path":"artifacts/x.npz"}',
    ),
    (
        events.Diagnosed(
            step=60,
            verdict="uniform",
            since=40,
            evidence="entropy 5.5 of 5.5",
            cause="too warm",
            remedies=[events.Remedy("a colder teacher", {"method.teacher_temp": 0.04}), events.Remedy("a longer warm-up")],
            elapsed_s=1.0,
        ),
        '{"type":"diagnosed","elapsed_s":1.0,"step":60,"verdict":"uniform","since":40,"evidence":"entropy 5.5 of 5.5",'
        '"cause":"too warm","remedies":[{"text":"a colder teacher","changes":{"method.teacher_temp":0.04}},'
        '{"text":"a longer warm-up","changes":{}}]}',
    ),
    (
        events.Recovered(step=90, verdict="uniform", elapsed_s=1.0),
        '{"type":"recovered","elapsed_s":1.0,"step":90,"verdict":"uniform"}',
    ),
    (
        events.RolledBack(step=9, to_step=6, verdict="not finite", skip=[8], changes={"optimizer.lr": 0.05}, elapsed_s=1.0),
        '{"type":"rolled_back","elapsed_s":1.0,"step":9,"to_step":6,"verdict":"not finite","skip":[8],'
        '"changes":{"optimizer.lr":0.05}}',
    ),
    (
        events.Finished(reason="stopped", detail="by hand; step 7 is saved", elapsed_s=1.0),
        '{"type":"finished","elapsed_s":1.0,"reason":"stopped","detail":"by hand; step 7 is saved"}',
    ),
]


@pytest.mark.parametrize(("event", "line"), GOLDEN, ids=lambda one: type(one).__name__ if not isinstance(one, str) else "")
def test_that_an_event_is_exactly_this_line_and_back(event: AnyEvent, line: str) -> None:
    assert events.to_line(event) == line.encode() + b"\n"
    assert events.from_line(line.encode()) == event


def test_that_prepared_carries_what_was_decided() -> None:
    event = events.Prepared(total_steps=40, steps_per_epoch=10, epochs=4, log_every=1, device="cpu", threads=2)
    line = json.loads(events.to_line(event))
    assert line["type"] == "prepared" and events.from_line(events.to_line(event)) == event
    known = {"total_steps": 40, "steps_per_epoch": 10, "epochs": 4, "log_every": 1, "device": "cpu", "threads": 2}
    assert known.items() <= line.items()


def test_that_every_type_has_a_golden_line() -> None:
    assert {type(event) for event, _ in GOLDEN} | {events.Prepared} == set(TYPES.values())


def test_that_the_contracts_own_line_is_read() -> None:
    line = b'{"type":"step_taken","step":400,"epoch":1.25,"elapsed_s":12.3,"values":{"train/loss":0.5}}'
    read = events.from_line(line)
    assert read == events.StepTaken(step=400, epoch=1.25, elapsed_s=12.3, values={"train/loss": 0.5})
    assert json.loads(events.to_line(read)) == json.loads(line)


def test_that_every_event_knows_when_in_its_attempt_it_happened() -> None:
    for kind in TYPES.values():
        assert "elapsed_s" in kind.__struct_fields__
        with_step = "step" in kind.__struct_fields__ and kind in (
            events.StepTaken,
            events.Measured,
            events.CheckpointSaved,
            events.ArtifactSaved,
        )
        assert not with_step or "epoch" in kind.__struct_fields__


@pytest.mark.parametrize(
    ("name", "snake"),
    [("StepTaken", "step_taken"), ("Stop", "stop"), ("LossNotFinite", "loss_not_finite"), ("SaveNow", "save_now")],
)
def test_that_types_are_called_in_snake_case(name: str, snake: str) -> None:
    assert events.snake(name) == snake


@pytest.mark.parametrize("kind", [events.StepTaken, events.Measured])
def test_that_a_value_that_is_not_finite_is_absent(kind: Any) -> None:
    event = kind(step=1, epoch=0.1, values={"a": math.nan, "b": 1.5, "c": math.inf, "d": -math.inf, "e": 0.0})
    line = json.loads(events.to_line(event))
    assert line["values"] == {"b": 1.5, "e": 0.0}
    assert "a" in event.values, "the event itself stays as it is"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b'{"type":"step_taken","step":400,"epo',
        b'{"type":"step_taken","step":"many","epoch":1,"values":{}}',
        b'{"type":"step_taken","epoch":1,"values":{}}',
        b'{"type":"measured","step":1,"values":{"a":null}}',
        b'{"type":"finished","reason":"tired"}',
        b'{"type":"invented_later","step":1}',
        b'{"step":1}',
        b"[1]",
        b"NaN",
    ],
)
def test_that_what_cannot_be_read_is_none(line: bytes) -> None:
    assert events.from_line(line) is None


def test_that_a_field_this_version_does_not_know_is_no_obstacle() -> None:
    line = b'{"type":"warned","step":3,"text":"x","elapsed_s":1.5,"colour":{"of":["the",1]}}'
    assert events.from_line(line) == events.Warned(step=3, text="x", elapsed_s=1.5)


@given(st.sampled_from([event for event, _ in GOLDEN]), st.data())
def test_that_no_beginning_of_a_line_passes_for_the_line(event: AnyEvent, data: st.DataObject) -> None:
    line = events.to_line(event).rstrip(b"\n")
    cut = data.draw(st.integers(0, len(line) - 1))
    assert events.from_line(line[:cut]) is None


numbers = st.floats(-events.LARGEST, events.LARGEST)


@given(st.integers(0, 2**40), st.floats(0, 2**40), st.dictionaries(st.text(max_size=20), numbers, max_size=5))
def test_that_values_survive_to_the_last_bit(step: int, epoch: float, values: dict[str, float]) -> None:
    event = events.StepTaken(step=step, epoch=epoch, values=values)
    line = events.to_line(event)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert events.from_line(line) == event


@given(st.text(max_size=60))
def test_that_a_text_never_breaks_its_line(text: str) -> None:
    event = events.Warned(step=0, text=text.encode("utf-8", "ignore").decode())
    assert events.to_line(event).count(b"\n") == 1
    assert events.from_line(events.to_line(event)) == event


def test_that_events_are_closed() -> None:
    with pytest.raises(AttributeError):
        GOLDEN[0][0].elapsed_s = 3.0  # type: ignore[misc]
    assert msgspec.structs.replace(GOLDEN[0][0], elapsed_s=3.0).elapsed_s == 3.0
