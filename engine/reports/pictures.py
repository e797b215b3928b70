"""Where networks look, as pictures within the page: the probe pictures and the newest maps of each generation, PNG in the text.

Shapes: P pictures.
"""

import base64
import io
from collections.abc import Iterator
from typing import Any

from engine import arrays, tiles
from engine.reports.gathered import Gathered, Seen
from engine.reports.page import Html, element
from engine.tiles import Bytes

SHOWN = 8
ROOM = 1_000_000  # bytes of all pictures together: a page that is sent about stays small
ROWS = 6  # generations at most


def maps(found: Gathered) -> Iterator[Html]:
    """A strip of the pictures, then one of the maps of each generation's first seed; nothing without maps."""
    seen = [one for generation in found.generations for one in found.of(generation)[:1] if _newest(one)]
    chosen = seen[: ROWS - 1] + seen[-1:] if len(seen) > ROWS else seen
    room = ROOM
    pictures = next(filter(None, (_read(one, "probe-pictures") for one in chosen)), {}).get("pictures")
    if pictures is None:
        return
    for title, row in [("The pictures", tiles.pictures(pictures[:SHOWN])), *((_title(one), _heat(one)) for one in chosen)]:
        strip = _strip(title, row) if len(row) else None
        if strip is not None and len(strip) < room:
            room -= len(strip)
            yield strip


def kind(found: Gathered) -> str:
    """ "attention" or "evidence", as the newest maps are; empty without any."""
    return next((artifact for one in reversed(found.runs) if (artifact := _newest(one))), "")


def _newest(one: Seen) -> str:
    """What kind of maps the run kept."""
    kinds = {artifact.kind for artifact in one.state.artifacts}
    return next((kind for kind in ("attention", "evidence") if kind in kinds), "")


def _read(one: Seen, kind: str) -> dict[str, Any]:
    """The newest artifact of a kind; empty if there is none that can be read."""
    kept = [artifact for artifact in one.state.artifacts if artifact.kind == kind]
    if not kept:
        return {}
    try:
        return arrays.read(one.run.folder / kept[-1].path)
    except (OSError, ValueError):
        return {}


def _title(one: Seen) -> str:
    kept = [artifact for artifact in one.state.artifacts if artifact.kind == _newest(one)]
    return f"F{one.generation}, seed {one.seed}, step {kept[-1].step}"


def _heat(one: Seen) -> list[Bytes]:
    maps = _read(one, _newest(one)).get("student")
    return [] if maps is None else tiles.heat(maps[:SHOWN])


def _strip(title: str, row: list[Bytes]) -> Html:
    whole = tiles.rows([row])
    content = io.BytesIO()
    whole.save(content, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    size = {"width": whole.width, "height": whole.height}
    picture = element("img", src=source, alt=title, **size)
    return element("figure", element("figcaption", title), element("div", picture, class_="maps"))
