"""The door: `python -m studio [WORKSPACE]` opens the window, `python -m studio --render OUT WORKSPACE` draws its pages.

Exit codes: 0 done, 1 failed, 2 refused.
"""

import argparse
import contextlib
import locale
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported when needed, so that --help answers at once
    from PySide6.QtWidgets import QApplication

    from studio.main_window import MainWindow

REFUSED = 2
BETWEEN_PAGES_MS = 400  # a page takes 50 to 300 ms to make; what is clicked meanwhile comes first


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    problem = _problem(asked)
    if problem:
        print(f"filial: {problem}", file=sys.stderr)  # noqa: T201
        return REFUSED
    try:
        return _render(asked) if asked.render else _open(asked)
    except Exception as error:  # the process's door
        traceback.print_exc()
        print(f"filial: the window failed: {error or type(error).__name__}. Training is not touched by that", file=sys.stderr)  # noqa: T201
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studio", description="The window of Filial.")
    parser.add_argument("workspace", nargs="?", type=Path, metavar="WORKSPACE", help="a folder of runs, or one run")
    parser.add_argument("--render", type=Path, metavar="OUT", help="draw the pages into this folder, without a display")
    parser.add_argument("--view", action="append", metavar="NAME", help="draw only this page (default: all but welcome)")
    parser.add_argument("--theme", choices=("system", "light", "dark"), help="instead of the chosen one")
    parser.add_argument("--scale", type=float, metavar="FACTOR", help="UI scale from 0.8 to 2, instead of the chosen one")
    parser.add_argument("--size", type=_size, default=(1440, 900), metavar="WxH", help="of the pictures (default 1440x900)")
    return parser


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{3,5})x(\d{3,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it like 1280x720")
    return int(found[1]), int(found[2])


def _problem(asked: argparse.Namespace) -> str:
    """Why nothing can be opened, in a sentence; empty if something can."""
    folder: Path | None = asked.workspace
    if asked.render:
        if folder is None:
            return "--render needs a WORKSPACE to draw"
        return "" if folder.is_dir() else f"there is no folder {folder} to draw"
    if folder is not None and folder.exists() and not folder.is_dir():
        return f"{folder} is a file; a workspace is a folder with runs in it"
    if folder is not None and not folder.parent.is_dir() and not _is_default(folder):
        return f"there is no folder {folder.parent}, so nothing can be at {folder}"
    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))):
        return "there is no display to open a window on; `python -m studio --render OUT WORKSPACE` draws without one"
    return ""


def _is_default(folder: Path) -> bool:
    """The user's own workspace is made with its first run, whatever is missing above it."""
    from engine.run import default_workspace

    return folder.resolve() == default_workspace().resolve()


def _open(asked: argparse.Namespace) -> int:
    """The window, until it is closed."""
    app = _application(asked)
    from engine.run import default_workspace
    from studio.main_window import MainWindow
    from studio.session import Session

    folder = (asked.workspace or default_workspace()).resolve()
    is_run = (folder / "recipe.toml").is_file()
    session = Session(folder.parent if is_run else folder)
    window = MainWindow(session)
    window.restore_place()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.leave())  # runs at the session's next tick, when Python has its turn
    sys.excepthook = _telling(window.say)
    window.show()
    session.start()
    if is_run:
        window.show_run(folder.name)
    _make_ready(window)
    return app.exec()


def _make_ready(window: "MainWindow") -> None:
    """The first screen is painted; the other pages are made one by one while nobody asks anything of it."""
    from PySide6.QtCore import QTimer

    def make_one() -> None:
        if not window.make_next_page():
            pause.stop()

    pause = QTimer(window)
    pause.setInterval(BETWEEN_PAGES_MS)
    pause.timeout.connect(make_one)
    pause.start()


def _render(asked: argparse.Namespace) -> int:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = _application(asked)
    from PySide6.QtCore import QSize, qInstallMessageHandler

    from studio.render import pages, render

    known = pages()
    if unknown := [name for name in asked.view or () if name not in known]:
        print(f"filial: there is no page {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)  # noqa: T201
        return REFUSED
    qInstallMessageHandler(_without_platform_noise)
    folder = asked.workspace.resolve()
    for path in render(app, folder, asked.render, QSize(*asked.size), asked.view or known[1:]):
        print(path)  # noqa: T201
    return 0


def _application(asked: argparse.Namespace) -> "QApplication":
    """Qt, dressed; numbers stay in the C locale, which Qt would change for everybody in the process."""
    from PySide6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    locale.setlocale(locale.LC_NUMERIC, "C")
    app.setApplicationName("Filial")
    app.setApplicationDisplayName("Filial")
    app.setDesktopFileName("filial")
    from studio import preferences, theme

    app.setWindowIcon(theme.application_icon())
    chosen = preferences.load()
    theme.apply(app, asked.theme or chosen.theme, asked.scale or chosen.scale)
    return app


def _without_platform_noise(kind: object, context: object, text: str) -> None:
    """Off screen Qt says at every change of a window's least size that it cannot pass it on."""
    if "propagateSizeHints" not in text:
        print(text, file=sys.stderr)  # noqa: T201


def _telling(say: Callable[[str], None]) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """What goes wrong inside a click or a timer ends neither the window nor the training, and is said in both places."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        with contextlib.suppress(Exception):
            say(f"Something in the window went wrong ({kind.__name__}: {error}). Training is not touched by that.")

    return hook


if __name__ == "__main__":
    sys.exit(main())
