"""A run's folder from a stranger: whatever lies in it is read, or refused in words. Nothing hangs, swells or runs."""

import io
import json
import os
import pickle
import socket
import tempfile
import tomllib
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import arrays, checkpoint, commands, events, notes, reading, recipe
from engine.commands import Stop
from engine.fields import RecipeErrors
from engine.lineages import predictions_of
from engine.predictions import ComparisonError, read_predictions
from engine.queue import Queue
from engine.run import Observer, Refused, Run, Workspace, sources_of, teacher_of
from engine.state import METRICS, RunState

# Values that stand where others should: by kind, beyond any range, and as deep as Python bears and deeper.
DEEP = b"[" * 100_000
ODD_JSON = (b"", b"\0", b"null", b"[]", b"0", b'"x"', b"\xff\xfe{}", b'{"a":' * 50_000, DEEP, DEEP + b"]" * 100_000)
WORDS = st.sampled_from(sorted({name for kind in events.AnyEvent.__args__ for name in kind.__struct_fields__}))
NUMBERS = st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.sampled_from((1e308, -0.0, 5e-324, 2**53)))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
KINDS = [kind.__struct_config__.tag for kind in events.AnyEvent.__args__]
FIELDS = st.dictionaries(WORDS, JSON | NUMBERS, max_size=9)
EVENTS = st.builds(lambda kind, rest: {**rest, "type": kind}, st.sampled_from(KINDS), FIELDS)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return toys.runs(tmp_path / "runs")[0]


def put(run: Run, name: str, content: bytes) -> Path:
    path = run.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---- what is no file --------------------------------------------------------------------------------------------------------


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.symlink_to(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, tempfile.TemporaryDirectory() as near:  # its path has a hundred letters at most
        made.bind(f"{near}/s")
        Path(near, "s").rename(path)


@pytest.mark.parametrize("kind", [pipe, endless, circle, listening, Path.mkdir])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_that_nothing_waits_for_what_is_no_file(run: Run, kind: Callable[[Path], None]) -> None:
    folder = toys.put_checkpoint(run, 4)
    for path in (
        *(run.folder / name for name in ("events.jsonl", "status.json", "data.json", "effective.toml", "engine.log")),
        *(folder / name for name in ("state.json",)),
    ):
        kind(path)
    (run.folder / "extras").mkdir()
    kind(run.folder / "extras" / "notes.json")
    (run.folder / "commands").mkdir()
    kind(run.folder / "commands" / "20260101T000000Z-a-1-0.json")
    assert run.state().count == run.summary().count == run.ending().count == 0
    assert run.status() is None and not checkpoint.is_valid(folder) and notes.read(run) == notes.NOTHING
    assert commands.read(run.folder / "commands", set()) == []
    assert Observer().state_of(run) == "queued"
    for read in (run.data, run.effective):
        if kind is not circle:  # which counts as not there
            with pytest.raises((OSError, ValueError)):
                read()


def test_that_a_pipe_among_the_tensors_is_no_checkpoint(run: Run) -> None:
    state = {"step": 4, "epoch": 1.0, "attempt": 1, "build": {"name": "small_cnn", "classes": 10, "channels": 1, "size": 8}}
    put(run, "checkpoints/step-00000004/state.json", json.dumps({**state, "sha256": {"model.safetensors": "0"}}).encode())
    os.mkfifo(run.folder / "checkpoints" / "step-00000004" / "model.safetensors")
    assert checkpoint.newest_valid(run) is None
    with pytest.raises(Refused, match="damaged"):
        checkpoint.chosen(run, None)


@pytest.mark.parametrize("name", ["../../../elsewhere.safetensors", "/dev/zero", "a/b.safetensors", "state.json", ""])
def test_that_the_tensors_of_a_checkpoint_lie_in_its_folder(run: Run, name: str) -> None:
    state = {"step": 4, "epoch": 1.0, "attempt": 1, "build": {"name": "small_cnn", "classes": 10, "channels": 1, "size": 8}}
    put(run, "checkpoints/step-00000004/state.json", json.dumps({**state, "sha256": {name: "0"}}).encode())
    assert not checkpoint.is_valid(run.folder / "checkpoints" / "step-00000004")


# ---- JSON -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ODD_JSON, ids=range(len(ODD_JSON)))
def test_that_no_json_whatever_stops_a_reader(run: Run, content: bytes) -> None:
    for name in ("status.json", "extras/notes.json", "commands/a.json", "checkpoints/step-00000004/state.json"):
        put(run, name, content)
    put(run, "events.jsonl", content + b"\n" + events.to_line(toys.started()))
    assert run.status() is None and notes.read(run) in (notes.NOTHING, notes.Notes())
    assert commands.read(run.folder / "commands", set()) == []
    assert not checkpoint.is_valid(run.folder / "checkpoints" / "step-00000004")
    assert run.state().attempt == run.summary().attempt == 1
    put(run, "data.json", content)
    with pytest.raises(RecipeErrors, match=r"data\.json: is damaged"):
        run.data()
    (run.workspace / "queue.json").write_bytes(content)
    with pytest.raises(Refused, match="Mend it, or delete it"):
        Queue(Workspace(run.workspace)).names()


@pytest.mark.parametrize("field", ["classes", "split", "counts", "mean", "size", "cache", "evaluated", "channels"])
def test_that_data_json_says_what_it_should_or_is_damaged(run: Run, field: str) -> None:
    wrong = [7] if field in ("classes", "split", "counts", "cache", "evaluated") else "seven"
    put(run, "data.json", json.dumps({field: wrong}).encode())
    toys.tell(run, toys.started(), toys.finished())
    with pytest.raises(RecipeErrors, match=rf"is damaged.*\$\.{field}.*bring the file back"):
        run.data()


def test_that_a_damaged_data_json_is_named_by_what_compares(run: Run) -> None:
    put(run, "data.json", b'{"split": "none"}')
    saved = events.ArtifactSaved(step=4, kind="predictions-test", path="artifacts/a.npz", size=1, sha256="")
    toys.tell(run, toys.started(), saved, toys.finished())
    with pytest.raises(ComparisonError, match=r"data\.json: is damaged"):
        predictions_of(run, run.state())


# ---- events -----------------------------------------------------------------------------------------------------------------


def shown(state: RunState) -> None:
    """What every view asks of a state."""
    assert np.isfinite(list(state.values.values()) or [0]).all()
    state.best(state.headline)
    for curve in state.curves.values():
        assert (np.diff(curve.times) > -np.inf).all() and curve.steps.min() >= 0
    assert all(-1 < line.time < 2**38 for line in state.log)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(EVENTS, max_size=6))
