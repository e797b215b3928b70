"""scikit-learn's 1,797 real handwritten digits, 8 x 8 px (Alpaydin and Kaynak 1998, the test set of UCI's optdigits).

Decoded once and cached in the workspace. scikit-learn is not imported for it, which would take a second of a person's waiting:
only its file is read, where that is found. The digest of the decoded pictures is part of this file: a damaged cache is noticed
and made again, and other data never pass as these.
"""

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data import cache
from engine.data.cache import Arrays
from engine.data.pictures import Pictures
from engine.fields import RecipeError

SHA256 = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"
FILE = "datasets/data/digits.csv.gz"  # in scikit-learn
CACHE = f"digits-{SHA256[:8]}.npz"


def load(data_folder: Path) -> Pictures:
    """The digits, from `data_folder`'s cache if a sound one is there."""
    path = data_folder / CACHE
    decoded: Arrays | None = cache.read(path, ("pictures", "labels"), SHA256)
    if decoded is None:
        decoded = _decode()
        cache.keep(path, decoded)
    return Pictures("digits", decoded["pictures"], decoded["labels"], tuple("0123456789"), SHA256, CACHE)


def _decode() -> Arrays:
    for table in _tables():
        # the source has 17 levels of grey, 0 to 16, and the digit at the end of each line
        pixels = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
        decoded: Arrays = {"pictures": pixels[:, None], "labels": table[:, -1].astype(np.int64)}
        if cache.digest(decoded) == SHA256:
            return decoded
    raise RecipeError("data.name", "the digits of the installed scikit-learn are not the 1,797 that Filial knows")


def _tables() -> Iterator[NDArray[np.float64]]:
    """float [1797, 65]: as scikit-learn's file has them, then as it gives them."""
    found = importlib.util.find_spec("sklearn")
    for place in (found.submodule_search_locations or ()) if found else ():
        with contextlib.suppress(OSError, ValueError):
            yield np.loadtxt(Path(place, FILE), delimiter=",", ndmin=2)
    from sklearn.datasets import load_digits

    source = load_digits()
    yield np.column_stack([source.data, source.target])
