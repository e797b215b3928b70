"""Known sets at toy size, and a server of this machine that has them."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from engine.known_sets import KNOWN, File, Known


class Server:
    """`files` by name. It goes on from the middle unless `ranges` is False, and breaks off after `breaks` bytes once."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files, self.ranges, self.breaks = dict(files), True, 0
        self.asked: list[tuple[str, str]] = []  # file and Range
        self.address = ""


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Server]:
    held = Server(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wish = self.path.rpartition("/")[2], self.headers.get("Range", "")
            held.asked.append((name, wish))
            content = held.files.get(name)
            if content is None:
                return self.send_error(404)
            first = int(wish.removeprefix("bytes=").rstrip("-")) if wish and held.ranges else 0
            if first >= len(content):
                return self.send_error(416)
            rest = content[first:]
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: held.breaks] if held.breaks else rest)
            held.breaks = 0

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    held.address = f"http://127.0.0.1:{server.server_address[1]}/sets"
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def small(name: str, files: Mapping[str, bytes], base: str) -> Known:
    """The known set with these files instead: its own way to unpack, other sums and lengths."""
    known = tuple(File(file, hashlib.md5(content).hexdigest(), len(content)) for file, content in files.items())
    assert [file.name for file in known] == [file.name for file in KNOWN[name].files]
    return replace(KNOWN[name], files=known, base=base)


def cifar10() -> dict[str, bytes]:
    """Four pictures in each of the six batches, of two classes; the first pixel's red tells batch and place."""
    files: dict[str, Any] = {"batches.meta": {b"label_names": [b"cat", b"frog"]}}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = np.zeros((4, 3072), np.uint8)
        data[:, 0] = 10 * number + np.arange(4)
        files[name] = {b"data": data, b"labels": [0, 1, 0, 1], b"filenames": [b"x.png"] * 4}
    return {
        "cifar-10-python.tar.gz": archive(
            {f"cifar-10-batches-py/{name}": pickle.dumps(held, 2) for name, held in files.items()}
        )
    }


def fashion() -> dict[str, bytes]:
    files = {}
    for prefix, count in (("train", 20), ("t10k", 10)):
        pixels = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx(pixels)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx((np.arange(count) % 10).astype(np.uint8))
    return files


def flowers() -> dict[str, bytes]:
    from scipy.io import savemat

    pictures = {f"jpg/image_{number:05d}.jpg": jpeg(number) for number in range(1, 13)}
    labels, ids = io.BytesIO(), io.BytesIO()
    savemat(labels, {"labels": np.arange(12) % 2 + 1})
    savemat(ids, {"trnid": np.arange(1, 5), "valid": np.arange(5, 9), "tstid": np.arange(9, 13)})
    return {"102flowers.tgz": archive(pictures), "imagelabels.mat": labels.getvalue(), "setid.mat": ids.getvalue()}


def archive(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return held.getvalue()


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(head + array.tobytes())


def jpeg(number: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (30, 20), (number * 20, 0, 0)).save(held, "JPEG")
    return held.getvalue()
