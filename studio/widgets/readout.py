"""The legend of a chart, which is its readout: names, keys and the values under the cursor.

Here: places that stay while digits change, and what gives way where the line is too short. Left to curve_plot.py: which
entries there are and how a value is written.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme

LEAST_ROOM = 300  # pixels that title and subtitle leave to a wide readout, if it needs them


@dataclass(frozen=True)
class Entry:
    """A name and its value in a readout. Without a colour it has no key; dashes are in pen widths, as of the line."""

    name: str
    value: str
    color: str = ""
    dashes: tuple[float, ...] = ()


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
        return theme.px(spacing.key) + theme.px(spacing.inner) if entry.color else 0

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
            self._paint_key(painter, entry, x, theme.px(spacing.key))
            x += self._key_room(entry, spacing)
        name = entry.name
        if room < self._advance(name):
            name = self._metrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(room))
        self._write(painter, x, name, "text2")
        self._write(painter, x + room + theme.px(spacing.inner), entry.value, "text")

    def _paint_key(self, painter: QPainter, entry: Entry, x: float, length: int) -> None:
        middle = self.height() // 2
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
