"""Mistakes of a lineage: their flow, the pictures behind one stream of it, and training labels most networks contradict."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from engine import words
from engine.compare import Suspect
from studio import theme
from studio.lineage_pictures import KINDS, Flow, Kind, Listed, Pictures
from studio.widgets.card import Card, ElidedLabel, scrolling
from studio.widgets.empty import EmptyNote
from studio.widgets.mistake_list import PictureList, mistake_row, suspect_row
from studio.widgets.mistakes_flow import MistakesFlow
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Twin

NAMES: dict[Kind, str] = {"inherited": "Inherited", "fixed": "Fixed", "new": "New"}
CAVEAT = "A list to look through, not a count of wrong labels: these networks learned from the very labels they judge."


class ListOrNote(QStackedWidget):
    """A list of pictures, with a line where they cannot be seen, or why there is no list."""

    def __init__(self, name: str, lines: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = PictureList(name, lines)
        self.note = EmptyNote()
        self._missing = theme.dress(ElidedLabel(), small=True, state="warn")
        self._missing.setContentsMargins(12, 0, 12, 0)
        self._missing.hide()
        self._listed = QWidget()
        column = QVBoxLayout(self._listed)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._missing)
        column.addWidget(self.list, 1)
        self.addWidget(self._listed)
        self.addWidget(self.note)

    def show_pictures(self, pictures: Pictures) -> None:
        self.list.show_pictures(pictures)
        self._missing.setText(f"No thumbnails: {pictures.problem}")
        self._missing.setVisible(bool(pictures.problem))

    def say(self, sentence: str, when: str = "") -> None:
        self.list.show_nothing()
        self.note.show_note(sentence, when)
        self.setCurrentWidget(self.note)

    def show_list(self) -> None:
        self.setCurrentWidget(self._listed)


class LineageMistakes(QWidget):
    """`pair_chosen` brings the generations of a stream, `picture_opened` a row of the test set and a seed."""

    pair_chosen = Signal(int, int)
    picture_opened = Signal(int, int)
    correction_asked = Signal(tuple)  # of Suspect

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lists: Mapping[Kind, Listed] = {}
        self._classes: tuple[str, ...] = ()
        self._files: tuple[str, ...] = ()
        self._found: tuple[Suspect, ...] = ()
        self.flow = MistakesFlow()
        self._twin = Twin(scrolling(self.flow), self.flow.table, "Mistakes from generation to generation")
        self._flow_note = EmptyNote()
        self.kinds = Segment(list(NAMES.values()), "Which mistakes")
        self.pictures = ListOrNote("Pictures of the pair")
        self.suspects = ListOrNote("Suspect labels", 2)
        self._whose = theme.dress(ElidedLabel(), small=True, muted=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._flow_card(), 9)
        row.addWidget(self._pair_card(), 5)
        row.addWidget(self._suspect_card(), 4)
        self.flow.chosen.connect(self._choose_stream)
        self.kinds.chosen.connect(lambda name: self._show_kind())
        self.pictures.list.opened.connect(self._open)

    def _flow_card(self) -> Card:
        self._flow_stack = QStackedWidget()
        self._flow_stack.addWidget(self._twin)
        self._flow_stack.addWidget(self._flow_note)
        self._flow_head = Card("Mistakes from generation to generation")
        self._flow_head.head.addWidget(self._twin.button)
        self._flow_head.body.setContentsMargins(12, 6, 12, 8)
        self._flow_head.body.addWidget(self._flow_stack, 1)
        return self._flow_head

    def _pair_card(self) -> Card:
        card = Card("Pictures", ruled=True)
        card.show_title("Pictures")
        while (item := card.head.takeAt(0)) is not None:  # the segment takes the place of a title
            if (widget := item.widget()) is not None:
                widget.hide()
        card.head.addWidget(self.kinds)
        card.head.addStretch(1)
        card.body.setContentsMargins(1, 6, 1, 4)
        card.body.setSpacing(4)
        self._whose.setContentsMargins(12, 0, 12, 0)
        card.body.addWidget(self._whose)
        card.body.addWidget(self.pictures, 1)
        return card

    def _suspect_card(self) -> Card:
        self._suspect_head = Card("Suspect labels", ruled=True)
        self.correct = theme.dress(QPushButton("Correct"), small=True)
        self.correct.setToolTip("Write corrected labels to a file of their own, for a recipe to use")
        self.correct.setVisible(False)
        self.correct.clicked.connect(lambda: self.correction_asked.emit(self._found))
        self._suspect_head.head.addWidget(self.correct)
        caveat = theme.dress(QLabel(CAVEAT), small=True, muted=True)
        caveat.setWordWrap(True)
        caveat.setContentsMargins(12, 0, 12, 0)
        column: QVBoxLayout = self._suspect_head.body
        column.setContentsMargins(1, 6, 1, 4)
        column.setSpacing(4)
        column.addWidget(caveat)
        column.addWidget(self.suspects, 1)
        self._caveat = caveat
        return self._suspect_head

    # what is shown

    def show_flow(self, flow: Flow, note: tuple[str, str] = ("", "")) -> None:
        """The flow, or why there is none and when that changes."""
        self._flow_head.show_title("Mistakes from generation to generation", flow.words)
        self.flow.show_flow(flow)
        self._flow_note.show_note(*note)
        self._flow_stack.setCurrentWidget(self._flow_note if note[0] else self._twin)
        self._twin.button.setVisible(not note[0])
        self._twin.refresh()

    def show_pair(self, lists: Mapping[Kind, Listed], classes: Sequence[str], note: str = "") -> None:
        """The three lists of a pair, or why there are none."""
        self._lists, self._classes = lists, tuple(classes)
        for kind, name in NAMES.items():
            self.kinds.relabel(name, f"{name} {words.count(len(lists[kind]))}" if lists else name)
            self.kinds.offer(name, bool(lists))
        if note:
            self._whose.setText("")
            self.pictures.say(note)
        else:
            self._show_kind()

    def show_suspects(self, found: Sequence[Suspect], classes: Sequence[str], note: str = "") -> None:
        self._suspect_head.show_title("Suspect labels", f"{words.count(len(found))} found" if not note else "")
        self._caveat.setVisible(bool(found))
        self._found = tuple(found)
        self.correct.setVisible(bool(found) and not note)
        if note or not found:
            self.suspects.say(
                note or "No label is contradicted",
                "" if note else "by three in four of the networks, which all learned from these labels",
            )
            return
        self.suspects.list.show_rows(len(found), lambda place: suspect_row(found[place], classes, self._files))
        self.suspects.show_list()

    def show_pictures(self, pictures: Pictures) -> None:
        self._files = pictures.files
        for some in (self.pictures, self.suspects):
            some.show_pictures(pictures)

    @property
    def kind(self) -> Kind:
        return KINDS[list(NAMES.values()).index(self.kinds.current())]

    def _show_kind(self) -> None:
        listed = self._lists.get(self.kind)
        if listed is None:
            return
        self.flow.mark(listed.parent, listed.child, self.kind)
        seeds = words.plural(listed.seeds, "seed")
        self._whose.setText(f"F{listed.parent} to F{listed.child}, {seeds}, the surest first")
        if not len(listed):
            self.pictures.say(f"F{listed.child} has {_none(self.kind, listed.parent)}")
            return
        self.pictures.list.show_rows(len(listed), lambda place: mistake_row(listed, place, self._classes, self._files))
        self.pictures.show_list()

    def _choose_stream(self, parent: int, child: int, kind: Kind) -> None:
        self.kinds.choose(NAMES[kind])
        listed = self._lists.get(kind)
        if listed is not None and (listed.parent, listed.child) == (parent, child):
            self._show_kind()
        else:
            self.pair_chosen.emit(parent, child)

    def _open(self, place: int) -> None:
        listed = self._lists.get(self.kind)
        if listed is not None:
            self.picture_opened.emit(int(listed.row[place]), int(listed.seed[place]))


def _none(kind: Kind, parent: int) -> str:
    return {
        "inherited": f"inherited no mistake of F{parent}",
        "fixed": f"fixed no mistake of F{parent}",
        "new": f"no mistake that F{parent} had not",
    }[kind]
