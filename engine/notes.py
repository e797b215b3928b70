"""What a person wrote about a run: tags and a note, in extras/notes.json. No event, no recipe: nothing that trains reads it."""

import contextlib

import msgspec
from msgspec import Struct

from engine import processes, reading
from engine.run import Run, cannot_be_written

LONGEST_TAG = 40  # letters


class Notes(Struct, frozen=True, omit_defaults=True):
    """Tags are words without a comma, each once, as a person wrote them."""

    tags: tuple[str, ...] = ()
    note: str = ""


NOTHING = Notes()


def tags_of(text: str) -> tuple[str, ...]:
    """ "good, wide" -> ("good", "wide")."""
    words = (" ".join(part.split())[:LONGEST_TAG] for part in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def read(run: Run) -> Notes:
    """Nothing for a run without notes, and for a file that cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return reading.json(run.folder / "extras" / "notes.json", Notes)
    return NOTHING


def write(run: Run, notes: Notes) -> None:
    """Raises Refused where it cannot be written."""
    run.refuse_links()
    path = run.folder / "extras" / "notes.json"
    try:
        path.parent.mkdir(exist_ok=True)
        processes.clear_asides(path.parent)
        processes.write_aside(path, msgspec.json.encode(notes))
    except OSError as error:
        raise cannot_be_written(path, error) from None
