"""Every act of the window in one table: what it is called, which keys do it, where they are heard.

Menus, the palette (Ctrl+K) and the sheet of keys (F1) are made from this table, so none of them can tell another story.
Keys of the whole window are QActions; keys of a page or a chart are heard there (`where`), by the widget that has the focus.
What an act does is bound by the window; whether it can be done now is asked each time, and the answer is a sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QWidget

GO, RUNS, WINDOW = "Getting about", "The run at work, the run looked at", "The window"
RECIPE, QUEUE, CHART, PALETTE = "On the Recipe page", "In the queue's table", "In a chart or a picture", "While finding"
INSPECT, PICTURES = "On the Inspect page", "In pictures that are zoomed in step"
GROUPS = (GO, RUNS, WINDOW, RECIPE, QUEUE, INSPECT, CHART, PICTURES, PALETTE)  # in the order of the sheet


@dataclass(frozen=True)
class Act:
    """An act, or what keys do in a widget. `where` is the page or the widget that hears the keys; empty: the whole window."""

    name: str
    text: str
    group: str
    keys: tuple[str, ...] = ()
    where: str = ""

    @property
    def said_keys(self) -> str:
        """ "Ctrl+Shift+Z or Ctrl+Y", as this system writes them."""
        return " or ".join(native(key) for key in self.keys)


TABLE = (
    Act("go.find", "Find anything and do it", GO, ("Ctrl+K",)),
    Act("go.help", "Show the keys, and help for what has the focus", GO, ("F1",)),
    Act("go.home", "Go to the first screen", GO, ("Ctrl+Home",)),
    Act("go.next_part", "Go to the next part of the window", GO, ("F6",)),
    Act("go.previous_part", "Go to the previous part of the window", GO, ("Shift+F6",)),
    Act("go.filter", "Filter what is on the page", GO, ("Ctrl+F",)),
    Act("go.next_run", "Look at the next run", GO, ("Ctrl+PgDown",)),
    Act("go.previous_run", "Look at the previous run", GO, ("Ctrl+PgUp",)),
    Act("run.pause", "Pause: save and free the device", RUNS, ("Ctrl+Shift+P",)),
    Act("run.stop", "Stop after this epoch", RUNS, ("Ctrl+Shift+E",)),
    Act("run.stop_now", "Save now and stop", RUNS, ("Ctrl+Shift+X",)),
    Act("run.resume", "Resume", RUNS, ("Ctrl+Shift+R",)),
    Act("run.save", "Save a checkpoint now and go on", RUNS, ("Ctrl+Shift+K",)),
    Act("run.probe", "Measure the probes now and go on", RUNS, ("Ctrl+Shift+M",)),
    Act("run.kill", "Kill the engine; what was saved stays", RUNS),
    Act("run.duplicate", "Duplicate the run looked at with a change", RUNS, ("Ctrl+Shift+D",)),
    Act("run.folder", "Open the folder of the run looked at", RUNS),
    Act("run.export", "Export the run looked at", RUNS),
    Act("run.report", "Report about the run looked at", RUNS),
    Act("lineage.report", "Report about the lineage looked at", RUNS),
    Act("queue.start", "Start the queue", RUNS, ("Ctrl+Shift+Q",)),
    Act("queue.hold", "Hold the queue: nothing more is started", RUNS, ("Ctrl+Shift+H",)),
    Act("window.new", "New experiment", WINDOW, ("Ctrl+N",)),
    Act("window.sample", "Try the sample", WINDOW),
    Act("window.folder", "Open a folder with runs", WINDOW, ("Ctrl+O",)),
    Act("window.settings", "Settings", WINDOW, ("Ctrl+,",)),
    Act("window.larger", "Everything larger", WINDOW, ("Ctrl+=", "Ctrl++")),
    Act("window.smaller", "Everything smaller", WINDOW, ("Ctrl+-",)),
    Act("window.normal", "Everything at 100 %", WINDOW, ("Ctrl+0",)),
    Act("window.full", "Full screen, or back", WINDOW, ("F11",)),
    Act("window.system", "Theme of the system", WINDOW),
    Act("window.light", "Light theme", WINDOW),
    Act("window.dark", "Dark theme", WINDOW),
    Act("window.trash", "Empty the trash of this workspace", WINDOW),
    Act("window.about", "About Filial", WINDOW),
    Act("window.close", "Close the window", WINDOW, ("Ctrl+Q",)),
    Act("recipe.ask_open", "Open a recipe file", RECIPE, ("Ctrl+O",), "recipe"),
    Act("recipe.save", "Save the recipe", RECIPE, ("Ctrl+S",), "recipe"),
    Act("recipe.save_as", "Save the recipe as", RECIPE, ("Ctrl+Shift+S",), "recipe"),
    Act("recipe.undo", "Undo", RECIPE, ("Ctrl+Z",), "recipe"),
    Act("recipe.redo", "Redo", RECIPE, ("Ctrl+Shift+Z", "Ctrl+Y"), "recipe"),
    Act("recipe.measure", "Measure one real step, or cancel that", RECIPE, ("Ctrl+M",), "recipe"),
    Act("recipe.queue", "Add the recipe to the queue", RECIPE, ("Ctrl+Shift+Return",), "recipe"),
    Act("recipe.start", "Start the recipe now", RECIPE, ("Ctrl+Return",), "recipe"),
    Act("table.open", "Open the run in Live", QUEUE, ("Return",), "table"),
    Act("table.up", "Move the chosen runs up", QUEUE, ("Alt+Up",), "table"),
    Act("table.down", "Move the chosen runs down", QUEUE, ("Alt+Down",), "table"),
    Act("table.out", "Take the chosen runs out of the queue", QUEUE, ("Delete",), "table"),
    Act("table.fold", "Fold or unfold a lineage", QUEUE, ("Space",), "table"),
    Act("inspect.ask_open", "Look at a picture file", INSPECT, ("Ctrl+O",), "inspect"),
    Act("inspect.paste", "Look at the picture on the clipboard", INSPECT, ("Ctrl+V",), "inspect"),
    Act("chart.step", "Move the cursor by a point", CHART, ("Left", "Right"), "chart"),
    Act("chart.leap", "Move the cursor by ten points", CHART, ("Ctrl+Left", "Ctrl+Right"), "chart"),
    Act("chart.end", "Move the cursor to the first or last point in sight", CHART, ("Home", "End"), "chart"),
    Act("chart.live", "Return to the newest", CHART, ("Esc",), "chart"),
    Act("chart.zoom", "Zoom in or out", CHART, ("+", "-"), "chart"),
    Act("chart.whole", "Show all of it", CHART, ("0",), "chart"),
    Act("chart.copy", "Copy the picture", CHART, ("Ctrl+C",), "chart"),
    Act("chart.rows", "Copy the numbers as CSV", CHART, ("Ctrl+Shift+C",), "chart"),
    Act("chart.save", "Save as PNG, SVG or CSV", CHART, ("Ctrl+S",), "chart"),
    Act("chart.menu", "Everything that can be done with it", CHART, ("Menu", "Shift+F10"), "chart"),
    Act("zoomed.by", "Zoom in or out, all of them", PICTURES, ("+", "-"), "zoomed"),
    Act("zoomed.move", "Move what is in sight, in all of them", PICTURES, ("Left", "Right", "Up", "Down"), "zoomed"),
    Act("zoomed.whole", "Show all of it", PICTURES, ("0",), "zoomed"),
    Act("find.move", "Move the choice", PALETTE, ("Up", "Down"), "find"),
    Act("find.do", "Do what is chosen", PALETTE, ("Return",), "find"),
    Act("find.leave", "Leave", PALETTE, ("Esc",), "find"),
)


def view_acts(views: Sequence[tuple[str, str]]) -> tuple[Act, ...]:
    """An act for each page of the rail, (name, title) from the top."""
    return tuple(Act(f"view.{name}", f"Go to {title}", GO, (f"Ctrl+{place}",)) for place, (name, title) in enumerate(views, 1))


def heard_in(where: str) -> dict[str, str]:
    """The keys of a page, in Qt's portable writing, and the last part of the name of what they do."""
    return {portable(key): act.name.partition(".")[2] for act in TABLE if act.where == where for key in act.keys}


