"""A frozen teacher whose outputs are kept: asked once, read ever after, and never believed about other pictures."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import die_at, problem, toy, weights  # type: ignore[import-not-found]

from engine import lineages, processes, scaled
from engine.data import prepared
from engine.data.answers import Answers, Table
from engine.data.prepared import Batches
from engine.run import Run, Workspace
from engine.train import train

METHODS = ("ban", "ban_label", "cwtm", "dkpp", "kd", "dkd")


@pytest.fixture
def own(tmp_path: Path, decoded_digits: Path) -> Workspace:
    """A workspace whose data folder nobody shares: what one test keeps, no other finds."""
    folder = tmp_path / "runs"
    shutil.copytree(decoded_digits, folder / "data", ignore=shutil.ignore_patterns("teacher-*"))
    return Workspace(folder)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many pictures the teacher was asked about, a number for each time."""
    asked: list[int] = []
    original = Answers._asked

    def counting(self, pictures_BCHW, rows_B, ask):
        asked.append(len(rows_B))
        return original(self, pictures_BCHW, rows_B, ask)

    with monkeypatch.context() as patch:
        patch.setattr(Answers, "_asked", counting)
        yield asked


def files(workspace: Workspace) -> list[Path]:
    return sorted((workspace.folder / "data").glob("teacher-*"))


def students(workspace: Workspace, *changes: str, count: int = 2) -> list[Run]:
    """Untrained students, alike in all but their lineage, of one trained teacher."""
    teacher = workspace.create(toy("generations=0", "method.name=supervised", "lineage=first"))[0]
    assert train(teacher) == 0
    return [student(workspace, f"lineage=student{number}", *changes) for number in range(count)]


def student(workspace: Workspace, *changes: str) -> Run:
    of = ("generations=0", "method.teacher_run=first-s0-F0", "method.cache_views=3")  # as many as epochs
    return workspace.create(toy(*of, *changes))[0]


def seen_by(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], torch.Tensor]]:
    """The places and pictures of every step."""
    steps: list[tuple[list[int], torch.Tensor]] = []
    original = Batches.at

    def looking(self, epoch, place):
        batch = original(self, epoch, place)
        steps.append((batch.index_B.tolist(), batch.pictures_BCHW.clone()))
        return batch

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "at", looking)
        assert train(run) == 0
    return steps


@pytest.mark.parametrize("method", METHODS)
def test_that_asking_reading_and_resuming_teach_the_same_to_the_last_bit(own, questions, method):
    resumed, reading, unbroken = students(own, f"method.name={method}", count=3)
    die_at(resumed, 5)
    assert train(resumed) == 0
    assert questions == [32] * 9, "of each view of each picture once, though two steps were taken twice"
    questions.clear()
    assert train(reading) == 0 and questions == []
    (kept,) = files(own)
    kept.unlink()
    assert train(unbroken) == 0 and questions == [32] * 9
    assert weights(resumed, 9) == weights(reading, 9) == weights(unbroken, 9)


def test_that_keeping_as_many_views_as_epochs_changes_nothing_but_the_last_digits(own, monkeypatch):
    live, kept = students(own, "method.cache_views=0")[0], student(own, "lineage=kept")
    for one, other in zip(seen_by(live, monkeypatch), seen_by(kept, monkeypatch), strict=True):
        assert one[0] == other[0] and torch.equal(one[1], other[1])
    curves = [run.state().curves for run in (live, kept)]
    assert list(curves[0]) == list(curves[1])
    for name in ("train/loss", "train/agreement", "train/kl", "val/accuracy", "grad/norm"):
        assert curves[0][name].values == pytest.approx(curves[1][name].values, abs=5e-3), name
    assert weights(live, 9) != weights(kept, 9), "half as many digits"


def test_that_fewer_views_come_round_again_in_another_order(own, monkeypatch, questions):
    first, second = students(own, "method.cache_views=2")
    steps = seen_by(first, monkeypatch)
    assert questions == [32] * 6
    pictures = [{place: seen[row] for places, seen in steps[i : i + 3] for row, place in enumerate(places)} for i in (0, 3, 6)]
    assert all(torch.equal(pictures[0][place], pictures[2][place]) for place in range(96))
    assert not all(torch.equal(pictures[0][place], pictures[1][place]) for place in range(96))
    assert [places for places, _ in steps[:3]] != [places for places, _ in steps[6:]]
    die_at(second, 7)
    (kept,) = files(own)
    kept.unlink()
    questions.clear()
    assert train(second) == 0
    assert questions == [32] * 3, "what the third epoch needs of the first is asked for in the batches of the first"
    assert weights(second, 9) == weights(first, 9)


