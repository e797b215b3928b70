"""Mistakes from generation to generation: a bar of wrong answers each, and between two of them what is inherited, fixed and
new. A click on a stream chooses it; the arrow keys walk over all streams, Space or Return chooses.

Geometry: bars hang from one line. What is inherited leaves and arrives at the top of the bars; what is fixed leaves below it
and sinks to the ground, what is new rises from the ground. One height in pixels is one count everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine import words
from studio import theme
from studio.lineage_pictures import KINDS, Flow, Kind, Step
from studio.widgets.painted import Painted
from studio.widgets.table_twin import Rows

BAR = 26  # width of a bar, pixels at scale 1
DROP = 0.72  # the longest bar's share of the height, so that streams have room to sink
MEETS = (0.39, 0.46)  # where in the gap, from bar to bar, what is fixed ends and what is new begins
KEYS = Qt.Key


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream between two bars: what it is, its outline, where its words stand, and how they are set."""

    step: Step
    kind: Kind
    outline: QPainterPath
    words_at: QPointF

    @property
    def key(self) -> tuple[int, int, Kind]:
        return self.step.parent, self.step.child, self.kind


class MistakesFlow(Painted):
    """`chosen` brings parent, child and kind of the stream that was chosen."""

    chosen = Signal(int, int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = Flow()
        self._streams: list[Stream] = []
        self._laid_out_for = QSize()
        self._hovered: tuple[int, int, Kind] | None = None
        self._marked: tuple[int, int, Kind] | None = None
        self._focused = 0  # place among the streams
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Mistakes from generation to generation")

    def show_flow(self, flow: Flow) -> None:
        if flow != self._flow:
            self._flow, self._focused = flow, 0
            self.setAccessibleDescription(described(flow))
            self.redraw()

    def mark(self, parent: int, child: int, kind: Kind) -> None:
        """The stream whose pictures are listed beside the drawing."""
        self._marked = (parent, child, kind)
        self.update()

    def table(self) -> Rows:
        """The counts as rows, names first."""
        head = ["from", "to", "wrong before", *KINDS, "wrong after"]
        wrong = dict(zip(self._flow.generations, self._flow.wrong))
        return [head] + [
            [f"F{s.parent}", f"F{s.child}", *(words.count(n) for n in (wrong[s.parent], *map(s.count, KINDS), wrong[s.child]))]
            for s in self._flow.steps
        ]

    def sizeHint(self) -> QSize:
        return QSize(theme.px(640), theme.px(380))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(130) * max(2, len(self._flow.generations) - 1) + theme.px(60), theme.px(190))

    # where things are

    def redraw(self) -> None:
        self._laid_out_for = QSize()
        super().redraw()

    def streams(self) -> list[Stream]:
        """All streams where they are now."""
        if self._laid_out_for != self.size():
            self._laid_out_for = self.size()
            self._streams = list(self._lay_out())
        return self._streams

    def _top(self) -> float:
        return (
            QFontMetricsF(theme.font("title", bold=True)).height() + QFontMetricsF(theme.font("small")).height() + theme.px(10)
        )

    def _ground(self) -> float:
        return self.height() - QFontMetricsF(theme.font("small")).height() - theme.px(12)

    def _unit(self) -> float:
        """Pixels a mistake."""
        most = max(self._flow.wrong, default=0)
        return DROP * (self._ground() - self._top()) / most if most else 0.0

    def _bars(self) -> list[QRectF]:
        """One a generation; the outer two leave room for the numbers over them."""
        count, room = len(self._flow.generations), QFontMetricsF(theme.font("small")).horizontalAdvance("10,000 wrong")
        left, right = room / 2, self.width() - room / 2
        apart = (right - left) / max(1, count - 1)
        middles = [self.width() / 2] if count == 1 else [left + place * apart for place in range(count)]
        return [
            QRectF(x - theme.px(BAR) / 2, self._top(), theme.px(BAR), max(1.0, wrong * self._unit()))
            for x, wrong in zip(middles, self._flow.wrong)
        ]

    def _lay_out(self) -> Iterator[Stream]:
        unit, top, ground = self._unit(), self._top(), self._ground()
        for step, (bar, other) in zip(self._flow.steps, pairwise(self._bars())):
            left, right = bar.right(), other.left()
            meets = [left + share * (right - left) for share in MEETS]
            kept = step.inherited * unit
            band = QPainterPath()
            band.addRect(QRectF(left, top, right - left, kept))
            yield Stream(step, "inherited", band, QPointF((left + right) / 2, top + kept / 2))
            line = QFontMetricsF(theme.font("small")).height()
            sinking = _stream(QPointF(left, top + kept), QPointF(meets[0], ground - step.fixed * unit), step.fixed * unit)
            rising = _stream(QPointF(meets[1], ground - step.new * unit), QPointF(right, top + kept), step.new * unit)
            yield Stream(step, "fixed", sinking, QPointF((left + meets[0]) / 2 + theme.px(4), ground + theme.px(4) + line / 2))
            yield Stream(step, "new", rising, QPointF((meets[1] + right) / 2 - theme.px(4), ground + theme.px(4) + line / 2))

    # drawing

    def draw(self, painter: QPainter) -> None:
        bars = self._bars()
        if len(bars) > 1:
            painter.setPen(QPen(theme.color("axis"), 1))
            ground = int(self._ground()) + 0.5
            painter.drawLine(QPointF(bars[0].right(), ground), QPointF(bars[-1].left(), ground))
        painter.setPen(Qt.PenStyle.NoPen)
        for stream in self.streams():
            painter.fillPath(stream.outline, tone(stream.kind))
        for generation, bar in zip(self._flow.generations, bars):
            painter.setBrush(theme.color(theme.generation_color(generation)))
            painter.drawRoundedRect(bar, theme.px(2), theme.px(2))
        self._draw_words(painter, bars)

    def _draw_words(self, painter: QPainter, bars: list[QRectF]) -> None:
        name, small = theme.font("title", bold=True), theme.font("small")
        for generation, wrong, bar in zip(self._flow.generations, self._flow.wrong, bars):
            middle, under = bar.center().x(), self._top() - theme.px(6) - QFontMetricsF(small).height() / 2
            above = under - QFontMetricsF(small).height() / 2 - QFontMetricsF(name).height() / 2
            _write(painter, QPointF(middle, above), f"F{generation}", name, "text")
            _write(painter, QPointF(middle, under), f"{words.count(wrong)} wrong", small, "muted")
        for stream in self.streams():
            at, tall = stream.words_at, stream.outline.boundingRect().height()
            if stream.kind == "inherited" and tall < QFontMetricsF(small).height():
                at = QPointF(at.x(), stream.outline.boundingRect().bottom() + QFontMetricsF(small).height() / 2 + theme.px(2))
            _write(painter, at, f"{words.count(stream.step.count(stream.kind))} {stream.kind}", small, "text")

    def draw_front(self, painter: QPainter) -> None:
        """Outlines of what is listed beside, pointed at, or reached by the keyboard."""
        focused = self.streams()[self._focused].key if self.hasFocus() and self.streams() else None
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for stream in self.streams():
            token = "focus" if stream.key == focused else "accenttext" if stream.key == self._marked else "edge"
            if stream.key in (focused, self._marked, self._hovered):
                painter.setPen(QPen(theme.color(token), theme.px(2) if token != "edge" else theme.px(1)))
                painter.drawPath(stream.outline)

    # pointer and keys

    def stream_at(self, at: QPointF) -> Stream | None:
        near = QRectF(at.x() - 2, at.y() - 2, 4, 4)
        return next((stream for stream in self.streams() if stream.outline.intersects(near)), None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self.stream_at(event.position())
        self._hover(found.key if found else None)
        self.setCursor(Qt.CursorShape.PointingHandCursor if found else Qt.CursorShape.ArrowCursor)
        self.setToolTip(_hint(found) if found else "")

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def _hover(self, key: tuple[int, int, Kind] | None) -> None:
        if key != self._hovered:
            self._hovered = key
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        found = self.stream_at(event.position())
        if found and event.button() == Qt.MouseButton.LeftButton:
            self._focused = self.streams().index(found)
            self.chosen.emit(*found.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {KEYS.Key_Left: -1, KEYS.Key_Up: -1, KEYS.Key_Right: 1, KEYS.Key_Down: 1}
        streams = self.streams()
        if event.key() in moves and streams:
            self._focused = min(max(self._focused + moves[KEYS(event.key())], 0), len(streams) - 1)
            self.setAccessibleDescription(_hint(streams[self._focused]))
            self.update()
        elif event.key() in (KEYS.Key_Space, KEYS.Key_Return, KEYS.Key_Enter) and streams:
            self.chosen.emit(*streams[self._focused].key)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.setAccessibleDescription(described(self._flow))
        self.update()


def tone(kind: Kind) -> QColor:
    """Grey for what stays, blue for what is won, orange for what is lost."""
    shades = theme.palette().difference
    hues = {"inherited": theme.palette().edge, "fixed": shades[4], "new": shades[0 if theme.palette().dark else 1]}
    made = QColor(hues[kind])
    made.setAlphaF({"inherited": 0.3, "fixed": 0.75, "new": 0.84}[kind])
    return made


def described(flow: Flow) -> str:
    """The drawing in words."""
    if not flow.generations:
        return "No generation is finished yet"
    parts = [f"F{flow.generations[0]} has {words.count(flow.wrong[0])} wrong"]
    for step, wrong in zip(flow.steps, flow.wrong[1:]):
        counts = ", ".join(f"{words.count(step.count(kind))} {kind}" for kind in KINDS)
        parts.append(f"F{step.parent} to F{step.child}: {counts}, so {words.count(wrong)} wrong")
    return ". ".join(parts)


def _hint(stream: Stream) -> str:
    step, count = stream.step, words.count(stream.step.count(stream.kind))
    meaning = {
        "inherited": f"wrong in F{step.parent} and in F{step.child}, whatever the class",
        "fixed": f"wrong in F{step.parent}, right in F{step.child}",
        "new": f"right in F{step.parent}, wrong in F{step.child}",
    }
    return f"{count} {stream.kind}: {meaning[stream.kind]}"


def _stream(start: QPointF, end: QPointF, thick: float) -> QPainterPath:
    """From an upper left to an upper right corner, equally thick all along."""
    path, middle = QPainterPath(start), (start.x() + end.x()) / 2
    path.cubicTo(QPointF(middle, start.y()), QPointF(middle, end.y()), end)
    path.lineTo(end + QPointF(0, thick))
    path.cubicTo(QPointF(middle, end.y() + thick), QPointF(middle, start.y() + thick), start + QPointF(0, thick))
    path.closeSubpath()
    return path


def _write(painter: QPainter, middle: QPointF, text: str, font: QFont, token: str) -> None:
    painter.setFont(font)
    painter.setPen(theme.color(token))
    size = QSize(round(painter.fontMetrics().horizontalAdvance(text)) + 2, painter.fontMetrics().height())
    place = QRectF(middle.x() - size.width() / 2, middle.y() - size.height() / 2, size.width(), size.height())
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), text)