def portable(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def native(key: str) -> str:
    """A key as this system writes it in its menus."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) or key


def _can() -> str:
    return ""


class Actions(QObject):
    """The acts of one window. `refused` tells in a sentence why something cannot be done now."""

    refused = Signal(str)

    def __init__(self, window: QWidget, views: Sequence[tuple[str, str]]) -> None:
        super().__init__(window)
        self._window = window
        self.table: dict[str, Act] = {act.name: act for act in (*view_acts(views), *TABLE)}
        self.actions: dict[str, QAction] = {}
        self._why_not: dict[str, Callable[[], str]] = {}
        self._do: dict[str, Callable[[], object]] = {}

    def bind(self, name: str, do: Callable[[], object], why_not: Callable[[], str] = _can) -> None:
        """What an act does, and what says why it cannot be done now: an empty answer means that it can."""
        act, action = self.table[name], QAction(self.table[name].text, self)
        self._do[name], self._why_not[name] = do, why_not
        action.setObjectName(name)
        if not act.where:
            action.setShortcuts([QKeySequence(key) for key in act.keys])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            self._window.addAction(action)
        action.triggered.connect(lambda: self.do(name))
        self.actions[name] = action

    def bind_button(self, name: str, button: QAbstractButton, before: Callable[[], object] = _can) -> None:
        """An act that is a press of a button, and possible while the button is."""

        def press() -> None:
            before()
            button.click()

        def why_not() -> str:
            return "" if button.isEnabled() else button.toolTip() or "not now"

        self.bind(name, press, why_not)

    def do(self, name: str) -> None:
        """Do it, or say why not."""
        if why := self._why_not[name]():
            self.refused.emit(f"{self.table[name].text}: {why.rstrip('.')}.")
        else:
            self._do[name]()

    def why_not(self, name: str) -> str:
        return self._why_not[name]()

    def bound(self) -> Iterator[Act]:
        """What can be asked for by name, in the order of the table."""
        return (act for name, act in self.table.items() if name in self._do)

    def sheet(self) -> list[tuple[str, list[Act]]]:
        """What the sheet of keys lists: groups with a title, and all in them that have keys and are heard."""
        there = [act for act in self.table.values() if act.keys and (act.where or act.name in self._do)]
        return [(group, mine) for group in GROUPS if (mine := [act for act in there if act.group == group])]
