"""What a frozen teacher says of each varied picture, kept on disk: it is asked once, and later students read.

A row is a function of what names its file (`name_of`), of the view and of the picture, and of nothing else: where rows are
missing, the teacher is asked in the very batches in which an epoch of the name's own first sees them. So a student learns the
same to the last bit whether it asked, read, or was resumed in between; and engines that share a file write the same bytes and
need no lock. A row counts only if its checksum agrees, so what a killed engine, a full disk or a power cut left half
written is simply asked for again.

Beside the logits lies a sum over the pixels that the teacher saw. A row whose sum is not that of the pixels that the student
is about to see is refused. On a GPU nobody waits for that: sums travel behind the device's back, and `settle` waits for them
before anything is saved.

Shapes: R rows (view after view, of each every training picture), B pictures, K classes, P numbers of a picture.
"""

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.batch import Batch
from engine.data.device import onto
from engine.data.order import words
from engine.data.prepared import Batches
from engine.run import Refused
from engine.scaled import ANSWER_BYTES
from engine.words import size

FORMAT = 1  # raise it when rows of the same name would hold something else
PORTION = 2**24  # bytes of zeros written at once where a file cannot be reserved otherwise

Ask = Callable[[Tensor], Tensor]  # pictures [B, C, H, W] -> logits [B, K]


def name_of(about: Mapping[str, Any]) -> str:
    """The file for outputs that depend on all of this."""
    told = msgspec.json.encode({"format": FORMAT, **about}, order="deterministic")
    return f"teacher-{hashlib.sha256(told).hexdigest()[:16]}.f16"


class Table:
    """The file: for each row K float16, two words of the pixels' sum, four of a checksum over these and the row's number."""

    def __init__(self, path: Path, rows: int, classes: int) -> None:
        self.path = path
        self._classes = classes
        width = classes + ANSWER_BYTES // 2
        _reserve(path, 2 * rows * width)
        self._words_RW = np.memmap(path, dtype="<u2", mode="r+", shape=(rows, width))
        self._weights_W = words("answers", count=classes + 2) | np.uint64(1)
        self._of_row = words("answers' row", count=1) | np.uint64(1)

    def read(self, rows_B: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.int32], NDArray[np.bool_]]:
        """Logits, the sums of the pixels they were said of, and which of the rows can be trusted."""
        kept_BW = np.asarray(self._words_RW[rows_B])  # a copy: what is checked is what is used
        said_B = kept_BW[:, : self._classes + 2]
        sound_B = np.ascontiguousarray(kept_BW[:, self._classes + 2 :]).view("<u8")[:, 0] == self._sums(rows_B, said_B)
        logits_BK = np.ascontiguousarray(said_B[:, : self._classes]).view("<f2")
        return logits_BK, np.ascontiguousarray(said_B[:, self._classes :]).view("<i4")[:, 0], sound_B

    def write(self, rows_B: NDArray[np.int64], logits_BK: NDArray[np.float16], seen_B: NDArray[np.int32]) -> None:
        as_words = (np.ascontiguousarray(part).view("<u2") for part in (logits_BK, seen_B[:, None]))
        said_B = np.concatenate(list(as_words), axis=1)
        sums_B1 = self._sums(rows_B, said_B).astype("<u8")[:, None]
        self._words_RW[rows_B] = np.concatenate([said_B, sums_B1.view("<u2")], axis=1)

    def _sums(self, rows_B: NDArray[np.int64], said_BW: NDArray[np.uint16]) -> NDArray[np.uint64]:
        """An empty row's is never 0, as it would be read."""
        places_B: NDArray[np.uint64] = (rows_B.astype(np.uint64) + np.uint64(1)) * self._of_row
        return places_B + said_BW.astype(np.uint64) @ self._weights_W


