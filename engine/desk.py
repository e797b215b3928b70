"""Where wishes reach a training run: command files and signals. train.py asks; nothing here knows what a step is."""

import contextlib
import signal
from types import FrameType
from typing import Any, Literal

from engine import commands, recipe
from engine.commands import AnyCommand
from engine.fields import AUTO
from engine.run import Attempt


class Leave(Exception):
    """Somebody asked the engine to go: save and end."""

    def __init__(self, reason: Literal["stopped", "paused"], detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Desk:
    """Where wishes arrive: command files and signals. `between` is called at every boundary and inside every long phase."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._signal = ""
        self._before: dict[int, Any] = {}
        self.leave_after_epoch = False
        self.wishes: list[AnyCommand] = []

    def __enter__(self) -> "Desk":
        for number in _numbers():
            with contextlib.suppress(ValueError):  # not the main thread: commands still arrive
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def between(self) -> None:
        """Read what has arrived. Raises Leave for a stop or a pause; other wishes wait for the next step's boundary."""
        leave: Leave | None = None
        for command in self._attempt.new_commands():
            if leave is None:
                leave = self._take(command)
            else:
                self._attempt.acknowledge(command, "expired", f"the attempt is being {leave.reason}")
        if leave is None and self._signal:
            leave = Leave("stopped", f"by {self._signal}")
        if leave is not None:
            raise leave

    def _take(self, command: AnyCommand) -> Leave | None:
        refusal = self._refusal(command)
        if refusal:
            self._attempt.acknowledge(command, "refused", refusal)
            return None
        self._attempt.acknowledge(command)
        if isinstance(command, commands.Stop) and command.when == "now":
            return Leave("stopped", "by hand")
        if isinstance(command, commands.Pause):
            return Leave("paused", "")
        if isinstance(command, commands.Stop):
            self.leave_after_epoch = True
        else:
            self.wishes.append(command)
        return None

    def _refusal(self, command: AnyCommand) -> str:
        """Why a change is not made; empty if it is. What the recipe would refuse must not reach a run at work."""
        if not isinstance(command, commands.Change):
            return ""
        if command.field not in commands.CHANGEABLE:
            return f"{command.field} cannot change while a run is at work; these can: {', '.join(commands.CHANGEABLE)}"
        if command.value == AUTO:
            return f"{command.field}: auto is worked out before the first step; write a number"
        try:
            recipe.changed(self._attempt.run.recipe(), command.field, command.value)
        except (OSError, ValueError) as error:
            return str(error).removesuffix(f' or "{AUTO}"')
        return ""

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signal:
            raise KeyboardInterrupt
        self._signal = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def _numbers() -> list[int]:
    """The signals that ask an engine to go. Under nohup a closing terminal asks nothing."""
    hangup = getattr(signal, "SIGHUP", None)
    heard = [] if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN else [hangup]
    return [signal.SIGINT, signal.SIGTERM, *heard]
