"""Files that anybody may have written: a run's folder may come from a stranger.

Nothing here waits for ever or takes all memory: a pipe, a device or a file beyond all measure is refused as a file that cannot
be opened is (OSError), JSON that is nested beyond Python's depth as damaged JSON is. Arrays are in arrays.py. Knows nothing of
runs.
"""

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

import msgspec

SMALL = 2**24  # bytes: of JSON and TOML that is written by hand or once a second
LINE = 2**22  # bytes of an event: a step with its thousand metrics has a twentieth
TOO_LONG = b"\0"  # in place of such a line
PIECE = 2**20
Kind = TypeVar("Kind")


def opened(path: Path | str) -> BufferedReader:
    """The file for reading. Raises OSError for what is no file: a pipe would wait for its writer, a device has no end."""
    _refuse_odd(Path(path).stat(), path)  # before it is opened: opening alone can move a tape
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    try:
        _refuse_odd(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _refuse_odd(facts: os.stat_result, path: Path | str) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "it is no file but a pipe, a socket or a device", str(path))


def content(path: Path | str, most: int = SMALL) -> bytes:
    """All of it. Raises OSError, also for more than so many bytes."""
    with opened(path) as file:
        large = os.fstat(file.fileno()).st_size > most
        found = b"" if large else file.read(most + 1)
    if large or len(found) > most:
        raise OSError(errno.EFBIG, f"it has more than the {most >> 20} MiB that are read of it", str(path))
    return found


def text(path: Path | str, most: int = SMALL, encoding: str = "utf-8") -> str:
    """With \\n at the end of its lines. Raises OSError and UnicodeDecodeError."""
    return content(path, most).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def decoded(raw: bytes, kind: type[Kind]) -> Kind:
    """What JSON says. Raises MsgspecError alone, whatever is wrong with it."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8 text ({error.reason})") from None
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None


def json(path: Path | str, kind: type[Kind], most: int = SMALL) -> Kind:
    """What a file of JSON says. Raises OSError and MsgspecError."""
    return decoded(content(path, most), kind)


def lines(path: Path | str) -> Iterator[bytes]:
    """The lines of a file that have ended, as Lines cuts them. Raises OSError."""
    with opened(path) as file:
        cut = Lines()
        while fresh := file.read(PIECE):
            if ended := cut.of(fresh):
                yield from ended.split(b"\n")


class Lines:
    """Cuts what comes in pieces into lines; of one that is too long nothing is kept but that it was there."""

    def __init__(self) -> None:
        self._half = b""
        self._too_long = False
        self.pending = 0  # bytes of the line that has not ended

    def of(self, piece: bytes) -> bytes:
        """The lines that this piece ends, without the end of the last; TOO_LONG for one that is longer than an event can be."""
        before, end, after = piece.rpartition(b"\n")
        self.pending = len(after) if end else self.pending + len(piece)
        ended = b""
        if end:
            ended, self._half = self._half + before, b""
            if self._too_long:
                ended, self._too_long = TOO_LONG + b"".join(ended.partition(b"\n")[1:]), False
        self._half = b"" if self._too_long else self._half + after
        if len(self._half) > LINE:
            self._half, self._too_long = b"", True
        return ended
