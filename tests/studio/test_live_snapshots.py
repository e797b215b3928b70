"""Which maps there are, and reading them from a folder that may be damaged."""

from pathlib import Path

import numpy as np
import pytest
import recorded
from followed import follow

from engine import events
from engine.run import Run
from engine.state import RunState
from studio import live_curves, live_pages, live_snapshots
from studio.live_pages import PAGES
from studio.live_snapshots import Shelf, Unreadable
from studio.session import Followed

LOSS = PAGES["objective"]


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def save(run: Run, kind: str, step: int, attempt: int = 1, **arrays: np.ndarray) -> str:
    (run.folder / "artifacts").mkdir(exist_ok=True)
    path = f"artifacts/a{attempt:02d}-step{step:08d}-{kind}.npz"
    np.savez(run.folder / path, **arrays)
    recorded.write(run, events.ArtifactSaved(step=step, epoch=step / 5, kind=kind, path=path, size=1, sha256=""))
    return path


def test_that_snapshots_leave_out_what_a_resume_abandoned(chain: list[Run]) -> None:
    run = chain[0]
    recorded.begin(run)
    recorded.prepare(run)
    for step in (5, 10, 15):
        save(run, "evidence", step)
    save(run, "predictions-test", 15)
    recorded.begin(run, attempt=2, resumed_from=10)
    save(run, "evidence", 20, attempt=2)
    state = follow(run).state
    assert [(one.step, one.attempt) for one in live_snapshots.snapshots(state)] == [(5, 1), (10, 1), (20, 2)]
    assert live_snapshots.moment_words(live_snapshots.snapshots(state)[1]) == "Epoch 2, step 10"
    assert live_curves.places_of(state, [5, 20], "epoch").tolist() == [1.0, 4.0]


@pytest.mark.parametrize(("x", "place"), [(-3, 0), (12, 1), (13, 2), (99, 2)])
def test_that_the_nearest_snapshot_is_found(x: float, place: int) -> None:
    assert live_curves.nearest(np.array([5.0, 10.0, 15.0]), x) == place


PICTURES = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)


def test_that_probe_pictures_and_maps_are_read(chain: list[Run]) -> None:
    run = chain[0]
    path = save(run, "probe-pictures", 0, pictures=PICTURES, labels=np.array([3, 4]))
    probe = live_snapshots.read_probe(run.folder, path)
    assert probe.pictures.shape == (2, 1, 8, 8) and probe.labels == (3, 4)
    maps = np.ones((2, 4, 4), dtype=np.float16)
    maps[0, 0, 0] = np.nan
    path = save(run, "evidence", 5, student=maps, student_class=np.array([3, 9]), student_confidence=np.array([0.9, 0.4]))
    looks = live_snapshots.read_looks(run.folder, path, "evidence", 2)
    assert looks.student.shape == (2, 1, 4, 4) and looks.teacher is None and looks.overlap is None
    assert np.isfinite(looks.student).all()


def test_that_nothing_outside_the_run_is_opened(chain: list[Run], tmp_path: Path) -> None:
    np.savez(tmp_path / "secret.npz", pictures=PICTURES, labels=np.array([3, 4]))
    for path in ("../secret.npz", str(tmp_path / "secret.npz"), "artifacts/../../secret.npz"):
        with pytest.raises(Unreadable, match="lies outside the run's folder"):
            live_snapshots.read_probe(chain[0].folder, path)


def test_that_a_link_out_of_the_run_is_not_followed(chain: list[Run], tmp_path: Path) -> None:
    np.savez(tmp_path / "secret.npz", pictures=PICTURES, labels=np.array([3, 4]))
    try:
        (chain[0].folder / "link.npz").symlink_to(tmp_path / "secret.npz")
    except OSError:
        pytest.skip("links need a privilege here")
    with pytest.raises(Unreadable, match="outside"):
        live_snapshots.read_probe(chain[0].folder, "link.npz")


def test_that_a_missing_or_damaged_file_is_a_sentence(chain: list[Run]) -> None:
    run = chain[0]
    with pytest.raises(Unreadable, match=r"artifacts/none\.npz is missing"):
        live_snapshots.read_probe(run.folder, "artifacts/none.npz")
    path = save(run, "evidence", 5, student=np.ones((2, 4, 4)))
    whole = (run.folder / path).read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2], b"\x80\x04N."):
        (run.folder / path).write_bytes(content)
        with pytest.raises(Unreadable, match="damaged"):
            live_snapshots.read_looks(run.folder, path, "evidence", 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {"student": np.ones((3, 4, 4))},
        {"student": np.ones((2, 3, 4, 4))},
        {"student": np.ones((2, 0, 4))},
        {"teacher": np.ones((2, 4, 4))},
        {"student": np.ones((2, 4, 4)), "student_class": np.ones(5)},
    ],
)
def test_that_arrays_of_another_shape_are_a_sentence(chain: list[Run], arrays: dict[str, np.ndarray]) -> None:
    path = save(chain[0], "evidence", 5, **arrays)
    with pytest.raises(Unreadable):
        live_snapshots.read_looks(chain[0].folder, path, "evidence", 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"pictures": PICTURES},
        {"pictures": PICTURES.astype(float), "labels": np.zeros(2)},
        {"pictures": PICTURES[:, [0, 0]], "labels": np.zeros(2)},
        {"pictures": PICTURES, "labels": np.zeros(3)},
        {"pictures": PICTURES[:, :, :0], "labels": np.zeros(2)},
    ],
)
def test_that_pictures_of_another_shape_are_a_sentence(chain: list[Run], arrays: dict[str, np.ndarray]) -> None:
    path = save(chain[0], "probe-pictures", 0, **arrays)
    with pytest.raises(Unreadable, match="does not hold the probe pictures"):
        live_snapshots.read_probe(chain[0].folder, path)


def test_that_the_shelf_reads_a_file_once_and_keeps_only_so_many(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run, shelf, read = chain[0], Shelf(most=2), []
    paths = [save(run, "evidence", step, student=np.ones((2, 4, 4))) for step in (5, 10, 15)]
    original = live_snapshots.read_arrays
    monkeypatch.setattr(live_snapshots, "read_arrays", lambda folder, path: read.append(path) or original(folder, path))
    recorded.begin(run)
    snapshots = follow(run).state.artifacts
    for place in (0, 0, 1, 0, 2, 1):
        shelf.looks(run.folder, snapshots[place], 2)
    assert read == [paths[0], paths[1], paths[2], paths[1]] and len(shelf) == 2


def test_that_the_tail_of_a_file_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with pytest.raises(Unreadable, match=r"engine\.log is not there"):
        live_snapshots.tail_of(log)
    log.write_bytes(b"first line\nsecond \xff\nthird\n")
    assert live_snapshots.tail_of(log) == "first line\nsecond \ufffd\nthird\n"
    assert live_snapshots.tail_of(log, most=12) == "third\n"


def test_that_an_empty_state_needs_no_special_case(tmp_path: Path) -> None:
    run = Run(tmp_path / "nothing")
    state, one = RunState(), Followed(run, run.tail())
    assert live_snapshots.snapshots(state) == [] and live_curves.events(one, "time") == [] and live_pages.pages(state) == []
    assert live_curves.convert(state, 3.0, "step", "epoch") == 0.0 and live_curves.extras(LOSS, state) == []
