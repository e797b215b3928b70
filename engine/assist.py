"""The helper process of one window: it does what needs torch, or takes long, so that the window need not.

JSON lines on stdin and stdout. An ask is {"id": 1, "ask": "scan" | "measure" | "look" | ..., ...}; it ends with exactly one of

    {"id": 1, "answer": {...}}
    {"id": 1, "error": "a sentence", "field": "data.path"}     the field may be empty
    {"id": 1, "dropped": "cancelled" | "superseded"}

and may say {"id": 1, "progress": 0.4, "words": "120 of 300 pictures"} before. {"id": 1, "ask": "cancel"} drops an ask, also the
one under way. A newer ask supersedes those of its kind that wait, but no scan. Larger results are files in the scratch folder.

Here: hearing, taking turns, answering. What is done is in data/folder.py, cost.py and looking.py. Nothing is ever written into
a run; the process ends with its window, lets everybody else go first, and its death loses nothing.
"""

import base64
import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import msgspec

from engine import processes
from engine.fields import RecipeError, RecipeErrors
from engine.run import Refused

PROGRESS_S = 0.1  # at most so often: a window draws no faster
GRACE_S = 0.7  # what is under way when the window is gone has this long to come to its end; the window waits a second

Asked = Mapping[str, Any]
Tell = Callable[[float, str], None]  # share done and words; raises Dropped once nobody wants the answer any more


class Dropped(Exception):
    """The answer is no longer wanted."""


