"""Single networks and single pictures: where student and teacher differ, class by class and picture by picture.

Holds no answers of its own: stored ones are read by inspect_model.py in another thread, what networks make of a picture now
comes from the assistant (inspect_asks.py), and both only while the page is in sight. Which networks: inspect_pair.py.
"""

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QHideEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from engine import words
from studio import actions, inspect_looks, inspect_model, lineage_model, lineage_pictures, phrases, theme
from studio.assistant import Assistant
from studio.inspect_asks import VERBS, Found, InspectAsks
from studio.inspect_features import InspectFeatures
from studio.inspect_lists import Lists
from studio.inspect_model import Answers, Cell, Kind, Network, Order
from studio.inspect_pair import Pair
from studio.inspect_pictures import PICTURES, Looked, held_in, of_file, place_of, png_of
from studio.later import Later
from studio.lineage_pictures import Pictures
from studio.session import Session
from studio.widgets.class_matrices import ClassMatrices
from studio.widgets.dark_knowledge import Said
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.examples import Examples
from studio.widgets.feature_card import FeatureCard
from studio.widgets.lineage_head import LineageHead
from studio.widgets.network_choice import NetworkChoice
from studio.widgets.network_looks import NetworkLooks, Row
from studio.widgets.picture_answers import PictureAnswers

PATIENCE_MS = 1000  # between two looks at runs that train
KEYS: Mapping[str, str] = actions.heard_in("inspect")
NOBODY_SAYS = "Neither network says a class of it", "its neighbours tell what is like it"
NOT_STORED = "No answers are stored yet", "a run keeps those to its test pictures when it is complete"