def test_that_no_events_whatever_stop_a_reader(told: list[dict[str, Any]]) -> None:
    state = RunState()
    for one in told:
        event = events.from_line(json.dumps(one).encode())
        if event is not None:
            state.fold(event)
            assert events.from_line(events.to_line(event)) == event
    shown(state)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=60) | EVENTS.map(lambda one: json.dumps(one).encode()), max_size=8), st.integers(1, 50))
def test_that_lines_are_cut_alike_in_whatever_pieces_they_come(told: list[bytes], size: int) -> None:
    whole, cut = b"\n".join(told), reading.Lines()
    found = b""
    for at in range(0, len(whole), size):
        piece = whole[at : at + size]
        found += cut.of(piece) + b"\n" * (b"\n" in piece)
        assert len(found) + cut.pending == at + len(piece)
    assert found + whole.rpartition(b"\n")[2] == whole


@pytest.mark.parametrize(
    ("field", "value"),
    [("step", -1), ("step", 10**400), ("epoch", 1e308), ("elapsed_s", -5.0), ("elapsed_s", 1e300), ("epoch", float("inf"))],
)
def test_that_a_number_that_no_run_has_makes_its_line_unreadable(run: Run, field: str, value: float) -> None:
    odd = json.dumps({"type": "step_taken", "step": 2, "epoch": 0.2, "values": {"train/loss": 1.0}, field: value}).encode()
    put(run, "events.jsonl", events.to_line(toys.started()) + odd + b"\n" + events.to_line(toys.stepped(3)))
    state = run.state()
    assert (state.step, state.unreadable) == (3, 1)


@pytest.mark.parametrize(
    "path",
    ["../a.npz", "/etc/passwd", "artifacts/../../a.npz", "..", "", "a\\..\\b", "C:a.npz", "a\0b", "a//b", "a" * 2000],
)
def test_that_an_artifact_outside_the_folder_is_not_believed(path: str) -> None:
    saved = {"type": "artifact_saved", "step": 1, "kind": "attention", "path": path, "size": 1, "sha256": ""}
    assert events.from_line(json.dumps(saved).encode()) is None
    assert events.from_line(json.dumps({**saved, "path": "artifacts/a01-step00000001-..b.npz"}).encode()) is not None


def test_that_a_line_without_end_takes_no_memory(run: Run) -> None:
    with run.events_path.open("wb") as file:
        file.write(events.to_line(toys.started()))
        file.truncate(60 * 2**20)  # a hole: no disk
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + events.to_line(toys.stepped(3)))
    tracemalloc.start()
    for folded in (run.summary(), run.state()):
        assert folded.step == 3
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert folded.unreadable == 1 and most < 4 * reading.LINE


