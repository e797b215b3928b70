"""Where networks look, as pictures within the page: the probe pictures and the newest maps of each generation, PNG in the text.

Shapes: P pictures, h and w of a map, S px of a tile.
"""

import base64
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.heat import coloured
from engine.reports.gathered import Gathered, Seen
from engine.reports.page import Html, element

SHOWN, TILE, GAP = 8, 80, 4
ROOM = 1_000_000  # bytes of all pictures together: a page that is sent about stays small
ROWS = 6  # generations at most
Bytes = NDArray[np.uint8]


def maps(found: Gathered) -> Iterator[Html]:
    """A strip of the pictures, then one of the maps of each generation's first seed; nothing without maps."""
    seen = [one for generation in found.generations for one in found.of(generation)[:1] if _newest(one)]
    chosen = seen[: ROWS - 1] + seen[-1:] if len(seen) > ROWS else seen
    room = ROOM
    pictures = next(filter(None, (_read(one, "probe-pictures") for one in chosen)), {}).get("pictures")
    if pictures is None:
        return
    for title, tiles in [("The pictures", _pictures(pictures)), *((_title(one), _heat(one)) for one in chosen)]:
        strip = _strip(title, tiles) if len(tiles) else None
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
        with np.load(one.run.folder / Path(kept[-1].path), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _title(one: Seen) -> str:
    kept = [artifact for artifact in one.state.artifacts if artifact.kind == _newest(one)]
    return f"F{one.generation}, seed {one.seed}, step {kept[-1].step}"


def _pictures(pictures_PCHW: Bytes) -> list[Bytes]:
    rgb_PHW3 = np.moveaxis(pictures_PCHW[:SHOWN], 1, 3)
    return list(np.repeat(rgb_PHW3, 3, axis=3) if rgb_PHW3.shape[3] == 1 else rgb_PHW3[..., :3])


def _heat(one: Seen) -> list[Bytes]:
    """Attention is the mean over the heads; each map from nothing to its own largest value."""
    maps = _read(one, _newest(one)).get("student")
    if maps is None:
        return []
    maps_Phw = maps[:SHOWN].astype(np.float64)
    return list(coloured(maps_Phw.mean(1) if maps_Phw.ndim == 4 else maps_Phw))


def _strip(title: str, tiles: Sequence[Bytes]) -> Html:
    whole = Image.new("RGBA", (len(tiles) * (TILE + GAP) - GAP, TILE), (0, 0, 0, 0))
    for place, tile in enumerate(tiles):
        whole.paste(Image.fromarray(tile).resize((TILE, TILE), Image.Resampling.NEAREST), (place * (TILE + GAP), 0))
    content = io.BytesIO()
    whole.save(content, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    size = {"width": whole.width, "height": whole.height}
    picture = element("img", src=source, alt=title, **size)
    return element("figure", element("figcaption", title), element("div", picture, class_="maps"))
