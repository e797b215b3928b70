"""The window: rail, pages, strip, settings. It leads from page to page and passes wishes on; nothing of training is in it.

A new panel is a module in views/, what makes it, and a line in VIEWS. Its signal `go` asks for another view by name; what
else views may want of each other is told by the names of their signals, see `_grant_wishes`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import (
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from studio import preferences, theme, trash, unsaved
from studio.actions import Actions
from studio.assistant import Assistant
from studio.awake import Awake
from studio.exporting import PassingOn
from studio.finding import Index
from studio.key_sheet import About, Help, KeySheet
from studio.later import Later
from studio.leaving import Leaving, what_goes_on
from studio.pages import Pages, Views
from studio.preferences import Preferences
from studio.recipe_model import OpenRecipe
from studio.recipe_presets import Snapshot
from studio.session import Session
from studio.settings import Emptying, Settings
from studio.strip_model import strip_words
from studio.tidings import Bell, Tidings
from studio.trash import DiskUse
from studio.views.welcome import WelcomeView
from studio.widgets import hints, rail
from studio.widgets.finder import Finder
from studio.widgets.strip import Notice, Strip
from studio.window_acts import WindowActs


class View(NamedTuple):
    """A place of the rail: its name for `go`, its icon, its title, and what makes its page."""

    name: str
    icon: str
    title: str
    make: Callable[[Session, Assistant], QWidget]


class _RecipePage(Protocol):
    """What other views want of the one where recipes are written."""

    open: OpenRecipe

    def open_file(self, path: Path) -> None: ...
    def open_text(self, text: str, source: str) -> None: ...
    def use_data(self, table: dict[str, Any]) -> None: ...
    def edit(self, path: str, text: str) -> None: ...
    def settle(self, path: str) -> None: ...
    def kept(self) -> Snapshot | None: ...
    def restore(self, kept: Snapshot) -> None: ...


class _DataPage(Protocol):
    """What the page of recipes wants of the one where pictures are looked at."""

    def follow_recipe(self, document: OpenRecipe) -> None: ...
    def renew_preview(self) -> None: ...
    def show_preview(self, table: dict[str, Any]) -> None: ...


# A view is imported when its page is first asked for: the first screen needs neither charts nor forms.


def _data(session: Session, assistant: Assistant) -> QWidget:
    from studio.views.data import DataView

    return DataView(session, assistant)


def _recipe(session: Session, assistant: Assistant) -> QWidget:
    from studio.views.recipe import RecipeView

    return RecipeView(session, assistant)


def _queue(session: Session, _: Assistant) -> QWidget:
    from studio.views.queue import QueueView

    return QueueView(session)


def _live(session: Session, _: Assistant) -> QWidget:
    from studio.views.live import LiveView

    return LiveView(session)


def _generations(session: Session, assistant: Assistant) -> QWidget:
    from studio.views.generations import GenerationsView

    return GenerationsView(session, assistant)


def _inspect(session: Session, assistant: Assistant) -> QWidget:
    from studio.views.inspect import InspectView

    return InspectView(session, assistant)


VIEWS = (
    View("data", "data", "Data", _data),
    View("recipe", "recipe", "Recipe", _recipe),
    View("queue", "queue", "Queue", _queue),
    View("live", "live", "Live", _live),
    View("generations", "generations", "Generations", _generations),
    View("inspect", "inspect", "Inspect", _inspect),
)
DATA = "data"
RECIPE = "recipe"  # the view for new experiments
WELCOME = "welcome"
THEMES: tuple[tuple[theme.Choice, str], ...] = (("system", "System theme"), ("light", "Light theme"), ("dark", "Dark theme"))
FIRST_SIZE = QSize(1280, 800)
HOME_KEYS = "Ctrl+Home"


class MainWindow(QMainWindow):
    """One window on one workspace. Closing it ends nothing but itself, unless a person says otherwise.

    `remembers`: what was not saved and where it stood is a person's, and goes from this window to the next.
    """

    def __init__(self, session: Session, remembers: bool = True) -> None:
        super().__init__()
        self.session, self._remembers = session, remembers
        self.preferences = preferences.load()
        self.setWindowTitle("Filial")
        self.setAcceptDrops(True)
        self.rail = rail.Rail([rail.Stop(*view[:3], f"Ctrl+{place}") for place, view in enumerate(VIEWS, 1)], HOME_KEYS)
        self.strip, self.notice = Strip(), Notice()
        self._body, self._foot = QVBoxLayout(), QWidget()
        self.assistant = Assistant(parent=self)
        self.passing = PassingOn(session, self.notice, self)
        self.awake, self.bell, self.tidings = Awake(self), Bell(self), Tidings(session, self)
        self._later = Later(self)
        self.welcome = WelcomeView(session)
        makers = {view.name: partial(view.make, session, self.assistant) for view in VIEWS}
        self.pages = Pages({WELCOME: lambda: self.welcome, **makers})
        self.views = Views(self.pages, list(makers))
        self._leaves = False  # it has been asked, or need not be, what becomes of what trains
        self.acts = Actions(self, [(view.name, view.title) for view in VIEWS])
        self._deeds = WindowActs(self)
        self.finder = Finder(self)
        self._lay_out()
        self._connect()
        self._bind_acts()
        self.rail.set_menu(self._settings_menu())
        self.show_view(WELCOME)
        self._show_strip()

    # ---- where one is -----------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The name of the view in sight."""
        return self.pages.current

    def show_view(self, name: str) -> None:
        self.pages.show_page(name)
        self.rail.show_current(name)
        titles = {view.name: view.title for view in VIEWS}
        self.setWindowTitle(f"{titles[name]} · Filial" if name in titles else "Filial")

    def show_run(self, name: str) -> None:
        self.session.choose(name)
        self.show_view("live")

    def show_lineage(self, name: str) -> None:
        """Its generations, with the run of it that is at work or was last."""
        if runs := self.session.lineage(name):
            self.session.choose(max(runs, key=lambda one: (one.at_work, one.changed_at)).name)
            self.show_view("generations" if "generations" in self.views else "live")

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

    def make_next_page(self) -> bool:
        """Make one of the pages nobody has asked for yet: it is there at once when somebody does. False if none lacks."""
        if lacking := self.pages.lacking:
            self.pages.page(lacking[0])
        return bool(lacking)

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
        self._renew_settings()
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

    @property
    def _data(self) -> _DataPage:
        return cast(_DataPage, self.views[DATA])

    def _take_in(self, name: str) -> None:
        """A page begins to live: its wishes are heard, and it is told what was kept for it."""
        self._grant_wishes(self.pages.page(name))
        self._lead_on_to_foot()
        if name == RECIPE:
            self._tell_what_is_kept()
            if self._remembers and (kept := unsaved.kept()) is not None:
                self._recipe.restore(kept)

    def _use_data(self, table: dict[str, Any]) -> None:
        self._recipe.use_data(table)
        self.show_recipe()

    def _preview(self, table: dict[str, Any]) -> None:
        """The pictures of the recipe, as it cuts them."""
        self.show_view(DATA)
        self._data.show_preview(table)

    def _lend_recipe(self) -> None:
        """Data previews the very document that Recipe shows."""
        if RECIPE in self.views:
            self._data.follow_recipe(self._recipe.open)

    def _renew_preview(self) -> None:
        if self.views.living(DATA) is not None:
            self._data.renew_preview()

    def _duplicate(self, name: str) -> None:
        """A new experiment like that of a run."""
        if text := self.session.recipe_text(name):
            self._write_recipe(text, name)

    def _write_recipe(self, text: str, like: str) -> None:
        """A new experiment from this text, which is like a run's."""
        self._recipe.open_text(text, like)
        self.show_recipe()

    def _lead_on_to_foot(self) -> None:
        """Tab goes on from a page to notice and strip: Qt appends what joins a window to the end of its chain."""
        focus = self.focusWidget()
        aside = QWidget()  # another window; with none, the foot would be Python's to delete
        self._foot.setParent(aside)
        self._body.addWidget(self._foot)
        self._foot.show()
        if focus is not None and self._foot.isAncestorOf(focus):
            focus.setFocus()

    def _grant_wishes(self, part: QWidget) -> None:
        """By the name of the signal, whichever view has it."""
        wishes: dict[str, Callable[..., object]] = {
            "go": self.show_view,
            "started": self.show_run,
            "opened": self.show_run,
            "use_wanted": self._use_data,
            "preview_wanted": self._preview,
            "recipe_asked": self._lend_recipe,
            "recipe_edited": lambda path, text: self._recipe.edit(path, text),
            "recipe_settled": lambda path: self._recipe.settle(path),
            "written": self._renew_preview,
            "duplicate_wanted": self._duplicate,
            "recipe_wanted": self._write_recipe,
            "new_wanted": self.show_recipe,
            "start_queue_asked": self.session.start_queue,
            "export_wanted": self.passing.ask_export,
            "report_wanted": self.passing.make_report,
        }
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

    def show_settings(self) -> None:
        dialog = Settings(self.preferences, self.session.workspace.folder, self)
        dialog.changed.connect(self._remember)
        dialog.folder_asked.connect(self.choose_folder)
        dialog.trash_asked.connect(self._ask_for_trash)
        dialog.show()

    def empty_trash(self) -> None:
        """Count what is in it, then ask."""
        folder = self.session.workspace.folder
        self._later.ask("trash", lambda: trash.disk_use(folder), self._ask_for_trash)

    def _ask_for_trash(self, use: DiskUse) -> None:
        if not use.trash:
            self.say("The trash of this workspace is empty.")
            return
        folder, names = self.session.workspace.folder, [one.name for one in use.trash]
        question = Emptying(use, self)
        question.agreed.connect(lambda: self._later.ask("trash", lambda: _empty(folder, names), self._trash_emptied))
        question.open()

    def _trash_emptied(self, problem: str) -> None:
        self.say(problem or "The trash is empty.")
        self._renew_settings()

    def _renew_settings(self) -> None:
        for dialog in self.findChildren(Settings):
            dialog.show_chosen(self.preferences)
            dialog.show_workspace(self.session.workspace.folder)

    def open_finder(self) -> None:
        """The palette, over the window."""
        self.finder.open_with(Index(self._deeds.entries()))

    def show_keys(self) -> None:
        """The keys there are, and what has the focus."""
        KeySheet(self.acts.sheet(), self._help_here(), self).show()

    def _help_here(self) -> Help | None:
        """What the widget that has the focus says of itself: a page that knows more is asked first."""
        focus = self.focusWidget()
        above: QWidget | None = focus
        while above is not None:
            if (ask := getattr(above, "help_here", None)) is not None and (said := ask()):
                return cast(Help, said)
            above = above.parentWidget()
        return hints.help_of(focus) if focus is not None else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.finder.place()

    def _remember(self, chosen: Preferences) -> None:
        """What was chosen is in force and saved at once."""
        self.preferences = chosen
        preferences.save(chosen)
        self.welcome.show_last_folder(chosen.last_folder)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, chosen.theme, chosen.scale)
        self._tick_looks()
        self._take_up(chosen)

    def _take_up(self, chosen: Preferences) -> None:
        """What else follows from what was chosen."""
        for dialog in self.findChildren(Settings):
            dialog.show_chosen(chosen)
        self._tell_what_is_kept()
        self._keep_awake()

    def _tell_what_is_kept(self) -> None:
        """The Recipe page begins with the person's own retention."""
        if (use_own := getattr(self.views.living(RECIPE), "use_own", None)) is not None:
            use_own(self.preferences.kept)

    # ---- while something trains -------------------------------------------------------------------------------------------

    def _keep_awake(self) -> None:
        at_work = [one for one in self.session.runs if one.at_work and not one.host] if self.preferences.stay_awake else []
        self.awake.follow({status.pid for one in at_work if (status := one.run.status()) is not None})

    def _tell(self, run: str, said: str, bad: bool) -> None:
        """A run has come to an end, or to a stand: told where somebody might see it who does not look here."""
        if not self.preferences.notify or self.isActiveWindow():
            return
        if not (self.notice.isVisible() and self.notice.waits):  # a question that waits for its answer stays
            self.say(said)
        self.bell.ring(run, said, bad)

    def _look_at_run(self, run: str) -> None:
        self.raise_()
        self.activateWindow()
        if self.session.followed(run) is not None:
            self.show_run(run)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.bell.silence()

    # ---- settings menu ----------------------------------------------------------------------------------------------------

    def _settings_menu(self) -> QMenu:
        menu = theme.round_menu(QMenu(self))
        self._themes = _choices(menu, [(text, name, partial(self.set_theme, name)) for name, text in THEMES])
        menu.addSeparator()
        scales = theme.round_menu(menu.addMenu("UI scale"))
        self._scales = _choices(scales, [(_percent(each), each, partial(self.set_scale, each)) for each in preferences.SCALES])
        menu.addSeparator()
        for name in ("window.settings", "window.folder", "go.find", "go.help", "window.about"):
            menu.addAction(self.acts.actions[name])
        self._tick_looks()
        return menu

    def _tick_looks(self) -> None:
        """The menu's marks stand at what is in force, wherever that was chosen."""
        for group, chosen in ((self._themes, self.preferences.theme), (self._scales, self.preferences.scale)):
            for act in group.actions():
                act.setChecked(act.data() == chosen)

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
        for helper in self.findChildren(Assistant):  # a page may have one of its own
            helper.close()
        if self._remembers:
            self._keep()
        self.session.stop_following()
        super().closeEvent(event)

    def _keep(self) -> None:
        """For the next window."""
        if self.views.living(RECIPE) is not None:  # else what was kept stays as it is
            unsaved.keep(self._recipe.kept())
        preferences.save_geometry(self.saveGeometry())

    def _ask_how_to_leave(self) -> None:
        question = Leaving(what_goes_on(self.session), self)
        question.left_running.connect(self.leave)
        question.stopped.connect(self._stop_and_leave)
        question.open()

    def _stop_and_leave(self) -> None:
        if self.session.stop_all():
            self.leave()

    def _lay_out(self) -> None:
        whole, middle, foot = QWidget(), QHBoxLayout(), QVBoxLayout()
        for layout in (self._body, middle, foot):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addWidget(self.pages, 1)
        foot.addWidget(self.notice)
        foot.addWidget(self.strip)
        self._foot.setLayout(foot)
        self._body.addLayout(middle, 1)
        self._body.addWidget(self._foot)
        whole.setLayout(self._body)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        self.session.runs_changed.connect(self._show_strip)
        self.session.refused.connect(self.say)
        self.session.outlived.connect(self._forget)
        self.session.consent_wanted.connect(self._ask_consent)
        self.rail.chosen.connect(self.show_view)
        self.rail.home_asked.connect(lambda: self.show_view(WELCOME))
        self.pages.made.connect(self._take_in)
        self._grant_wishes(self.strip)
        self.welcome.offer_new(RECIPE in self.views)
        self.welcome.folder_asked.connect(self.choose_folder)
        self.welcome.show_last_folder(self.preferences.last_folder)
        self.strip.run_asked.connect(self.show_run)
        self.strip.pause_asked.connect(self.session.pause)
        self.strip.stop_asked.connect(lambda run, when: self.session.stop(when, run))
        self.strip.kill_asked.connect(self.session.kill)
        self.strip.resume_asked.connect(self.session.resume)
        self.notice.pressed.connect(self.session.consent)

    def _bind_acts(self) -> None:
        """What the window itself carries out, and all the rest."""
        own: dict[str, Callable[[], object]] = {
            "go.find": self.open_finder,
            "go.help": self.show_keys,
            "go.home": lambda: self.show_view(WELCOME),
            "run.duplicate": lambda: self._duplicate(self.session.chosen.name if self.session.chosen else ""),
            "window.folder": self.choose_folder,
            "window.full": lambda: self.showNormal() if self.isFullScreen() else self.showFullScreen(),
            "window.settings": self.show_settings,
            "window.trash": self.empty_trash,
            "window.about": self.show_about,
            "window.close": self.close,
        }
        if RECIPE in self.views:
            own["window.new"] = self.show_recipe
        self._deeds.bind(own)
        self.acts.bind_button("window.sample", self.welcome.sample.button)
        for refusing in (self.acts, self.awake):
            refusing.refused.connect(self.say)
        self.session.runs_changed.connect(self._keep_awake)
        self.tidings.heard.connect(self._tell)
        self.bell.asked.connect(self._look_at_run)
        self._take_up(self.preferences)


