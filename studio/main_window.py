"""The window: rail, pages, strip, settings. It leads from page to page and passes wishes on; nothing of training is in it.

A new panel is a module in views/ and a line in VIEWS. Its signal `go` asks for another view by name; what else views may want
of each other is told by the names of their signals, see `_grant_wishes`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import (
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine import __version__
from studio import preferences, theme, unsaved
from studio.assistant import Assistant
from studio.leaving import Leaving, what_goes_on
from studio.preferences import Preferences
from studio.recipe_model import Snapshot
from studio.session import Session
from studio.strip_model import strip_words
from studio.views.data import DataView
from studio.views.generations import GenerationsView
from studio.views.live import LiveView
from studio.views.queue import QueueView
from studio.views.recipe import RecipeView
from studio.views.welcome import WelcomeView
from studio.widgets import rail
from studio.widgets.strip import Notice, Strip


class View(NamedTuple):
    """A place of the rail: its name for `go`, its icon, its title, and what makes its page."""

    name: str
    icon: str
    title: str
    make: Callable[[Session, Assistant], QWidget]


class _RecipePage(Protocol):
    """What other views want of the one where recipes are written."""

    def open_file(self, path: Path) -> None: ...
    def open_text(self, text: str, source: str) -> None: ...
    def use_data(self, table: dict[str, Any]) -> None: ...
    def kept(self) -> Snapshot | None: ...
    def restore(self, kept: Snapshot) -> None: ...


VIEWS = (
    View("data", "data", "Data", DataView),
    View("recipe", "recipe", "Recipe", RecipeView),
    View("queue", "queue", "Queue", lambda session, _: QueueView(session)),
    View("live", "live", "Live", lambda session, _: LiveView(session)),
    View("generations", "generations", "Generations", lambda session, _: GenerationsView(session)),
)
RECIPE = "recipe"  # the view for new experiments
WELCOME = "welcome"
THEMES: tuple[tuple[theme.Choice, str], ...] = (("system", "System theme"), ("light", "Light theme"), ("dark", "Dark theme"))
FIRST_SIZE = QSize(1280, 800)
HOME_KEYS = "Ctrl+Home"
KEYBOARD = (
    ("Ctrl+Home", "the first screen"),
    ("Ctrl+1, Ctrl+2, …", "the views, from the top of the rail"),
    ("Ctrl+O", "open a folder"),
    ("Ctrl+S, Ctrl+Z", "in a recipe: save it, undo; Ctrl+O opens one there"),
    ("Alt+Up, Alt+Down, Delete", "in the queue: move a run, take it out"),
    ("Tab, Shift+Tab", "from control to control"),
    ("Arrows, Home, End", "in a chart: move the cursor"),
    ("Esc", "in a chart: back to the newest; in a message: dismiss it"),
    ("Ctrl+Q", "close the window"),
)


class MainWindow(QMainWindow):
    """One window on one workspace. Closing it ends nothing but itself, unless a person says otherwise."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.preferences = preferences.load()
        self.setWindowTitle("Filial")
        self.setAcceptDrops(True)
        self.rail = rail.Rail([rail.Stop(*view[:3], f"Ctrl+{place}") for place, view in enumerate(VIEWS, 1)], HOME_KEYS)
        self.strip, self.notice = Strip(), Notice()
        self.assistant = Assistant(parent=self)
        self.welcome = WelcomeView(session)
        self.views = {view.name: view.make(session, self.assistant) for view in VIEWS}
        self._leaves = False  # it has been asked, or need not be, what becomes of what trains
        self.pages = QStackedWidget()
        self._areas = {name: _scrolling(page) for name, page in {WELCOME: self.welcome, **self.views}.items()}
        self.rail.set_menu(self._settings_menu())
        self._lay_out()
        self._connect()
        self._add_keys()
        self.show_view(WELCOME)
        self._show_strip()
        self._restore_recipe()

    # ---- where one is -----------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The name of the view in sight."""
        return next(name for name, area in self._areas.items() if area is self.pages.currentWidget())

    def show_view(self, name: str) -> None:
        self.pages.setCurrentWidget(self._areas[name])
        self._areas[name].setFocus()
        self.rail.show_current(name)
        titles = {view.name: view.title for view in VIEWS}
        self.setWindowTitle(f"{titles[name]} · Filial" if name in titles else "Filial")

    def show_run(self, name: str) -> None:
        self.session.choose(name)
        self.show_view("live")

    def show_recipe(self) -> None:
        """The place for a new experiment, with whatever was last written there."""
        self.show_view(RECIPE)

    def say(self, text: str) -> None:
        """Tell something that was asked and is not done, above the strip."""
        self.notice.show_text(self._capital(text))

    def _capital(self, text: str) -> str:
        """A sentence begins with a capital, unless it begins with the name of a run."""
        first = text.partition(" ")[0]
        return text if self.session.followed(first) else text[:1].upper() + text[1:]

    def _forget(self, text: str) -> None:
        """What was refused is of no interest any more."""
        if not self.notice.act.text() and self.notice.words.text() == self._capital(text):
            self.notice.hide()

    # ---- folders ----------------------------------------------------------------------------------------------------------

    def choose_folder(self) -> None:
        """Ask for a folder; the dialog is the desktop's own."""
        last = self.preferences.last_folder
        start = last if last and Path(last).is_dir() else str(self.session.workspace.folder)
        chosen = QFileDialog.getExistingDirectory(self, "Open a run, or a folder with runs in it", start)
        if chosen:
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path) -> None:
        """Look at a run or a workspace, or write on at a recipe; what a folder lacks to be one is said in words."""
        folder = folder.resolve()
        if folder.suffix == ".toml" and folder.is_file() and RECIPE in self.views:
            self._recipe.open_file(folder)
            self.show_recipe()
            return
        if problem := missing_in(folder):
            self.say(problem)
            return
        is_run = (folder / "recipe.toml").is_file()
        self.session.open_workspace(folder)
        self._remember(replace(self.preferences, last_folder=str(folder)))
        self.notice.hide()
        self.show_view("live" if is_run else WELCOME)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.open_folder(Path(next(url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile())))

    # ---- what views want of each other ------------------------------------------------------------------------------------

    @property
    def _recipe(self) -> _RecipePage:
        return cast(_RecipePage, self.views[RECIPE])

    def _restore_recipe(self) -> None:
        if RECIPE in self.views and (kept := unsaved.kept()) is not None:
            self._recipe.restore(kept)

    def _use_data(self, table: dict[str, Any]) -> None:
        self._recipe.use_data(table)
        self.show_recipe()

    def _duplicate(self, name: str) -> None:
        """A new experiment like that of a run."""
        if text := self.session.recipe_text(name):
            self._recipe.open_text(text, name)
            self.show_recipe()

    def _grant_wishes(self) -> None:
        """By the name of the signal, whichever view has it."""
        wishes: dict[str, Callable[..., object]] = {
            "go": self.show_view,
            "started": self.show_run,
            "opened": self.show_run,
            "use_wanted": self._use_data,
            "duplicate_wanted": self._duplicate,
            "new_wanted": self.show_recipe,
            "start_queue_asked": self.session.start_queue,
        }
        for part in (self.welcome, self.strip, *self.views.values()):
            for name, grant in wishes.items():
                if wish := getattr(part, name, None):
                    wish.connect(grant)

    # ---- strip ------------------------------------------------------------------------------------------------------------

    def _show_strip(self) -> None:
        self.strip.show_words(strip_words(self.session, time.time()))

    def _ask_consent(self, key: str, why: str, button: str) -> None:
        self.notice.show_text(why, button, key)

    # ---- settings ---------------------------------------------------------------------------------------------------------

    def set_theme(self, choice: theme.Choice) -> None:
        self._remember(replace(self.preferences, theme=choice))

    def set_scale(self, scale: float) -> None:
        self._remember(replace(self.preferences, scale=scale))

    def show_about(self) -> None:
        About(self.session.workspace.folder, self).show()

    def _remember(self, chosen: Preferences) -> None:
        """What was chosen is in force and saved at once."""
        self.preferences = chosen
        preferences.save(chosen)
        self.welcome.show_last_folder(chosen.last_folder)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, chosen.theme, chosen.scale)

    def _settings_menu(self) -> QMenu:
        menu = theme.round_menu(QMenu(self))
        chosen = self.preferences
        _choices(menu, [(text, chosen.theme == name, partial(self.set_theme, name)) for name, text in THEMES])
        menu.addSeparator()
        scales = theme.round_menu(menu.addMenu("UI scale"))
        _choices(scales, [(_percent(each), chosen.scale == each, partial(self.set_scale, each)) for each in preferences.SCALES])
        menu.addSeparator()
        menu.addAction("Open folder…", self.choose_folder)
        menu.addAction("Keyboard and about", self.show_about)
        return menu

    # ---- the window itself ------------------------------------------------------------------------------------------------

    def restore_place(self) -> None:
        """Where the window was last time, or a size that fits the screen."""
        kept = preferences.saved_geometry()
        if kept.isEmpty() or not self.restoreGeometry(kept):
            screen = QGuiApplication.primaryScreen().availableSize()
            self.resize(FIRST_SIZE.boundedTo(screen))

    def leave(self) -> None:
        """Close without a question; what trains goes on."""
        self._leaves = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.session.busy and not self._leaves:
            event.ignore()
            self._ask_how_to_leave()
            return
        self.assistant.close()
        if RECIPE in self.views:
            unsaved.keep(self._recipe.kept())
        preferences.save_geometry(self.saveGeometry())
        self.session.stop_following()
        super().closeEvent(event)

    def _ask_how_to_leave(self) -> None:
        question = Leaving(what_goes_on(self.session), self)
        question.left_running.connect(self.leave)
        question.stopped.connect(self._stop_and_leave)
        question.open()

    def _stop_and_leave(self) -> None:
        if self.session.stop_all():
            self.leave()

    def _lay_out(self) -> None:
        for area in self._areas.values():
            self.pages.addWidget(area)
        whole, body, middle = QWidget(), QVBoxLayout(), QHBoxLayout()
        for layout in (body, middle):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addWidget(self.pages, 1)
        body.addLayout(middle, 1)
        body.addWidget(self.notice)
        body.addWidget(self.strip)
        whole.setLayout(body)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        self.session.runs_changed.connect(self._show_strip)
        self.session.refused.connect(self.say)
        self.session.outlived.connect(self._forget)
        self.session.consent_wanted.connect(self._ask_consent)
        self.rail.chosen.connect(self.show_view)
        self.rail.home_asked.connect(lambda: self.show_view(WELCOME))
        self._grant_wishes()
        self.welcome.offer_new(RECIPE in self.views)
        self.welcome.folder_asked.connect(self.choose_folder)
        self.welcome.show_last_folder(self.preferences.last_folder)
        self.strip.run_asked.connect(self.show_run)
        self.strip.pause_asked.connect(self.session.pause)
        self.strip.stop_asked.connect(lambda run, when: self.session.stop(when, run))
        self.strip.kill_asked.connect(self.session.kill)
        self.strip.resume_asked.connect(self.session.resume)
        self.notice.pressed.connect(self.session.consent)

    def _add_keys(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            HOME_KEYS: lambda: self.show_view(WELCOME),
            "Ctrl+O": self.choose_folder,
            "Ctrl+Q": self.close,
        }
        for place, view in enumerate(VIEWS, 1):
            keys[f"Ctrl+{place}"] = partial(self.show_view, view.name)
        for sequence, act in keys.items():
            QShortcut(QKeySequence(sequence), self).activated.connect(act)


