"""What can happen to a run: one small struct each, one JSON line each in events.jsonl.

Events are past and closed: a reader folds them into what can be shown (state.py). Rates are fractions in [0, 1].
`elapsed_s` is seconds since this attempt started, `epoch` is epochs done (1.25 = a quarter into the second).
An event type or field this version does not know is skipped by readers, so newer runs can still be looked at.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Struct


def snake(name: str) -> str:
    """StepTaken -> step_taken: how a type is called in JSON."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # what a float64 of a curve still tells from its neighbours
Time = Annotated[float, msgspec.Meta(ge=0, le=2**36)]  # seconds: in 1970 and as many, calendars go on
Epochs = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
LARGEST = 1e100  # float32 ends at 3.4e38; of larger numbers a view could not even take a difference
Value = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
_INSIDE = r"^(?!(.*/)?\.{1,2}(/|\Z))[^/\\:\x00-\x1f]+(/[^/\\:\x00-\x1f]+)*\Z"  # below where it starts, on any system
Inside = Annotated[str, msgspec.Meta(max_length=1024, pattern=_INSIDE)]


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=snake):
    """Something that happened, `elapsed_s` seconds into the attempt."""

    elapsed_s: Time = 0.0


class Started(Event, frozen=True, kw_only=True):
    """Opens an attempt. What an earlier attempt did after `resumed_from_step` is abandoned."""

    attempt: Count
    resumed_from_step: Count
    time: Time = 0.0  # unix seconds
    pid: Count = 0
    host: str = ""


class PhaseBegan(Event, frozen=True, kw_only=True):
    """A stretch without steps: preparing data, measuring precision, evaluating."""

    name: str
    detail: str = ""


class Prepared(Event, frozen=True, kw_only=True):
    """Everything is decided and the first step comes next."""

    total_steps: Count
    steps_per_epoch: Count
    epochs: Count
    log_every: Count
    device: str
    device_reason: str = ""
    device_memory_gib: float = 0.0  # of the whole device, or of the machine on the CPU; 0 in runs from before it was recorded
    precision: str = "float32"
    threads: Count = 0
    pictures: Count = 0
    devices: Count = 1  # among which a step's pictures are divided


class TeacherPinned(Event, frozen=True, kw_only=True):
    """The frozen teacher of this run: checked at each resume."""

    run: str
    step: Count
    sha256: str


class WeightsImported(Event, frozen=True, kw_only=True):
    """The network begins with weights from a file; the "import-report" artifact tells tensor by tensor what came of it."""

    file: str  # its path
    sha256: str
    share: float  # of the backbone's parameters that were found
    whole: bool  # nothing was missing
    text: str  # the report in a sentence
    run: str = ""  # the run whose checkpoint it is, and its step, where it is one
    step: Count = 0


class StepTaken(Event, frozen=True, kw_only=True):
    """A tick: means over the `log_every` steps that end with this one."""

    step: Count
    epoch: Epochs
    values: dict[str, Value]


class Measured(Event, frozen=True, kw_only=True):
    """A probe's values. `split` tells what it was measured on where the name does not."""

    step: Count
    epoch: Epochs = 0.0
    split: str = ""
    values: dict[str, Value]


class CheckpointSaved(Event, frozen=True, kw_only=True):
    step: Count
    epoch: Epochs = 0.0
    path: Inside
    size: Count = 0  # bytes


class ArtifactSaved(Event, frozen=True, kw_only=True):
    """A file that was complete on disk before this line was written. `path` is relative to the run."""

    step: Count
    epoch: Epochs = 0.0
    kind: str
    path: Inside
    size: Count  # bytes
    sha256: str


class CommandAcknowledged(Event, frozen=True, kw_only=True):
    """The engine has read a command; what it does about it follows."""

    id: str
    command: str
    outcome: Literal["accepted", "expired", "refused"]
    step: Count = 0
    detail: str = ""


class Changed(Event, frozen=True, kw_only=True):
    """A field has another value from this step on; re-applied at this step when a run is resumed from before it."""

    step: Count
    field: str
    value: float | int | bool | str


class Warned(Event, frozen=True, kw_only=True):
    """Something a person should know that does not stop the run."""

    step: Count
    text: str


class LossNotFinite(Event, frozen=True, kw_only=True):
    """The loss or gradient of a step in [first_step, last_step] was NaN or infinite; nothing was saved after it."""

    first_step: Count
    last_step: Count
    pictures: list[Count]  # places in the training set of the newest batch
    path: str = ""  # the batch, as an artifact


class Remedy(Struct, frozen=True):
    """What may help: a sentence, and the fields to change where changing them while the run is at work is enough."""

    text: str
    changes: dict[str, float | int | bool | str] = {}


class Diagnosed(Event, frozen=True, kw_only=True):
    """The watchdog has seen enough: something is wrong from here on, until it has recovered."""

    step: Count
    verdict: str  # a name of watchdog.RULES
    since: Count = 0  # the last step before the first sign of it
    evidence: str  # what was seen, with its numbers
    cause: str
    remedies: list[Remedy] = []  # the likeliest first


class Recovered(Event, frozen=True, kw_only=True):
    """What was diagnosed is over."""

    step: Count
    verdict: str


class RolledBack(Event, frozen=True, kw_only=True):
    """The run went back to an earlier step and goes on from there otherwise: what it did after `to_step` is abandoned.

    Each of `changes` follows as Changed; the steps of `skip` pass without learning, also when the run is resumed.
    """

    step: Count
    to_step: Count
    verdict: str
    skip: list[Count] = []
    changes: dict[str, float | int | bool | str] = {}


class Finished(Event, frozen=True, kw_only=True):
    """The last event of an attempt. A dead engine writes none: *lost* is derived."""

    reason: Literal["completed", "stopped", "paused", "failed"]
    detail: str = ""  # for people: one sentence; the traceback goes to engine.log


AnyEvent = (
    Started
    | PhaseBegan
    | Prepared
    | TeacherPinned
    | WeightsImported
    | StepTaken
    | Measured
    | CheckpointSaved
    | ArtifactSaved
    | CommandAcknowledged
    | Changed
    | Warned
    | LossNotFinite
    | Diagnosed
    | Recovered
    | RolledBack
    | Finished
)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def to_line(event: AnyEvent) -> bytes:
    """One JSON line with its newline. JSON has no NaN: a value that is not finite is left out, and absent is absent."""
    if isinstance(event, StepTaken | Measured) and not all(map(_can_be_told, event.values.values())):
        finite = {name: value for name, value in event.values.items() if _can_be_told(value)}
        event = msgspec.structs.replace(event, values=finite)
    return _encoder.encode(event) + b"\n"


def _can_be_told(value: float) -> bool:
    return -LARGEST <= value <= LARGEST


def from_line(line: bytes) -> AnyEvent | None:
    """The event of a line, or None if it cannot be read (torn, or of a type this version does not know)."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def from_lines(lines: bytes) -> tuple[list[AnyEvent], int]:
    """The events of whole lines, and how many lines could not be read; blank ones do not count."""
    try:
        return _decoder.decode_lines(lines), 0
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        read = [from_line(line) for line in lines.split(b"\n") if line.strip()]
        return [event for event in read if event is not None], read.count(None)
