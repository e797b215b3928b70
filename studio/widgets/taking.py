"""Taking a chart or a picture away: onto the clipboard, or into a file as PNG at twice its size, as SVG, its numbers as CSV.

`let_take` gives a widget the menu (right button, menu key) and the keys: Ctrl+C copies the picture, Ctrl+Shift+C the numbers,
Ctrl+S asks for a file. What is painted is the widget as it stands, without the buttons in it. Its numbers are the rows of its
table twin, written in full and not as they are rounded on the screen.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QBuffer, QEvent, QIODevice, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage, QKeyEvent, QKeySequence, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QGraphicsView, QMenu, QScrollArea, QTableView, QToolButton, QWidget

from engine import processes, words
from studio import theme
from studio.widgets import painted

Rows = Sequence[Sequence[str | float | None]]  # names first
RATIO = 2  # pixels of a saved picture for one on the screen
KINDS = {"png": "PNG, twice the size (*.png)", "svg": "SVG (*.svg)", "csv": "Numbers as CSV (*.csv)"}
KEYS = {"Ctrl+C": "copy", "Ctrl+Shift+C": "copy_rows", "Ctrl+S": "save"}

_last_folder: list[str] = []  # where something was saved last in this process


class Taking(QObject):
    """What can be taken of one widget; lives as long as it does."""

    def __init__(self, widget: QWidget, name: Callable[[], str], rows: Callable[[], Rows] | None, of: QWidget) -> None:
        super().__init__(widget)
        self._is_table = isinstance(widget, QTableView)  # whoever copies from a table wants what is written there
        self._widget, self._name, self.rows, self._of = widget, name, rows, of
        widget.installEventFilter(self)

    def listen_to(self, part: QWidget) -> None:
        """A part of the widget keeps the right button to itself: its menu is the same."""
        part.installEventFilter(self)

    # ---- what is asked --------------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """The picture; of a table its numbers."""
        if self._is_table and self.rows is not None:
            self.copy_rows()
        else:
            self.copy_picture()

    def copy_picture(self) -> None:
        QGuiApplication.clipboard().setImage(image_of(self._of))

    def copy_rows(self) -> None:
        if self.rows is not None:
            QGuiApplication.clipboard().setText(csv_text(self.rows()))

    def save(self, kind: str = "") -> None:
        """Ask for a file of this kind, or of any."""
        kinds = {each: said for each, said in KINDS.items() if each != "csv" or self.rows is not None}
        offered = [kinds[kind]] if kind else list(kinds.values())
        folder = Path(_last_folder[0]) if _last_folder else Path.home()
        start = folder / f"{self.file_name()}.{kind or 'png'}"
        chosen, how = QFileDialog.getSaveFileName(self._widget.window(), "Save", str(start), ";;".join(offered))
        if chosen:
            given = next((each for each, said in kinds.items() if said == how), kind or "png")
            path = Path(chosen)
            self.write(path if path.suffix.lower()[1:] in kinds else path.with_name(f"{path.name}.{given}"))

    def write(self, path: Path) -> None:
        """Into a file whose ending says what; a refusal of the disk is said by the window."""
        _last_folder[:] = [str(path.parent)]
        try:
            processes.write_aside(path, self._bytes(path.suffix.lower()[1:]))
        except OSError as error:
            if (say := getattr(self._widget.window(), "say", None)) is not None:
                say(f"{path} cannot be written: {error.strerror or error}.")

    def _bytes(self, kind: str) -> bytes:
        if kind == "csv" and self.rows is not None:
            return csv_text(self.rows()).encode()
        return svg_of(self._of, self._name()) if kind == "svg" else png_of(self._of)

    def file_name(self) -> str:
        """ "digits-s0-F1-accuracy": what it is of, as far as a page above it says so, and what it is."""
        above: QWidget | None = self._widget
        of = ""
        while above is not None and not of:
            of = above.taken_of() if hasattr(above, "taken_of") else ""
            above = above.parentWidget()
        return re.sub(r"[^\w.]+", "-", f"{of} {self._name()}").strip("-") or "picture"

    # ---- how it is asked ------------------------------------------------------------------------------------------------

    def menu(self) -> QMenu:
        made = theme.round_menu(QMenu(self._widget))
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.addAction("Copy picture" if self._is_table else "Copy picture\tCtrl+C", self.copy_picture)
        if self.rows is not None:
            made.addAction(f"Copy numbers as CSV\tCtrl+{'' if self._is_table else 'Shift+'}C", self.copy_rows)
        made.addSeparator()
        for kind in KINDS:
            if kind != "csv" or self.rows is not None:
                made.addAction(f"Save as {kind.upper()}…", partial(self.save, kind))
        return made

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not hasattr(self, "_widget"):  # Python takes this apart, and Qt still asks it
            return False
        if event.type() == QEvent.Type.ContextMenu and isinstance(event, QContextMenuEvent):
            self.menu().popup(event.globalPos())
            return True
        if watched is not self._widget or not isinstance(event, QKeyEvent):
            return False
        if event.type() == QEvent.Type.ShortcutOverride and self._wish(event):
            event.accept()  # before the window, or the page, that know the key too
            return True
        return event.type() == QEvent.Type.KeyPress and self._press(event)

    def _press(self, event: QKeyEvent) -> bool:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() == Qt.Key.Key_Menu or (event.key() == Qt.Key.Key_F10 and shift):
            self.menu().popup(self._widget.mapToGlobal(QPoint(theme.px(24), theme.px(24))))
            return True
        wish = self._wish(event)
        if wish:
            getattr(self, wish)()
        return bool(wish)

    def _wish(self, event: QKeyEvent) -> str:
        pressed = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
        wish = KEYS.get(pressed, "")
        return "" if wish == "copy_rows" and self.rows is None else wish


def let_take(
    widget: QWidget, name: Callable[[], str] | None = None, rows: Callable[[], Rows] | None = None, of: QWidget | None = None
) -> Taking:
    """Let this be taken away. `of`: what is painted, if it is not the widget itself; `name`: else its accessible name."""
    shown = of if of is not None else widget
    inside = shown.widget() if isinstance(shown, QScrollArea) else None
    return Taking(widget, name or widget.accessibleName, rows, inside or shown)  # all of it, not the part in sight


def rows_of(model: QAbstractItemModel) -> Rows:
    """What a table shows, as it is written there."""
    columns = range(model.columnCount())
    head = [str(model.headerData(column, Qt.Orientation.Horizontal) or "") for column in columns]
    return [head, *([str(model.index(row, c).data() or "") for c in columns] for row in range(model.rowCount()))]


# ---- as bytes --------------------------------------------------------------------------------------------------------


def image_of(widget: QWidget, ratio: float = RATIO) -> QImage:
    image = QImage(widget.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(theme.color("panel"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _paint(widget, painter)
    painter.end()
    return image


def png_of(widget: QWidget) -> bytes:
    held = QBuffer()
    held.open(QIODevice.OpenModeFlag.WriteOnly)
    image_of(widget).save(held, "PNG")  # type: ignore[call-overload]
    return bytes(held.data().data())


def svg_of(widget: QWidget, title: str) -> bytes:
    held = QBuffer()
    held.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(held)
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(), widget.size()))
    generator.setResolution(96)  # points become as many pixels as on the screen
    generator.setTitle(title)
    painter = QPainter(generator)
    painter.fillRect(widget.rect(), theme.color("panel"))
    _paint(widget, painter)
    painter.end()
    return bytes(held.data().data())


def csv_text(rows: Rows) -> str:
    """Numbers in full, empty where nothing was measured."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    for row in rows:
        writer.writerow([words.cell(cell) if isinstance(cell, str) else cell for cell in row])
    return held.getvalue()


def _paint(widget: QWidget, painter: QPainter) -> None:
    flags = QWidget.RenderFlag.DrawChildren  # on the ground that is there already
    with ExitStack() as undo:
        undo.enter_context(painted.directly())
        for view in widget.findChildren(QGraphicsView):
            undo.enter_context(_without_cache(view))
        widget.render(painter, QPoint(), renderFlags=flags)
    for button in widget.findChildren(QToolButton):
        if button.isVisibleTo(widget):
            painter.fillRect(QRect(button.mapTo(widget, QPoint()), button.size() + QSize(1, 1)), theme.color("panel"))


@contextmanager
def _without_cache(view: QGraphicsView) -> Iterator[None]:
    """The ground of a chart is kept as a picture at the screen's own ratio; a picture to take is painted anew."""
    mode = view.cacheMode()
    view.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
    yield
    view.setCacheMode(mode)
