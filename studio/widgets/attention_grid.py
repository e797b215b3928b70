"""Where networks look: probe pictures in rows, with the maps of student and teacher, their overlap and their answers.

Given arrays, draws them. Here: what the arrays are, how a map becomes a picture, the rows, and the card around them with
its scrubber. Left to others: reading files, deciding which snapshot is shown.

Shapes: P pictures, C channels, H and W of a picture; heads, h and w of a map. A convolutional network has no attention;
its Grad-CAM is called class evidence everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from engine import words
from studio import color_maps, theme
from studio.widgets import taking
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.empty import EmptyNote
from studio.widgets.lines import DASHES
from studio.widgets.picture import Picture, channels_last
from studio.widgets.scrubber import Scrubber

Kind = Literal["attention", "evidence"]
Bytes = NDArray[np.uint8]
Maps = NDArray[np.float32]

GAP = 6  # between pictures
MARK = 15  # right or wrong, before the answer
MOST_WORDS = 96  # of width; longer names end in an ellipsis
MOST_SIDE = 160  # pixels of a drawn map
BAR = 12  # kept free for the scroll bar, so that nothing moves when it comes
ALL_HEADS = "All heads"
PCA = "PCA of patches"
STYLES = ("Heat over grey", "Heat")
NAMES: dict[Kind, str] = {"attention": "Attention", "evidence": "Class evidence"}
MEANINGS: dict[Kind, str] = {
    "attention": (
        "How strongly the class token of the last block attends to each patch. It shows where the network looks, not why "
        "it answers as it does."
    ),
    "evidence": (
        "Grad-CAM: which places of the last feature maps raised the score of the class the network answers. It is not "
        "attention, which a convolutional network does not have; it is coarse, and it leaves out what spoke against the class."
    ),
}
PCA_MEANING = (
    "The three directions in which a network's patches differ most, over all of these pictures, as red, green and blue: "
    "patches of one colour are alike to it. The colours of student and teacher have nothing to do with each other."
)
JACCARD_MEANING = (
    "on it: what the teacher's attention marks (the fewest patches with 60 % of a head's attention) and the drawn mask of "
    "the creature have in common, as a share of what either marks; of the head that fits best (Jaccard index)."
)


@dataclass(frozen=True, eq=False)
class Probe:
    """The pictures: uint8 [P, C, H, W], and the index of the true class of each."""

    pictures: Bytes
    labels: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Looks:
    """One snapshot: maps [P, heads, h, w]; [P] each of overlap, Jaccard index with the mask (below 0 without one), predicted
    class and confidence in [0, 1]; colours of patches [P, 3, h, w] in [0, 1].
    """

    student: Maps
    teacher: Maps | None = None
    overlap: NDArray[np.float32] | None = None
    student_class: NDArray[np.int64] | None = None
    student_confidence: NDArray[np.float32] | None = None
    teacher_class: NDArray[np.int64] | None = None
    teacher_confidence: NDArray[np.float32] | None = None
    jaccard: NDArray[np.float32] | None = None
    pca_student: Maps | None = None
    pca_teacher: Maps | None = None

    def maps(self, style: str) -> list[Maps]:
        """What is drawn in this style: of the student, then of the teacher if it has any."""
        both = (self.pca_student, self.pca_teacher) if style == PCA else (self.student, self.teacher)
        return [maps for maps in both if maps is not None]

    @property
    def styles(self) -> tuple[str, ...]:
        return STYLES if self.pca_student is None else (*STYLES, PCA)

    @property
    def heads(self) -> int:
        return int(self.student.shape[1])


class Network(NamedTuple):
    """What a column is called, and its colour."""

    name: str
    color: str


# From a map to a picture ----------------------------------------------------------------------------------------


def map_picture(map_hw: NDArray[np.floating], picture_CHW: Bytes, style: str = STYLES[0]) -> Bytes:
    """A map as RGB uint8 [H, W, 3] in the grid of its picture, scaled to its own maximum; all zeros stay the lowest colour.

    A picture larger than MOST_SIDE is thinned to less than that first: more is not seen, and costs 5 ms a map at 224 px.
    """
    every = -(-max(picture_CHW.shape[1:]) // MOST_SIDE)
    picture_CHW = picture_CHW[:, ::every, ::every]
    most = float(map_hw.max())
    heat = grown(map_hw / most if most > 0 else np.zeros_like(map_hw), picture_CHW.shape[1:])
    return color_maps.magma(heat) if style == "Heat" else color_maps.heat_over_grey(heat, luminance(picture_CHW))


def patch_picture(colours_3hw: NDArray[np.floating], size: Sequence[int]) -> Bytes:
    """Colours of patches as RGB uint8 [H, W, 3], at most MOST_SIDE large: bilinear between the middles of the patches."""
    most = max(1, -(-max(size) // MOST_SIDE))
    grown_3HW = np.stack([grown(channel, [-(-side // most) for side in size]) for channel in colours_3hw])
    return np.ascontiguousarray((255 * np.clip(grown_3HW, 0, 1) + 0.5).astype(np.uint8).transpose(1, 2, 0))


def luminance(picture_CHW: Bytes) -> NDArray[np.float64]:
    """[H, W] in [0, 1]; Rec. 709 weights on the stored values."""
    whole = picture_CHW.astype(np.float64) / 255
    return whole[0] if len(whole) == 1 else np.tensordot((0.2126, 0.7152, 0.0722), whole, 1)


def grown(map_hw: NDArray[np.floating], size: Sequence[int]) -> NDArray[np.float64]:
    """A map [h, w] brought to [H, W], bilinear between the middles of its cells, flat beyond the outermost."""
    whole = np.asarray(map_hw, dtype=np.float64)
    for axis, length in enumerate(size):
        cells = whole.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
        low = np.floor(at).astype(np.intp)
        high = np.minimum(low + 1, cells - 1)
        part = (at - low).reshape([-1, 1] if axis == 0 else [1, -1])
        whole = (1 - part) * whole.take(low, axis) + part * whole.take(high, axis)
    return whole


# The rows -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Row:
    """All that a row shows."""

    picture: Bytes
    label: str
    maps: tuple[Bytes, ...]  # student, then teacher
    names: tuple[str, ...]  # of the maps, for those who do not see them
    overlap: str = ""
    answer: str = ""
    right: bool = True
    inside: str = ""  # how much of the attention is on what the picture shows


class _Columns(NamedTuple):
    """Where pictures and words stand in a line of this width. Words end at the right, or follow the last picture."""

    side: int
    words: int  # x of the words
    width: int
    left: bool

    @property
    def align(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignLeft if self.left else Qt.AlignmentFlag.AlignRight)

    def x(self, place: int) -> int:
        return place * (self.side + theme.px(GAP))


def _columns(width: int, maps: int, least_words: int) -> _Columns:
    """Three pictures of equal size and the words; without a teacher the same size, and more room for words."""
    width -= theme.px(BAR)
    side = max(theme.px(24), (width - least_words - theme.px(3 * GAP)) // 3)
    left = maps < 2
    return _Columns(side, (maps + 1) * (side + theme.px(GAP)) + (theme.px(GAP) if left else 0), width, left)


class _RowView(QWidget):
    """One probe picture: itself, its maps, and in words overlap, class and answer."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = [Picture(parent=self) for _ in range(3)]
        self._overlap = _words_label(self)
        self._label = theme.dress(_words_label(self), small=True, prose=True)
        self._inside = theme.dress(_words_label(self), small=True, muted=True)
        self._mark = QLabel(self)
        self._answer = theme.dress(_words_label(self), small=True)

    def show_row(self, row: _Row) -> None:
        for view, picture, name in zip(
            self._pictures, (row.picture, *row.maps), (f"image of {row.label}", *row.names), strict=False
        ):
            view.show_picture(picture, name)
            view.setToolTip(name)
        for view in self._pictures[1 + len(row.maps) :]:
            view.hide()
        self._overlap.setText(row.overlap)
        self._overlap.setVisible(bool(row.overlap))
        self._label.setText(row.label)
        self._inside.setText(row.inside)
        self._inside.setVisible(bool(row.inside))
        self._inside.setToolTip(JACCARD_MEANING)
        self._answer.setText(row.answer)
        self._mark.setVisible(bool(row.answer))
        theme.put_icon(self._mark, "check" if row.right else "close", "ok" if row.right else "bad", size=12)
        theme.dress(self._answer, muted=row.right, state="" if row.right else "bad")
        self._mark.setToolTip(row.names[0] if row.names else "")

    def place(self, columns: _Columns, maps: int) -> None:
        """Take the height of a picture and put everything where the head of the columns says."""
        self.setFixedHeight(columns.side)
        for place, view in enumerate(self._pictures):
            view.setGeometry(columns.x(place), 0, columns.side, columns.side)
            view.setVisible(place <= maps)
        lines = [line for line in (self._overlap, self._label, self._inside, self._answer) if line.text()]
        heights = [line.sizeHint().height() + theme.px(1) for line in lines]
        y = (columns.side - sum(heights)) // 2
        room = columns.width - columns.words
        for line, height in zip(lines, heights, strict=True):
            line.setAlignment(columns.align)
            line.setGeometry(columns.words, y, room, height)
            y += height
        mark = theme.px(MARK)
        answer = QRect(columns.words + mark, self._answer.y(), room - mark, self._answer.height())
        self._answer.setGeometry(answer)
        text = min(self._answer.sizeHint().width(), answer.width())
        x = columns.words if columns.left else columns.width - text - mark
        self._mark.setGeometry(x, answer.y(), mark, answer.height())