class InspectView(QWidget):
    """The chosen networks. `go` asks for another view."""

    go = Signal(str)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__()
        self._session, self.pair = session, Pair(session)
        self._asks = InspectAsks(assistant, self)
        self._lists, self._pictures = Lists(), Pictures()
        self._place = -1  # in the data set, of the picture that is chosen in the list
        self._looked: Looked | None = None
        self._own = False  # it is none of the list
        self._near: Found | None = None
        self._asked: dict[str, Hashable] = {}  # what each part of the page shows or waits for
        self._later = Later(self)
        self._pause = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self.setAcceptDrops(True)
        self._make_parts()
        self._lay_out()
        self._connect()

    # the parts

    def _make_parts(self) -> None:
        self.head = LineageHead()
        self.student = NetworkChoice("Student", self._session)
        self.teacher = NetworkChoice("Teacher", self._session, may_be_nobody=True)
        self.examples, self.matrices = Examples(), ClassMatrices()
        self.looks, self.answers, self.features = NetworkLooks(), PictureAnswers(), FeatureCard()
        self._map = InspectFeatures(self.features, self.pair, self._asks, self)

    def _lay_out(self) -> None:
        self._pages, self._page = QStackedWidget(), QWidget()
        self._loading = LoadingNote()
        for page in (self._page, self._empty_page(), self._loading):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.head, 1)
        for button in (self.student, self.teacher):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self._page)
        column.setContentsMargins(16, 10, 16, 12)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self._columns(), 1)

    def _columns(self) -> QSplitter:
        middle = _split(Qt.Orientation.Vertical, (self.looks, self.answers), (270, 290))
        right = _split(Qt.Orientation.Vertical, (self.matrices, self.features), (290, 280))
        return _split(Qt.Orientation.Horizontal, (self.examples, middle, right), (280, 560, 340))

    def _empty_page(self) -> QWidget:
        self._empty = QWidget()
        self._empty_note = EmptyNote("No network here yet", "the sample on the first screen trains some in a minute")
        button = QPushButton("Open the first screen")
        button.clicked.connect(lambda: self.go.emit("welcome"))
        column = QVBoxLayout(self._empty)
        column.addStretch(1)
        column.addWidget(self._empty_note)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        return self._empty

    def _connect(self) -> None:
        self._session.runs_changed.connect(self._look)
        self._session.chosen_changed.connect(self._follow)
        self._pause.timeout.connect(self._look)
        self.head.lineage_chosen.connect(self._choose_lineage)
        self.student.chosen.connect(self._choose_student)
        self.teacher.chosen.connect(self._choose_teacher)
        self.examples.kind_chosen.connect(self._choose_kind)
        self.examples.order_chosen.connect(self._choose_order)
        self.examples.picture_chosen.connect(self._choose_listed)
        self.examples.cell_cleared.connect(lambda: self._choose_cell(None))
        self.matrices.matrix_chosen.connect(lambda _: self._show_matrix())
        self.matrices.cell_chosen.connect(self._choose_cell)
        self.looks.open_asked.connect(self.ask_open)
        self.looks.paste_asked.connect(self.paste)
        self.answers.changed.connect(self._ask_near)
        self.answers.near.opened.connect(self._open_near)
        self.features.changed.connect(lambda: self._map.show(self._folder))
        self.features.picture_opened.connect(self._open_place)
        self._asks.found.connect(self._take)
        self._asks.failed.connect(self._fail)
        self._asks.progressed.connect(self._progress)
        theme.signals.changed.connect(self._redress)

    # which networks

    def taken_of(self) -> str:
        """Whose charts and pictures are taken away, for the name of a file."""
        return self.pair.student.run if self.pair.student else ""

    def _follow(self) -> None:
        """Whoever looks at another run looks at its networks."""
        self.pair.follow()
        self._look(at_once=True)

    def _choose_lineage(self, name: str) -> None:
        if runs := self._session.lineage(name):
            self._session.choose(max(runs, key=lambda one: (one.at_work, one.changed_at)).name)

    def _choose_student(self, network: Network) -> None:
        self.pair.choose_student(network)
        self._look(at_once=True)

    def _choose_teacher(self, network: Network | None) -> None:
        self.pair.choose_teacher(network)
        self._look(at_once=True)

    # following

    def _look(self, at_once: bool = False) -> None:
        """Show what has changed; not while hidden, and not more than once a second."""
        if not self.isVisible() or (self._pause.isActive() and not at_once):
            return
        self._pause.start()
        loading = self._session.loading
        if not self._session.runs or loading:
            self._loading.show_progress(f"Reading {words.plural(loading, 'run')}")
            self._pages.setCurrentWidget(self._loading if loading else self._empty)
            return
        self.pair.settle()
        if waking := self._wake():
            self._loading.show_progress(f"Reading {words.plural(waking, 'run')}")
            self._pages.setCurrentWidget(self._loading)
            return
        self._pages.setCurrentWidget(self._page)
        self._show_head()
        self._read_answers()
        self._read_pictures()
        self._ask_look()
        self._map.show(self._folder)

    def _wake(self) -> int:
        """How many of the runs this page reads are briefs still: these name no artifacts, so nothing would be found of them."""
        one = self.pair.subject
        assert one is not None
        needed = (*self._session.generations(one.lineage), one, self.pair.other, self.pair.parent)
        asleep = {each.name for each in needed if each is not None and not (each.loaded and each.whole)}
        self._session.wake(asleep)
        return len(asleep)

    def _is_new(self, part: str, token: Hashable) -> bool:
        """Whether a part of the page has to be made again; remembers that it was."""
        if self._asked.get(part) == token:
            return False
        self._asked[part] = token
        return True

    def _show_head(self) -> None:
        one, (student, teacher) = self.pair.subject, self.pair.names
        assert one is not None
        names = list(dict.fromkeys(each.lineage for each in self._session.runs))
        about = {name: words.plural(len(self._session.lineage(name)), "run") for name in names}
        model = phrases.model_words(one.recipe.model) if one.recipe else "its recipe cannot be read"
        self.head.show_path([one.lineage, f"{phrases.method_words(one.method)}, {model}", f"seed {one.seed}"], about)
        lead, rest = inspect_model.sentence(self._lists.answers, student, teacher)
        self.head.show_sentence(lead, rest, [*filter(None, [one.problem]), *self._lists.answers.problems])
        for button, network, name in ((self.student, self.pair.student, student), (self.teacher, self.pair.teacher, teacher)):
            button.lineage = one.lineage
            button.show_network(network, name if network else "")

    # what was answered

    def _read_answers(self) -> None:
        one, other, parent = self.pair.subject, self.pair.other, self.pair.parent
        assert one is not None
        finished = lineage_model.complete(self._session.generations(one.lineage))
        first, second, third = ((each.run, each.state) if each is not None else None for each in (one, other, parent))
        key = tuple((each.name, each.state.completed, each.state.attempt) if each else None for each in (one, other, parent))
        if self._is_new("answers", (self._folder, key, lineage_model.fingerprint(finished))):
            assert first is not None
            student = first
            self._later.ask("answers", lambda: inspect_model.read(student, second, third, finished), self._take_answers)

    def _take_answers(self, answers: Answers) -> None:
        self._lists.take(answers)
        self._show_head()
        self._show_matrix()
        self._list()

    def _choose_kind(self, kind: Kind) -> None:
        self._lists.choose_kind(kind)
        self._show_matrix()
        self._list()

    def _choose_order(self, order: Order) -> None:
        self._lists.choose_order(order)
        self._list()

    def _choose_cell(self, cell: Cell | None) -> None:
        self._lists.choose_cell(cell)
        self._show_matrix()
        self._list()

    def _list(self) -> None:
        """The pictures of the chosen list, and the first of them where the one that was looked at is not among them."""
        (student, teacher), parent, listing = self.pair.names, self.pair.parent, self._lists.listing
        self.examples.show_kinds(self._lists.entries(teacher, parent.called if parent else ""), self._lists.kind)
        if len(listing) and self._place not in listing.place:
            self._place = int(listing.place[0])
        cell, classes = self._lists.cell, self.pair.classes
        said = inspect_model.cell_words(cell, classes, student, teacher) if cell else ""
        self.examples.show_listing(listing, classes, said, self._place)
        if self._lists.answers.student is None and not len(listing):
            self.examples.show_note(*NOT_STORED)
        self._look_at_chosen()

    def _choose_listed(self, at: int) -> None:
        self._place, self._own = int(self._lists.listing.place[at]), False
        self._look_at_chosen()

    def _show_matrix(self) -> None:
        counts = inspect_model.matrix(self._lists.answers, self.matrices.current)
        student, teacher = self.pair.names
        if counts is not None:
            self.matrices.show_counts(counts, self.pair.classes, student, teacher, self._lists.cell)
        elif self._lists.answers.student is None:
            self.matrices.show_note(*NOT_STORED)
        else:
            self.matrices.show_note("This takes a teacher", "choose a complete one above that answered the same pictures")

    def _read_pictures(self) -> None:
        one, folder = self.pair.subject, self._folder
        data = lineage_model.judged_by(one.data) if one and one.data else None
        missed_with = one.word if one and self._pictures.problem else None
        if self._is_new("pictures", (str(folder), (data or {}).get("cache"), missed_with)):
            self._looked = self._looked if self._own else None  # it may be none of this data set
            self._later.ask("pictures", lambda: lineage_pictures.pictures(folder, data), self._take_pictures)

    def _take_pictures(self, found: Pictures) -> None:
        self._pictures = found
        self.examples.show_pictures(found)
        self._look_at_chosen()

    # the picture that is looked at

    def _look_at_chosen(self) -> None:
        """That of the list, unless a person looks at one of their own."""
        listing, array = self._lists.listing, self._pictures.array
        found = np.flatnonzero(listing.place == self._place)
        if not self._own and found.size and array is not None and self._place < len(array):
            at, classes = int(found[0]), self.pair.classes
            label, key = int(listing.label[at]), (self._asked.get("pictures"), self._place)
            called, picture = classes[label] if label < len(classes) else "", {"png": png_of(array[self._place])}
            self._looked = Looked(self.examples.name_of(at), key, picture, called, int(listing.row[at]), self._place)
        self._show_looked()

    def look_at(self, looked: Looked) -> None:
        """A picture that is not one of the list."""
        self._looked, self._own = looked, True
        self._show_looked()

    def _show_looked(self) -> None:
        looked = self._looked
        if looked is None:
            self.looks.show_title("Picture")
            self.looks.show_note(
                "No picture is chosen", "choose one at the left, or drop one here, from a file or another window"
            )
            self.answers.say_nothing("No picture is chosen", "")
            return
        about = f"label {looked.label}" if looked.label else "its label is not known"
        self.looks.show_title(looked.name, about)
        self._map.mark(looked.place, place_of(looked.label, self.pair.classes), -1)
        self._show_said(self._stored(looked), looked)
        self._ask_look()

    def _stored(self, looked: Looked) -> list[Said]:
        """Stored answers to a test picture, the teacher's first."""
        ours = self._lists.answers.student
        if ours is None or not 0 <= looked.row < len(ours.index) or ours.index[looked.row] != looked.place:
            return []  # or they are of another data set
        (student, teacher), (one, other) = self.pair.names, self.pair.colours
        both = ((self._lists.answers.teacher, teacher, other), (ours, student, one))
        return [Said(name, color, inspect_model.logits_of(said, looked.row)) for said, name, color in both if said is not None]

    def _show_said(self, said: list[Said], looked: Looked) -> None:
        classes = self.pair.classes
        label = place_of(looked.label, classes)
        self.answers.say_nothing(*(("", "") if said else NOBODY_SAYS))
        self.answers.dark.show_said(said, classes, label)

    # what the assistant makes of it

    def _ask_look(self) -> None:
        if self._looked is None or not self.isVisible():
            return
        if self.pair.student is None:
            one = self.pair.subject
            name = one.called if one else "This run"
            self.looks.show_note(
                f"{name} has saved no checkpoint yet", "one is saved at the end of its first epoch at the latest"
            )
            return
        key = (self._folder, self._looked.key, self.pair.student, self.pair.teacher)
        if self._is_new("look", key):
            self.looks.show_waiting("Looking at the picture")
            where, picture = str(self._folder), dict(self._looked.picture)
            self._asks.wish("look", key, workspace=where, networks=self.pair.tables, picture=picture)
            self._ask_near()

    @property
    def _folder(self) -> Path:
        return self._session.workspace.folder

    def _ask_near(self) -> None:
        if self._looked is None or self.pair.student is None or not self.answers.near_wanted:
            self._asks.forget("neighbours")
            return
        key = (self._folder, self._looked.key, self.pair.student)
        self.answers.near.show_waiting("Looking for its neighbours", None)
        picture, network = dict(self._looked.picture), self.pair.student.table
        self._asks.wish("neighbours", key, workspace=str(self._folder), network=network, picture=picture)

    def _take(self, verb: str, key: Hashable, found: Found) -> None:
        if self._looked is None:
            return
        if verb == "look" and key == self._asked.get("look"):
            self._show_looks(found, self._looked)
        elif verb == "neighbours" and key == (self._folder, self._looked.key, self.pair.student):
            self._near = found
            self.answers.near.show_found(found, self.pair.names[0], self._looked.label)

    def _show_looks(self, found: Found, looked: Looked) -> None:
        seen, names, colours = inspect_looks.looks(found), self.pair.names, self.pair.colours
        rows = [
            Row(name, color, role == "teacher", seen[role], looked.label)
            for role, name, color in zip(("student", "teacher"), names, colours)
            if role in seen
        ]
        self.looks.show_looks(rows, inspect_looks.overlap(found))
        said = [Said(row.name, row.color, row.look.logits) for row in reversed(rows) if row.look.logits is not None]
        if said and all(one.logits.shape == said[0].logits.shape for one in said):
            self._show_said(said, looked)
        own = seen["student"].top(1)
        classes = self.pair.classes
        answer = place_of(own[0][0], classes) if own else -1
        self._map.mark(looked.place, place_of(looked.label, classes), answer)

    def _fail(self, verb: str, key: Hashable, sentence: str) -> None:
        if verb == "look":
            self.looks.show_note("It cannot be looked at", sentence)
        elif verb == "neighbours":
            self.answers.near.show_note("Its neighbours cannot be told", sentence)

    def _progress(self, verb: str, key: Hashable, share: float, said: str) -> None:
        if verb == "neighbours":
            self.answers.near.show_waiting(said[:1].upper() + said[1:], share)

    def _open_place(self, place: int, label: int, of_prototypes: bool) -> None:
        """A picture of the map or of a prototype."""
        array, answers = (self._map.pictures if of_prototypes else self._pictures).array, self._lists.answers.student
        if array is None or not place < len(array):
            return
        rows = np.flatnonzero(answers.index == place) if answers is not None else np.zeros(0, np.int64)
        row = int(rows[0]) if rows.size else -1
        label = int(answers.labels[row]) if answers is not None and row >= 0 else label
        classes, png = self.pair.classes, png_of(array[place])
        called = classes[label] if 0 <= label < len(classes) else ""
        self.look_at(Looked(f"picture {place:,}", ("place", place, of_prototypes), {"png": png}, called, row, place))

    def _open_near(self, at: int) -> None:
        """One of the neighbours takes the place of the picture."""
        if self._near is None:
            return
        arrays, classes = self._near.arrays, [str(name) for name in self._near.facts["classes"]]
        place, label = int(arrays["place"][at]), int(arrays["label"][at])
        png = png_of(arrays["pictures"][at])
        called = classes[label] if label < len(classes) else ""
        self.look_at(Looked(f"training picture {place:,}", ("train", png), {"png": png}, called))

    # a picture of one's own

    def ask_open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Look at a picture", str(Path.home()), PICTURES)
        if chosen:
            self.open_file(Path(chosen))

    def open_file(self, path: Path) -> None:
        """Look at a picture file."""
        self.look_at(of_file(path))

    def paste(self) -> None:
        """Look at the picture, or the picture file, on the clipboard."""
        if not self._take_mime(QGuiApplication.clipboard().mimeData()) and (say := getattr(self.window(), "say", None)):
            say("There is no picture on the clipboard.")

    def why_not(self, wish: str) -> str:
        """Why an act of this page cannot be done now; empty if it can."""
        if not self._session.runs:
            return "there is no network here yet that could look at a picture"
        nothing = wish == "paste" and held_in(QGuiApplication.clipboard().mimeData()) is None
        return "there is no picture on the clipboard" if nothing else ""

    def focus_filter(self) -> None:
        self.examples.kinds.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _take_mime(self, held: QMimeData) -> bool:
        found = held_in(held)
        if found is not None:
            self.look_at(found)
        return found is not None

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if held_in(event.mimeData()) is not None:
            event.acceptProposedAction()
        else:
            event.ignore()  # the window may know it

    def dropEvent(self, event: QDropEvent) -> None:
        if self._take_mime(event.mimeData()):
            event.acceptProposedAction()

    def event(self, event: QEvent) -> bool:
        """Keys of this page come before those of the window, which knows Ctrl+O too."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _act(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if act := _act(event):
            getattr(self, act)()
        else:
            super().keyPressEvent(event)

    # what happens to it

    def _redress(self) -> None:
        """Colours of the palette in force."""
        self._asked.pop("look", None)
        self._show_looked()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(1180), theme.px(640))

    def heightForWidth(self, width: int) -> int:
        """As little as will do: the area around it would else ask for what all parts would like to have."""
        return self.minimumSizeHint().height()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look(at_once=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody waits for it any more; what is half done is gone on with when somebody does."""
        super().hideEvent(event)
        for verb in VERBS:
            self._asks.forget(verb)
        self._map.forget()
        self._asked.pop("look", None)


def _split(way: Qt.Orientation, parts: tuple[QWidget, ...], sizes: tuple[int, ...]) -> QSplitter:
    """Parts side by side, which a person may give other sizes."""
    made = QSplitter(way)
    made.setHandleWidth(12)
    made.setChildrenCollapsible(False)
    for place, (part, size) in enumerate(zip(parts, sizes)):
        made.addWidget(part)
        made.setStretchFactor(place, size)
    made.setSizes([theme.px(size) for size in sizes])
    return made


def _act(event: QKeyEvent) -> str:
    return KEYS.get(QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText), "")
