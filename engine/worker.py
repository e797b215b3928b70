"""What `filial work` does: it takes the queue's next run, sees it through to its end, and takes the next.

One worker a workspace, which holds worker.lock for its life. It is no master: an engine it started outlives it, a run that
somebody else trains is waited for, and everything it knows it reads from the folders, so a new worker goes on where a killed
one was. An entry leaves the queue when its engine has ended by itself, whatever the reason; what it taught stays, blocked.

    look --> ready: start its engine --> followed to its end --> out of the queue --> look
         |-> at work elsewhere: wait for its end ------------> out of the queue --> look
         |-> held: wait for `filial queue release`
         \\-> nothing to start or to wait for: end

Ctrl-C, SIGTERM and SIGHUP mean that a person wants the machine back: the engine stops and saves, and its run keeps its place
in the queue, so that the next worker goes on with it. Which run may be started is judged in queue.py. No torch.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol

import msgspec

from engine import processes
from engine.commands import Stop
from engine.queue import AT_WORK, Entry, Queue, look
from engine.run import Observer, Refused, Run, Workspace
from engine.standby import StandBy

REFUSED, INTERRUPTED = 2, 130
OUTLIVE = "--outlive"  # an engine so started goes on if we are killed
LISTEN_S = 2.5  # another host's engine shows itself by its counter alone, which moves at least every 2 s
PAUSE_S = 0.5
DONE_WITH = ("complete", "damaged")
CODES = {"completed": 0, "failed": 1, "stopped": 130, "paused": 130}


class Engine(Protocol):
    """What `follow` watches: a process that trains one run, ours or somebody else's."""

    def poll(self) -> int | None:
        """Its exit code; None while it is at work."""


Follow = Callable[[Run, Engine, int], int]  # the last: the first attempt that is news
Tell = Callable[[str], None]
Advise = Callable[[Run], str]  # what to say before a run is started; nothing by default


def no_advice(run: Run) -> str:
    return ""


def work(workspace: Workspace, follow: Follow, tell: Tell, advise: Advise = no_advice) -> int:
    """Work through the queue until nothing in it can be started or waited for.

    Returns 0 if all that was trained completed, 1 if some failed or was killed, else 130 if some was stopped or paused; 130
    also if we were interrupted. Raises Refused if another worker is at it.
    """
    queue = Queue(workspace)
    with contextlib.ExitStack() as alone:
        _be_the_only_one(queue, alone)
        with _asked_to_leave() as leaving, StandBy(OUTLIVE) as stand_by:
            return _Worker(queue, alone, follow, tell, leaving, stand_by, advise).through()


def _be_the_only_one(queue: Queue, alone: contextlib.ExitStack) -> None:
    with queue.undisturbed():
        try:
            alone.enter_context(processes.hold(queue.worker_lock, timeout_s=0.5))
        except processes.Held:
            who = queue.worker()
            where = f"process {who.pid} on {who.host}" if who and who.pid else "another process"
            advice = "it takes what `filial queue add` brings; `filial queue hold` lets it start nothing more"
            raise Refused(f"{where} works through this queue already; {advice}") from None
        processes.write_aside(queue.worker_path, msgspec.json.encode(processes.me()))


class _Interrupted(Exception):
    """A person wants the machine back."""


class _Leaving:
    """Whether, and by which signal, we were asked to leave."""

    def __init__(self) -> None:
        self.signal = 0

    def check(self) -> None:
        if self.signal:
            raise _Interrupted