def _words_label(parent: QWidget) -> ElidedLabel:
    return ElidedLabel(parent=parent)


class _Head(QWidget):
    """Names of the columns, with the key of each network."""

    def __init__(self) -> None:
        super().__init__()
        self._networks: tuple[Network, ...] = ()
        self._columns = _Columns(0, 0, 0, False)
        self._last = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_columns(self, networks: tuple[Network, ...], columns: _Columns, last: str) -> None:
        self._networks, self._columns, self._last = networks, columns, last
        self.setAccessibleName(", ".join(("image", *(one.name for one in networks), last)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height() + theme.px(2))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color("muted"))
        painter.drawText(QRectF(0, 0, self._columns.side, self.height()), Qt.AlignmentFlag.AlignVCenter, "image")
        room = QRectF(self._columns.words, 0, self._columns.width - self._columns.words, self.height())
        painter.drawText(room, self._columns.align, self._last)
        for place, network in enumerate(self._networks):
            self._paint_key(painter, self._columns.x(place + 1), network, dashed=place > 0)

    def _paint_key(self, painter: QPainter, x: int, network: Network, dashed: bool) -> None:
        pen = QPen(theme.color(network.color), theme.px(2), Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        if dashed:
            pen.setDashPattern(DASHES["teacher"])
        painter.setPen(pen)
        middle, length = self.height() // 2, theme.px(13)
        painter.drawLine(QPointF(x, middle), QPointF(x + length, middle))
        painter.setPen(theme.color("text2"))
        start = x + length + theme.px(6)
        place = QRectF(start, 0, self._columns.side - (start - x), self.height())
        name = painter.fontMetrics().elidedText(network.name, Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)


@dataclass(frozen=True, eq=False)
class _Shown:
    """What the grid was given, and how it is to be drawn."""

    probe: Probe | None = None
    looks: Looks | None = None
    classes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    kind: Kind = "evidence"
    style: str = STYLES[0]
    head: int | None = None  # None is the mean over all


class AttentionGrid(QWidget):
    """Head and rows; the rows scroll. Maps of a snapshot are drawn once, whenever anything about them changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = _Shown()
        self._head = _Head()
        self._rows: list[_RowView] = []
        self.area = QScrollArea()
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setAccessibleName("Probe images")
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._column.addStretch(1)
        self.area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._head)
        column.addWidget(self.area, 1)
        for part, of in ((self, self), (self.area, self)):
            taking.let_take(part, lambda: "Probe images", of=of)
        theme.signals.changed.connect(self._redraw)

    def show_all(
        self, probe: Probe, classes: Sequence[str], networks: Sequence[Network], looks: Looks | None, kind: Kind
    ) -> None:
        """The pictures, the names of the classes, the networks (student, then teacher), and a snapshot of their maps.

        Without a snapshot the pictures stand alone.
        """
        head = self._shown.head if looks is not None and (self._shown.head or 0) < looks.heads else None
        self._shown = _Shown(probe, looks, tuple(classes), tuple(networks), kind, self._shown.style, head)
        self._redraw()

    def show_style(self, style: str, head: int | None) -> None:
        """ "Heat" or "Heat over grey", and which head of the attention; None is the mean over all."""
        self._shown = replace(self._shown, style=style, head=head)
        self._redraw()

    def rows(self) -> list[tuple[str, ...]]:
        """What each row says: overlap, class, answer, and how much of the attention is on it, where that is known."""
        return [(row.overlap, row.label, row.answer, *filter(None, [row.inside])) for row in self._content()]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _redraw(self) -> None:
        content = self._content()
        while len(self._rows) < len(content):
            self._rows.append(_RowView())
            self._column.insertWidget(len(self._rows) - 1, self._rows[-1])
        while len(self._rows) > len(content):
            gone = self._rows.pop()
            gone.hide()
            gone.deleteLater()
        for view, row in zip(self._rows, content, strict=True):
            view.show_row(row)
        self._place()

    def _place(self) -> None:
        shown, maps = self._shown, len(self._map_sets())
        columns = _columns(self.width(), maps, self._words_width())
        last = "overlap" if shown.looks is not None and shown.looks.overlap is not None else "class"
        self._head.show_columns(shown.networks[:maps], columns, last)
        for view in self._rows:
            view.place(columns, maps)

    def _words_width(self) -> int:
        """Room for every name of a class with its answer, up to a limit; the same for all snapshots, so nothing moves."""
        metrics = QFontMetrics(theme.font("small"))
        names = {self._class(label) for label in (self._shown.probe.labels if self._shown.probe else ())}
        looks = self._shown.looks
        answers = [f"{name}  100{words.THIN}%" if looks is None or looks.student_class is not None else name for name in names]
        answers += [f"100{words.THIN}% on it"] if looks is not None and looks.jaccard is not None else []
        widest = max((metrics.horizontalAdvance(text) for text in ("overlap", *answers)), default=0)
        return min(widest + theme.px(MARK), theme.px(MOST_WORDS))

    def _map_sets(self) -> list[Maps]:
        looks = self._shown.looks
        return [] if looks is None else looks.maps(self._style())

    def _style(self) -> str:
        """The one that is wanted, if this snapshot has it."""
        shown = self._shown
        return shown.style if shown.looks is None or shown.style in shown.looks.styles else STYLES[0]

    def _content(self) -> list[_Row]:
        probe = self._shown.probe
        return [] if probe is None else [self._row(probe, place) for place in range(len(probe.pictures))]

    def _row(self, probe: Probe, place: int) -> _Row:
        looks, picture = self._shown.looks, probe.pictures[place]
        label = self._class(probe.labels[place])
        if looks is None:
            return _Row(channels_last(picture), label, (), ())
        maps = tuple(self._drawn(maps[place], picture) for maps in self._map_sets())
        own = int(looks.student_class[place]) if looks.student_class is not None else None
        right = own is None or own == probe.labels[place]
        return _Row(
            channels_last(picture),
            label,
            maps,
            tuple(self._spoken(name, place) for name in ("student", "teacher")[: len(maps)]),
            overlap=f"{looks.overlap[place]:.2f}" if looks.overlap is not None else "",
            answer=self._sure("student", place) if right else self._answer("student", place),
            right=right,
            inside=_inside(looks, place),
        )

    def _drawn(self, maps_Xhw: Maps, picture: Bytes) -> Bytes:
        style = self._style()
        if style == PCA:
            return patch_picture(maps_Xhw, picture.shape[1:])
        return map_picture(self._one_map(maps_Xhw), picture, style)

    def _one_map(self, heads_hw: Maps) -> Maps:
        head = self._shown.head
        return np.asarray(heads_hw.mean(axis=0) if head is None else heads_hw[min(head, len(heads_hw) - 1)])

    def _class(self, index: int) -> str:
        return self._shown.classes[index] if 0 <= index < len(self._shown.classes) else str(index)

    def _answer(self, who: str, place: int) -> str:
        """The class that a network answers, and how sure it is."""
        predicted = getattr(self._shown.looks, f"{who}_class")
        parts = [self._class(int(predicted[place])), self._sure(who, place)] if predicted is not None else []
        return "  ".join(part for part in parts if part)

    def _sure(self, who: str, place: int) -> str:
        confidence = getattr(self._shown.looks, f"{who}_confidence")
        return words.percent(float(confidence[place]), 0) if confidence is not None else ""

    def _spoken(self, who: str, place: int) -> str:
        answer = self._answer(who, place)
        what = "patch features" if self._style() == PCA else NAMES[self._shown.kind].lower()
        return f"{what} of the {who}" + (f", which answers {answer}" if answer else "")


def _inside(looks: Looks, place: int) -> str:
    """ "34 % on it"; empty for a picture of which nobody knows where its creature is."""
    share = float(looks.jaccard[place]) if looks.jaccard is not None else -1.0
    return f"{words.percent(share, 0)} on it" if share >= 0 else ""


# The card -------------------------------------------------------------------------------------------------------


class ProbePanel(Card):
    """The grid with its choices and its scrubber; in place of the grid a sentence where there is nothing to see."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Probe images", parent=parent)
        self.grid = AttentionGrid()
        self._given: Looks | None = None
        self._given_kind: Kind = "evidence"
        self._why_not = ""
        self.scrubber = Scrubber()
        self.heads = _choice("Head of the attention", (ALL_HEADS,))
        self.styles = _choice("How maps are drawn", STYLES)
        self._note = EmptyNote()
        self._caption = theme.dress(QLabel(), axis=True, muted=True)
        self._caption.setWordWrap(True)
        self._pages = QStackedWidget()
        self._lay_out()
        self.heads.currentIndexChanged.connect(self._restyle)
        self.styles.currentIndexChanged.connect(self._restyle)
        self.grid.area.installEventFilter(self)
        self.show_note("No probe images yet")

    def show_all(
        self,
        probe: Probe,
        classes: Sequence[str],
        networks: Sequence[Network],
        looks: Looks | None,
        kind: Kind = "evidence",
        why_not: str = "",
    ) -> None:
        """Pictures and a snapshot; without one the caption says why not."""
        self._pages.setCurrentWidget(self.grid)
        self._given, self._given_kind, self._why_not = looks, kind, why_not
        self._offer_styles(looks.styles if looks is not None else STYLES)
        self._offer_heads(looks.heads if looks is not None and kind == "attention" else 1)
        self.styles.setVisible(looks is not None)
        self.grid.show_all(probe, classes, networks, looks, kind)
        self._show_caption()

    def show_note(self, sentence: str, when: str = "") -> None:
        """Nothing to show: why, and when that will change."""
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)
        for part in (self.heads, self.styles, self._caption):
            part.hide()

    def caption(self) -> str:
        return self._caption.text()

    def note(self) -> str:
        """The sentence in place of the pictures; empty while there are some."""
        return self._note.accessibleName() if self._pages.currentWidget() is self._note else ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.grid.area and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.show_focused(event.type() == QEvent.Type.FocusIn)
        return super().eventFilter(watched, event)

    def _restyle(self) -> None:
        head = self.heads.currentIndex()
        self.heads.setEnabled(self.styles.currentText() != PCA)
        self._show_caption()
        self.grid.show_style(self.styles.currentText(), head - 1 if head > 0 else None)

    def _show_caption(self) -> None:
        """What the maps are, or why there are none."""
        said, meant = f"{NAMES[self._given_kind]}, each map scaled to its own maximum", MEANINGS[self._given_kind]
        if self.styles.currentText() == PCA:
            said, meant = "Patch features, alike where the colour is alike", PCA_MEANING
        self._caption.setText(said if self._given is not None else self._why_not)
        self._caption.setToolTip(meant if self._given is not None else "")
        self._caption.setVisible(bool(self._caption.text()) and self._pages.currentWidget() is self.grid)

    def _offer_styles(self, styles: Sequence[str]) -> None:
        """A style that this run does not have gives way to the first."""
        if [self.styles.itemText(place) for place in range(self.styles.count())] == list(styles):
            return
        before = self.styles.currentText()
        self.styles.blockSignals(True)
        self.styles.clear()
        self.styles.addItems(list(styles))
        self.styles.setCurrentText(before if before in styles else styles[0])
        self.styles.blockSignals(False)
        self._restyle()

    def _offer_heads(self, count: int) -> None:
        self.heads.setVisible(count > 1)
        if self.heads.count() != count + 1:
            self.heads.blockSignals(True)
            self.heads.clear()
            self.heads.addItems([ALL_HEADS, *(f"Head {head + 1}" for head in range(count))])
            self.heads.blockSignals(False)
            self._restyle()

    def _lay_out(self) -> None:
        self.head.setContentsMargins(14, 4, 12, 2)
        for choice in (self.heads, self.styles):
            self.head.addWidget(choice)
        above, foot = QVBoxLayout(), QVBoxLayout()
        above.setContentsMargins(14, 0, 14 - BAR, 0)
        above.setSpacing(4)
        foot.setContentsMargins(14, 0, 14, 10)
        self.body.setContentsMargins(0, 2, 0, 0)
        self.body.setSpacing(6)
        self._pages.addWidget(self._note)
        self._pages.addWidget(self.grid)
        above.addWidget(self._pages, 1)
        above.addWidget(self._caption)
        foot.addWidget(self.scrubber)
        self.body.addLayout(above, 1)
        self.body.addWidget(rule())
        self.body.addLayout(foot)


def _choice(name: str, entries: Sequence[str]) -> QComboBox:
    combo = theme.quiet_field(theme.dress(QComboBox(), small=True))
    combo.addItems(list(entries))
    combo.setAccessibleName(name)
    combo.setToolTip(name)
    return combo
