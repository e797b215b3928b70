"""What a teacher says beside its first choice, and what its student made of it: probabilities at a temperature.

softmax(logits / T): at T = 1 the probabilities themselves, above it the small ones grow, which is what a student of Knowledge
Distillation sees (Hinton et al. 2015, arXiv:1503.02531). Classes that the two give most are shown, the teacher's order.

Shapes: K classes, R of them shown.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from studio import theme
from studio.inspect_model import softened
from studio.widgets.painted import Painted
from studio.widgets.table_twin import Rows, Twin

STEPS = 28  # of the slider: 1 to 10 by halves, then to 20 by ones
USUAL = 4.0  # where the slider stands at first
Logits = NDArray[np.floating[Any]]


class Said(NamedTuple):
    """One network's answer: what it is called, the token or colour of its bars, its logits [K] up to a constant."""

    name: str
    color: str
    logits: Logits


def temperature_at(place: int) -> float:
    """Of the slider's place 0..STEPS."""
    return 1 + place / 2 if place <= 18 else float(place - 8)


class Bars(Painted):
    """A row a class, a bar a network: filled at the temperature, outlined at 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._said: tuple[Said, ...] = ()
        self._classes: tuple[str, ...] = ()
        self._label = -1
        self._temperature = 1.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Dark knowledge")

    def show_said(self, said: Sequence[Said], classes: Sequence[str], label: int, temperature: float) -> None:
        self._said, self._classes, self._label, self._temperature = tuple(said), tuple(classes), label, temperature
        self.setAccessibleDescription(described(self._said, self._classes))
        self.redraw()

    def rows(self) -> Rows:
        """Of every class."""
        t = f" at {self._temperature:g}"
        head = ["class", *(name for one in self._said for name in (one.name, one.name + t))]
        columns = [softened(one.logits, each).tolist() for one in self._said for each in (1.0, self._temperature)]
        return [head, *([self._class(place), *values] for place, values in enumerate(zip(*columns)))]

    def sizeHint(self) -> QSize:
        return QSize(theme.px(400), theme.px(230))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(240), theme.px(110))

    def _row_height(self) -> float:
        return QFontMetricsF(theme.font("small")).height() + theme.px(7)

    def shown(self) -> list[int]:
        """The classes that fit: those given most by either at the temperature, in the order of the first network."""
        if not self._said:
            return []
        room = max(1, int((self.height() - self._row_height()) // self._row_height()))
        at_RK = np.stack([softened(one.logits, self._temperature) for one in self._said])
        chosen = np.argsort(-at_RK.max(0), kind="stable")[:room]
        return [int(place) for place in chosen[np.argsort(-at_RK[0][chosen], kind="stable")]]

    def draw(self, painter: QPainter) -> None:
        if not self._said:
            return
        shown = self.shown()
        painter.setFont(theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        names = min(max(metrics.horizontalAdvance(self._class(place)) for place in shown), 0.3 * self.width()) + theme.px(10)
        number = metrics.horizontalAdvance("0.000") + theme.px(12)
        columns = [number if each == 1.0 else max(number, metrics.horizontalAdvance(self._heads()[1]) + theme.px(12))
                   for _ in self._said for each in (1.0, self._temperature)]  # fmt: skip
        room = QRectF(names, 0, max(20.0, self.width() - names - sum(columns)), self._row_height())
        self._draw_heads(painter, room.right(), columns)
        for line, place in enumerate(shown, 1):
            top = line * self._row_height()
            self._draw_row(painter, place, names, room.translated(0, top), columns)

    def _heads(self) -> list[str]:
        return [text for one in self._said for text in (one.name, f"at {self._temperature:g}")]

    def _draw_heads(self, painter: QPainter, left: float, columns: Sequence[float]) -> None:
        painter.setPen(theme.color("muted"))
        for text, wide in zip(self._heads(), columns):
            _write(painter, QRectF(left, 0, wide, self._row_height()), text, Qt.AlignmentFlag.AlignRight)
            left += wide

    def _draw_row(self, painter: QPainter, place: int, names: float, room: QRectF, columns: Sequence[float]) -> None:
        painter.setPen(theme.color("ok" if place == self._label else "text"))
        box = QRectF(0, room.top(), names - theme.px(8), room.height())
        name = QFontMetricsF(painter.font()).elidedText(self._class(place), Qt.TextElideMode.ElideRight, box.width())
        _write(painter, box, name, Qt.AlignmentFlag.AlignLeft)
        high, left = (room.height() - theme.px(5)) / len(self._said), room.right()
        for line, one in enumerate(self._said):
            plain, soft = (softened(one.logits, each)[place] for each in (1.0, self._temperature))
            bar = QRectF(room.left(), room.top() + theme.px(2) + line * high, 0, high - theme.px(1))
            self._draw_bar(painter, bar, room.width() - theme.px(4), plain, soft, one.color)
            for value, ink in ((plain, "muted"), (soft, "text")):
                wide = columns[2 * line + (ink == "text")]
                painter.setPen(theme.color(ink))
                _write(painter, QRectF(left, room.top(), wide, room.height()), f"{value:.3f}", Qt.AlignmentFlag.AlignRight)
                left += wide

    def _draw_bar(self, painter: QPainter, bar: QRectF, whole: float, plain: float, soft: float, color: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(color))
        bar.setWidth(max(1.0, soft * whole))
        painter.drawRoundedRect(bar, 1, 1)
        if self._temperature > 1:
            bar.setWidth(max(1.0, plain * whole))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color(color), 1))
            painter.drawRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), 1, 1)

    def draw_front(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), theme.px(4), theme.px(4))

    def _class(self, place: int) -> str:
        return self._classes[place] if place < len(self._classes) else str(place)


class DarkKnowledge(QWidget):
    """The slider over the bars, a sentence below them. `temperature_changed` for whoever remembers it."""

    temperature_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._said: tuple[Said, ...] = ()
        self._classes: tuple[str, ...] = ()
        self._label = -1
        self.bars = Bars()
        self.twin = Twin(self.bars, self.bars.rows, "Dark knowledge")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Temperature")
        self.slider.setValue(next(place for place in range(STEPS) if temperature_at(place) == USUAL))
        self._value = theme.dress(QLabel(), bold=True)
        self._told = theme.dress(QLabel(), small=True, muted=True)
        self._told.setWordWrap(True)
        self._lay_out()
        self.slider.valueChanged.connect(self._change)
        self._change()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        label = theme.dress(QLabel("&Temperature"), small=True, prose=True)
        label.setBuddy(self.slider)
        label.setContentsMargins(0, 0, 2, 0)  # its last letter is wider than its metrics say
        for part, stretch in ((label, 0), (self.slider, 1), (self._value, 0)):
            row.addWidget(part, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.twin, 1)
        column.addWidget(self._told)

    @property
    def temperature(self) -> float:
        return temperature_at(self.slider.value())

    def show_said(self, said: Sequence[Said], classes: Sequence[str], label: int = -1) -> None:
        """The teacher first; `label` the place of the true class, -1 where nobody knows it."""
        self._said, self._classes, self._label = tuple(said), tuple(classes), label
        self._told.setText(described(self._said, self._classes))
        self._show()

    def _change(self) -> None:
        self._value.setText(f"{self.temperature:.1f}")
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance("20.0"))
        self._show()
        self.temperature_changed.emit(self.temperature)

    def _show(self) -> None:
        self.bars.show_said(self._said, self._classes, self._label, self.temperature)
        self.twin.refresh()


def described(said: Sequence[Said], classes: Sequence[str]) -> str:
    """ "F0 hesitates between okapi and dhole; F1 decides for okapi."."""
    clauses = [_clause(one, classes) for one in said]
    return "; ".join(clauses) + "." if clauses else ""


def _clause(one: Said, classes: Sequence[str]) -> str:
    shares = softened(one.logits, 1.0)
    first, *rest = np.argsort(-shares, kind="stable")[:2].tolist()
    names = [classes[place] if place < len(classes) else str(place) for place in (first, *rest)]
    if rest and shares[rest[0]] >= 0.5 * shares[first]:
        return f"{one.name} hesitates between {names[0]} and {names[1]}"
    return f"{one.name} {'is sure of' if shares[first] >= 0.95 else 'decides for'} {names[0]}"


def _write(painter: QPainter, box: QRectF, text: str, align: Qt.AlignmentFlag) -> None:
    painter.drawText(box, int(align | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip), text)
