"""A workspace from a stranger: each run in it is sound but for one thing that no engine writes."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine import events
from engine.events import AnyEvent

SAMPLE = Path(__file__).parents[1] / "samples" / "workspace-1"
EVIL = "<img src=x><b>&amp;\"'=1+1\u202e\u200b"
NAMES = (
    "<h1>&amp;<img src=x onerror=alert(1)>",
    "=cmd|' C'!A0",
    "line\nbreak",
    "bidi\u202eexe.s0-F0",
    "e\u0301-s0-F0",
    "\u00e9-s0-F0",
    "%s%n{0}",
    "x" * 200 + "-s0-F" + "9" * 40,
    "-s\u0664-F\u0664",
    "a-s0-F0-fork1-fork99",
    *((os.fsdecode(b"bad-\xff\xfe"),) if os.name == "posix" else ()),
)


def workspace(folder: Path) -> list[Path]:
    """The folders of the runs, of which each has several things wrong, and a queue that leads elsewhere."""
    folder.mkdir()
    runs = [_copy(folder, name) for name in NAMES]
    for number, group in enumerate(TOGETHER):
        run = _copy(folder, f"odd{number}-s0-F0", lineage=f"odd{number}")
        for what in group:
            SPOILS[what](run)
        runs.append(run)
    (folder / "queue.json").write_text(json.dumps({"version": 1, "runs": ["../x"]}))
    return runs


def _copy(folder: Path, name: str, lineage: str = "sample", of: str = "sample-s0-F0") -> Path:
    run = folder / name
    shutil.copytree(SAMPLE / of, run)
    recipe = run / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('"sample"', json.dumps(lineage)))
    return run


def _append(run: Path, *told: AnyEvent | dict[str, Any] | bytes) -> None:
    with (run / "events.jsonl").open("ab") as file:
        for one in told:
            raw = one if isinstance(one, bytes) else json.dumps(one).encode() if isinstance(one, dict) else events.to_line(one)
            file.write(raw.rstrip(b"\n") + b"\n")


def _before(run: Path, *told: dict[str, Any]) -> None:
    """Told before the run ends."""
    path = run / "events.jsonl"
    *lines, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines))
    _append(run, *told, last)


def _arrays(run: Path, kind: str, **arrays: Any) -> None:
    for path in (run / "artifacts").glob(f"*{kind}.npz"):
        with np.load(path) as stored:
            whole = dict(stored)
        with path.open("wb") as file:
            np.savez(file, **{**whole, **arrays})


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(content) and None


def _extremes(run: Path) -> None:
    values = [1e100, -1e100, 5e-324, 0.0, -0.0, 1e-300, 1e308, 1e100]
    names = ("train/loss", "val/accuracy", "grad/norm", "schedule/lr", "throughput/images_per_s", "memory/gib", EVIL, "")
    for step, value in enumerate(values, 12):
        at = {"step": step, "epoch": step / 3, "elapsed_s": float(step)}
        _before(run, {"type": "step_taken", "values": dict.fromkeys(names, value), **at})
        _before(run, {"type": "measured", "split": "val", "values": dict.fromkeys(names, value), **at})


def _backwards(run: Path) -> None:
    for step in (9, 3, 3, 1, 0, 11, 2**53, 2, 2**53):
        at = {"step": step, "epoch": float(step), "elapsed_s": 2.0**36 - step % 7}
        _before(run, {"type": "step_taken", "values": {"train/loss": float(step)}, **at})
        _before(run, {"type": "checkpoint_saved", "path": f"checkpoints/step-{step:08d}", **at})
        _before(run, {"type": "measured", "split": "val", "values": {"val/accuracy": step - 5.0}, **at})


def _in_words(run: Path) -> None:
    at = {"step": 5, "epoch": 1.5}
    remedy = {"text": EVIL, "changes": {EVIL: EVIL}}
    _append(
        run,
        {"type": "started", "attempt": 2, "resumed_from_step": 5, "time": 2.0**36, "host": EVIL},
        {
            "type": "prepared",
            "total_steps": 1,
            "steps_per_epoch": 10**9,
            "epochs": 0,
            "log_every": 0,
            "device": EVIL,
        },
        {"type": "phase_began", "name": EVIL, "detail": EVIL},
        {"type": "teacher_pinned", "run": EVIL, "step": 1, "sha256": ""},
        {"type": "weights_imported", "file": EVIL, "sha256": "", "share": -1e308, "whole": False, "text": EVIL, "run": "../x"},
        {"type": "warned", "step": 5, "text": EVIL * 100},
        {"type": "changed", "step": 5, "field": EVIL, "value": EVIL},
        {"type": "changed", "step": 5, "field": "optimizer.lr", "value": 1e308},
        {"type": "command_acknowledged", "id": EVIL, "command": EVIL, "outcome": "refused", "detail": EVIL, "step": 5},
        {
            "type": "diagnosed",
            "verdict": EVIL,
            "evidence": EVIL,
            "cause": EVIL,
            **at,
            "remedies": [remedy],
        },
        {"type": "diagnosed", "verdict": "collapse", "evidence": EVIL, "cause": EVIL, "step": 2**53, "since": 2**53},
        {"type": "rolled_back", "step": 5, "to_step": 9, "verdict": EVIL, "skip": [1], "changes": {EVIL: 1}},
        {"type": "loss_not_finite", "first_step": 9, "last_step": 1, "pictures": [], "path": EVIL},
        {"type": "artifact_saved", "kind": EVIL, "path": "artifacts/x", "size": 1, "sha256": "", **at},
        {"type": "finished", "reason": "failed", "detail": EVIL},
    )


def _strange_types(run: Path) -> None:
    _append(run, b"\0" * 999, b"[" * 99_999, b"null", b"\xff\xfe", b'{"type":"step_taken","step":"one"}', b"x" * 5_000_000)


def _data(**changed: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / "data.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return spoil


def _effective(old: str, new: str) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / "effective.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return spoil


def _notes(run: Path) -> None:
    (run / "extras").mkdir()
    (run / "extras" / "notes.json").write_text(json.dumps({"tags": [EVIL, "", "a,b", "\n" * 50], "note": EVIL * 200}))


def _status(**changed: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / "status.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return spoil


def _no_files(run: Path) -> None:
    for path in [path for path in run.rglob("*") if path.is_file() and path.name != "recipe.toml"]:
        path.unlink()
        if hasattr(os, "mkfifo"):
            os.mkfifo(path)


def _links(run: Path) -> None:
    for name in ("checkpoints", "artifacts"):
        shutil.rmtree(run / name)
        (run / name).symlink_to(run, target_is_directory=True)


def _overwrite(folder: Path, content: bytes) -> None:
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_bytes(content)


def _odd_steps(run: Path) -> None:
    for name in ("\u0664", "9" * 200, "-1", ""):
        (run / "checkpoints" / f"step-{name}").mkdir()


HUGE = np.zeros((3, 7), np.float32)
SPOILS: dict[str, Callable[[Path], None]] = {
    "no recipe": _write("recipe.toml", b"\0\xff"),
    "deep recipe": _write("recipe.toml", b"a = " + b"[" * 9999),
    "recipe of a lineage": _write("recipe.toml", b'lineage = "<b>"\nteacher = 7\nmodel = [1]\nmethod = {name = "<i>&"}'),
    "empty recipe": _write("recipe.toml", b""),
    "extremes": _extremes,
    "backwards": _backwards,
    "in words": _in_words,
    "strange types": _strange_types,
    "no events": _write("events.jsonl", b""),
    "binary events": _write("events.jsonl", bytes(range(256)) * 50),
    "data of a list": _write("data.json", b"[]"),
    "odd classes": _data(classes=[EVIL] * 3, size=[0, 10**9], mean=[], std=[], counts={"train": -1}, name=EVIL),
    "no classes": _data(classes=[], split={}, cache="../../x.npz"),
    "odd evaluated": _data(evaluated={"classes": [EVIL], "counts": {}}),
    "deep effective": _write("effective.toml", b"a = " + b"[" * 9999),
    "odd effective": _write("effective.toml", b"recipe = 7\ndecided = [1]\nversions = 1979-05-27\nwhy = 'x'\nteacher = 'y'"),
    "odd versions": _effective("[versions]", "[versions]\n'<b>' = 7"),
    "odd status": _status(pid=-1),
    "elsewhere": _status(host=EVIL, boot=EVIL, step=2**53, attempt=2**53, beat=2**53),
    "odd notes": _notes,
    "no files": _no_files,
    "links": _links,
    "nothing predicted": lambda run: _arrays(run, "predictions-test", probabilities=HUGE),
    "nan predicted": lambda run: _arrays(run, "predictions-test", probabilities=np.full((539, 10), np.nan, np.float32)),
    "text predicted": lambda run: _arrays(run, "predictions-test", labels=np.array(["<b>"] * 539)),
    "other pictures": lambda run: _arrays(run, "predictions-test", index=np.arange(539) - 2**62),
    "odd probes": lambda run: _arrays(run, "probe-pictures", pictures=np.zeros((2, 5, 0, 8), np.uint8)),
    "odd labels": lambda run: _arrays(run, "probe-pictures", labels=np.full(12, 2**62)),
    "odd maps": lambda run: _arrays(run, "evidence", student=np.full((12, 1, 1), np.inf)),
    "huge maps": lambda run: _arrays(run, "evidence", student=np.full((12, 2000, 2), 1e38)),
    "complex maps": lambda run: _arrays(run, "evidence", student=np.zeros((12, 2, 2), complex)),
    "float64 maps": lambda run: _arrays(run, "evidence", student=np.full((12, 2, 2), 1e300)),
    "half labels": lambda run: _arrays(run, "predictions-test", labels=np.full(539, np.nan)),
    "text maps": lambda run: _arrays(run, "evidence", student=np.full((12, 2, 2), "<b>")),
    "damaged arrays": lambda run: _overwrite(run / "artifacts", b"PK" + bytes(99)),
    "odd checkpoints": lambda run: _overwrite(run / "checkpoints", b"[" * 9999),
    "odd steps": _odd_steps,
}
TOGETHER = (
    ("no recipe", "odd notes", "extremes", "backwards"),
    ("recipe of a lineage", "in words", "strange types", "odd classes", "odd status"),
    ("deep effective", "no classes", "nothing predicted", "odd probes", "elsewhere"),
    ("odd effective", "odd labels", "float64 maps", "text predicted"),
    ("huge maps", "nan predicted", "odd evaluated", "odd versions"),
    ("text maps", "data of a list", "odd checkpoints", "other pictures"),
    ("deep recipe", "damaged arrays", "odd steps", "binary events"),
    ("complex maps", "half labels"),
    ("empty recipe", "odd maps", "no events"),
    ("no files",),
    ("links",),
)
assert {what for group in TOGETHER for what in group} == set(SPOILS)
