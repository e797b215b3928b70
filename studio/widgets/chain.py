"""The chain of generations as boxes with arrows between them. Up to two boxes are selected: the pair compared below.

Given boxes, it gives signals. What stands in a box is decided in lineage_model.py; here is only where it stands. Tab goes
from box to box, the arrow keys too; Space or Return selects.
"""

from collections.abc import Sequence

import shiboken6
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio import theme
from studio.lineage_model import Box, Progress
from studio.widgets import taking
from studio.widgets.card import ElidedLabel, rule
from studio.widgets.hints import put_hint
from studio.widgets.painted import Painted, Swatch
from studio.widgets.seed_dots import SeedDots, Span, common_span
from studio.widgets.state_mark import StateMark

# The icon and the colour of a judgement; where there is none, the place stays empty.
MARKS = {"better": ("arrow-up", "ok"), "worse": ("arrow-down", "bad"), "within the noise": ("waves", "muted")}
LEAST = 250  # width of a box, pixels at scale 1
FEW = 3  # boxes; fewer do not fill the page
KEYS = Qt.Key


class GenerationBox(QFrame):
    """What one generation learned from, how well it does, and whether that is better than its parent."""

    chosen = Signal()
    stepped = Signal(int)  # an arrow key: the box that far away is wanted
    live_asked = Signal(str)  # the run at work

    def __init__(self, generation: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.generation = generation
        self._selected = False
        self._working = ""  # the run that is at work
        theme.dress(self, panel=True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._make_parts()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(6)
        column.addLayout(self._head())
        column.addLayout(self._middle())
        column.addWidget(rule())
        column.addLayout(self._foot)
        self.set_two_lines(False)

    def _make_parts(self) -> None:
        self._name = theme.dress(QLabel(f"F{self.generation}"), title=True, bold=True)
        self._learns = theme.dress(ElidedLabel(), small=True, muted=True)
        self._working_words = theme.dress(ElidedLabel(), small=True, prose=True)
        self._live = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "live", "text2", 14)
        self._live.setToolTip("Watch it train")
        self._live.setAccessibleName(f"Watch F{self.generation} train")
        self._live.clicked.connect(lambda: self.live_asked.emit(self._working))
        self._figure = theme.dress(QLabel(), figure=True)
        self._spread = theme.dress(ElidedLabel(), small=True, muted=True)
        self._dots = SeedDots(self.generation)
        self._head_mark, self._mark = StateMark(14), StateMark(16)
        self._waiting = theme.dress(ElidedLabel(), prose=True)
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._judgement = QLabel()
        self._difference = theme.dress(QLabel(), small=True)
        self._verdict = theme.dress(ElidedLabel(), small=True, prose=True)
        self._foot = QGridLayout()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        _add(row, Swatch(self.generation), self._name, self._learns)
        row.addStretch(1)
        _add(row, self._head_mark, self._working_words, self._live, _Strut(self._live))
        return row

    def _middle(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        _add(row, self._figure, self._spread, self._mark, self._waiting)
        row.addWidget(self._dots, 1)
        row.addWidget(self._bar, 1)
        row.addWidget(_Strut(self._figure))
        return row

    def show_box(self, box: Box, span: Span) -> None:
        """`span` is the scale of the dots, common to the chain."""
        self._learns.setText(box.learns_from)
        self._figure.setText(box.figure)
        self._spread.setText(box.spread)
        self._dots.show_values(box.per_seed, span)
        self._show_verdict(box)
        self._show_progress(box.progress, bool(box.figure))
        for widget in (self._figure, self._spread, self._dots):
            widget.setVisible(bool(box.figure))
        put_hint(self, box.why)
        self.setAccessibleName(f"{box.name}, {'selected' if self._selected else 'not selected'}")
        self.setAccessibleDescription(box.description)

    def _show_verdict(self, box: Box) -> None:
        mark = MARKS.get(box.judgement)
        if mark:
            theme.put_icon(self._judgement, *mark, size=16)
        self._judgement.setVisible(mark is not None)
        self._difference.setText(box.verdict[0])
        self._difference.setVisible(bool(box.verdict[0]))
        self._verdict.setText(box.verdict[1] or " ")

    def _show_progress(self, told: Progress | None, measured: bool) -> None:
        """In the head while other seeds have a figure already, else where the figure will be."""
        self._working = told.run if told and told.at_work else ""
        self._live.setVisible(bool(self._working))
        in_head, in_middle = bool(told and measured), bool(told and not measured)
        for widget in (self._head_mark, self._working_words):
            widget.setVisible(in_head)
        for widget in (self._mark, self._waiting):
            widget.setVisible(in_middle)
        self._bar.setVisible(in_middle and told is not None and told.fraction is not None)
        if told is None:
            return
        for mark, label in ((self._head_mark, self._working_words), (self._mark, self._waiting)):
            mark.show_state(told.word, told.reason)
            label.setText(told.words)
        self._bar.setValue(round(1000 * (told.fraction or 0.0)))
        self._bar.setAccessibleName(f"F{self.generation}: {told.words}")

    def show_selected(self, selected: bool) -> None:
        self._selected = selected
        theme.dress(self, selected=selected)
        self.setAccessibleName(f"F{self.generation}, {'selected' if selected else 'not selected'}")

    @property
    def selected(self) -> bool:
        return self._selected

    def wanted_width(self) -> int:
        """What the verdict needs on one line."""
        parts = [w for w in (self._judgement, self._difference, self._verdict) if not w.isHidden()]
        return sum(w.sizeHint().width() for w in parts) + 6 * (len(parts) - 1) + theme.px(28)

    def set_two_lines(self, two: bool) -> None:
        """The words of the verdict below its figure, for narrow windows; without a figure they stay in the first line."""
        line = self._verdict.fontMetrics().height()
        self._foot.setHorizontalSpacing(6)
        self._foot.setVerticalSpacing(0)
        below = two and not self._difference.isHidden()
        for widget in (self._judgement, self._difference, self._verdict):
            self._foot.removeWidget(widget)
        self._foot.addWidget(self._judgement, 0, 0)
        self._foot.addWidget(self._difference, 0, 1)
        self._foot.addWidget(self._verdict, int(below), 1 if below else 2, 1, 3 if below else 1)
        self._foot.setRowMinimumHeight(0, max(line, theme.px(16)))
        self._foot.setRowMinimumHeight(1, line if two else 0)
        self._foot.setColumnStretch(3, 1)

    def sizeHint(self) -> QSize:
        return QSize(max(theme.px(LEAST), min(super().sizeHint().width(), theme.px(330))), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(LEAST), super().minimumSizeHint().height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {KEYS.Key_Left: -1, KEYS.Key_Right: 1}
        if event.key() in (KEYS.Key_Space, KEYS.Key_Return, KEYS.Key_Enter):
            self.chosen.emit()
        elif event.key() in steps:
            self.stepped.emit(steps[KEYS(event.key())])
        else:
            super().keyPressEvent(event)


class _Strut(QWidget):
    """As high as another widget, hidden or not, so that the rows of all boxes stand level; without width."""

    def __init__(self, other: QWidget) -> None:
        super().__init__()
        self._other = other
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(0, self._other.sizeHint().height())


def _add(row: QHBoxLayout, *widgets: QWidget) -> None:
    for widget in widgets:
        row.addWidget(widget)


class Arrow(Painted):
    """From one generation to the next."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(30), theme.px(16))

    def draw(self, painter: QPainter) -> None:
        painter.setPen(QPen(theme.color("edge"), 1.4 * theme.scale(), c=Qt.PenCapStyle.RoundCap))
        middle, end, wing = self.height() / 2, self.width() - theme.px(5), theme.px(5)
        painter.drawLine(QPointF(theme.px(5), middle), QPointF(end, middle))
        painter.drawPolyline([QPointF(end - wing, middle - wing), QPointF(end, middle), QPointF(end - wing, middle + wing)])


class Chain(QWidget):
    """All boxes of a lineage. `pair_chosen` brings the selected generations, the oldest first: none, one or two."""

    pair_chosen = Signal(object)
    live_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: dict[int, GenerationBox] = {}
        self._chosen: list[int] = []  # in the order in which they were chosen
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        taking.let_take(self, lambda: "Generations")

    def show_boxes(self, boxes: Sequence[Box]) -> None:
        if list(self._boxes) != [box.generation for box in boxes]:
            self._rebuild([box.generation for box in boxes])
        span = common_span([value for box in boxes for value in box.per_seed])
        for box in boxes:
            self._boxes[box.generation].show_box(box, span)
        self._fit()

    def box(self, generation: int) -> GenerationBox:
        return self._boxes[generation]

    @property
    def pair(self) -> tuple[int, ...]:
        return tuple(sorted(self._chosen))

    def choose(self, generations: Sequence[int]) -> None:
        """Select these without telling anybody."""
        self._chosen = [g for g in generations if g in self._boxes]
        for generation, box in self._boxes.items():
            box.show_selected(generation in self._chosen)

    def _toggle(self, generation: int) -> None:
        """A third box takes the place of the one that was chosen first."""
        if generation in self._chosen:
            self._chosen.remove(generation)
        else:
            self._chosen = [*self._chosen[-1:], generation]
        self.choose(self._chosen)
        self.pair_chosen.emit(self.pair)

    def _rebuild(self, generations: Sequence[int]) -> None:
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._boxes = {generation: self._made(generation) for generation in generations}
        for place, box in enumerate(self._boxes.values()):
            if place:
                self._row.addWidget(Arrow())
            self._row.addWidget(box, 1)
        if len(self._boxes) < FEW:
            self._row.addStretch(FEW - len(self._boxes))
        self.choose(self._chosen)

    def _made(self, generation: int) -> GenerationBox:
        box = GenerationBox(generation)
        box.chosen.connect(lambda: self._toggle(generation))
        box.stepped.connect(lambda by: self._focus(generation, by))
        box.live_asked.connect(self.live_asked)
        return box

    def _focus(self, generation: int, by: int) -> None:
        order = list(self._boxes)
        place = order.index(generation) + by
        if 0 <= place < len(order):
            self._boxes[order[place]].setFocus(Qt.FocusReason.TabFocusReason)

    def _fit(self) -> None:
        """All verdicts on one line, or all on two."""
        count = len(self._boxes)
        if count:
            room = (self.width() - (count - 1) * theme.px(30)) / max(count, FEW)
            wanted = max(box.wanted_width() for box in self._boxes.values())
            for box in self._boxes.values():
                box.set_two_lines(room < wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class Sideways(QScrollArea):
    """As high as what it holds, and scrolling sideways where that is too wide."""

    def __init__(self, inside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inside = inside
        self._wanted: QWidget | None = None
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._reveal)
        self.setWidget(inside)
        inside.installEventFilter(self)

    def sizeHint(self) -> QSize:
        inside = self._inside.minimumSizeHint()
        bar = self.horizontalScrollBar().sizeHint().height() if inside.width() > self.width() else 0
        return QSize(inside.width(), inside.height() + bar)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(240), self.sizeHint().height())

    def reveal(self, widget: QWidget) -> None:
        """Scroll as little as is needed to see a widget inside, now and when its place is known."""
        self._wanted = widget
        self._soon.start()

    def _reveal(self) -> None:
        if self._wanted is not None and shiboken6.isValid(self._wanted):
            self.ensureWidgetVisible(self._wanted, theme.px(8), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        elif event.type() == QEvent.Type.Resize:
            self._soon.start()
        return False
