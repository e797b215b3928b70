"""Data sets that everybody knows, fetched from where torchvision fetches them: CIFAR-10 and -100, Fashion-MNIST, Flowers-102.

An archive is written aside, goes on where it stopped, and is renamed once its MD5 is the one that torchvision publishes. What
it holds becomes a folder of pictures in the workspace's data/, split as it was published, so that from then on it is a folder
like any other. FILIAL_MIRROR names another place for the same files, where their own cannot be reached.

Who calls `fetch` may end it by raising from `tell`: what has arrived stays, and the next call goes on from there.
"""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import processes
from engine.run import Refused
from engine.words import count, size

MIRROR = "FILIAL_MIRROR"
CHUNK = 2**18  # bytes read at once: at 1 MB/s a cancel is heard within a quarter of a second
SILENCE_S = 30  # without a byte for so long, the connection has failed
NAMED = 200  # pictures written between two words about how far it is
ROOM = 1.2  # of the archive: what is made of it, and some
BLOCK = 4096  # bytes: the least a file takes on an ordinary disk
FETCHED = 0.8  # share of the whole that fetching takes

Tell = Callable[[float, str], None]
Picture = tuple[str, str, str, "Image.Image | bytes"]  # part, class, file name, the picture or the bytes of its file


@dataclass(frozen=True)
class File:
    name: str
    md5: str
    length: int  # bytes


@dataclass(frozen=True)
class Known:
    """`edge`: side in px that its pictures have, or are mostly reduced to; `grey`: one channel."""

    title: str
    what: str
    files: tuple[File, ...]
    base: str
    source: str
    licence: str
    edge: int
    unpack: Callable[[Path], Iterator[Picture]]
    grey: bool = False
    pictures: int = 0

    @property
    def room(self) -> int:
        """Bytes that archive and pictures take together."""
        return self.length + max(round(ROOM * self.length), BLOCK * self.pictures)

    @property
    def length(self) -> int:
        return sum(file.length for file in self.files)

    @property
    def words(self) -> str:
        return f"{self.what}; {size(self.length)} to fetch. {self.source}; {self.licence}"


def place(name: str, data_folder: Path) -> Path:
    """Where its pictures are, once it was fetched."""
    return data_folder / name


def table(name: str, data_folder: Path) -> dict[str, Any]:
    """The recipe's data table for it."""
    known = KNOWN[name]
    path = str(place(name, data_folder).absolute())
    return {"name": "folder", "path": path, "size": known.edge, "colour": "grey" if known.grey else "rgb"}


def is_here(name: str, data_folder: Path) -> bool:
    return place(name, data_folder).is_dir()


def fetch(name: str, data_folder: Path, tell: Tell) -> dict[str, Any]:
    """The data table of a known set, fetched and unpacked if it is not here yet. Raises Refused for what stands in the way."""
    known = KNOWN.get(name)
    if known is None:
        raise Refused(f"there is no known data set {name!r}; there are {', '.join(KNOWN)}")
    data_folder.mkdir(parents=True, exist_ok=True)
    try:
        with processes.hold(data_folder / f".fetching-{name}.lock", timeout_s=0):
            if not is_here(name, data_folder):
                _bring(known, data_folder / f".fetching-{name}", place(name, data_folder), tell)
    except processes.Held:
        raise Refused(f"{known.title} is being fetched already; wait for that to end, or cancel it") from None
    return table(name, data_folder)


def _bring(known: Known, aside: Path, target: Path, tell: Tell) -> None:
    """Fetch and unpack beside, then take the name."""
    aside.mkdir(exist_ok=True)
    _refuse_without_room(known, aside)
    _fetch_all(known, aside, tell)
    _unpack(known, aside, target, tell)
    shutil.rmtree(aside, ignore_errors=True)


def _refuse_without_room(known: Known, aside: Path) -> None:
    there = sum(file.stat().st_size for file in aside.iterdir() if file.is_file())
    need, free = known.room - there, shutil.disk_usage(aside).free
    if need > free:
        raise Refused(f"{known.title} needs {size(need)} in {aside.parent}, and {size(free)} are free; free some first")