def test_that_names_of_metrics_do_not_fill_the_memory(run: Run) -> None:
    steps = [toys.events.StepTaken(step=n, epoch=0, values={f"{n}/{k}": 1.0 for k in range(700)}) for n in range(1, 4)]
    state = toys.tell(run, toys.started(), *steps).state()
    assert len(state.curves) == METRICS and state.unreadable == 3 * 700 - METRICS


@pytest.mark.parametrize("changed", [{"pid": -1}, {"pid": 10**30}, {"step": -1}, {"beat": 10**30}, {"started": "now"}])
def test_that_a_status_of_no_process_is_none(run: Run, changed: dict[str, Any]) -> None:
    toys.put_status(run, **changed)
    assert run.status() is None and not run.kill() and Observer().state_of(run) == "queued"


def test_that_a_command_beyond_measure_is_not_read(run: Run) -> None:
    put(run, "commands/a.json", b'{"type":"stop","id":"' + b"a" * 2**17 + b'"}')
    commands.post(run.folder / "commands", Stop())
    assert [type(one) for one in commands.read(run.folder / "commands", set())] == [Stop]


# ---- names that lead elsewhere ----------------------------------------------------------------------------------------------

ELSEWHERE = ("../outside", "/tmp", "a/b", "a\\b", "C:x", "..", ".", "a\0b")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_that_neither_queue_nor_recipe_leads_out_of_the_workspace(run: Run, name: str) -> None:
    queue = Queue(Workspace(run.workspace))
    queue.path.write_text(json.dumps({"version": 1, "runs": [name]}))
    with pytest.raises(Refused, match="cannot be a run's name"):
        queue.names()
    said = json.dumps(name)
    put(run, "recipe.toml", f'version = 1\nlineage = "toy"\nteacher = {said}\n[method]\nname = "ban"\n'.encode())
    assert teacher_of(run) is None and sources_of(run) == ()
    with pytest.raises(RecipeErrors, match=r"teacher: .* cannot be a run's name; write one such as digits-s0-F1"):
        run.recipe()


# ---- TOML -------------------------------------------------------------------------------------------------------------------

ODD_TOML = {
    "deep list": "a = " + "[" * 5000 + "]" * 5000,
    "deep enough for tomlkit": "a = " + "[" * 200 + "]" * 200,
    "deep table": "[" + ".".join("a" * 20_000) + "]",
    "deep keys": "\n".join(".".join("a" * deep) + ".b = 1" for deep in range(1, 150)),
    "inline": "a = " + "{a = " * 3000 + "1" + "}" * 3000,
    "digits": "seeds = " + "9" * 5000,
    "hexadecimal": "seeds = 0x" + "f" * 5000,
    "huge": "#" * (recipe.LONGEST + 1),
    "nul": 'lineage = "\\u0000"',
    "nul itself": "lineage = '\0'",
    "dates": "lineage = 1979-05-27\nseeds = 07:32:00\ngenerations = 1979-05-27T07:32:00Z",
}


@pytest.mark.parametrize("text", ODD_TOML.values(), ids=ODD_TOML)
def test_that_no_toml_whatever_is_answered_by_anything_but_a_refusal(run: Run, text: str) -> None:
    with pytest.raises(RecipeErrors):
        recipe.read_text(text)
    put(run, "recipe.toml", text.encode())
    put(run, "effective.toml", text.encode())
    with pytest.raises(RecipeErrors, match=r"recipe\.toml"):
        run.recipe()
    assert sources_of(run) == () and Observer().state_of(run) == "queued"
    assert checkpoint.teachers_of_others(Run(run.workspace / "a")) == set()  # what another trains does not depend on it


@pytest.mark.parametrize("table", ['teacher = "toy-s0-F1"', "weights = 7", 'teacher = {run = "toy-s0-F1", step = "first"}'])
def test_that_anothers_odd_effective_toml_does_not_stop_a_run(run: Run, table: str) -> None:
    put(run, "effective.toml", f"# toy-s0-F1\n{table}\n".encode())
    assert checkpoint.teachers_of_others(Run(run.workspace / "toy-s0-F1")) == set()


SETS = st.one_of(
    st.text(st.characters(), max_size=30),  # lone surrogates too: bytes of a shell that are no UTF-8
    st.builds(
        "{}={}".format,
        st.sampled_from(("lineage", "seeds", "method", "method.name", "data.path", "a.b", "training.epochs.x", "data")),
        st.one_of(JSON.map(str), st.text(st.characters(), max_size=20), st.sampled_from(("[" * 300, "0x" + "f" * 400, "{}"))),
    ),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(SETS, max_size=2))
