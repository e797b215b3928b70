"""Single networks and single pictures: where student and teacher differ, class by class and picture by picture.

Holds no answers of its own: stored ones are read by inspect_model.py in another thread, and only while the page is in sight.
Student and teacher follow the run that is looked at in the window until a person chooses others here.
"""

from collections.abc import Hashable

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from engine import words
from studio import inspect_model, lineage_model, lineage_pictures, phrases, theme
from studio.assistant import Assistant
from studio.inspect_model import Answers, Cell, Kind, Listing, Network, Order
from studio.later import Later
from studio.lineage_pictures import Pictures
from studio.session import Followed, Session
from studio.widgets.class_matrices import ClassMatrices
from studio.widgets.dark_knowledge import Said
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.examples import Examples
from studio.widgets.kind_list import Entry
from studio.widgets.lineage_head import LineageHead
from studio.widgets.network_choice import NetworkChoice
from studio.widgets.picture_answers import PictureAnswers

PATIENCE_MS = 1000  # between two looks at runs that train


class InspectView(QWidget):
    """The chosen networks. `go` asks for another view."""

    go = Signal(str)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__()
        self._session, self._assistant = session, assistant
        self._student: Network | None = None
        self._teacher: Network | None = None
        self._by_hand = False  # a person chose a network here: it no longer follows
        self._answers = Answers()
        self._pictures = Pictures()
        self._kind: Kind = "missed"
        self._kind_by_hand = False
        self._order: Order = "by disagreement"
        self._cell: Cell | None = None
        self._listing = Listing()
        self._place = -1  # in the data set, of the picture that is looked at
        self._asked: dict[str, Hashable] = {}  # what each part of the page shows or waits for
        self._later = Later(self)
        self._pause = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._make_parts()
        self._lay_out()
        self._connect()

    # the parts

    def _make_parts(self) -> None:
        self.head = LineageHead()
        self.student = NetworkChoice("Student", self._session)
        self.teacher = NetworkChoice("Teacher", self._session, may_be_nobody=True)
        self.examples, self.matrices = Examples(), ClassMatrices()
        self.answer = PictureAnswers()

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
        column.addWidget(self._three_columns(), 1)

    def _three_columns(self) -> QSplitter:
        across = QSplitter(Qt.Orientation.Horizontal)
        across.setHandleWidth(12)
        across.setChildrenCollapsible(False)
        for place, (part, share) in enumerate(((self.examples, 29), (self.answer, 60), (self.matrices, 38))):
            across.addWidget(part)
            across.setStretchFactor(place, share)
        across.setSizes([290, 600, 380])
        return across

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
        theme.signals.changed.connect(self._show_picture)

    # which networks

    def taken_of(self) -> str:
        """Whose charts and pictures are taken away, for the name of a file."""
        return self._student.run if self._student else ""

    @property
    def chosen(self) -> tuple[Network | None, Network | None]:
        """Student and teacher."""
        return self._student, self._teacher

    def _follow(self) -> None:
        """Whoever looks at another run looks at its networks."""
        self._by_hand = False
        self._look(at_once=True)

    def _choose_lineage(self, name: str) -> None:
        runs = self._session.lineage(name)
        if runs:
            self._session.choose(max(runs, key=lambda one: (one.at_work, one.changed_at)).name)

    def _choose_student(self, network: Network) -> None:
        one = self._session.followed(network.run)
        self._student, self._by_hand = network, True
        if one is not None:
            self._teacher = self._taught_by(one)
        self._look(at_once=True)

    def _choose_teacher(self, network: Network | None) -> None:
        self._teacher, self._by_hand = network, True
        self._look(at_once=True)

    def _taught_by(self, one: Followed) -> Network | None:
        teacher = self._session.teacher_of(one)
        return inspect_model.taught_by(one.run, teacher.run if teacher else None)

    def _settle(self) -> None:
        """The networks to look at: those of the run the window looks at, its newest, until a person has chosen others."""
        gone = self._student is None or self._session.followed(self._student.run) is None
        one = self._session.chosen
        if one is None or (self._by_hand and not gone):
            return
        found = inspect_model.networks(one.run)
        self._by_hand = False
        self._student = next((each for each in found if each.part == "model"), next(iter(found), None))
        self._teacher = self._taught_by(one)

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
        self._settle()
        self._pages.setCurrentWidget(self._page)
        self._show_head()
        self._read_answers()
        self._read_pictures()

    def _is_new(self, part: str, token: Hashable) -> bool:
        """Whether a part of the page has to be made again; remembers that it was."""
        if self._asked.get(part) == token:
            return False
        self._asked[part] = token
        return True

    def _run(self, network: Network | None) -> Followed | None:
        return self._session.followed(network.run) if network else None

    def _subject(self) -> Followed | None:
        """The run that is looked at, also one without any network yet."""
        return self._run(self._student) or self._session.chosen

    def _parent(self) -> Followed | None:
        """The generation before the student's, of the same seed."""
        one = self._subject()
        if one is None or not one.generation:
            return None
        family = self._session.generations(one.lineage)
        return next((each for each in family if each.seed == one.seed and each.generation == one.generation - 1), None)

    def _names(self) -> tuple[str, str]:
        """What student and teacher are called; empty where there is no teacher."""
        one, other = self._subject(), self._run(self._teacher)
        if one is None:
            return "", ""
        if other is None or self._teacher is None:
            return one.called, ""
        if other is one:
            average = self._teacher.part == "teacher" and self._student is not None and self._student.part == "model"
            return one.called, "its average" if average else f"step {words.count(self._teacher.step)}"
        seed = f", seed {other.seed}" if other.lineage == one.lineage and other.seed != one.seed else ""
        return one.called, (other.called if other.lineage == one.lineage else f"{other.lineage} {other.called}") + seed

    def _classes(self) -> tuple[str, ...]:
        one = self._subject()
        return lineage_model.class_names([one]) if one else ()

    # the head

    def _show_head(self) -> None:
        one, (student, teacher) = self._subject(), self._names()
        assert one is not None
        about = {name: words.plural(len(self._session.lineage(name)), "run") for name in self._lineages()}
        model = phrases.model_words(one.recipe.model) if one.recipe else "its recipe cannot be read"
        self.head.show_path([one.lineage, f"{phrases.method_words(one.method)}, {model}", f"seed {one.seed}"], about)
        lead, rest = inspect_model.sentence(self._answers, student, teacher)
        self.head.show_sentence(lead, rest, [*filter(None, [one.problem]), *self._answers.problems])
        for button, network, name in ((self.student, self._student, student), (self.teacher, self._teacher, teacher)):
            button.lineage = one.lineage
            button.show_network(network, name if network else "")

    def _lineages(self) -> list[str]:
        return list(dict.fromkeys(one.lineage for one in self._session.runs))

    # what was answered

    def _read_answers(self) -> None:
        one, other, parent = self._subject(), self._run(self._teacher), self._parent()
        assert one is not None
        other = None if other is one else other
        finished = lineage_model.complete(self._session.generations(one.lineage))
        told = [(each.run, each.state) if each is not None else None for each in (one, other, parent)]
        key = tuple((each.name, each.state.completed, each.state.attempt) if each else None for each in (one, other, parent))
        if self._is_new("answers", (self._session.workspace.folder, key, lineage_model.fingerprint(finished))):
            first, second, third = told
            assert first is not None
            self._later.ask("answers", lambda: inspect_model.read(first, second, third, finished), self._take_answers)

    def _take_answers(self, answers: Answers) -> None:
        self._answers, self._cell = answers, None
        counts = inspect_model.counts(answers)
        if counts[self._kind] is None or not (self._kind_by_hand or counts[self._kind]):
            self._kind = next((kind for kind in inspect_model.KINDS if counts[kind]), "all")
        self._show_head()
        self._show_matrix()
        self._list()

    def _choose_kind(self, kind: Kind) -> None:
        self._kind, self._kind_by_hand = kind, True
        if kind == "suspect":
            self._choose_cell(None)
        else:
            self._list()

    def _choose_order(self, order: Order) -> None:
        self._order = order
        self._list()

    def _choose_cell(self, cell: Cell | None) -> None:
        """Its pictures; of all test pictures, where those of the list in sight leave none."""
        self._cell = cell
        if cell is not None and not len(inspect_model.listing(self._answers, self._kind, self._order, cell)):
            self._kind = "all"
        self._show_matrix()
        self._list()

    def _list(self) -> None:
        """The pictures of the chosen list, and the first of them where the one that was looked at is not among them."""
        student, teacher = self._names()
        parent = self._parent()
        counts = inspect_model.counts(self._answers)
        entries = [
            Entry(kind, inspect_model.kind_words(kind, student, teacher, parent.called if parent else ""), counts[kind],
                  "" if counts[kind] is not None else inspect_model.why_none(kind))
            for kind in inspect_model.KINDS
        ]  # fmt: skip
        self.examples.show_kinds(entries, self._kind)
        self._listing = inspect_model.listing(self._answers, self._kind, self._order, self._cell)
        if len(self._listing) and self._place not in self._listing.place:
            self._place = int(self._listing.place[0])
        cell = inspect_model.cell_words(self._cell, self._classes(), student, teacher) if self._cell else ""
        self.examples.show_listing(self._listing, self._classes(), cell, self._place)
        if self._answers.student is None and counts[self._kind] is None:
            self.examples.show_note("No answers are stored yet", "a run keeps those to its test pictures when it is complete")
        self._show_picture()

    def _choose_listed(self, at: int) -> None:
        self._place = int(self._listing.place[at])
        self._show_picture()

    def _show_matrix(self) -> None:
        counts = inspect_model.matrix(self._answers, self.matrices.current)
        student, teacher = self._names()
        if counts is not None:
            self.matrices.show_counts(counts, self._classes(), student, teacher, self._cell)
        elif self._answers.student is None:
            self.matrices.show_note("No answers are stored yet", "a run keeps those to its test pictures when it is complete")
        else:
            self.matrices.show_note("This takes a teacher", "choose a complete one above that answered the same pictures")

    # the picture that is looked at

    def _read_pictures(self) -> None:
        one = self._subject()
        data, folder = (one.data if one else None), self._session.workspace.folder
        if self._is_new(
            "pictures", (str(folder), (data or {}).get("cache"), bool(self._pictures.problem and one and one.word))
        ):
            judges = lineage_model.judged_by(data) if data else None
            self._later.ask("pictures", lambda: lineage_pictures.pictures(folder, judges), self._take_pictures)

    def _take_pictures(self, found: Pictures) -> None:
        self._pictures = found
        self.examples.show_pictures(found)
        self._show_picture()

    def _show_picture(self) -> None:
        """The picture and what was answered to it."""
        found = [at for at, place in enumerate(self._listing.place.tolist()) if place == self._place]
        if not found:
            self.answer.show_note("No picture is chosen", "choose one in the list at the left")
            return
        at, array = found[0], self._pictures.array
        label, name = int(self._listing.label[at]), self.examples.name_of(at)
        pixels = array[self._place] if array is not None and self._place < len(array) else None
        self.answer.show_picture(pixels, name, label, self._classes(), self._stored(int(self._listing.row[at])))

    def _stored(self, row: int) -> list[Said]:
        """Stored answers to a test picture, the teacher's first."""
        if row < 0:
            return []
        both = zip((self._answers.teacher, self._answers.student), reversed(self._names()), self._colours())
        return [Said(name, color, inspect_model.logits_of(one, row)) for one, name, color in both if one is not None]

    def _colours(self) -> tuple[str, str]:
        """Of teacher and student: of their generations, where these tell them apart."""
        one, other = self._subject(), self._run(self._teacher)
        same = one is not None and other is not None and one.lineage == other.lineage and one.generation != other.generation
        if one is not None and other is not None and same:
            return theme.generation_color(other.generation), theme.generation_color(one.generation)
        return theme.run_color(1), theme.run_color(0)

    # what happens to it

    def sizeHint(self) -> QSize:
        return QSize(theme.px(1180), theme.px(640))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look(at_once=True)