# ---- fetching ------------------------------------------------------------------------------------------------------------


def _fetch_all(known: Known, aside: Path, tell: Tell) -> None:
    before = 0
    for file in known.files:
        _fetch(known, file, aside, lambda done, before=before: _say(known, before + done, tell))  # type: ignore[misc]
        before += file.length


def _say(known: Known, done: int, tell: Tell) -> None:
    tell(FETCHED * min(1.0, done / known.length), f"fetching {known.title}: {size(done)} of {size(known.length)}")


def _fetch(known: Known, file: File, aside: Path, hear: Callable[[int], None]) -> None:
    """The file in `aside`, whole and with the right sum, or not under its name."""
    whole, part = aside / file.name, aside / f"{file.name}.part"
    if whole.exists():
        return
    base = os.environ.get(MIRROR) or known.base
    address = f"{base.rstrip('/')}/{file.name}"
    try:
        _receive(address, part, hear)
    except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors
        reason = getattr(error, "reason", None) or error
        kept = f"; {size(part.stat().st_size)} are kept, and the next try goes on from there" if part.exists() else ""
        raise Refused(f"{address} cannot be fetched ({reason}){kept}. {MIRROR} may name another place") from None
    if (found := _md5(part)) != file.md5:
        part.unlink()
        raise Refused(f"{address} is not the file that is known (MD5 {found}, not {file.md5}); it was removed, try again")
    part.replace(whole)


