"""What can be asked of a run: one immutable file each in <run>/commands, written aside and renamed.

A command names the attempt it is meant for; the engine acknowledges it by an event carrying its id, and acknowledges a command
for an ended attempt as expired. Kill is no command but a signal: see processes.kill.
"""

import contextlib
import errno
import itertools
import os
import re
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from engine import processes, reading
from engine.events import snake


class Command(Struct, frozen=True, kw_only=True, tag_field="type", tag=snake):
    """A wish addressed to one attempt of a run; 0 means whichever attempt reads it first."""

    id: str = ""
    attempt: int = 0


class Stop(Command, frozen=True, kw_only=True):
    """Finish this epoch and save, or save now; then end as *stopped*. Deletes nothing."""

    when: Literal["epoch", "now"] = "epoch"


class Pause(Command, frozen=True, kw_only=True):
    """Save now and exit: the device is free. Resuming makes the next attempt."""


class SaveNow(Command, frozen=True, kw_only=True):
    """Save a full checkpoint at the next step's boundary."""


class ProbeNow(Command, frozen=True, kw_only=True):
    """Run the validation and attention probes at the next step's boundary."""


class Change(Command, frozen=True, kw_only=True):
    """Give a field another value from the next step on. Only CHANGEABLE fields are accepted; the run is marked altered."""

    field: str
    value: float | int | bool | str


AnyCommand = Stop | Pause | SaveNow | ProbeNow | Change

# Fields whose meaning does not reach back: what the run did so far stays true when they change.
CHANGEABLE = (
    "optimizer.lr",
    "optimizer.weight_decay",
    "optimizer.clip",
    "probes.every_epochs",
    "probes.attention_every_epochs",
    "keep.every_epochs",
    "watch.policy",
    # Of methods that have them. Not the warm-ups and what is frozen at first: those say how the run began.
    "method.centering",
    "method.center_momentum",
    "method.student_temp",
    "method.teacher_temp",
    "method.momentum",
    "method.momentum_final",
    "method.weight_decay_final",
)


MOST_BYTES = 2**16  # of a command
_STAMP, _NAMED = "%Y%m%dT%H%M%S.%fZ", re.compile(r"\d{8}T\d{6}\.\d{6}Z-", re.ASCII)
_counter = itertools.count()
_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


def post(folder: Path, command: AnyCommand) -> str:
    """Write a command into a run's commands folder. Returns its id. Raises OSError if the folder cannot be written."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, and what is asked would be written elsewhere", str(folder))
    folder.mkdir(exist_ok=True)
    name = f"{_stamp(folder)}-{socket.gethostname()}-{os.getpid()}-{next(_counter)}"
    processes.write_aside(folder / f"{name}.json", msgspec.json.encode(msgspec.structs.replace(command, id=name)))
    return name


def _stamp(folder: Path) -> str:
    """Now, but later than what is there: a clock that was set back must not turn the order of what was asked around."""
    now = datetime.fromtimestamp(time.time(), UTC).strftime(_STAMP)
    stamps = (name[: len(now)] for name in os.listdir(folder) if _NAMED.match(name))  # noqa: PTH208 -- names are all we ask
    if (newest := max(stamps, default="")) >= now:
        with contextlib.suppress(ValueError, OverflowError):  # a stranger's 99th of May, or the last moment of all
            return (datetime.strptime(newest, _STAMP) + timedelta(microseconds=1)).strftime(_STAMP)
    return now


def read(folder: Path, known: set[str]) -> list[AnyCommand]:
    """Commands not in `known`, the oldest first; their ids are added to it. A file that says no command is skipped for good.

    A file that cannot be opened just now (a virus scanner has it, the mount is away) is looked at again next time.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".json"))
    except OSError:
        return []
    fresh: list[AnyCommand] = []
    for name in names:
        key = name.removesuffix(".json")
        if key in known or name.startswith("."):
            continue
        try:
            content = reading.content(folder / name, MOST_BYTES)
        except OSError:
            continue
        command = _decoded(content)
        own = command.id or key if command else key
        if command is not None and own not in known:
            fresh.append(msgspec.structs.replace(command, id=own))
        known |= {key, own}
    return fresh


def _decoded(content: bytes) -> AnyCommand | None:
    try:
        return _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