def test_that_no_change_whatever_is_answered_by_anything_but_a_recipe_or_a_refusal(changes: list[str]) -> None:
    try:
        file = recipe.read_text(toys.LINEAGE, changes)
    except RecipeErrors as refused:
        assert all(str(error).encode() for error in refused.errors)
    else:
        assert recipe.read_text(file.text()).recipe == file.recipe
        tomllib.loads(file.text())


ODD_NAMES = ("../x", "a/b", "a\\b", "", ".", "..", ".hidden", "-s", "CON.x", "lpt1.", "a" * 81, "a b", "é", "🐟")


@pytest.mark.parametrize("name", [*ODD_NAMES, "a\u202eb", "a\u200bb", "e\u0301"])
def test_that_a_lineage_is_a_plain_name_on_any_system(name: str) -> None:
    with pytest.raises(RecipeErrors, match="cannot name a folder; use up to 80 letters"):
        recipe.read_text(toys.LINEAGE, [f"lineage={json.dumps(name, ensure_ascii=False)}"])


# ---- arrays -----------------------------------------------------------------------------------------------------------------


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.npy", content)
    return path


def header(shape: str, kind: str = "<f4") -> bytes:
    said = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(said).to_bytes(2, "little") + said


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def pickled() -> bytes:
    whole = io.BytesIO()
    np.save(whole, np.array([Evil()], object), allow_pickle=True)
    return whole.getvalue()


ODD_ARRAYS = {
    "empty": b"",
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "huge": header("(1000000000000, 10)"),
    "a little too large": header("(3, 3)") + bytes(35),
    "a little too small": header("(3, 3)") + bytes(37),
    "below zero": header("(-3, -3)") + bytes(36),
    "no shape": header("'x'") + bytes(36),
    "no kind": header("(3,)", "<q9") + bytes(36),
    "complex": header("(3,)", "<c8") + bytes(24),
    "raw": header("(3,)", "|V4") + bytes(12),
    "deep header": header("(" * 90),
    "pickled": pickled(),
    "pickle alone": pickle.dumps(Evil()),
}


@pytest.mark.parametrize("content", ODD_ARRAYS.values(), ids=ODD_ARRAYS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::SyntaxWarning")
def test_that_arrays_that_are_not_there_take_no_memory_and_run_nothing(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = npz(tmp_path / "a.npz", probabilities=content, labels=content, index=content)
    with pytest.raises(ValueError):
        arrays.read(path)
    with pytest.raises(ComparisonError, match=r"toy: cannot read .*; leave the run out or train it again"):
        read_predictions(path, "toy", 0, 0, "")
    path.write_bytes(content)
    with pytest.raises(ValueError):
        arrays.read(path)
    assert not (tmp_path / "ran").exists()


def test_that_a_bomb_of_arrays_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2**18, np.float32))
    assert len(arrays.read(tmp_path / "a.npz")["a"]) == 2**18
    monkeypatch.setattr(arrays, "FREELY", 2**20 - 1)
    with pytest.raises(ValueError, match=r"bytes would take 1,048,704 in memory, as no run writes them"):
        arrays.read(tmp_path / "a.npz")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::SyntaxWarning")
def test_that_damage_anywhere_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    whole = io.BytesIO()
    np.savez(whole, index=np.arange(5), text=np.array(["a", "bc"]), flags=np.array([True]), empty=np.zeros((0, 3)))
    content = bytearray(whole.getvalue())
    content[place : place + len(damage)] = damage
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(content)
    try:
        found = arrays.read(path, "index", "text", "flags", "empty", kinds=arrays.NUMBERS + arrays.TEXT)
    except (OSError, ValueError):
        return
    assert all(array.size < 100 for array in found.values())


def test_that_sound_arrays_come_out_as_numpy_has_them(tmp_path: Path) -> None:
    wanted = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "big": np.array([1, 2], ">i8"),
        "text": np.array(["a", "bc"]),
        "flag": np.array(True),
        "none": np.zeros((0, 4), np.uint8),
    }
    np.savez(tmp_path / "a.npz", **wanted)
    np.savez_compressed(tmp_path / "b.npz", **wanted)
    for name in ("a.npz", "b.npz"):
        found = arrays.read(tmp_path / name, kinds=arrays.NUMBERS + arrays.TEXT)
        assert list(found) == list(wanted)
        for key, array in wanted.items():
            assert found[key].dtype == array.dtype and found[key].shape == array.shape and (found[key] == array).all()
            assert found[key].flags.writeable
    assert list(arrays.read(tmp_path / "a.npz", "flag", "a")) == ["flag", "a"]
    with pytest.raises(ValueError, match=r"text\.npy holds <U2 instead of numbers"):
        arrays.read(tmp_path / "a.npz", "text")
    with pytest.raises(ValueError, match="it has no b"):
        arrays.read(tmp_path / "a.npz", "b")
