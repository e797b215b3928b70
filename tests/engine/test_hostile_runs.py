"""A run from a stranger is resumed, inspected, fed with pictures and exported: nothing is written outside, nothing reached."""

import csv
import errno
import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import toys
from safetensors.torch import save_file

from engine import checkpoint, commands, events, extras, notes, processes, words
from engine.checkpoint import Build, State
from engine.commands import Stop
from engine.data import label_file
from engine.data.decode import Unreadable, decode
from engine.exports import tables
from engine.fields import RecipeError
from engine.models import imported, timm_models
from engine.run import WRITTEN, Attempt, Refused, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return toys.runs(tmp_path / "runs")[0]


# ---- links ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITTEN)
def test_that_no_engine_writes_through_a_link(run: Run, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    if "." in name:
        outside.write_bytes(b"mine")
    else:
        outside.mkdir()
    (run.folder / name).symlink_to(outside)
    with pytest.raises(Refused, match=rf"{name} is a link, so what this run writes would land elsewhere; .*take the link away"):
        Attempt(run).__enter__()
    with pytest.raises(Refused, match="is a link"):
        notes.write(run, notes.Notes(("good",)))
    with pytest.raises(Refused, match="is a link"), extras.alone(run, "probe"):
        pass
    assert outside.read_bytes() == b"mine" if outside.is_file() else not list(outside.iterdir())


@pytest.mark.parametrize(
    ("movable", "advised"), [(True, "; wait for it, or write elsewhere with -o"), (False, "; wait for it")]
)
def test_that_only_a_verb_with_a_target_advises_another(run: Run, movable: bool, advised: str) -> None:
    with extras.alone(run, "probe"), pytest.raises(Refused) as refused, extras.alone(run, "probe", movable):
        pass
    assert str(refused.value) == f"another probe of {run.name} is at work{advised}"


def test_that_a_full_disk_is_no_reason_to_advise_an_option_that_is_not_there(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(Refused, match=r"\(No space left on device\); free some space, and measure again$"):
        extras.writing(tmp_path / "probe-x", movable=False).__enter__()


def test_that_neither_log_nor_lock_nor_command_goes_through_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    for name in ("engine.log", "run.lock"):
        (run.folder / name).symlink_to(tmp_path / "mine")
    (run.folder / "commands").symlink_to(tmp_path, target_is_directory=True)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="it is a link"):
        processes.start(processes.python("engine", "doctor"), run.log_path, detached=False)
    with pytest.raises(OSError, match="it is a link"), processes.hold(run.lock_path):
        pass
    with pytest.raises(OSError, match="it is a link"):
        commands.post(run.folder / "commands", Stop())
    assert (tmp_path / "mine").read_bytes() == b"mine" and sorted(tmp_path.iterdir()) == before


def test_that_a_pipe_for_a_log_does_not_keep_the_engine_waiting(run: Run) -> None:
    os.mkfifo(run.log_path)
    with pytest.raises(OSError, match="no file"):
        processes.start(processes.python("engine", "doctor"), run.log_path, detached=False)


def test_that_a_checkpoint_that_is_a_link_is_none_and_stays_whole(run: Run, tmp_path: Path) -> None:
    theirs = toys.put_checkpoint(Run(tmp_path / "theirs"), 4)
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "step-00000004").symlink_to(theirs, target_is_directory=True)
    assert run.checkpoint_folders() == []
    checkpoint.prune(run, 0, 0, 4, set())
    checkpoint.forget_after(run, 0)
    assert (theirs / "optimizer.safetensors").exists()


# ---- checkpoints ------------------------------------------------------------------------------------------------------------


def put(run: Run, tensors: dict[str, torch.Tensor], plain: dict[str, Any], **build: Any) -> Path:
    """A checkpoint whose sums are right, whatever is in it."""
    folder = run.folder / "checkpoints" / "step-00000004"
    folder.mkdir(parents=True)
    save_file(tensors, folder / "optimizer.safetensors")
    save_file({}, folder / "model.safetensors")
    whole = {"name": "small_cnn", "classes": 10, "channels": 1, "size": 8, "options": {"width": 4}} | build
    sums = {path.name: checkpoint.file_sha256(path) for path in folder.glob("*.safetensors")}
    state = {"step": 4, "epoch": 1.0, "attempt": 1, "build": whole, "sha256": sums, "optimizer": plain}
    (folder / "state.json").write_bytes(msgspec.json.encode(state))
    return folder


SHAPES = {
    "other shape": ({"0.exp_avg": torch.zeros(7, 7)}, {"plain": {}}, r"has the shape \(7, 7\) instead of \(2, 3\)"),
    "no such weight": ({"9.exp_avg": torch.zeros(2, 3)}, {"plain": {}}, "there is no weight 9"),
    "no number": ({"one.exp_avg": torch.zeros(2, 3)}, {"plain": {}}, "invalid literal"),
    "no plain": ({}, {"groups": []}, "plain"),
    "odd plain": ({}, {"plain": [1]}, "items"),
}


@pytest.mark.parametrize(("tensors", "plain", "said"), SHAPES.values(), ids=SHAPES)
def test_that_momenta_of_another_network_are_refused_before_a_step(run: Run, tensors: Any, plain: Any, said: str) -> None:
    folder = put(run, tensors, plain)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2, 3))])
    assert checkpoint.is_valid(folder)
    with pytest.raises(Refused, match=rf"does not hold the momenta of this network: .*{said}"):
        checkpoint.load_optimizer(folder, checkpoint.read_state(folder), optimizer)
    assert not optimizer.state