@contextlib.contextmanager
def _asked_to_leave() -> Iterator[_Leaving]:
    """Signals that end a worker are noted while this lasts. One that is ignored (nohup) stays ignored."""
    leaving = _Leaving()

    def note(number: int, frame: FrameType | None) -> None:
        leaving.signal = number

    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    before = {number: signal.signal(number, note) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield leaving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Ours:
    """An engine that is our child. If we are asked to leave, it is: save now and stop."""

    def __init__(self, run: Run, process: "subprocess.Popen[bytes]", attempt: int, leaving: _Leaving) -> None:
        self._run = run
        self._process = process
        self._attempt = attempt
        self._leaving = leaving
        self._asked = False

    def poll(self) -> int | None:
        code = self._process.poll()
        by_terminal = self._leaving.signal == signal.SIGINT  # which gives Ctrl-C to the whole group itself
        if code is None and self._leaving.signal and not by_terminal and not self._asked:
            self._asked = True
            self._ask_to_stop()
        return code

    def _ask_to_stop(self) -> None:
        """By a command: the signal may have reached it too, and a second one would end it unsaved."""
        if self._run.state().attempt == self._attempt:
            self._run.send(Stop(attempt=self._attempt, when="now"))
        else:
            self._process.terminate()  # it has not begun, so there is nothing to save


class _Others:
    """An engine that is not our child, seen through its run's folder."""

    def __init__(self, run: Run, observer: Observer, leaving: _Leaving) -> None:
        self._run = run
        self._observer = observer
        self._leaving = leaving

    def poll(self) -> int | None:
        self._leaving.check()
        ending = self._run.ending()
        if self._observer.state_of(self._run, ending) in AT_WORK:
            return None
        finished = self._run.ending().finished
        return CODES[finished.reason] if finished else processes.KILLED


class _Noticing:
    """An engine whose last word is heeded at once: whoever queues the run again while its process is going means it."""

    def __init__(self, engine: Engine, run: Run, attempt: int, heed: Callable[[str], None]) -> None:
        self._engine = engine
        self._run = run
        self._attempt = attempt
        self._heed = heed
        self._size = -1
        self._heeded = False

    def poll(self) -> int | None:
        code = self._engine.poll()
        with contextlib.suppress(OSError):
            size = self._run.events_path.stat().st_size
            if size != self._size and not self._heeded:
                self._size = size
                self._look()
        return code

    def _look(self) -> None:
        """From one reading, after a cheap look: between two the resumed attempt may begin, and an old end pass for its own."""
        if self._run.ending().finished is None:
            return
        state = self._run.state()
        if state.finished is not None and state.attempt >= self._attempt:
            self._heeded = True
            self._heed(state.finished.reason)


class _Worker:
    """One pass through the queue."""

    def __init__(
        self,
        queue: Queue,
        alone: contextlib.ExitStack,
        follow: Follow,
        tell: Tell,
        leaving: _Leaving,
        stand_by: StandBy,
        advise: Advise,
    ) -> None:
        self._queue = queue
        self._alone = alone  # what we hold as the only worker
        self._follow = follow
        self._tell = tell
        self._advise = advise
        self._leaving = leaving
        self._stand_by = stand_by  # the next engine gets ready while one trains
        self._observer = Observer()
        self._first_seen: dict[str, float] = {}  # runs of other hosts, by our own clock
        self._said: set[str] = set()
        self._codes: set[int] = set()

    def through(self) -> int:
        try:
            while entry := self._next():
                if entry.standing == "ready":
                    self._train(entry)
                else:
                    self._wait_for(entry)
        except _Interrupted:
            return INTERRUPTED
        if self._codes - {0, INTERRUPTED}:
            return 1
        return max(self._codes, default=0)

    # ---- which is next --------------------------------------------------------------------------------------------------

    def _next(self) -> Entry | None:
        """The run to train or to wait for; None when there is none, and then we are no worker any more."""
        while True:
            self._leaving.check()
            chosen, patient = self._choose()
            if chosen is not None:
                return chosen
            if not patient and self._end():
                return None
            if patient:
                time.sleep(PAUSE_S)

    def _end(self) -> bool:
        """Stop being the worker, unless something came in. Whoever queues after this finds no worker, and starts one."""
        with self._queue.undisturbed():
            entries = look(self._queue, self._observer)
            chosen, patient = self._among(entries)
            if chosen is not None or patient or any(entry.standing in DONE_WITH for entry in entries):
                return False
            self._alone.close()
        if not entries and not self._codes:
            self._tell("the queue is empty; `filial queue add RECIPE` puts a recipe's runs there")
        for entry in entries:
            self._tell(f"{entry.run} stays in the queue: {entry.line()}")
        return True

    def _choose(self) -> tuple[Entry | None, bool]:
        entries = look(self._queue, self._observer)
        for entry in entries:
            if entry.standing in DONE_WITH:
                self._take_out(entry)
        return self._among(entries)

    def _take_out(self, entry: Entry) -> None:
        if entry.standing == "damaged":
            self._give_up(entry.run, entry.words)
        else:
            self._queue.remove([entry.run])

    def _give_up(self, name: str, problem: str) -> None:
        """What cannot be trained does not stand in the way of the rest."""
        self._queue.remove([name])
        self._codes.add(1)
        self._tell(f"{name} is taken out of the queue: {problem}")

    def _among(self, entries: list[Entry]) -> tuple[Entry | None, bool]:
        """The next of these, and whether to look again in a moment if there is none."""
        queued = {entry.run for entry in entries}
        busy = [entry for entry in entries if entry.standing == "at work"]
        ready = [entry for entry in entries if entry.standing == "ready"]
        outside = [entry for entry in entries if entry.standing == "waiting" and entry.behind not in queued]
        if busy:
            return busy[0], False
        if ready and self._queue.held:
            self._say_once(f"the queue is held; `filial queue release` lets {ready[0].run} begin")
            return None, True
        chosen = next(iter([*ready, *outside]), None)
        return chosen, chosen is None and self._still_listening(entries)

    def _still_listening(self, entries: list[Entry]) -> bool:
        """Whether a run of another host may yet show that it is alive."""
        now = time.monotonic()
        since = [self._first_seen.setdefault(entry.run, now) for entry in entries if entry.standing == "elsewhere"]
        return any(now - first < LISTEN_S for first in since)

    # ---- through to its end ---------------------------------------------------------------------------------------------

    def _train(self, entry: Entry) -> None:
        run = self._queue.workspace.run(entry.run)
        if advice := self._advise(run):
            self._say_once(advice)
        attempt = run.state().attempt + 1
        try:
            process = self._stand_by.take(run) or _start(run)
        except OSError as error:
            if error.filename != str(run.log_path):  # not this run's folder is at fault, but the machine
                raise
            self._give_up(run.name, f"{error.filename} cannot be written ({error.strerror})")
            return
        if any(name != run.name for name in self._queue.names()):
            self._stand_by.call(beside=run)
        self._see_through(run, _Ours(run, process, attempt, self._leaving), attempt)

    def _wait_for(self, entry: Entry) -> None:
        """A run that somebody else trains: one in the queue leaves it as if it were ours."""
        name = entry.behind or entry.run
        run = self._queue.workspace.run(name)
        status = run.status()
        who = f", process {status.pid} on {status.host}" if status else ""
        self._say_once(f"waiting for {name}, which is at work already{who}")
        engine = _Others(run, self._observer, self._leaving)
        if entry.behind:
            self._follow(run, engine, 0)
        else:
            self._see_through(run, engine, status.attempt if status else 1)

    def _see_through(self, run: Run, engine: Engine, attempt: int) -> None:
        """Follow an engine to its end. Asked to leave, we let its run keep its place, unless it is done with all the same."""
        ended: list[str] = []

        def heed(reason: str) -> None:
            if not self._leaving.signal or reason in ("completed", "failed"):
                self._queue.remove([run.name])
                ended.append(reason)

        code = self._follow(run, _Noticing(engine, run, attempt, heed), attempt)
        if not ended:
            self._leaving.check()
            if code == REFUSED and run.held():  # somebody else was faster; that end is waited for
                return
            self._queue.remove([run.name])
        self._codes.add(code)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._tell(sentence)


def _start(run: Run) -> "subprocess.Popen[bytes]":
    """The engine of one run, in our group, so that Ctrl-C reaches it; it outlives us if we are killed."""
    command = processes.python("engine", "train", "--run", str(run.folder), OUTLIVE)
    return processes.start(command, run.log_path, detached=False)
