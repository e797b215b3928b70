"""What the acts of the table do in a window, and what can be found in it by a few letters.

The window passes wishes on and this says to whom: each act of studio/actions.py is bound here, with the sentence that says why
it cannot be done now. What a page offers of its own (a filter, the fields of a recipe) is asked of it by name.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from engine.commands import ProbeNow, SaveNow
from studio import phrases, preferences, theme
from studio.actions import Act, Actions
from studio.exporting import PassingOn
from studio.finding import Entry
from studio.pages import Pages, Views
from studio.preferences import Preferences
from studio.session import Followed, Session
from studio.widgets.rail import Rail
from studio.widgets.strip import Notice, Strip, StripWords

RECIPE, INSPECT = "recipe", "inspect"
NO_RUN = "there is no run here yet"
Why = Callable[[], str]


class Window(Protocol):
    """What is needed of a window."""

    session: Session
    preferences: Preferences
    views: Views
    pages: Pages
    rail: Rail
    strip: Strip
    notice: Notice
    acts: Actions
    passing: PassingOn

    @property
    def current(self) -> str: ...
    def show_view(self, name: str) -> None: ...
    def show_run(self, name: str) -> None: ...
    def show_lineage(self, name: str) -> None: ...
    def set_theme(self, choice: theme.Choice) -> None: ...
    def set_scale(self, scale: float) -> None: ...


class WindowActs:
    """Binds the acts of one window."""

    def __init__(self, window: Window) -> None:
        self._window, self._session, self._acts = window, window.session, window.acts

    def bind(self, own: dict[str, Callable[[], object]]) -> None:
        """All of them; `own` are acts that the window itself carries out."""
        for name, do in own.items():
            self._acts.bind(name, do)
        for view in self._window.views:
            self._acts.bind(f"view.{view}", partial(self._window.show_view, view))
        self._bind_runs()
        self._bind_queue()
        self._bind_looks()
        self._bind_pages()
        self._acts.bind("go.filter", lambda: self._page("focus_filter")(), self._no_filter)
        for name, by in (("go.next_part", 1), ("go.previous_part", -1)):
            self._acts.bind(name, partial(self._turn_to_part, by))
        for name, by in (("go.next_run", 1), ("go.previous_run", -1)):
            self._acts.bind(name, partial(self._turn_to_run, by), self._no_run)

    # ---- runs -----------------------------------------------------------------------------------------------------------

    def _bind_runs(self) -> None:
        session, bind = self._session, self._acts.bind
        bind("run.pause", lambda: session.pause(self._said.run), self._no_pause)
        bind("run.stop", lambda: session.stop("epoch", self._said.run), partial(self._no_stop, "epoch"))
        bind("run.stop_now", lambda: session.stop("now", self._said.run), partial(self._no_stop, "now"))
        bind("run.kill", lambda: session.kill(self._said.run), partial(self._no_stop, "kill"))
        bind("run.save", lambda: session.send(SaveNow(), self._said.run), self._no_pause)
        bind("run.probe", lambda: session.send(ProbeNow(), self._said.run), self._no_pause)
        bind("run.resume", lambda: session.resume(self._resumable()), self._no_resume)
        bind("run.folder", self._open_folder, self._no_run)
        bind("run.export", lambda: self._of_chosen("name", self._window.passing.ask_export), self._no_run)
        bind("run.report", lambda: self._of_chosen("name", self._window.passing.make_report), self._no_run)
        bind("lineage.report", lambda: self._of_chosen("lineage", self._window.passing.make_report), self._no_run)

    @property
    def _said(self) -> StripWords:
        """What the strip says: so keys and palette do what its buttons do."""
        return self._window.strip.said

    def _no_pause(self) -> str:
        return "" if self._said.can_pause else "no run is at work that could be asked that now"

    def _no_stop(self, way: str) -> str:
        if way in self._said.stops:
            return ""
        return f"it is asked for already ({self._said.wish})" if self._said.wish else "no run is at work"

    def _resumable(self) -> str:
        """The run looked at, else the one of the strip; empty if neither can be resumed."""
        chosen = self._session.chosen
        if chosen is not None and phrases.resume_label(chosen):
            return chosen.name
        return self._said.run if self._said.resume else ""

    def _no_resume(self) -> str:
        return "" if self._resumable() else "the run looked at needs no resuming"

    def _no_run(self) -> str:
        return "" if self._session.chosen is not None else NO_RUN

    def _open_folder(self) -> None:
        if (one := self._session.chosen) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(one.run.folder)))

    def _of_chosen(self, what: str, do: Callable[[str], object]) -> None:
        if (one := self._session.chosen) is not None:
            do(getattr(one, what))

    def _turn_to_run(self, by: int) -> None:
        names = [one.name for one in self._session.runs]
        here = names.index(self._session.chosen.name) if self._session.chosen else 0
        self._session.choose(names[(here + by) % len(names)])

    # ---- queue ----------------------------------------------------------------------------------------------------------

    def _bind_queue(self) -> None:
        session = self._session
        self._acts.bind("queue.start", session.start_queue, self._no_start)
        self._acts.bind("queue.hold", session.hold_queue, self._no_hold)

    def _no_start(self) -> str:
        if self._session.working and not self._session.held:
            return "it is being worked through already"
        return "" if self._session.queue else "nothing waits in it"

    def _no_hold(self) -> str:
        return "" if self._session.working and not self._session.held else "nobody works through it now"

    # ---- looks ----------------------------------------------------------------------------------------------------------

    def _bind_looks(self) -> None:
        for choice in ("system", "light", "dark"):
            self._acts.bind(f"window.{choice}", partial(self._window.set_theme, choice), partial(self._is_theme, choice))
        self._acts.bind("window.larger", partial(self._rescale, 1), lambda: "" if self._next_scale(1) else "it is 200 %")
        self._acts.bind("window.smaller", partial(self._rescale, -1), lambda: "" if self._next_scale(-1) else "it is 80 %")
        self._acts.bind("window.normal", lambda: self._window.set_scale(1.0))

    def _is_theme(self, choice: str) -> str:
        return "it is in force" if self._window.preferences.theme == choice else ""

    def _next_scale(self, by: int) -> float | None:
        """The next step of the UI scale; None beyond the last."""
        now = self._window.preferences.scale
        steps = [each for each in preferences.SCALES if (each > now if by > 0 else each < now)]
        return (steps[0] if by > 0 else steps[-1]) if steps else None

    def _rescale(self, by: int) -> None:
        if (scale := self._next_scale(by)) is not None:
            self._window.set_scale(scale)

    # ---- pages ----------------------------------------------------------------------------------------------------------

    def _page(self, wish: str) -> Any:
        """What the page in sight offers under this name; None if it does not."""
        return getattr(self._window.views.get(self._window.current), wish, None)

    def _no_filter(self) -> str:
        return "" if self._page("focus_filter") else "this page has nothing to filter"

    def _bind_pages(self) -> None:
        """The keys that a page hears, from anywhere by name."""
        for act in [act for act in self._acts.table.values() if act.where in (RECIPE, INSPECT)]:
            if act.where in self._window.views:
                wish = act.name.partition(".")[2]
                self._acts.bind(act.name, partial(self._do_in, act.where, wish), partial(self._not_in, act.where, wish))

    def _do_in(self, page: str, wish: str) -> None:
        self._window.show_view(page)
        getattr(self._window.views[page], wish)()

    def _not_in(self, page: str, wish: str) -> str:
        view: Any = self._window.views[page]
        return str(view.why_not(wish))

    # ---- parts ----------------------------------------------------------------------------------------------------------

    def _turn_to_part(self, by: int) -> None:
        """The focus goes to the next part that has a control: rail, page, notice, strip."""
        window = self._window
        parts = [part for part in (window.rail, window.pages, window.notice, window.strip) if part.isVisible()]
        focus = window.pages.window().focusWidget()
        here = next((i for i, part in enumerate(parts) if focus is not None and part.isAncestorOf(focus)), 0)
        for step in range(1, len(parts) + 1):
            stop = first_stop(parts[(here + by * step) % len(parts)])
            if stop is not None:
                stop.setFocus()
                return

    # ---- what can be found ----------------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All that has a name: acts first, then lineages, runs, fields."""
        found = [self._act_entry(act) for act in self._acts.bound() if act.name != "go.find"]
        return [*found, *self._lineage_entries(), *map(self._run_entry, self._session.runs), *self._field_entries()]

    def _act_entry(self, act: Act) -> Entry:
        why = self._acts.why_not(act.name)
        return Entry(act.text, "act", partial(self._acts.do, act.name), keys=act.said_keys, why_not=why)

    def _lineage_entries(self) -> Iterator[Entry]:
        counts: dict[str, int] = {}
        for one in self._session.runs:
            counts[one.lineage] = counts.get(one.lineage, 0) + 1
        for name, count in counts.items():
            yield Entry(
                name, "lineage", partial(self._window.show_lineage, name), f"{count} run{'s' * (count > 1)}, generations"
            )

    def _run_entry(self, one: Followed) -> Entry:
        return Entry(phrases.run_short(one), "run", partial(self._window.show_run, one.name), f"{one.word}, {one.name}")

    def _field_entries(self) -> Iterator[Entry]:
        page = self._window.views.get(RECIPE)
        fields = getattr(page, "fields", None)
        for path, label, place in fields() if fields else ():
            yield Entry(label, "field", partial(self._show_field, page, path), f"{place}, {path}")

    def _show_field(self, page: Any, path: str) -> None:
        self._window.show_view(RECIPE)
        page.reveal(path)


def first_stop(part: QWidget) -> QWidget | None:
    """The first control of a part that Tab would reach; None if there is none."""
    stop = part.nextInFocusChain()
    while stop is not None and stop is not part:
        reachable = bool(stop.focusPolicy() & Qt.FocusPolicy.TabFocus) and stop.isVisible() and stop.isEnabled()
        if reachable and part.isAncestorOf(stop):
            return stop
        stop = stop.nextInFocusChain()
    return None
