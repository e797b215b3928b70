"""scikit-learn's 1,797 real handwritten digits, 8 x 8 px (Alpaydin and Kaynak 1998, the test set of UCI's optdigits).

Decoded once and cached in the workspace, so that later starts do not import scikit-learn. The digest of the decoded
pictures is part of this file: a damaged cache is noticed and made again, and other data never pass as these.
"""

from pathlib import Path

import numpy as np

from engine.data import cache
from engine.data.cache import Arrays
from engine.data.pictures import Pictures
from engine.fields import RecipeError

SHA256 = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"
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
    from sklearn.datasets import load_digits

    source = load_digits()
    pixels = np.rint(source.images * (255 / 16)).astype(np.uint8)  # the source has 17 levels of grey, 0 to 16
    decoded = {"pictures": pixels[:, None], "labels": source.target.astype(np.int64)}
    if cache.digest(decoded) != SHA256:
        raise RecipeError("data.name", "the digits of the installed scikit-learn are not the 1,797 that Filial knows")
    return decoded
