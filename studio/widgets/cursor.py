"""One cursor and one range of x for all charts that stand together, and the readout that says what is under it.

Here: where the cursor is, whether it is held, which part of x is in sight; and the legend of a chart, which is its
readout. Left to curve_plot.py: the curves, and how a chart draws its cursor.

        move (pointer)                    hold (click, arrow keys)
  live ────────────────▶ with the pointer ────────────────────────▶ held
   ▲                        │ leave                                  │
   └────────────────────────┴──────────────── release (click, Esc) ──┘
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets.thin import Span, union

CLOSEST = 1e-4  # of all there is: the narrowest range a wheel can reach
LEAST_ROOM = 300  # pixels that title and subtitle leave to a wide readout, if it needs them


class Follower(Protocol):
    """What a cursor needs of a chart."""

    def follow_cursor(self, cursor: "Cursor") -> None: ...


class Cursor(QObject):
    """Where the charts are read (`x`, None is the newest) and which part they show (`x_range`, None is all of it)."""

    changed = Signal(object)  # float or None
    x_range_changed = Signal(object)  # (low, high) or None
    whole_changed = Signal()  # there is more x than before

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.x: float | None = None
        self.x_range: Span | None = None
        self.held = False
        self._extents: WeakKeyDictionary[object, Span] = WeakKeyDictionary()

    def attach(self, plot: Follower) -> None:
        """From now on this chart has the cursor and the range of the others."""
        plot.follow_cursor(self)

    # where it is read

    def move(self, x: float) -> None:
        """Follow the pointer, unless a click holds the cursor."""
        if not self.held:
            self._set(x)

    def hold(self, x: float) -> None:
        """Stay at this x when the pointer goes."""
        self.held = True
        self._set(x)

    def toggle(self, x: float) -> None:
        """A click: stay at this x, or go with the pointer again."""
        self.held = not self.held
        self._set(x)

    def leave(self) -> None:
        """The pointer is gone: back to the newest values, unless held."""
        if not self.held:
            self._set(None)

    def release(self) -> None:
        """Back to the newest values."""
        self.held = False
        self._set(None)

    def _set(self, x: float | None) -> None:
        if x != self.x:
            self.x = x
            self.changed.emit(x)

    # what is in sight

    def tell_extent(self, plot: object, extent: Span | None) -> None:
        """A chart says from where to where its x reaches; what all of them hold is what `follow` shows."""
        before = self.whole()
        if extent is None:
            self._extents.pop(plot, None)
        else:
            self._extents[plot] = extent
        if self.whole() != before:
            self.whole_changed.emit()

    def whole(self) -> Span:
        """All x there is, with a little room on the right; a beginning near zero is zero."""
        low, high = union(self._extents.values()) or (0.0, 1.0)
        if high <= low:
            return low - 0.5, low + 0.5
        near_zero = 0 <= low <= 0.03 * (high - low)
        return (0.0 if near_zero else low), high + 0.03 * (high - low)

    def in_sight(self) -> Span:
        """The range that the charts show."""
        return self.x_range or self.whole()

    def show_range(self, low: float, high: float) -> None:
        """Show this part of x."""
        if high > low and (low, high) != self.x_range:
            self.x_range = (low, high)
            self.x_range_changed.emit(self.x_range)

    def follow(self) -> None:
        """Show everything, and what is still to come."""
        if self.x_range is not None:
            self.x_range = None
            self.x_range_changed.emit(None)

    def zoom(self, factor: float, around: float) -> None:
        """Show `factor` times as much x, with `around` where it is; all of it is the same as following."""
        (low, high), (first, last) = self.in_sight(), self.whole()
        factor = max(factor, CLOSEST * (last - first) / (high - low))
        low, high = around - (around - low) * factor, around + (high - around) * factor
        if low <= first and high >= last:
            self.follow()
        else:
            self.show_range(max(low, first), min(high, last))

    def pan(self, distance: float) -> None:
        """Move the range by a distance in x, no further than there is something to see."""
        if self.x_range is None:
            return
        (low, high), (first, last) = self.x_range, self.whole()
        distance = min(max(distance, min(first - low, 0.0)), max(last - high, 0.0))
        self.show_range(low + distance, high + distance)

    def reveal(self, x: float) -> None:
        """Pan just so far that x is in sight."""
        low, high = self.in_sight()
        self.pan(min(0.0, x - low) + max(0.0, x - high))


@dataclass(frozen=True)
class Entry:
    """A name and its value in a readout. Without a colour it has no key; dashes are in pen widths, as of the line."""

    name: str
    value: str
    color: str = ""
    dashes: tuple[float, ...] = ()
    square: bool = False


@dataclass(frozen=True)
class Spacing:
    """Pixels at scale 1: length of a key, space within an entry, space between two."""

    key: int
    inner: int
    gap: int


WIDE, TIGHT, TIGHTEST = Spacing(18, 7, 14), Spacing(10, 4, 8), Spacing(6, 3, 6)


class Readout(QWidget):
    """A legend with values, on one line. Each entry has its place, so that nothing moves while digits change.

    A place is as wide as the widest value it has held. Where the line is too short, the spaces shrink, then names lose
    their middle; what does not fit even then is left out from the end.
    """

    def __init__(self, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compact = compact
        self._even = False
        self._entries: tuple[Entry, ...] = ()
        self._values: dict[str, int] = {}  # the widest value of each name so far
        self._longest = 0  # name so far, for even places
        self._hint = QSize()
        across = QSizePolicy.Policy.Expanding if compact else QSizePolicy.Policy.Preferred
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)
        theme.signals.changed.connect(self._forget_widths)

    def entries(self) -> tuple[Entry, ...]:
        return self._entries

    def show_entries(self, entries: Sequence[Entry], even: bool = False) -> None:
        """Show these; `even` gives all curves the same room, for lists whose order changes."""
        entries = tuple(entries)
        if entries == self._entries:
            return
        if not even and [e.name for e in entries] != [e.name for e in self._entries]:
            self._values.clear()
        self._entries, self._even = entries, even
        self._widen()
        self.setAccessibleName(", ".join(f"{e.name} {e.value}".strip() for e in entries))

    def sizeHint(self) -> QSize:
        whole = self._whole(self._entries, TIGHT if self._compact else WIDE)
        return QSize(max(0, whole), self._metrics().height() + theme.px(3))

    def minimumSizeHint(self) -> QSize:
        least = theme.px(60 if self._compact else LEAST_ROOM)
        return QSize(min(least, self.sizeHint().width()), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        spacing, shown = self._fitting()
        whole = sum(self._fixed(entry, spacing) + room for entry, room in shown) - theme.px(spacing.gap)
        line = self.contentsRect()
        x = float(line.left()) if self._compact else line.right() + 1 - whole
        for entry, room in shown:
            self._paint(painter, entry, x, room, spacing)
            x += self._fixed(entry, spacing) + room

    def _forget_widths(self) -> None:
        self._values.clear()
        self._longest = 0
        self._widen()

    def _widen(self) -> None:
        for entry in self._entries:
            self._values[entry.name] = max(self._values.get(entry.name, 0), self._advance(entry.value))
        self._longest = max([self._longest, *(self._advance(e.name) for e in self._entries if e.color)])
        if self._even:
            widest = max(self._values.values(), default=0)
            self._values |= {entry.name: widest for entry in self._entries if entry.color}
        if self.sizeHint() != self._hint:
            self._hint = self.sizeHint()
            self.updateGeometry()
        self.update()

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(theme.font("small"))

    def _advance(self, words: str) -> int:
        return self._metrics().horizontalAdvance(words)

    def _name_width(self, entry: Entry) -> int:
        return self._longest if self._even and entry.color else self._advance(entry.name)

    def _key_room(self, entry: Entry, spacing: Spacing) -> int:
        return theme.px(9 if entry.square else spacing.key) + theme.px(spacing.inner) if entry.color else 0

    def _fixed(self, entry: Entry, spacing: Spacing) -> int:
        """All of an entry but its name: key, value, the spaces between, the space before the next entry."""
        return self._key_room(entry, spacing) + self._values[entry.name] + theme.px(spacing.inner) + theme.px(spacing.gap)

    def _whole(self, entries: Sequence[Entry], spacing: Spacing, longest_name: float = math.inf) -> int:
        names = sum(min(self._name_width(e), longest_name) for e in entries)
        return round(names) + sum(self._fixed(e, spacing) for e in entries) - theme.px(spacing.gap)

    def _fitting(self) -> tuple[Spacing, list[tuple[Entry, float]]]:
        """The entries that fit, each with the room for its name."""
        entries, width = list(self._entries), self.contentsRect().width()
        spacings = (TIGHT, TIGHTEST) if self._compact else (WIDE, TIGHT, TIGHTEST)
        spacing = next((one for one in spacings if self._whole(entries, one) <= width), TIGHTEST)
        while len(entries) > 1 and self._whole(entries, spacing, self._advance("mm…")) > width:
            entries.pop()
        room = width - self._whole(entries, spacing, longest_name=0)
        return spacing, list(zip(entries, level([self._name_width(e) for e in entries], room), strict=True))

    def _paint(self, painter: QPainter, entry: Entry, x: float, room: float, spacing: Spacing) -> None:
        if entry.color:
            self._paint_key(painter, entry, x, theme.px(9 if entry.square else spacing.key))
            x += self._key_room(entry, spacing)
        name = entry.name
        if room < self._advance(name):
            name = self._metrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(room))
        self._write(painter, x, name, "text2")
        self._write(painter, x + room + theme.px(spacing.inner), entry.value, "text")

    def _paint_key(self, painter: QPainter, entry: Entry, x: float, length: int) -> None:
        middle = self.height() // 2
        if entry.square:
            painter.fillRect(QRectF(x, middle - length / 2, length, length), theme.color(entry.color))
            return
        pen = QPen(theme.color(entry.color), theme.px(2), Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        if entry.dashes:
            pen.setDashPattern(entry.dashes)
        painter.setPen(pen)
        painter.drawLine(QPointF(x, middle), QPointF(x + length, middle))

    def _write(self, painter: QPainter, x: float, words: str, token: str) -> None:
        painter.setPen(theme.color(token))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        painter.drawText(QRectF(x, 0, 1, self.height()), int(flags), words)


def level(lengths: Sequence[float], room: float) -> list[float]:
    """Cut the longest to one common length, so that all together need no more than `room`."""
    left, cap = room, max(lengths, default=0.0)
    if sum(lengths) > room:
        for done, length in enumerate(sorted(lengths)):
            cap = max(0.0, left / (len(lengths) - done))
            if length > cap:
                break
            left -= length
    return [min(length, cap) for length in lengths]