def missing_in(folder: Path) -> str:
    """What a folder lacks to be looked at, in a sentence; empty if it is a run or has runs in it."""
    if not folder.is_dir():
        return f"{folder} is not a folder." if folder.exists() else f"There is no folder {folder}."
    if (folder / "recipe.toml").is_file() or any(folder.glob("*/recipe.toml")):
        return ""
    if (folder / "events.jsonl").exists():
        return f"{folder} has events.jsonl but no recipe.toml: without its recipe it is not a run that can be shown."
    return f"There is no run in {folder}: a run is a folder with a recipe.toml in it, and none is here or one level below."


class About(QDialog):
    """What this is, where its runs are, and the keys."""

    def __init__(self, workspace: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard and about")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(theme.dress(QLabel(f"Filial {__version__}"), sentence=True))
        column.addWidget(theme.dress(QLabel("Networks that learn from networks of their own kind. Apache-2.0."), prose=True))
        where = theme.dress(QLabel(f"Runs are in {workspace}"), small=True, muted=True)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        where.setWordWrap(True)
        column.addWidget(where)
        column.addSpacing(8)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        for row, (keys, what) in enumerate(KEYBOARD):
            grid.addWidget(theme.dress(QLabel(keys), prose=True), row, 0)
            grid.addWidget(QLabel(what), row, 1)
        column.addLayout(grid)
        column.addSpacing(8)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)


def _percent(scale: float) -> str:
    return f"{round(100 * scale)} %"


def _scrolling(page: QWidget) -> QScrollArea:
    """A page scrolls where the window is smaller than it can become."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # keys scroll it; Tab goes from control to control
    area.setWidget(page)
    return area


def _choices(menu: QMenu, options: Iterable[tuple[str, bool, Callable[[], None]]]) -> None:
    """Exclusive items: text, whether it is the one in force, what choosing it does."""
    group = QActionGroup(menu)
    for text, checked, choose in options:
        act = group.addAction(text)
        act.setCheckable(True)
        act.setChecked(checked)
        act.triggered.connect(choose)
        menu.addAction(act)
