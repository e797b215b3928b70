"""Pictures that are nearly the same: scaled, saved anew, brightened, moved by a pixel. In a test set they are half an answer.

Two stages. A 64-bit difference hash (N. Krawetz, "Kind of Like That", 2013: a grey 9 x 8 picture, is each pixel brighter than
the next) finds candidates: hashes that differ in at most DISTANCE bits agree wholly in one of DISTANCE + 1 bands, so only
pictures that share a band are compared. Then the candidates' grey pictures must agree in shape: their correlation is not
moved by brightness and contrast, which the hash of a plain sky would not tell apart.

Shapes: N pictures, C channels, H and W pixels, P pairs, S = SIDE.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

DISTANCE = 6  # bits; of 300 noisy drawings of 48 px this finds 296 saved as JPEG of quality 80, 257 of 60, all brightened
BANDS = (10, 9, 9, 9, 9, 9, 9)  # bits of each: at 100,000 pictures two hundred share one by chance
ALIKE = 0.98  # correlation; JPEG of quality 60 keeps 0.983 and more
SIDE = 16  # of the grey pictures that are correlated; smaller pictures are taken as they are
CROWD = 400  # a band shared by more than this is of plain pictures: then each is compared with its neighbours by hash alone
NEXT = 40  # so many of them
PORTION = 2**18  # pairs compared at once
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_BITS = np.array([bin(byte).count("1") for byte in range(2**16)], np.uint8)


def near_pairs(pictures_u8: NDArray[np.uint8], groups: Sequence[Sequence[int]] = ()) -> tuple[Ints, Floats]:
    """Places of pictures that look the same but are not equal, [P, 2], the most alike first, and their correlations [P].

    `groups`: places of equal pictures, of which only the first counts here. Of pictures that are plain or nearly so nothing
    is said: they have no shape that could be told from another.
    """
    later = {place for group in groups for place in group[1:]}
    places = np.array([place for place in range(len(pictures_u8)) if place not in later], np.int64)
    hashes, shapes = _looks(pictures_u8, places)
    shaped = np.flatnonzero(np.abs(shapes).max(axis=1, initial=0.0) > 0)
    pairs, alike = _alike(shaped[_candidates(hashes[shaped])], shapes)
    order = np.argsort(-alike, kind="stable")
    return places[pairs[order]], alike[order]


def hashes_of(pictures_u8: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The difference hash of each picture, uint64 [N]."""
    return _looks(pictures_u8, np.arange(len(pictures_u8)))[0]


def _looks(pictures_u8: NDArray[np.uint8], places: Ints) -> tuple[NDArray[np.uint64], Floats]:
    """Hash [N] and standardised small grey picture [N, S * S] of each; zeros for a plain one. In portions, to spare memory."""
    height, width = pictures_u8.shape[2:]
    rows, columns = _areas(height, 8), _areas(width, 9)
    small_rows, small_columns = _areas(height, min(SIDE, height)), _areas(width, min(SIDE, width))
    hashes = np.empty(len(places), np.uint64)
    shapes = np.empty((len(places), len(small_rows) * len(small_columns)), np.float32)
    for start in range(0, len(places), 512):
        some = slice(start, start + 512)
        grey_NHW = _grey(pictures_u8[places[some]])
        coarse_N89 = rows @ grey_NHW @ columns.T
        bits_NK = (coarse_N89[:, :, :-1] > coarse_N89[:, :, 1:]).reshape(-1, 64)
        hashes[some] = np.packbits(bits_NK, axis=1).view(">u8").ravel()
        shapes[some] = _standardised(np.asarray(small_rows @ grey_NHW @ small_columns.T, np.float32).reshape(len(grey_NHW), -1))
    return hashes, shapes


def _grey(pictures_NCHW: NDArray[np.uint8]) -> Floats:
    if pictures_NCHW.shape[1] == 1:
        return pictures_NCHW[:, 0].astype(np.float32)
    return np.asarray(np.einsum("nchw,c->nhw", pictures_NCHW.astype(np.float32), np.array(GREY, np.float32)), np.float32)


def _areas(pixels: int, parts: int) -> Floats:
    """[parts, pixels]: the mean of each of `parts` equal stretches of a side, pixels at an edge in proportion."""
    edges = np.linspace(0, pixels, parts + 1)
    starts = np.arange(pixels)
    shared = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights = shared.clip(min=0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _standardised(values_NK: Floats) -> Floats:
    """Mean 0 and length 1, so that a product of two is their correlation; what varies by less than a level becomes 0."""
    away_NK = values_NK - values_NK.mean(axis=1, keepdims=True)
    length_N = np.linalg.norm(away_NK, axis=1, keepdims=True)
    plain = length_N < np.sqrt(values_NK.shape[1])
    return np.asarray(np.where(plain, 0, away_NK / np.where(plain, 1, length_N)), np.float32)


def _candidates(hashes: NDArray[np.uint64]) -> Ints:
    """Pairs [P, 2] whose hashes differ in at most DISTANCE bits, each once, the smaller place first."""
    found = [np.empty(0, np.int64)]
    shift = 0
    for bits in BANDS:
        band = (hashes >> np.uint64(shift)) & np.uint64(2**bits - 1)
        shift += bits
        for one, other in _sharing(band, hashes):
            unlike = _differing(hashes[one], hashes[other])
            near = unlike <= DISTANCE
            low, high = np.minimum(one[near], other[near]), np.maximum(one[near], other[near])
            found.append(low * len(hashes) + high)
    codes = np.unique(np.concatenate(found))
    return np.stack(np.divmod(codes, max(1, len(hashes))), axis=1)


def _sharing(band: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> Iterator[tuple[Ints, Ints]]:
    """Pairs that share a band: sorted by it, each is laid beside the next, the one after that, ... of its bucket."""
    order = np.lexsort((hashes, band))
    sorted_ = band[order]
    _, starts, sizes = np.unique(sorted_, return_index=True, return_counts=True)
    end = np.repeat(starts + sizes, sizes)
    reach = np.repeat(np.where(sizes > CROWD, NEXT, sizes), sizes)
    places = np.arange(len(order))
    held: list[tuple[Ints, Ints]] = []
    for step in range(1, int(min(max(CROWD, NEXT), sizes.max(initial=0)))):
        there = np.flatnonzero((places + step < end) & (step < reach))
        held.append((order[there], order[there + step]))
        if sum(len(one) for one, _ in held) >= PORTION:
            yield np.concatenate([one for one, _ in held]), np.concatenate([other for _, other in held])
            held = []
    if held:
        yield np.concatenate([one for one, _ in held]), np.concatenate([other for _, other in held])


def _differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits differ."""
    if hasattr(np, "bitwise_count"):  # from numpy 2 on, and several times as fast
        return np.asarray(np.bitwise_count(one ^ other))
    return np.asarray(_BITS[(one ^ other).view(np.uint16).reshape(-1, 4)].sum(axis=1), np.uint8)


def _alike(pairs: Ints, shapes: Floats) -> tuple[Ints, Floats]:
    """Those whose grey pictures correlate, with how much."""
    alike = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), PORTION // 4):
        some = slice(start, start + PORTION // 4)
        alike[some] = np.einsum("pk,pk->p", shapes[pairs[some, 0]], shapes[pairs[some, 1]])
    same = alike >= ALIKE
    return pairs[same], alike[same]
