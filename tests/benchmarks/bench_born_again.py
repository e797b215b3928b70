"""An epoch of a born-again student against a plain torchvision loop, as ratios side by side: same network, pictures, batch.

    python -m tests.benchmarks born_again [ROUNDS] [--pictures FOLDER] [--network resnet-20] [--only-proof]

FOLDER holds train/ with one sub-folder a class; without one, cifar10.zip in the folder that FILIAL_DATA names is read. One
thread. The plain loop is what its users write: decoded pictures through torchvision's transforms in a DataLoader that works
in the loop's own process, so that its time is counted; "from files" decodes each picture anew, as ImageFolder does. Before
anything is timed, both varied a batch alike and learn the same losses from the same weights: the work is equal. Our epoch does
more: it measures the gradient's length, the accuracy and the distance from the teacher at each step. All take turns and
processor time is counted. Run it by hand; nothing here is a test of time.
"""

import argparse
import copy
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from engine import recipe
from engine.cost import Twin
from engine.data.answers import Answers
from engine.data.augment import drawn
from engine.data.prepared import Prepared, numbers, prepare
from engine.fields import RecipeError
from engine.learner import learn
from engine.recipe import RunRecipe
from engine.scaled import kept_views
from tests.benchmarks._rivals import Row, rival, seconds

TRAINED, A_CLASS = 1024, 150  # pictures of an epoch; those copied of each class, of which a part goes to validation and test
BATCH, SHIFT, STEPS, VIEWS = 64, 4, 6, 2
LR, MOMENTUM, DECAY = 0.05, 0.9, 5e-4
ALIKE = 1e-4  # of losses and of pixels
NETWORKS: dict[str, dict[str, Any]] = {
    "small_cnn": {"name": "small_cnn", "width": 48},  # as in the proof on CIFAR-10
    "resnet-20": {"name": "resnet", "depth": 20},
}
Learns = Callable[[Tensor, Tensor], Tensor]  # logits of student and teacher -> the scalar to minimise


# ---- pictures -------------------------------------------------------------------------------------------------------------


