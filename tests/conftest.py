"""What every test shares: nothing of a person's own is touched, whatever is tested."""

import signal
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def away_from_the_person_at_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leases are host-wide and the default workspace is the user's: tests, and the processes they start, have their own."""
    place = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(place))
        patch.setattr(tempfile, "tempdir", str(place))
        for kind in ("DATA", "STATE", "CONFIG", "CACHE"):
            patch.setenv(f"XDG_{kind}_HOME", str(place / kind.lower()))
        patch.delenv("LC_ALL", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard() -> Iterator[None]:
    """Under nohup, or in the background of a script, a shell leaves these ignored, here and in every process we start."""
    ours = {signal.SIGINT: signal.default_int_handler, getattr(signal, "SIGHUP", signal.SIGTERM): signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