class Answers:
    """The teacher's logits of a step's pictures: as kept, or asked for and kept."""

    def __init__(self, folder: Path, about: Mapping[str, Any], batches: Batches, views: int, classes: int) -> None:
        """`about`: all that the outputs depend on besides view and picture. Raises Refused without room on the disk."""
        folder.mkdir(parents=True, exist_ok=True)
        self._batches = batches
        self._table = Table(folder / name_of(about), views * len(batches), classes)
        self._weights_P: Tensor | None = None
        self._under_way: deque[tuple[Any, list[Tensor], Callable[..., None]]] = deque()

    @property
    def path(self) -> Path:
        return self._table.path

    def of(self, batch: Batch, step: int, ask: Ask) -> Tensor:
        """float32 [B, K], rounded to float16, whether they are kept already or `ask` gives them. Raises Refused."""
        self._arrived(wait=False)
        epoch, place = divmod(step, self._batches.per_epoch)
        view, index_B = self._batches.view(epoch), self._batches.index(epoch, place)
        rows_B = view * len(self._batches) + index_B
        logits_BK, kept_B, sound_B = self._table.read(rows_B)
        if not sound_B.all():
            if view == epoch:
                return self._asked(batch.pictures_BCHW, rows_B, ask)
            self._catch_up(view, index_B, ask)
            logits_BK, kept_B, _ = self._table.read(rows_B)
        self._when_here([self._seen(batch.pictures_BCHW)], lambda seen_B: self._compare(kept_B, seen_B, step))
        return onto(logits_BK, batch.pictures_BCHW.device).float()

    def settle(self) -> None:
        """All that is under way has arrived, is kept, and was said of these very pictures. Raises Refused if it was not."""
        self._arrived(wait=True)

    def _asked(self, pictures_BCHW: Tensor, rows_B: NDArray[np.int64], ask: Ask) -> Tensor:
        with torch.no_grad():
            logits_BK = ask(pictures_BCHW).half()
        seen_B = self._seen(pictures_BCHW)
        self._when_here([logits_BK, seen_B], lambda said_BK, seen_B: self._table.write(rows_B, said_BK, seen_B))
        return logits_BK.float()

    def _catch_up(self, view: int, index_B: NDArray[np.int64], ask: Ask) -> None:
        """Ask for what is missing, in the batches of the epoch that sees this view first."""
        self.settle()  # they may be on their way
        first = view * len(self._batches)
        missing = index_B[~self._table.read(first + index_B)[2]]
        for place in range(self._batches.per_epoch):
            if np.isin(portion_B := self._batches.index(view, place), missing).any():
                self._asked(self._batches.at(view, place).pictures_BCHW, first + portion_B, ask)
        self.settle()

    def _seen(self, pictures_BCHW: Tensor) -> Tensor:
        """int32 [B]: the bits of each picture, weighted, modulo 2**32; on its device."""
        bits_BP = pictures_BCHW.contiguous().view(torch.int32).flatten(1)
        if self._weights_P is None:
            weights = (words("pixels", count=bits_BP.shape[1]) | np.uint64(1)).astype(np.uint32).view(np.int32)
            self._weights_P = torch.from_numpy(weights).to(bits_BP.device)
        seen_B: Tensor = (bits_BP * self._weights_P).sum(1, dtype=torch.int32)
        return seen_B

    def _compare(self, kept_B: NDArray[np.int32], seen_B: NDArray[np.int32], step: int) -> None:
        if not np.array_equal(kept_B, seen_B):
            raise Refused(
                f"method.cache_views: {self.path} keeps the teacher's outputs of other pictures than the student sees at step "
                f"{step}; delete that file, or ask the teacher at each step (method.cache_views = 0)"
            )

    def _when_here(self, tensors: list[Tensor], then: Callable[..., None]) -> None:
        """`then` of their values, as arrays: at once, but from a GPU when they have arrived."""
        if not tensors[0].is_cuda:
            return then(*(tensor.cpu().numpy() for tensor in tensors))
        pinned = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
        for here, there in zip(pinned, tensors, strict=True):
            here.copy_(there, non_blocking=True)
        done = torch.cuda.Event()
        done.record()
        self._under_way.append((done, pinned, then))

    def _arrived(self, wait: bool) -> None:
        while self._under_way and (wait or self._under_way[0][0].query()):
            done, pinned, then = self._under_way.popleft()
            done.synchronize()
            then(*(tensor.numpy() for tensor in pinned))


def _reserve(path: Path, need: int) -> None:
    """A file of so many bytes at least, on the disk already: where a map meets a full disk, the system kills who writes.

    Bytes are only ever added, so another engine may be doing the same.
    """
    with path.open("ab") as file:
        have = file.seek(0, os.SEEK_END)
        free = shutil.disk_usage(path.parent).free
        if need - have > free:
            raise Refused(
                f"method.cache_views: the teacher's outputs need {size(need - have)} more in {path.parent}, where {size(free)} "
                f"are free; free some, or write fewer views (0 asks the teacher at each step)"
            )
        if need > have and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, need)
        while (left := need - file.seek(0, os.SEEK_END)) > 0:
            file.write(bytes(min(left, PORTION)))
