"""Why a run failed: the exceptions that end one, what an error becomes for people, and what was said, read again. No torch.

`in_words` writes the detail of the last event, `read` takes it apart for whoever shows it: so that window and engine agree
on what was meant. What ends without a word, a killed process, is derived by an observer (standby.py).
"""

import errno
from typing import Literal, NamedTuple

from engine import events
from engine.state import plain

Kind = Literal["memory", "disk", "error", "told"]

MEMORY = "out of memory; a smaller training.batch or a smaller model needs less"
DISK = "no space left on the disk"
FILES = "too many files are open; allow more (ulimit -n 4096) and resume"
TRACEBACK = " (the traceback is in engine.log)"
# torch.OutOfMemoryError is told by its name, so that nobody needs torch for it. What the allocator of the CPU says on Windows
# and on Linux, CUDA while it starts, and cuBLAS of its workspace are plain RuntimeErrors.
_OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
# safetensors has errors of its own, with the system's number in the sentence: of Linux, Windows, and a quota.
_OUT_OF_SPACE = ("(os error 28)", "(os error 112)", "(os error 122)")


class Failed(Exception):
    """The run cannot go on; the sentence is for people."""


class Ill(Failed):
    """The watchdog has found something. Where nobody treats it, the run cannot go on."""

    def __init__(self, diagnosis: events.Diagnosed, sentence: str = "") -> None:
        super().__init__(sentence or f"{plain(diagnosis.verdict)}: {diagnosis.evidence}")
        self.diagnosis = diagnosis


class Told(NamedTuple):
    """The detail of a failure: what it was, what happened, and what follows from it or helps."""

    kind: Kind
    what: str
    then: str


def is_out_of_memory(error: BaseException) -> bool:
    named = any(one.__name__ == "OutOfMemoryError" for one in type(error).__mro__)
    said = isinstance(error, RuntimeError) and any(sign in str(error) for sign in _OUT_OF_MEMORY)
    return named or said or isinstance(error, MemoryError)


def is_out_of_space(error: BaseException) -> bool:
    number = getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or any(sign in str(error) for sign in _OUT_OF_SPACE)


def in_words(error: BaseException) -> str:
    """A cause a person can act on, where we know one; the traceback is in engine.log."""
    if is_out_of_memory(error):
        return MEMORY
    if is_out_of_space(error):
        return f"{DISK} at {getattr(error, 'filename', None) or 'the workspace'}; free some and resume"
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        return FILES
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0] if first else 'no message'}{TRACEBACK}"


def read(detail: str) -> Told:
    """What `in_words` or a Failed's sentence said, taken apart."""
    if detail.endswith(TRACEBACK):
        return Told("error", detail.removesuffix(TRACEBACK), "")
    what, _, then = detail.partition(";")
    known: dict[str, Kind] = {MEMORY.partition(";")[0]: "memory", DISK: "disk"}
    kind: Kind = next((kind for sign, kind in known.items() if detail.startswith(sign)), "told")
    return Told(kind, what.strip(), then.strip())