def missing_in(folder: Path) -> str:
    """What a folder lacks to be looked at, in a sentence; empty if it is a run or has runs in it."""
    if not folder.is_dir():
        return f"{folder} is not a folder." if folder.exists() else f"There is no folder {folder}."
    if (folder / "recipe.toml").is_file() or any(folder.glob("*/recipe.toml")):
        return ""
    if (folder / "events.jsonl").exists():
        return f"{folder} has events.jsonl but no recipe.toml: without its recipe it is not a run that can be shown."
    return f"There is no run in {folder}: a run is a folder with a recipe.toml in it, and none is here or one level below."


def _empty(workspace: Path, names: list[str]) -> str:
    """Empty the trash; a sentence if that failed."""
    try:
        trash.empty(workspace, names)
    except OSError as error:
        return f"{error.filename or workspace / 'trash'} cannot be deleted: {error.strerror or error}."
    return ""


def _percent(scale: float) -> str:
    return f"{round(100 * scale)} %"


def _choices(menu: QMenu, options: Iterable[tuple[str, object, Callable[[], None]]]) -> QActionGroup:
    """Exclusive items: text, the value it stands for, what choosing it does."""
    group = QActionGroup(menu)
    for text, value, choose in options:
        act = group.addAction(text)
        act.setCheckable(True)
        act.setData(value)
        act.triggered.connect(choose)
        menu.addAction(act)
    return group