def test_that_pictures_that_do_not_vary_are_asked_about_once(own, questions):
    (run,) = students(own, "augment.shift=0", count=1)
    assert train(run) == 0
    assert questions == [32] * 3


def test_that_students_share_what_is_the_same_for_them_and_nothing_else(own, questions):
    (run,) = students(own, count=1)
    assert train(run) == 0
    (kept,) = files(own)
    questions.clear()
    same = ("method.name=kd", "optimizer.lr=0.01", "model.width=4", "training.epochs=2", "data.label_noise=0.5")
    for place, change in enumerate(same):
        assert train(student(own, f"lineage=same{place}", change)) == 0
    assert questions == [] and files(own) == [kept]
    longer = ("training.epochs=4", "method.cache_views=4")
    assert train(student(own, "lineage=longer", *longer)) == 0
    assert questions == [32] * 3 and files(own) == [kept], "only the view that nobody has seen yet"
    other = ("augment.shift=2", "augment.flip=true", "training.batch=48", "seeds=[1]", "data.train_size=90")
    for place, change in enumerate((*other, "compute.precision=bfloat16")):
        assert train(student(own, f"lineage=other{place}", change)) == 0
        assert len(files(own)) == 2 + place, change


def test_that_seeds_of_one_order_share_what_their_teacher_said(own, monkeypatch, questions):
    assert students(own, count=0) == []
    first, second = (student(own, "training.same_order=true", f"seeds=[{seed}]", "lineage=shared") for seed in (0, 1))
    one, other = seen_by(first, monkeypatch), seen_by(second, monkeypatch)
    assert questions == [32] * 9
    assert all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in zip(one, other, strict=True))
    assert weights(first, 9) != weights(second, 9), "they begin from other weights"
    assert lineages.read([first, second]).share_order and not lineages.read([first]).share_order


# ---- nothing of another picture is believed -----------------------------------------------------------------------------


def test_that_outputs_of_other_pictures_are_refused_with_the_remedy(own, monkeypatch):
    first, second = students(own)
    assert train(first) == 0
    original = prepared.numbers
    monkeypatch.setattr(prepared, "numbers", lambda *about: tuple(1 - drawn for drawn in original(*about)))  # varied otherwise
    (kept,) = files(own)
    before = kept.read_bytes()
    assert problem(second) == (
        f"method.cache_views: {kept} keeps the teacher's outputs of other pictures than the student sees at step 0; "
        "delete that file, or ask the teacher at each step (method.cache_views = 0)"
    )
    assert not second.checkpoint_folders() and kept.read_bytes() == before


def test_that_outputs_in_another_order_are_refused_though_each_row_is_whole(own):
    first, second = students(own)
    assert train(first) == 0
    table, rows_R = Table(files(own)[0], 3 * 96, 10), np.arange(3 * 96)
    logits_RK, seen_R, sound_R = table.read(rows_R)
    assert sound_R.all()
    table.write(rows_R, logits_RK[::-1].copy(), seen_R[::-1].copy())
    assert "of other pictures than the student sees at step 0" in problem(second)


def test_that_a_row_that_is_not_whole_is_asked_for_again(own, questions):
    first, second = students(own)
    assert train(first) == 0
    (kept,) = files(own)
    whole = bytearray(kept.read_bytes())
    row = len(whole) // (3 * 96)
    damaged = whole.copy()
    damaged[100 * row + 3] ^= 1  # of the second view
    kept.write_bytes(damaged)
    questions.clear()
    assert train(second) == 0
    assert questions == [32] and kept.read_bytes() == whole
    assert weights(second, 9) == weights(first, 9)


