"""Long runs are kept as they were folded, and what is kept is believed only while it is of these very events."""

from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
import recorded

from engine.run import Run, Tail
from engine.state import RunState
from studio import columns
from studio.session import Session

Open = Callable[[Path], Session]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that counts as long, and a cache of its own."""
    monkeypatch.setattr(columns, "LEAST", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, _ = recorded.lineage(tmp_path / "runs", "generations=1")
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 40)
    return run


def read(run: Run) -> tuple[Tail, RunState]:
    tail, state = run.tail(), RunState()
    while tail.read_into(state):
        pass
    return tail, state


def files() -> list[Path]:
    folder = platformdirs.user_cache_path("filial") / columns.FOLDER
    return sorted(folder.iterdir()) if folder.exists() else []


def told(state: RunState) -> dict[str, object]:
    return vars(state) | {"curves": {name: curve.packed() for name, curve in state.curves.items()}}


def test_that_what_is_kept_says_what_the_events_say(run: Run) -> None:
    tail, state = read(run)
    columns.keep(run, tail, state)
    found = columns.begin(run)
    assert found is not None and found[0].offset == run.events_path.stat().st_size and found[0].folded == 0
    assert told(found[1]) == told(state)


def test_that_reading_goes_on_where_it_was_kept_and_half_a_line_is_no_line(run: Run) -> None:
    with run.events_path.open("ab") as file:
        file.write(b'{"type":"warned","step":40,')
    columns.keep(run, *read(run))
    with run.events_path.open("ab") as file:
        file.write(b'"text":"late"}\n')
    recorded.steps(run, 41, 60)
    tail, state = columns.begin(run) or pytest.fail("nothing was kept")
    while tail.read_into(state):
        pass
    assert told(state) == told(read(run)[1]) and any(line.text == "late" for line in state.log)


@pytest.mark.parametrize("harm", ["another run", "shortened", "torn", "gone"])
def test_that_what_does_not_hold_is_read_again(run: Run, harm: str) -> None:
    columns.keep(run, *read(run))
    (kept,) = files()
    content = run.events_path.read_bytes()
    if harm == "another run":  # of the same name and length, after the first was thrown away
        run.events_path.write_bytes(content.replace(b'"pid":', b'"pib":', 1))
    elif harm == "shortened":
        run.events_path.write_bytes(content[:-200])
    elif harm == "torn":
        kept.write_bytes(kept.read_bytes()[:-9])
    else:
        kept.unlink()
    assert columns.begin(run) is None


def test_that_the_oldest_files_make_room(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tail, state = read(run)
    columns.keep(run, tail, state)
    monkeypatch.setattr(columns, "MOST", files()[0].stat().st_size + 1)
    other = Run(run.folder.with_name("other"))
    other.folder.mkdir()
    other.events_path.write_bytes(run.events_path.read_bytes())
    columns.keep(other, *read(other))
    assert len(files()) == 1 and columns.begin(other) is not None and columns.begin(run) is None


def test_that_what_would_push_all_others_out_is_not_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "LARGEST", 1000)
    columns.keep(run, *read(run))
    assert not files()


def test_that_a_disk_that_cannot_be_written_costs_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    columns.keep(run, *read(run))
    assert columns.begin(run) is None


def test_that_the_next_window_reads_only_what_is_new(run: Run, follow: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first = follow(run.workspace)
    assert first.chosen is not None and len(files()) == 1
    recorded.steps(run, 41, 45)
    slices: list[int] = []
    read_into = Tail.read_into

    def counting(self: Tail, state: RunState) -> int:
        slices.append(read_into(self, state))
        return slices[-1]

    monkeypatch.setattr(Tail, "read_into", counting)
    second = follow(run.workspace)
    assert second.chosen is not None and 0 < sum(slices) < 2000
    assert told(second.chosen.state) == told(read(run)[1])