def _receive(address: str, part: Path, hear: Callable[[int], None]) -> None:
    """Append what is missing. A server that cannot go on from the middle sends all of it, which then begins anew."""
    there = part.stat().st_size if part.exists() else 0
    asked = urllib.request.Request(address, headers={"User-Agent": "filial", **({"Range": f"bytes={there}-"} if there else {})})
    try:
        answer = urllib.request.urlopen(asked, timeout=SILENCE_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:  # nothing after what is here: it is whole, or its sum will tell
            return
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb") as out:
        done = there if answer.status == 206 else 0
        expected = answer.headers.get("Content-Length")
        until = done + int(expected) if expected else None
        hear(done)
        while chunk := answer.read(CHUNK):
            out.write(chunk)
            done += len(chunk)
            hear(done)
    if until is not None and done < until:
        raise OSError(f"the connection ended after {size(done)} of {size(until)}")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


# ---- unpacking -----------------------------------------------------------------------------------------------------------


def _unpack(known: Known, aside: Path, target: Path, tell: Tell) -> None:
    """All pictures into a folder beside, which then gets its name: a set is here whole or not at all."""
    made = aside / "pictures"
    shutil.rmtree(made, ignore_errors=True)
    for done, (part, label, name, picture) in enumerate(known.unpack(aside)):
        if done % NAMED == 0:
            tell(FETCHED, f"unpacking {known.title}: {count(done)} pictures")
        folder = made / part / label.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            (folder / name).write_bytes(picture)
        else:
            picture.save(folder / name, compress_level=1)
    tell(1.0, f"{known.title} is here")
    made.rename(target)


class _OnlyArrays(pickle.Unpickler):
    """CIFAR's archives are pickles; of all that a pickle could call, arrays and bytes are enough for them."""

    ALLOWED = frozenset({"_reconstruct", "ndarray", "dtype", "encode"})

    def find_class(self, module: str, name: str) -> Any:
        if name not in self.ALLOWED or module.partition(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a set of pictures")
        module = module.replace("numpy.core", "numpy._core") if hasattr(np, "_core") else module
        return super().find_class(module, name)


def _cifar(folder: str, archive: str, parts: dict[str, tuple[str, ...]], names: tuple[str, bytes], labels: bytes) -> Any:
    """`names`: the file that lists the classes, and under which key; `labels`: the key of a batch's labels."""

    def unpack(aside: Path) -> Iterator[Picture]:
        with tarfile.open(aside / archive) as tar:

            def read(name: str) -> dict[bytes, Any]:
                member = tar.extractfile(f"{folder}/{name}")
                assert member is not None, name
                return dict(_OnlyArrays(io.BytesIO(member.read()), encoding="bytes").load())

            classes = [name.decode() for name in read(names[0])[names[1]]]
            for part, batches in parts.items():
                for batch in batches:
                    held = read(batch)
                    pixels_N3HW = np.asarray(held[b"data"], np.uint8).reshape(-1, 3, 32, 32)
                    for place, (label, pixels) in enumerate(zip(held[labels], pixels_N3HW, strict=True)):
                        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
                        yield part, classes[label], f"{batch}-{place:05d}.png", picture

    return unpack


FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _fashion(aside: Path) -> Iterator[Picture]:
    for part, prefix in (("train", "train"), ("test", "t10k")):
        pixels_NHW = _idx(aside / f"{prefix}-images-idx3-ubyte.gz")
        labels_N = _idx(aside / f"{prefix}-labels-idx1-ubyte.gz")
        for place, (pixels_HW, label) in enumerate(zip(pixels_NHW, labels_N, strict=True)):
            yield part, FASHION[int(label)], f"{place:05d}.png", Image.fromarray(pixels_HW)


def _idx(path: Path) -> NDArray[np.uint8]:
    """LeCun's IDX format of bytes: two zeros, 8 for uint8, the number of dimensions, each as a big-endian int32, the bytes."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _flowers(aside: Path) -> Iterator[Picture]:
    """Its classes have numbers only. The official split has few pictures to learn from, and most to test on."""
    from scipy.io import loadmat  # type: ignore[import-untyped]  # comes with scikit-learn

    labels = loadmat(aside / "imagelabels.mat", squeeze_me=True)["labels"]
    ids = loadmat(aside / "setid.mat", squeeze_me=True)
    part_of = {
        int(number): part for part, key in (("train", "trnid"), ("val", "valid"), ("test", "tstid")) for number in ids[key]
    }
    with tarfile.open(aside / "102flowers.tgz") as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".jpg"):
                name = Path(member.name).name
                number = int(name[6:11])  # image_00001.jpg
                held = tar.extractfile(member)
                assert held is not None, name
                yield part_of[number], f"{int(labels[number - 1]):03d}", name, held.read()


# ---- what there is: addresses and sums from torchvision.datasets 0.29 -------------------------------------------------------

TORONTO = "https://www.cs.toronto.edu/~kriz"
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
NO_LICENCE = "no licence stated"

KNOWN: dict[str, Known] = {
    "cifar10": Known(
        "CIFAR-10", "60,000 photographs of 32 px in 10 classes",
        (File("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170_498_071),),
        TORONTO, "Krizhevsky 2009, cs.toronto.edu/~kriz/cifar.html", NO_LICENCE, 32,
        _cifar("cifar-10-batches-py", "cifar-10-python.tar.gz", {"train": _BATCHES, "test": ("test_batch",)},
               ("batches.meta", b"label_names"), b"labels"), pictures=60_000,
    ),
    "cifar100": Known(
        "CIFAR-100", "60,000 photographs of 32 px in 100 classes",
        (File("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169_001_437),),
        TORONTO, "Krizhevsky 2009, cs.toronto.edu/~kriz/cifar.html", NO_LICENCE, 32,
        _cifar("cifar-100-python", "cifar-100-python.tar.gz", {"train": ("train",), "test": ("test",)},
               ("meta", b"fine_label_names"), b"fine_labels"), pictures=60_000,
    ),
    "fashion-mnist": Known(
        "Fashion-MNIST", "70,000 grey pictures of clothes of 28 px in 10 classes",
        (
            File("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            File("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
            File("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            File("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "Xiao, Rasul, Vollgraf 2017, github.com/zalandoresearch/fashion-mnist", "MIT licence", 28, _fashion, grey=True,
        pictures=70_000,
    ),
    "flowers102": Known(
        "Flowers-102", "8,189 photographs of flowers in 102 classes, 2,040 of them to learn from",
        (
            File("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa", 344_862_509),
            File("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d", 502),
            File("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c", 14_989),
        ),
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102",
        "Nilsback and Zisserman 2008, robots.ox.ac.uk/~vgg/data/flowers/102", NO_LICENCE, 64, _flowers,
        pictures=8_189,
    ),
}  # fmt: skip