# ---- two engines, one file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [0, 1, 9, 15])
def test_that_an_engine_that_reads_while_another_writes_learns_what_it_would_alone(own, monkeypatch, written):
    """At its fifth batch one engine has so many of a row's 16 words on disk; meanwhile another is trained from its first step
    to its last, and fills the rest of the file."""
    first, second, alone = students(own, count=3)
    assert train(alone) == 0
    (kept,) = files(own)
    whole = kept.read_bytes()
    kept.unlink()
    original, writes = Table.write, []

    def interrupted(self, rows_B, logits_BK, seen_B):
        writes.append(len(rows_B))
        if len(writes) != 5:
            return original(self, rows_B, logits_BK, seen_B)
        words_RW = np.frombuffer(whole, "<u2").reshape(3 * 96, 16)
        self._words_RW[rows_B[:, None], np.arange(written)] = words_RW[rows_B][:, :written]
        assert not self.read(rows_B)[2].any(), "none of them is whole"
        assert train(second) == 0
        original(self, rows_B, logits_BK, seen_B)

    monkeypatch.setattr(Table, "write", interrupted)
    monkeypatch.setattr(processes, "lease", lambda *asked: contextlib.nullcontext())  # both in this process
    assert train(first) == 0
    assert kept.read_bytes() == whole and len(writes) == 5 + 5, "each asked for what was not whole when it came there"
    assert weights(first, 9) == weights(second, 9) == weights(alone, 9)


@pytest.mark.parametrize("reserve", [True, False])
def test_that_making_room_takes_nothing_from_an_engine_that_writes_already(tmp_path, monkeypatch, reserve):
    """The other makes the whole file, and fills it, between the look at its size and the bytes that are added."""
    path, rows_R = tmp_path / "teacher-x.f16", np.arange(20)
    logits_RK, seen_R = np.random.default_rng(0).normal(size=(20, 10)).astype(np.float16), rows_R.astype(np.int32)
    usage, within = shutil.disk_usage, []

    def busy(place):
        if not within:
            within.append(True)
            Table(path, 20, 10).write(rows_R, logits_RK, seen_R)
        return usage(place)

    monkeypatch.setattr("engine.data.answers.shutil.disk_usage", busy)
    if not reserve:
        monkeypatch.delattr("os.posix_fallocate", raising=False)
    table = Table(path, 20, 10)
    said_RK, sums_R, sound_R = table.read(rows_R)
    assert within and sound_R.all() and np.array_equal(said_RK, logits_RK) and np.array_equal(sums_R, seen_R)
    assert path.stat().st_size == 20 * 32


# ---- a device that answers late -----------------------------------------------------------------------------------------


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU at its latest: nothing arrives before somebody waits for it."""
    done = SimpleNamespace(query=lambda: False, synchronize=lambda: None)
    then = lambda self, tensors, then: self._under_way.append((done, tensors, then))  # noqa: E731
    monkeypatch.setattr(Answers, "_when_here", then)


def test_that_answers_that_arrive_late_are_kept_and_teach_the_same(own, questions, request):
    first, second, third = students(own, "method.cache_views=2", count=3)
    assert train(first) == 0
    (kept,) = files(own)
    whole = kept.read_bytes()
    kept.unlink()
    questions.clear()
    request.getfixturevalue("late")
    for run in (second, third):
        assert train(run) == 0
        assert kept.read_bytes() == whole and weights(run, 9) == weights(first, 9)
    assert questions == [32] * 6


def test_that_nothing_that_was_learned_from_other_pictures_is_saved(own, monkeypatch, late):
    first, second = students(own)
    assert train(first) == 0
    original = prepared.numbers
    monkeypatch.setattr(prepared, "numbers", lambda *about: tuple(1 - drawn for drawn in original(*about)))
    assert "of other pictures than the student sees at step 0" in problem(second)
    assert not second.checkpoint_folders()


# ---- room ---------------------------------------------------------------------------------------------------------------


def test_that_the_disk_takes_what_was_foretold(own):
    (run,) = students(own, count=1)
    assert train(run) == 0
    (kept,) = files(own)
    assert kept.stat().st_size == scaled.kept_bytes(run.recipe(), scaled.Facts(96, 8, 1, 10)) == 3 * 96 * (20 + 12)


def test_that_a_disk_too_full_is_refused_before_the_first_step(own, monkeypatch):
    (run,) = students(own, count=1)
    monkeypatch.setattr("engine.data.answers.shutil.disk_usage", lambda place: SimpleNamespace(free=1000))
    assert problem(run) == (
        f"method.cache_views: the teacher's outputs need 9.0 KiB more in {own.folder / 'data'}, where 1000 B are free; "
        "free some, or write fewer views (0 asks the teacher at each step)"
    )


def test_that_without_a_way_to_reserve_room_zeros_are_written(own, monkeypatch):
    first, second = students(own)
    assert train(first) == 0
    (kept,) = files(own)
    whole = kept.read_bytes()
    kept.unlink()
    monkeypatch.delattr("os.posix_fallocate", raising=False)
    assert train(second) == 0
    assert kept.read_bytes() == whole and weights(second, 9) == weights(first, 9)
