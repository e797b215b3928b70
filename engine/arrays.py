"""Arrays out of an .npz that anybody may have written: read only as far as they are there, never unpickled.

What is there is as large as its file: we write arrays as they are, uncompressed. Opening the file is reading.py's.
"""

import math
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine import reading

RATIO, FREELY = 20, 2**28  # bytes in memory for each one of the file, of more than so many
NUMBERS, TEXT = "biuf", "US"  # kinds; whatever else there is may be pickled, or is nothing we write


def read(path: Path | str, *names: str, kinds: str = NUMBERS) -> dict[str, NDArray[Any]]:
    """Those arrays of an .npz, or all; numbers, unless other kinds are allowed. Raises OSError and, for whatever is wrong with
    them, ValueError.

    A header may promise any shape: nothing is read, and no memory taken, before it agrees with the bytes that are there.
    """
    try:
        with reading.opened(path) as file, zipfile.ZipFile(file) as packed:
            there = {info.filename.removesuffix(".npy"): info for info in packed.infolist()}
            if missing := [name for name in names if name not in there]:
                raise ValueError(f"it has no {', '.join(missing)}")
            wanted = {name: there[name] for name in names or there}
            _refuse_large(sum(info.file_size for info in wanted.values()), os.fstat(file.fileno()).st_size)
            return {name: _array(packed, info, kinds) for name, info in wanted.items()}
    except (OSError, ValueError):
        raise
    except Exception as error:  # what damaged archives raise is no closed list: BadZipFile, zlib.error, RecursionError
        raise ValueError(f"it is damaged ({error})") from None


def _refuse_large(unpacked: int, packed: int) -> None:
    if unpacked > max(FREELY, RATIO * packed):
        raise ValueError(f"its {packed:,d} bytes would take {unpacked:,d} in memory, as no run writes them")
    if unpacked > psutil.virtual_memory().total:
        raise ValueError(f"its {unpacked:,d} bytes are more than this machine's memory")


def _array(packed: zipfile.ZipFile, info: zipfile.ZipInfo, kinds: str) -> NDArray[Any]:
    with packed.open(info) as file:
        header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = header(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} is pickled, and reading it could run code")
        if dtype.kind not in kinds:
            raise ValueError(f"{info.filename} holds {dtype} instead of numbers")
        size, there = math.prod(shape) * dtype.itemsize, info.file_size - file.tell()
        if size != there:
            raise ValueError(f"{info.filename} promises {size:,d} bytes and has {there:,d}")
        raw = np.empty(size, np.uint8)
        if _fill(file, raw.data) < size:
            raise ValueError(f"{info.filename} ends too early")
    return raw.view(dtype).reshape(shape, order="F" if by_columns else "C")


def _fill(file: IO[bytes], room: memoryview) -> int:
    done = 0
    while done < len(room) and (piece := file.read(min(reading.PIECE, len(room) - done))):
        room[done : done + len(piece)] = piece
        done += len(piece)
    return done
