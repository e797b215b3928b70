"""A process that trains a run together with its engine: it hears what comes next and does it, on a device of its own.

It decides nothing, holds no lock and writes nothing into the run's folder; what it prints goes where its starter's output goes.
It ends when it is told to, and with its engine: on Linux at once, elsewhere when its connection is closed.
"""

import json
import os
import signal
import traceback
from pathlib import Path
from typing import Any

import torch

from engine import company, decide, processes, recipe
from engine.data.prepared import Prepared, prepare
from engine.failures import Failed, in_words
from engine.learner import Learner
from engine.run import Refused, Run


def follow(run: Run, meeting: Path) -> int:
    """Take part until the engine has no more use for us. Returns the exit code.

    The process's door: its broad `except` leaves the reason where the engine reads it.
    """
    rank = int(os.environ["RANK"])
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, signal.SIG_IGN)  # they reach the engine too, which tells us what becomes of them
    try:
        devices = json.loads((meeting / "devices.json").read_text())
        processes.write_aside(meeting / f"{rank}.here", str(os.getpid()).encode())
        if not company.begins(meeting):
            return 1
        company.join(meeting, rank, devices)
        _Follower(run, torch.device(devices[rank])).through()
    except Exception as error:
        if company.is_of_company(error):
            return 1  # the engine has died, or fails for a reason of its own
        traceback.print_exc()
        said = str(error) if isinstance(error, Failed | Refused | ValueError) else in_words(error)
        if meeting.exists():
            processes.write_aside(meeting / f"{rank}.failed", said.encode())
        return 1
    return 0


class _Follower:
    """What it has heard of so far: the pictures, then what learns from them. All else that it hears is its learner's."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run = run
        self.device = device
        self.data: Prepared
        self.learner: Learner

    def through(self) -> None:
        while (told := company.hear())[0] != "end":
            name, *arguments = told
            act = getattr(self if name in ("prepare", "build") else self.learner, name)
            act(*arguments)

    def prepare(self, table: dict[str, Any], threads: int) -> None:
        """Read the pictures, which the engine has read before us: what had to be decoded is."""
        torch.set_num_threads(threads)
        asked = recipe.parse(recipe.RunRecipe, table, "the recipe")
        self.data = prepare(asked, self.run.workspace / "data")

    def build(self, plan: dict[str, Any], fresh: bool) -> None:
        """What learns, as the engine builds it; again when the run goes back to where it was healthy."""
        self.__dict__.pop("learner", None)  # room for its successor
        self.learner = Learner(self.run, decide.from_table(plan, "what the engine told"), self.data, self.device, fresh)