@pytest.mark.parametrize(
    "build",
    [
        {"name": "hf-hub:timm/resnet18"},
        {"name": "timm", "options": {"variant": "local-dir:/tmp"}},
        {"name": "timm", "options": {"variant": 7}},
        {"name": "small_cnn", "options": {"width": 10**9}},
        {"name": "small_cnn", "options": {"width": "wide"}},
        {"name": "vit", "options": {"width": 1e12}},
        {"classes": 10**12},
        {"size": -1},
        {"channels": 10**6},
        {"name": "os.system"},
    ],
)
def test_that_a_network_that_nobody_can_build_is_refused_without_memory_or_net(
    run: Run, build: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was reached"))
    with pytest.raises(Refused, match=r"state\.json describes no network that can be built \(.+\); take another checkpoint"):
        checkpoint.network_of(put(run, {}, {}, **build))


def lying(header: bytes, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header


TENSORS = {
    "no end": lying(b"{}", 2**63),
    "beyond the file": lying(b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'),
    "backwards": lying(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}') + bytes(8),
    "overlap": lying(b"{%s}" % b",".join(b'"%c":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}' % name for name in b"ab"))
    + bytes(4),
    "overflow": lying(b'{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,4]}}') + bytes(4),
    "deep": lying(b'{"a":' * 5000),
    "text": b"hello",
}


@pytest.mark.parametrize("content", TENSORS.values(), ids=TENSORS)
def test_that_tensors_that_are_not_there_are_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    folder = put(run, {}, {"plain": {}})
    for path in (folder / "model.safetensors", folder / "optimizer.safetensors", tmp_path / "a.safetensors"):
        path.write_bytes(content)
    state = State(4, 1.0, 1, Build("small_cnn", 10, 1, 8), {"model.safetensors": ""}, {"plain": {}})
    with pytest.raises(Refused, match="does not hold the weights"):
        checkpoint.load_model(folder, torch.nn.Linear(2, 2))
    with pytest.raises(Refused, match="cannot be read"):
        checkpoint.load_weights(folder)
    with pytest.raises(Refused, match="does not hold the momenta"):
        checkpoint.load_optimizer(folder, state, torch.optim.SGD([torch.nn.Parameter(torch.ones(1))]))
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        imported.read(tmp_path / "a.safetensors")


ODD_VARIANTS = ("hf-hub:timm/resnet18", "hf_hub:a/b", "local-dir:/tmp", "timm/resnet18", "http://a/b", "", "\0")


@pytest.mark.parametrize("name", ODD_VARIANTS)
def test_that_no_name_of_a_network_reaches_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was reached"))
    monkeypatch.setattr("timm.create_model", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(ValueError, match=r"variant: timm has no model .*; the nearest names are "):
        timm_models.timm(10, 3, 32, variant=name)


# ---- pictures and tables ----------------------------------------------------------------------------------------------------


def test_that_a_picture_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(2**40)  # a hole: no disk
    with pytest.raises(Unreadable, match="it has more than the 1024 MiB that are read of it"):
        decode(tmp_path / "a.png", 8, "rgb")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(Unreadable, match="no file but a pipe"):
        decode(tmp_path / "b.png", 8, "rgb")


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_that_pictures_of_any_shape_become_squares(tmp_path: Path, size: tuple[int, int]) -> None:
    from PIL import Image

    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    found = decode(tmp_path / "a.png", 8, "rgb")
    assert found.pixels_CHW.shape == (3, 8, 8) and found.pixels_CHW[:, 4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "file,label\n" + "a" * 200_000 + ",cat\n",
        "file,label\na\0b.png,cat\n",
        "file,label\n../../../etc/passwd,cat\n/dev/zero,dog\n",
        "file|label\na.png|cat\n",
        'file,label\n"a.png,cat\n',
        "\ufefffile,label",
        "=cmd|' /C calc'!A0,label\na.png,cat\n",
    ],
)
def test_that_an_odd_table_of_labels_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(RecipeError, match=r"data\.path: .*labels\.csv .+"):
        label_file.find(tmp_path / "labels.csv", lambda done, total: None)


def test_that_a_table_beyond_measure_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RecipeError, match="more than the 256 MiB"):
        label_file.find(tmp_path / "labels.csv", lambda done, total: None)


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\tx", "\r=x"])
def test_that_no_cell_is_a_formula(run: Run, tmp_path: Path, text: str) -> None:
    said = events.Measured(elapsed_s=2.0, step=1, epoch=0.1, values={text: 0.5})
    tables.write(tmp_path, toys.tell(run, toys.started(), toys.stepped(1), said))
    for name, column in (("metrics.csv", 4), ("metrics-wide.csv", None)):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.reader(file))
        assert f"'{text}".replace("\r", " ") in (rows[0] if column is None else [row[column] for row in rows])
        assert not any(cell.startswith(words.FORMULA) for row in rows for cell in row)
    assert [words.cell(one) for one in ("-1.5", "+1e9", "-inf", "cat", "")] == ["-1.5", "+1e9", "-inf", "cat", ""]
