"""What a network's features say of many pictures: a map of them all, or its prototypes, one at a time."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QStackedWidget, QWidget

from engine import words
from studio import theme
from studio.inspect_asks import Found
from studio.inspect_model import Prototypes
from studio.lineage_pictures import Pictures
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.feature_map import FeatureMap
from studio.widgets.prototypes import PrototypeInspector
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Twin

MAP, PROTOTYPES = "Feature map", "Prototypes"
ALL, THESE = "All classes", "Its classes"
MEANING = (
    "Each test picture as a point in the plane in which the network's features vary most (principal components). Pictures that "
    "lie together are alike to it in these two directions; the others are not seen here."
)


class FeatureCard(Card):
    """`changed`: the other of both is in sight; `picture_opened` brings a place in the data set, its class (-1 if that is not
    known here), and whether it is one of the prototypes' pictures."""

    changed = Signal()
    picture_opened = Signal(int, int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.which = Segment((MAP, PROTOTYPES), "What is shown of the features")
        self.map, self.prototypes = FeatureMap(), PrototypeInspector()
        self.twin = Twin(self.map, self.map.table, "Feature map")
        self.lit = theme.quiet_field(theme.dress(QComboBox(), small=True))
        self.lit.setAccessibleName("Which classes are coloured")
        self.lit.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.lit.setMinimumContentsLength(9)  # the head is narrow, and its list is as wide as it has to be
        self._told = theme.dress(ElidedLabel(), small=True, muted=True)
        self._note, self._waiting = EmptyNote(), LoadingNote()
        self._pages = QStackedWidget()
        self._places: list[int] = []
        self._classes: tuple[str, ...] = ()
        self._about = (-1, -1)
        self._lay_out()
        self.which.chosen.connect(lambda _: self.changed.emit())
        self.lit.currentIndexChanged.connect(self._light)
        self.map.chosen.connect(lambda row: self.picture_opened.emit(self._places[row], self.map.label_of(row), False))
        self.prototypes.opened.connect(lambda place: self.picture_opened.emit(place, -1, True))

    def _lay_out(self) -> None:
        for page in (self.twin, self.prototypes, self._note, self._waiting):
            self._pages.addWidget(page)
        self.head_frame.show()
        self.setAccessibleName("Features")
        self.head.insertWidget(0, self.which)
        self.head.addWidget(self.lit)
        for twin in (self.twin, self.prototypes.twin):
            self.head.addWidget(twin.button)
        self.body.setContentsMargins(12, 0, 12, 8)
        self.body.setSpacing(4)
        self.body.addWidget(self._told)
        self.body.addWidget(self._pages, 1)
        self._show(self._note)

    @property
    def map_wanted(self) -> bool:
        return self.which.current() == MAP

    @property
    def told(self) -> str:
        return self._told.text()

    def show_map(self, found: Found, name: str) -> None:
        arrays, shares = found.arrays, found.facts["shares"]
        classes = tuple(str(each) for each in found.facts["classes"])
        self._places = arrays["place"].tolist()
        if classes != self._classes or not self.lit.count():
            self._offer(classes)
        self.map.show_points(arrays["xy"], arrays["label"], arrays["place"], classes)
        self.twin.refresh()
        pictures = words.plural(int(found.facts["of"]), "test picture")
        if len(self._places) < int(found.facts["of"]):
            pictures = f"{words.count(len(self._places))} of {pictures}"
        first, second = (words.percent(share, 0) for share in shares)
        self._told.setText(f"PCA of {name}, {pictures}; {first} and {second} of the variance")
        self._told.setToolTip(MEANING)
        self._show(self.twin)

    def show_prototypes(self, held: Prototypes, pictures: Pictures, name: str) -> None:
        self.prototypes.show_prototypes(held, pictures)
        self._told.setText(f"of {name}, those used most at the end of the run")
        self._show(self.prototypes)

    def show_note(self, sentence: str, when: str) -> None:
        self._told.setText("")
        self._note.show_note(sentence, when)
        self._show(self._note)

    def show_waiting(self, sentence: str, share: float | None) -> None:
        self._told.setText("")
        self._waiting.show_progress(sentence, share)
        self._show(self._waiting)

    def show_picture(self, place: int, label: int, answer: int) -> None:
        """The picture that is looked at: -1 for what nobody knows."""
        self._about = (label, answer)
        self.map.mark(place)
        self._light()

    def _offer(self, classes: Sequence[str]) -> None:
        """All classes, where there are colours enough for them; else those of the picture that is looked at."""
        self._classes = tuple(classes)
        self.lit.blockSignals(True)
        self.lit.clear()
        self.lit.addItems([ALL, THESE, *classes])
        self.lit.setCurrentText(ALL if len(classes) <= len(theme.palette().runs) else THESE)
        self.lit.blockSignals(False)
        self._light()

    def _light(self) -> None:
        chosen = self.lit.currentIndex()
        these = frozenset(place for place in self._about if place >= 0)
        self.map.show_lit(None if chosen <= 0 else these if chosen == 1 else frozenset([chosen - 2]))

    def _show(self, page: QWidget) -> None:
        self._pages.setCurrentWidget(page)
        self.lit.setVisible(page is self.twin and bool(self._classes))
        self.twin.button.setVisible(page is self.twin)
        self.prototypes.twin.button.setVisible(page is self.prototypes)
