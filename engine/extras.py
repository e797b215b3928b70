"""extras/<verb>-<utc>/ of a run: what is made of it afterwards. Events stay closed, and nobody ever sees half a folder."""

import contextlib
import errno
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from engine import processes
from engine.run import Refused, Run, cannot_be_written


def place(run: Run, verb: str) -> Path:
    """Where the next one goes: the time of day, and a number if two are made in one second."""
    begun = run.folder / "extras" / f"{verb}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = [begun, *(begun.with_name(f"{begun.name}-{n}") for n in range(2, 1000))]
    return next(one for one in names if not one.exists())


@contextlib.contextmanager
def writing(target: Path, movable: bool = True) -> Iterator[Path]:
    """A folder to write into, which gets the name `target` once all is in it. Raises Refused where that is taken. `movable`:
    whether the verb has -o, which a refusal may then advise."""
    if target.exists() or target.is_symlink():
        raise Refused(f"-o: {target} exists already; choose another name, or move it away first")
    aside = target.with_name(f".{target.name}.writing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
    except OSError as error:
        raise _cannot_be_written(target, error, movable) from None
    try:
        yield aside
        aside.rename(target)
    except OSError as error:
        raise _cannot_be_written(target, error, movable) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def alone(run: Run, verb: str, movable: bool = True) -> Iterator[None]:
    """One at a time for a run; what an earlier one left when it was killed is removed. Raises Refused while one is at work;
    `movable` as of `writing`."""
    run.refuse_links()
    folder = run.folder / "extras"
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(exist_ok=True)
            stack.enter_context(processes.hold(folder / f".{verb}.lock", timeout_s=0))
        except processes.Held:
            elsewhere = ", or write elsewhere with -o" if movable else ""
            raise Refused(f"another {verb} of {run.name} is at work; wait for it{elsewhere}") from None
        except OSError as error:
            raise _cannot_be_written(folder, error, movable) from None
        for leftover in folder.glob(f".{verb}-*.writing"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _cannot_be_written(target: Path, error: OSError, movable: bool) -> Refused:
    if movable:
        return Refused(
            str(cannot_be_written(target, error)).replace("another workspace with --runs DIR", "another place with -o")
        )
    remedy = "free some space" if error.errno == errno.ENOSPC else "make the run's folder one that you may write to"
    return Refused(f"{target} cannot be written ({error.strerror or error}); {remedy}, and measure again")
