"""The prototypes of a network that learned without labels: how often each is a picture's first choice, and of which.

Prototypes take the place of classes (DINO); those used most are kept by the run at its end. One is chosen by pointer or arrows.
"""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.inspect_model import Prototypes
from studio.lineage_pictures import Pictures
from studio.widgets.painted import Painted
from studio.widgets.picture_browser import PictureBrowser
from studio.widgets.table_twin import Rows, Twin

KEYS = Qt.Key
HIGH = 84  # of the bars, pixels at scale 1
MOVES = {KEYS.Key_Left: -1, KEYS.Key_Right: 1}


class UseBars(Painted):
    """A bar a prototype. `chosen` brings its place."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._held = Prototypes()
        self.current = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("How often each prototype is used")

    def show_prototypes(self, held: Prototypes) -> None:
        self._held, self.current = held, 0
        self._describe()
        self.redraw()

    def choose(self, place: int) -> None:
        if 0 <= place < len(self._held.uses) and place != self.current:
            self.current = place
            self._describe()
            self.update()
            self.chosen.emit(place)

    def table(self) -> Rows:
        numbers, uses = self._held.numbers.tolist(), self._held.uses.tolist()
        return [["prototype", "first choice of"], *([str(number), float(used)] for number, used in zip(numbers, uses))]  # type: ignore[list-item]

    def words(self, place: int) -> str:
        uses = words.plural(int(self._held.uses[place]), "test picture")
        return f"prototype {int(self._held.numbers[place]):,}: first choice of {uses}"

    def sizeHint(self) -> QSize:
        return QSize(theme.px(300), theme.px(HIGH))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(150), theme.px(56))

    def bar(self, place: int) -> QRectF:
        count, most = max(1, len(self._held.uses)), max(1, int(self._held.uses.max(initial=1)))
        wide = (self.width() - 4) / count
        top = QFontMetricsF(theme.font("axis")).height()
        high = max(1.0, (self.height() - top - 4) * float(self._held.uses[place]) / most)
        return QRectF(2 + place * wide, self.height() - 2 - high, max(1.0, wide - theme.px(2)), high)

    def draw(self, painter: QPainter) -> None:
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        for place, uses in enumerate(self._held.uses.tolist()):
            bar, text = self.bar(place), words.count(uses)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("edge"))
            painter.drawRoundedRect(bar, 2, 2)
            if metrics.horizontalAdvance(text) <= bar.width() + 2:
                painter.setPen(theme.color("muted"))
                above = QRectF(bar.left() - 4, bar.top() - metrics.height(), bar.width() + 8, metrics.height())
                painter.drawText(above, int(Qt.AlignmentFlag.AlignCenter), text)

    def draw_front(self, painter: QPainter) -> None:
        if self.current < len(self._held.uses):
            painter.setPen(QPen(theme.color("focus" if self.hasFocus() else "accenttext"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.bar(self.current).adjusted(-1, -1, 1, 1), 2, 2)

    def _at(self, at: QPointF) -> int:
        place = int((at.x() - 2) // max(1.0, (self.width() - 4) / max(1, len(self._held.uses))))
        return place if 0 <= place < len(self._held.uses) else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._at(event.position())
        self.setToolTip(self.words(place) if place >= 0 else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.choose(self._at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in MOVES:
            self.choose(self.current + MOVES[KEYS(event.key())])
        elif event.key() in (KEYS.Key_Home, KEYS.Key_End):
            self.choose(0 if event.key() == KEYS.Key_Home else len(self._held.uses) - 1)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _describe(self) -> None:
        self.setAccessibleDescription(self.words(self.current) if len(self._held.uses) else "")


class PrototypeInspector(QWidget):
    """The bars over the pictures of the chosen prototype. `opened` brings a picture's place in the data set."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._held = Prototypes()
        self.bars, self.browser = UseBars(), PictureBrowser("Pictures that the prototype is most probable for")
        self.twin = Twin(self.bars, self.bars.table, "Uses of prototypes")
        self.twin.setMaximumHeight(theme.px(HIGH))
        self.browser.setMinimumHeight(theme.px(70))
        self._told = theme.dress(QLabel(), small=True, prose=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.twin)
        column.addWidget(self._told)
        column.addWidget(self.browser, 1)
        self.bars.chosen.connect(self._show)
        for wish in (self.browser.clicked, self.browser.activated):
            wish.connect(lambda index: self._open(self.browser.list.at(index)))

    @property
    def told(self) -> str:
        return self._told.text()

    def show_prototypes(self, held: Prototypes, pictures: Pictures) -> None:
        self._held = held
        self.browser.show_pictures(pictures)
        self.bars.show_prototypes(held)
        self.twin.refresh()
        self._show(0)

    def _open(self, at: int) -> None:
        if at >= 0:
            self.opened.emit(int(self._held.places[self.bars.current, at]))

    def _show(self, place: int) -> None:
        """The pictures of one prototype, the surest first."""
        sure: Sequence[float] = self._held.probabilities[place].tolist()
        self.browser.show_list(self._held.places[place].tolist(), lambda at: (f"{sure[at]:.3f}", "", "muted"))
        told = self.bars.words(place)
        self._told.setText(told[:1].upper() + told[1:])