def scan(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """What is in a data set, before anything is trained on it."""
    table = _wanted(asked, "data", dict, "the recipe's data table")
    from engine.data.folder import scan as look_through

    return dict(look_through(table, scratch, tell, _caches(asked, scratch)))


def measure(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """What a recipe will cost, from a few real steps. A workspace's caches are used and filled if one is named."""
    from engine import recipe

    file = recipe.read_text(_wanted(asked, "recipe", str, "the text of a recipe"))
    tell(0.0, "starting")
    from engine import cost

    return cost.measure(file, _caches(asked, scratch), tell)


def savings(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """What would make a recipe cost less, and by how much. `measured`: what `measure` answered; null if no step did fit."""
    from engine import recipe

    file = recipe.read_text(_wanted(asked, "recipe", str, "the text of a recipe"))
    tell(0.0, "starting")
    from engine import savings as room

    return room.measure(file, asked.get("measured"), _caches(asked, scratch), tell)


def look(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """What networks make of a picture: {"networks": {"student": {"run": ..., "step": ..., "part": ...}}, "picture": ...}."""
    from engine import looking

    networks = _wanted(asked, "networks", dict, "the networks to ask, by name")
    chosen = {name: _network(asked, one) for name, one in networks.items()}
    return _arrays(asked, scratch, *looking.looker().look(_workspace(asked), chosen, _picture(asked, scratch)))


def neighbours(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """The training pictures that a network takes to be most like a picture."""
    from engine import looking

    network = _network(asked, _wanted(asked, "network", dict, "the network to ask"))
    return _arrays(asked, scratch, *looking.looker().neighbours(_workspace(asked), network, _picture(asked, scratch), tell))


def embed(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """Where the test pictures lie in a network's features."""
    from engine import looking

    network = _network(asked, _wanted(asked, "network", dict, "the network to ask"))
    return _arrays(asked, scratch, *looking.looker().embed(_workspace(asked), network, tell))


def preview(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """What teacher and student receive of a picture: {"recipe": text, "data": table or null, "picture": 3, "epoch": 0}.

    With "sheet" true also the first training pictures, to choose among.
    """
    from engine import preview as room
    from engine import recipe

    file = recipe.read_text(_wanted(asked, "recipe", str, "the text of a recipe"))
    picture, epoch = _wanted(asked, "picture", int, "a place"), _wanted(asked, "epoch", int, "one counted from 0")
    wish = room.Wish(picture, epoch, bool(asked.get("sheet")))
    found = room.previewer().preview(file, asked.get("data"), wish, _caches(asked, scratch), tell)
    return _arrays(asked, scratch, *found)


def fetch(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """The data table of a known set, once it has been fetched into the workspace: {"name": "cifar10", "workspace": ...}."""
    from engine import known_sets

    return {"table": known_sets.fetch(_wanted(asked, "name", str, "a known data set"), _workspace(asked) / "data", tell)}


def _workspace(asked: Asked) -> Path:
    return Path(_wanted(asked, "workspace", str, "the folder with the runs"))


def _network(asked: Asked, table: Any) -> Any:
    from engine.looking import Chosen

    try:
        return msgspec.convert(table, Chosen)
    except msgspec.ValidationError as error:
        raise Refused(f"{asked['ask']} needs networks as a run, a step and a part ({error})") from None


def _picture(asked: Asked, scratch: Path) -> Path:
    """A file of a person's own, or what came with the ask as the bytes of one."""
    picture = _wanted(asked, "picture", dict, 'a picture as {"file": path} or {"png": base64}')
    if "file" in picture:
        return Path(picture["file"])
    path = scratch / "the picture.png"
    path.write_bytes(base64.b64decode(picture.get("png", "")))
    return path


def _arrays(asked: Asked, scratch: Path, facts: dict[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers in bulk go into a file, which is the window's to remove."""
    import numpy as np

    path = scratch / f"{asked['ask']}-{asked['id']}.npz"
    np.savez(path, **arrays)
    return {**facts, "file": str(path)}


def _caches(asked: Asked, scratch: Path) -> Path:
    """Where decoded pictures are kept: beside the runs that will be trained on them, if a workspace is named."""
    return Path(asked["workspace"]) / "data" if asked.get("workspace") else scratch


VERBS: dict[str, Callable[[Asked, Path, Tell], dict[str, Any]]] = {
    "scan": scan, "measure": measure, "savings": savings, "look": look, "neighbours": neighbours, "embed": embed,
    "preview": preview, "fetch": fetch,
}  # fmt: skip
LATEST = ("measure", "savings", "look", "neighbours", "embed", "preview")  # of several that wait only the newest is wanted


def assist(scratch: Path) -> NoReturn:
    """Answer until the window closes stdin. Ends the process."""
    processes.die_with_parent()
    processes.stand_back()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the window
    scratch.mkdir(parents=True, exist_ok=True)
    with _stdout_alone() as out:
        asks = Asks(out)
        threading.Thread(target=_hear, args=(asks, sys.stdin.buffer), name="hear", daemon=True).start()
        answer_all(asks, scratch)
    sys.stderr.flush()
    os._exit(0)  # the window waits, and torch takes a second to be taken down


@contextlib.contextmanager
def _stdout_alone() -> Any:
    """The pipe to the window for us alone: whatever a library prints goes to stderr."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        yield out


def _hear(asks: "Asks", lines: Iterable[bytes]) -> None:
    asks.hear_all(lines)
    time.sleep(GRACE_S)
    os._exit(0)  # a long call into a library hears nothing, and nobody is left to wait for it


def answer_all(asks: "Asks", scratch: Path) -> None:
    """One ask after another, until there will be no more."""
    while (asked := asks.next()) is not None:
        asks.end(int(asked["id"]), _outcome(asked, scratch, asks.teller(int(asked["id"]))))


def _outcome(asked: Asked, scratch: Path, tell: Tell) -> dict[str, Any]:
    """The line that ends an ask. The process's door: the only broad `except`."""
    try:
        return {"answer": VERBS[asked["ask"]](asked, scratch, tell)}
    except Dropped:
        return {"dropped": "cancelled"}
    except RecipeErrors as errors:
        return {"error": str(errors), "field": errors.errors[0].field}
    except RecipeError as error:
        return {"error": str(error), "field": error.field}
    except (Refused, ValueError) as refusal:
        if not isinstance(refusal, Refused) and not _field_of(str(refusal)):
            traceback.print_exc()  # nobody wrote it for people
        return {"error": str(refusal), "field": _field_of(str(refusal))}
    except Exception as error:
        traceback.print_exc()
        return {"error": _in_words(error), "field": ""}


def _field_of(sentence: str) -> str:
    """The field a refusal begins with ("data.probe: 40 is outside ..."), or nothing."""
    found = re.match(r"([a-z]\w*(?:\.[a-z]\w*)*): ", sentence)
    return found[1] if found else ""


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror or error}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _wanted(asked: Asked, key: str, kind: type, words: str) -> Any:
    if not isinstance(asked.get(key), kind):
        raise Refused(f"{asked['ask']} needs {key!r}, {words}")
    return asked[key]


class Asks:
    """What was asked and is not answered yet. One thread hears, the other works: so a cancel is heard meanwhile."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[Asked] = deque()
        self._under_way: int | None = None
        self._unwanted = False  # what is under way was cancelled, or the window is gone
        self._over = False

    def hear_all(self, lines: Iterable[bytes]) -> None:
        """Hear the window until it is gone; then nothing that waits is wanted any more."""
        for line in lines:
            if line.strip():
                self.hear(line)
        with self._changed:
            self._over = self._unwanted = True
            self._changed.notify()

    def hear(self, line: bytes) -> None:
        try:
            asked = json.loads(line)
            id_, ask = asked["id"], asked["ask"]
        except (ValueError, TypeError, KeyError):
            id_ = ask = None
        if not isinstance(id_, int) or not isinstance(ask, str):
            return self._say(0, {"error": 'an ask is one line of JSON such as {"id": 1, "ask": "scan", ...}', "field": ""})
        if ask == "cancel":
            self._cancel(id_)
        elif ask in VERBS:
            self._put(asked)
        else:
            self._say(id_, {"error": f"unknown ask {ask!r}; known are {', '.join(VERBS)} and cancel", "field": ""})

    def next(self) -> Asked | None:
        """The ask whose turn it is, once there is one; None when the window is gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if self._over:
                return None
            asked = self._waiting.popleft()
            self._under_way, self._unwanted = asked["id"], False
            return asked

    def end(self, id_: int, outcome: Mapping[str, Any]) -> None:
        with self._changed:
            self._under_way = None
            self._say(id_, outcome)

    def teller(self, id_: int) -> Tell:
        said, said_at = (-1.0, ""), float("-inf")

        def tell(share: float, words: str) -> None:
            nonlocal said, said_at
            if self._unwanted:
                raise Dropped
            now = time.monotonic()
            if (share, words) != said and now - said_at >= PROGRESS_S:
                said, said_at = (share, words), now
                self._say(id_, {"progress": round(share, 4), "words": words})

        return tell

    def _put(self, asked: Asked) -> None:
        with self._changed:
            if asked["ask"] in LATEST:
                self._drop(lambda other: other["ask"] == asked["ask"], "superseded")
            self._waiting.append(asked)
            self._changed.notify()

    def _cancel(self, id_: int) -> None:
        with self._changed:
            self._drop(lambda other: other["id"] == id_, "cancelled")
            self._unwanted = self._unwanted or self._under_way == id_

    def _drop(self, unwanted: Callable[[Asked], bool], why: str) -> None:
        for asked in [asked for asked in self._waiting if unwanted(asked)]:
            self._waiting.remove(asked)
            self._say(asked["id"], {"dropped": why})

    def _say(self, id_: int, what: Mapping[str, Any]) -> None:
        with self._changed, contextlib.suppress(OSError):  # the window is gone, which stdin will tell too
            self._out.write(json.dumps({"id": id_, **what}).encode() + b"\n")
            self._out.flush()
