"""What every test shares: nothing of a person's own is touched, whatever is tested."""

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
        patch.setenv("XDG_DATA_HOME", str(place / "share"))
        patch.delenv("LC_ALL", raising=False)
        yield
