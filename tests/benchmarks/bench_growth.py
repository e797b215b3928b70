"""How a training step grows with what is asked of it: crops, prototypes, size, batch, pictures; times and exponents.

    python -m tests.benchmarks growth [ROUNDS]

Steps of the dino-creatures recipe, built as a run would build them, one thread, processor time. A block varies one field, in
turns through its values ROUNDS times; the exponent is the slope of log time over log value between the last two: 1 is linear, 0
costs nothing. The pictures a step reads do not grow with those there are: its exponent should be 0. How events and runs grow is
told by the benchmarks `opening` and `queue`.
"""

import gc
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from engine import recipe
from engine.cost import Twin
from engine.data.prepared import prepare

ROUNDS = 5
FIXED = ("seeds=[0]", "compute.threads=1", "training.batch=32", "data.train_size=2000")
BLOCKS: dict[str, tuple[str, Sequence[int]]] = {
    "local crops": ("method.local_crops", (2, 4, 8, 16)),
    "prototypes": ("method.prototypes", (1024, 4096, 16384, 65536)),
    "size of a global crop, px": ("method.global_size", (48, 64, 96, 128)),
    "batch": ("training.batch", (16, 32, 64, 128)),
    "training pictures": ("data.train_size", (350, 700, 1400, 2800)),
}


def twin(place: Path, field: str, value: int) -> Twin:
    (asked, _), *_ = recipe.read("dino-creatures", (*FIXED, f"{field}={value}")).runs()
    return Twin(asked, "cpu", prepare(asked, place, lambda done, total: None))


def milliseconds(built: Twin) -> float:
    began = time.process_time()
    built.take_step("float32")
    return 1e3 * (time.process_time() - began)


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        for title, (field, values) in BLOCKS.items():
            built = [twin(Path(place), field, value) for value in values]
            for one in built:
                one.take_step("float32")
            taken = [[milliseconds(one) for one in built] for _ in range(rounds)]
            middle = [median(column) for column in zip(*taken, strict=True)]
            slope = math.log(middle[-1] / middle[-2]) / math.log(values[-1] / values[-2])
            told = "".join(f"{value:>9,}: {ms:7.1f} ms" for value, ms in zip(values, middle, strict=True))
            print(f"{title:<28}{told}   exponent {slope:.2f}", flush=True)
            del built
            gc.collect()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
