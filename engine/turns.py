"""Runs in turn, each in a process of its own: what `filial train` and `filial resume` work through.

Here: which runs are to be worked on, starting their engines, and what an end means for the rest. No torch.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from engine import processes
from engine.run import Observer, Refused, Run, Workspace, cannot_be_written, needs, sources_of
from engine.standby import StandBy
from engine.state import RunState, State

Follow = Callable[[Run, subprocess.Popen[bytes]], int]
LISTEN_S = 2.5  # another host's engine shows itself by its counter alone, which moves at least every 2 s


def to_do(runs: Sequence[Run], resume: bool) -> list[Run]:
    """Those of a lineage's runs that need work. Completed ones are skipped, lost ones continued; paused, stopped and failed
    ones are refused unless `resume`. Raises Refused naming every run that stands in the way."""
    observer = Observer()
    folded = {run: run.state() for run in runs}
    if any(observer.state_of(run, folded[run]) == "lost" and _elsewhere(run) for run in runs):
        time.sleep(LISTEN_S)
    work, refusals = [], []
    for run in runs:
        problem = _problem(run, observer.state_of(run, folded[run]), folded[run], resume)
        if problem:
            refusals.append(problem)
        elif not folded[run].completed:
            work.append(run)
    if refusals:
        raise Refused("\n".join(refusals))
    return work


def _problem(run: Run, state: State, folded: RunState, resume: bool) -> str:
    if state in ("starting", "running", "stopping", "unresponsive"):
        status = run.status()
        who = f" in process {status.pid} on {status.host}" if status else ""
        return f"{run.name} is {state}{who}; stop it first (`filial stop {run.name}`), or wait for it"
    if folded.completed or resume:
        return ""
    if state == "lost" and (other := _elsewhere(run)):
        return f"{run.name} was at work on {other} and is not heard from here; add --resume if it has ended there"
    if folded.finished is None:
        return ""
    word = folded.finished.reason
    return f"{run.name} is {word}; add --resume to go on from step {run.newest_valid_step()}, or give the lineage another name"


def _elsewhere(run: Run) -> str:
    """The host of the last engine if it is not this one."""
    status = run.status()
    return status.host if status and status.host != processes.host() else ""


def rest_of_lineage(run: Run) -> list[Run]:
    """This run and those of its lineage that wait for their turn."""
    lineage = run.recipe().lineage
    others = [other for other in Workspace(run.workspace).runs() if other.name.rpartition("-s")[0] == lineage]
    return [run] + [other for other in others if other != run and not other.state().attempts]


def nobody(run: Run) -> bool:
    """Every run is trained."""
    return False


def work(runs: Sequence[Run], follow: Follow, tell: Callable[[str], None], left_out: Callable[[Run], bool] = nobody) -> int:
    """Train runs in turn. A failure blocks its own descendants only; a stop, a pause or a kill ends the turn.

    `follow(run, process)` watches one engine to its end and returns its exit code; `left_out(run)` is asked when a run's turn
    comes. Returns the exit code of all. While one
    run trains, the engine of the next gets ready. Raises Refused for a run that somebody else trains when its turn comes.
    """
    failed = False
    with StandBy() as stand_by:
        for run in runs:
            if run.ending().completed:  # somebody else has trained it meanwhile
                continue
            _refuse_at_work(run)
            if left_out(run):
                tell(f"{run.name} is left out")
                continue
            if source := _waited_for_in_vain(run):
                tell(f"{run.name} is not begun: {source.name}, which it {needs(run, source)}, has not completed")
                failed = True
                continue
            with _signals_go_to(stand_by.take(run) or engine(run, detached=False)) as process:
                if run != runs[-1]:
                    stand_by.call(beside=run)
                code = follow(run, process)
            if code in (130, 2):
                return code
            if code < 0 or code == processes.KILLED:  # killed: nobody said why, so nothing more is started
                return 1
            failed = failed or code != 0
    return 1 if failed else 0


def engine(run: Run, detached: bool) -> subprocess.Popen[bytes]:
    """Start the process that trains one run; its output goes to the run's engine.log. Raises Refused where that cannot be
    written."""
    try:
        return processes.start(processes.python("engine", "train", "--run", str(run.folder)), run.log_path, detached)
    except OSError as error:
        if error.filename != str(run.log_path):  # not this folder is at fault, but the machine
            raise
        raise cannot_be_written(run.folder, error) from None


def _refuse_at_work(run: Run) -> None:
    folded = run.state()
    if problem := _problem(run, Observer().state_of(run, folded), folded, resume=True):
        raise Refused(problem)


def _waited_for_in_vain(run: Run) -> Run | None:
    """The teacher, or the run whose weights it starts from, that should have completed by now and has not."""
    return next((source for source in sources_of(run) if not source.state().completed), None)


@contextlib.contextmanager
def _signals_go_to(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ctrl-C reaches the whole group, so the engine has it already; a signal sent to us alone is passed on."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield process
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