def gathered(found: Path | None, into: Path) -> None:
    """So many pictures of each class, below `into`. Raises SystemExit where there are none."""
    if found is None:
        _unpacked(into)
        return
    top = found / "train" if (found / "train").is_dir() else found
    for folder in sorted(path for path in top.iterdir() if path.is_dir()):
        (into / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[:A_CLASS]:
            shutil.copy(file, into / folder.name)


def _unpacked(into: Path) -> None:
    archive = Path(os.environ.get("FILIAL_DATA", "")) / "cifar10.zip"
    if not archive.is_file():
        raise SystemExit("there are no pictures: write --pictures FOLDER, or set FILIAL_DATA to a folder with cifar10.zip")
    copied: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as packed:
        for name in sorted(packed.namelist()):
            part, class_name, file = ["", "", "", *Path(name).parts][-3:]
            if part == "train" and not name.endswith("/") and copied[class_name] < A_CLASS:
                copied[class_name] += 1
                (into / class_name).mkdir(parents=True, exist_ok=True)
                (into / class_name / file).write_bytes(packed.read(name))


class Varied(Dataset[tuple[Tensor, int]]):
    """Training pictures through torchvision's transforms: random crop of the padded picture, mirrored or not, normalised."""

    def __init__(self, seen: Prepared, files: Path | None = None) -> None:
        places = seen.split.train
        self.stored = np.ascontiguousarray(np.moveaxis(seen.pictures.pictures_u8[places], 1, -1))
        self.labels: list[int] = seen.train_labels.tolist()
        source = seen.pictures.source
        self.files = [files / source.files[place] for place in places] if files is not None and source is not None else []
        transforms = rival("torchvision.transforms")
        self.finish = transforms.Compose([transforms.ToTensor(), transforms.Normalize(seen.mean, seen.std)])
        moved = [transforms.RandomCrop(seen.size, padding=SHIFT), transforms.RandomHorizontalFlip()]
        self.vary = transforms.Compose([*moved, self.finish])

    def picture(self, place: int) -> Image.Image:
        """As torchvision's CIFAR10 makes it of an array, or as its ImageFolder of a file."""
        if not self.files:
            return Image.fromarray(self.stored[place])
        with Image.open(self.files[place]) as image:
            return image.convert("RGB")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.vary(self.picture(place)), self.labels[place]

    def batches(self) -> DataLoader[tuple[Tensor, int]]:
        return DataLoader(self, batch_size=BATCH, shuffle=True, num_workers=0)

    def as_drawn(self, place: int, top: int, left: int, mirrored: bool) -> Tensor:
        """What RandomCrop and RandomHorizontalFlip make of these numbers."""
        functional = rival("torchvision.transforms.functional")
        padded = functional.pad(self.picture(place), SHIFT)
        side = self.stored.shape[1]
        cut = functional.crop(padded, top + SHIFT, left + SHIFT, side, side)
        varied: Tensor = self.finish(functional.hflip(cut) if mirrored else cut)
        return varied


# ---- who learns -----------------------------------------------------------------------------------------------------------


def asked(network: str, pictures: Path, method: str, views: int = 0) -> RunRecipe:
    taught = {"teacher": "somebody", "method": {"name": method, "cache_views": views}} if method != "supervised" else {}
    table = {
        "lineage": "bench",
        "model": NETWORKS[network],
        "data": {"name": "folder", "path": str(pictures), "train_size": TRAINED},
        "augment": {"shift": SHIFT, "flip": True},
        "optimizer": {"name": "sgd", "lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY, "clip": 0},
        "training": {"epochs": VIEWS, "batch": BATCH},
        **taught,
    }
    run: RunRecipe = recipe.parse(RunRecipe, table)
    return run


def twin_of(run: RunRecipe, seen: Prepared) -> Twin:
    torch.manual_seed(0)
    twin = Twin(run, "cpu", seen)
    for group in twin.optimizer.param_groups:  # what a run's schedule does at each step
        group["lr"], group["weight_decay"] = LR, DECAY if group["decays"] else 0.0
    return twin


def epoch_of(twin: Twin, precision: str) -> Row:
    def epoch() -> None:
        for _ in range(twin.batches.per_epoch):
            twin.take_step(precision)

    return epoch


def reading(twin: Twin, folder: Path) -> Row:
    """An epoch of a student whose teacher has already said all that it reads: its rows are there."""
    twin.method.answers = Answers(folder, {"bench": "born_again"}, twin.batches, kept_views(twin.asked), twin.data.classes)
    for _ in range(VIEWS):
        epoch_of(twin, "float32")()
    return epoch_of(twin, "float32")


def cross_entropy(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    return F.cross_entropy(student_BK, teacher_BK.softmax(dim=1))


def torchdistill_s() -> Learns:
    """Its KDLoss at temperature 1 without labels: less by the teacher's entropy, with the same gradient."""
    criterion = rival("torchdistill.losses.mid_level").KDLoss("", "output", "", "output", temperature=1.0, alpha=0.0)

    def loss(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
        found: Tensor = criterion({"": {"output": student_BK}}, {"": {"output": teacher_BK}})
        return found

    return loss


class Plain:
    """The plain loop: copies of our student and teacher, and torch's own parts."""

    def __init__(self, twin: Twin, loss: Learns = cross_entropy) -> None:
        teacher = twin.method.teacher
        assert teacher is not None
        self.student: nn.Module = copy.deepcopy(twin.method.student).train()
        self.teacher: nn.Module = copy.deepcopy(teacher).eval()
        self.loss = loss
        weights = list(self.student.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": DECAY},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM, nesterov=True)

    def learn(self, pictures_BCHW: Tensor, precision: str) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            with torch.no_grad():
                teacher_BK = self.teacher(pictures_BCHW)
            student_BK = self.student(pictures_BCHW)
        loss = self.loss(student_BK.float(), teacher_BK.float())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def epoch(self, pictures: Varied, precision: str = "float32") -> Row:
        def epoch() -> None:
            for pictures_BCHW, _ in pictures.batches():
                self.learn(pictures_BCHW, precision)

        return epoch


# ---- the work is equal ----------------------------------------------------------------------------------------------------


def curves(twin: Twin, plain: Plain, pictures: Varied, value: str, steps: int = STEPS) -> tuple[list[float], list[float]]:
    """Both losses, step by step, from the same weights on the same varied pictures, each varied by its own program."""
    found: tuple[list[float], list[float]] = ([], [])
    for step in range(steps):
        batch = twin.batches.at(0, step)
        theirs_BCHW = torch.stack(list(_theirs(twin, pictures, batch.index_B.numpy())))
        apart = float((theirs_BCHW - batch.pictures_BCHW).abs().max())
        if not apart < ALIKE:
            raise SystemExit(f"the two varied pictures are up to {apart:g} apart: this is not the same work")
        found[0].append(learn(twin.method, twin.optimizer, batch, step, 0, "float32")[value].item())
        found[1].append(plain.learn(theirs_BCHW, "float32"))
    return found


def _theirs(twin: Twin, pictures: Varied, index_B: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[Tensor]:
    """The batch's pictures through torchvision, with the numbers that ours were varied by."""
    u_BK = numbers(twin.asked.order_seed, 0, index_B, (), torch.device("cpu"))[0][0]
    for place, (top, left, mirrored) in zip(index_B.tolist(), drawn(u_BK, SHIFT, True), strict=True):
        yield pictures.as_drawn(place, top, left, mirrored)


def prove(name: str, ours: list[float], theirs: list[float]) -> None:
    """Raises SystemExit if it was not the same work."""
    apart = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    print(f"    loss of ours     {', '.join(f'{loss:.5f}' for loss in ours)}")
    print(f"    {name:<17}{', '.join(f'{loss:.5f}' for loss in theirs)}", flush=True)
    if not apart < ALIKE:
        raise SystemExit(f"the two losses are up to {apart:g} apart: this is not the same work")


# ---- the rows -------------------------------------------------------------------------------------------------------------


def rivals() -> dict[str, tuple[Learns, str]]:
    """Each loop's loss, and the value of ours that it is to be equal to; who is not installed is named."""
    found: dict[str, tuple[Learns, str]] = {"plain loop": (cross_entropy, "train/loss")}
    try:
        found["torchdistill's"] = torchdistill_s(), "train/kl"
    except SystemExit as missing:
        print(missing)
    return found


def rows(network: str, folder: Path, seen: Prepared, scratch: Path) -> dict[str, Row]:
    def twin(method: str = "ban", views: int = 0) -> Twin:
        return twin_of(asked(network, folder, method, views), seen)

    stored = Varied(seen)
    plain: dict[str, Row] = {f"{name}, float32": Plain(twin(), loss).epoch(stored) for name, (loss, _) in rivals().items()}
    return {
        **plain,
        "plain loop, bfloat16": Plain(twin()).epoch(stored, "bfloat16"),
        "plain loop from files, float32": Plain(twin()).epoch(Varied(seen, folder)),
        "ours, float32": epoch_of(twin(), "float32"),
        "ours, bfloat16": epoch_of(twin(), "bfloat16"),
        "ours, supervised": epoch_of(twin("supervised"), "float32"),
        "ours, teacher read": reading(twin(views=VIEWS), scratch),
    }


def tell(spent: dict[str, float]) -> None:
    for name, each in spent.items():
        print(f"    {name:<34}{1e3 * each:9.1f} ms an epoch here, {TRAINED / each:8.0f} pictures a second")
    ours, theirs = spent["ours, float32"], spent["plain loop, float32"]
    quickest = min(ours, spent["ours, bfloat16"])
    for name, ratio in {
        "float32": theirs / ours,
        "bfloat16": spent["plain loop, bfloat16"] / spent["ours, bfloat16"],
        "ours in its quicker precision against float32": theirs / quickest,
        "each in its quicker precision": min(theirs, spent["plain loop, bfloat16"]) / quickest,
        "float32, the plain loop from files": spent["plain loop from files, float32"] / ours,
        "a teacher that is read, against the plain loop": theirs / spent["ours, teacher read"],
    }.items():
        print(f"    {name:<50}{ratio:6.2f} x the plain loop's pictures a second")
    alone = spent["ours, supervised"]
    print(f"    of a supervised epoch of ours: {ours / alone:.2f} x asked, {spent['ours, teacher read'] / alone:.2f} x read")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks born_again", description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=9, metavar="ROUNDS")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="holds train/ with one sub-folder a class")
    parser.add_argument("--network", choices=NETWORKS, default="small_cnn")
    parser.add_argument("--only-proof", action="store_true", help="time nothing")
    wanted = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "pictures")
        gathered(wanted.pictures, folder)
        run = asked(wanted.network, folder, "ban")
        try:
            seen = prepare(run, Path(scratch, "data"))
        except RecipeError as error:
            raise SystemExit(f"an epoch here has {TRAINED:,} pictures, {A_CLASS} of each class are read: {error}") from None
        print(f"{wanted.network}: {len(seen.split.train)} pictures of {seen.size} px an epoch, {BATCH} a step")
        for name, (loss, value) in rivals().items():
            twin = twin_of(run, seen)
            prove(name, *curves(twin, Plain(twin, loss), Varied(seen), value))
        if not wanted.only_proof:
            tell(seconds(rows(wanted.network, folder, seen, Path(scratch)), wanted.rounds))


if __name__ == "__main__":
    main()
