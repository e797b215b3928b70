"""What the generations of a lineage have become: the chain with its verdicts, and five ways to look behind them.

Holds no numbers of its own. Runs come from the Session; what they prove is worked out in lineage_model.py and
lineage_pictures.py, in another thread and only for the page in sight. Boxes and curves follow the training, at most once a
second; verdicts are made anew only when another run is complete.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from engine import compare, corrections, differences, recipe, stopping, words
from engine.compare import ComparisonError
from engine.fields import RecipeError
from engine.predictions import Suspect
from engine.run import Run
from engine.state import RunState
from studio import lineage_model, lineage_pictures, phrases, theme
from studio.assistant import Assistant
from studio.fork_model import changed
from studio.inspect_asks import InspectAsks
from studio.later import Later
from studio.lineage_looks import LineageLooks
from studio.lineage_model import Box, Study
from studio.lineage_pictures import Flow, ImageTable, Kind, Listed, Pictures
from studio.session import Followed, Session
from studio.started import run_verb
from studio.widgets.card import ElidedLabel, rule
from studio.widgets.chain import Chain, Sideways
from studio.widgets.corrections_dialog import CorrectionsDialog
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.ensemble_strip import EnsembleStrip
from studio.widgets.fork_dialog import ForkDialog
from studio.widgets.fork_room import ForkRoom
from studio.widgets.image_rows import ImageRows
from studio.widgets.lineage_calibration import LineageCalibration
from studio.widgets.lineage_curves import LineageCurves, measures
from studio.widgets.lineage_head import LineageHead
from studio.widgets.lineage_matrix import LineageMatrix
from studio.widgets.lineage_mistakes import LineageMistakes
from studio.widgets.recipe_difference import RecipeDifference

PATIENCE_MS = 1000  # between two looks at runs that train
LOW = 740  # a page lower than this, in pixels at scale 1, folds the recipe difference
STUDIES = 8  # lineages whose verdicts are kept
MOST_BESIDE = 7  # lineages: as many as there are colours left
ALWAYS = ("Curves", "Forks")  # rooms that need no complete run
NOTHING_YET = "No generation is finished yet"
T = TypeVar("T")


class GenerationsView(QWidget):
    """The chosen lineage. `go` asks for another view, `recipe_wanted` for a new experiment."""

    go = Signal(str)
    export_wanted = Signal(str)  # a run
    report_wanted = Signal(str)  # a run or a lineage
    recipe_wanted = Signal(str, str)  # a recipe's text, and the run it is like

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__()
        self._session = session
        self._lineage = ""
        self._study = Study()
        self._study_key: Hashable = None
        self._studies: dict[Hashable, Study] = {}
        self._beside: list[str] = []  # other lineages on the curves
        self._pair: tuple[int, ...] = ()
        self._pair_by_hand = False
        self._members: tuple[int, ...] | None = None  # None: F1 to the last
        self._kind = "probabilities"
        self._offered: list[str] = []  # runs in the queue that may be left out
        self._pictures = Pictures()
        self._picture_wanted: int | None = None  # row of the test set to bring in sight
        self._drawn: Hashable = None  # what of the runs is on the page
        self._asked: dict[str, Hashable] = {}  # what each part of the page shows or waits for
        self._folded_by_hand = False
        self._later, self._forking = Later(self), Later(self)  # a fork is made even if another lineage is looked at meanwhile
        self._pause = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._make_parts()
        self._looks = LineageLooks(self.images.strip, InspectAsks(assistant, self), self)
        self._lay_out()
        self._connect()
        self._show_chosen()

    # the parts

    def _make_parts(self) -> None:
        self.head = LineageHead()
        self.chain, self.strip = Chain(), EnsembleStrip()
        self._basis = theme.dress(ElidedLabel(), small=True, muted=True)
        self.curves, self.matrix, self.mistakes = LineageCurves(), LineageMatrix(), LineageMistakes()
        self.calibration, self.images = LineageCalibration(), ImageRows()
        self.forks, self.difference = ForkRoom(), RecipeDifference()
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setAccessibleName("Ways to look at the generations")
        self._rooms = {
            "Curves": self.curves,
            "Matrix": self.matrix,
            "Mistakes": self.mistakes,
            "Calibration": self.calibration,
            "Images": self.images,
            "Forks": self.forks,
        }

    def _lay_out(self) -> None:
        self._pages = QStackedWidget()
        self._page = QWidget()
        for page in (self._page, self._empty_page(), self._loading_page()):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        column = QVBoxLayout(self._page)
        column.setContentsMargins(16, 10, 16, 12)
        column.setSpacing(8)
        column.addWidget(self.head)
        column.addWidget(self._chain_area())
        column.addLayout(self._tab_row())
        column.addWidget(self._room_stack(), 1)
        column.addWidget(self.difference)

    def _chain_area(self) -> Sideways:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.chain)
        column.addWidget(self.strip)
        self._area = Sideways(inside)
        return self._area

    def _tab_row(self) -> QVBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(self.tabs)
        row.addStretch(1)
        row.addWidget(self._basis)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(rule())
        return column

    def _room_stack(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self._room_note = EmptyNote()
        for name, room in self._rooms.items():
            self.tabs.addTab(name)
            self._stack.addWidget(room)
        self._stack.addWidget(self._room_note)
        return self._stack

    def _empty_page(self) -> QWidget:
        page = QWidget()
        note = EmptyNote("No lineage here yet", "the sample on the first screen trains one of four generations")
        button = QPushButton("Open the first screen")
        button.clicked.connect(lambda: self.go.emit("welcome"))
        column = QVBoxLayout(page)
        column.addStretch(1)
        column.addWidget(note)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._empty = page
        return page

    def _loading_page(self) -> QWidget:
        self._loading = LoadingNote()
        return self._loading

    def _connect(self) -> None:
        self._session.runs_changed.connect(self._look)
        self._session.chosen_changed.connect(self._show_chosen)
        self._pause.timeout.connect(self._look)
        self.head.lineage_chosen.connect(self._choose_lineage)
        self.head.left_out.connect(self._leave_out)
        self.head.pass_on.export_asked.connect(self.export_wanted)
        self.head.pass_on.report_asked.connect(self.report_wanted)
        self.chain.pair_chosen.connect(self._choose_pair)
        self.chain.live_asked.connect(self._watch)
        self.strip.chosen.connect(self._choose_members)
        self.tabs.currentChanged.connect(self._show_room)
        self.forks.fork_asked.connect(self._offer_fork)
        self.mistakes.correction_asked.connect(self._offer_corrections)
        for room in (self.mistakes, self.matrix):
            room.pair_chosen.connect(self._choose_elsewhere)
            room.picture_opened.connect(self._open_picture)
        self.curves.beside_asked.connect(self._stand_beside)
        self.images.seed_chosen.connect(lambda seed: self._show_room())
        self.images.picture_shown.connect(self._looks.renew)
        self.images.picture_shown.connect(self._ask_looks)
        self.images.strip.style_chosen.connect(self._ask_looks)
        self.difference.pair_chosen.connect(self._choose_elsewhere)
        self.difference.fold.clicked.connect(self._fold)

    # which lineage

    @property
    def lineage(self) -> str:
        return self._lineage

    def taken_of(self) -> str:
        """Whose charts and pictures are taken away, for the name of a file."""
        return self._lineage

    @property
    def pair(self) -> tuple[int, ...]:
        """The generations that are compared, the older first; fewer than two if a person took one out."""
        return self._pair

    @property
    def study(self) -> Study:
        return self._study

    def show_lineage(self, name: str) -> None:
        """Look at this lineage from now on."""
        if name == self._lineage:
            return
        self._lineage = name
        self._later.forget_all()
        self._asked.clear()
        self._study, self._study_key, self._drawn, self._pictures = Study(), None, None, Pictures()
        self._pair, self._pair_by_hand, self._members = (), False, None
        self._look(at_once=True)

    def _show_chosen(self) -> None:
        """Whoever looks at a run looks at its lineage."""
        if self._session.chosen is not None:
            self.show_lineage(self._session.chosen.lineage)
        self._look(at_once=True)

    def _names(self) -> list[str]:
        return list(dict.fromkeys(one.lineage for one in self._session.runs))

    def _choose_lineage(self, name: str) -> None:
        """The rest of the window goes along, so that nobody is taken back by the run that is looked at elsewhere."""
        runs = self._session.generations(name)
        if runs:
            self._session.choose(max(runs, key=lambda one: (one.at_work, one.changed_at)).name)
            self.show_lineage(name)

    # following

    def _look(self, at_once: bool = False) -> None:
        """Show what has changed in this lineage; not while hidden, and not more than once a second."""
        if not self.isVisible() or (self._pause.isActive() and not at_once):
            return
        if self._lineage not in self._names():
            self._lineage = self._session.chosen.lineage if self._session.chosen else ""
        runs = self._session.generations(self._lineage)
        all_runs = self._session.lineage(self._lineage)  # a fork is nobody's generation, but it is seen here
        each = tuple((one.name, one.word, one.expected, one.whole, one.loaded, one.place, one.state.count) for one in all_runs)
        beside = tuple((one.name, one.whole) for name in self._beside for one in self._session.generations(name))
        drawn = (each, tuple(self._names()), self._session.loading > 0, beside)
        if drawn != self._drawn:
            self._drawn = drawn
            self._pause.start()
            self._show(runs)

    def _show(self, runs: list[Followed]) -> None:
        self._session.wake(one.name for one in runs)
        loading = sum(not (one.loaded and one.whole) for one in runs) if runs else self._session.loading
        if not runs or loading:  # of half a lineage everything would be said wrongly: runs lost, seeds too few
            self._loading.show_progress(f"Reading {words.plural(loading, 'run')}")
            self._pages.setCurrentWidget(self._loading if loading else self._empty)
            return
        self._pages.setCurrentWidget(self._page)
        finished = lineage_model.complete(self._session.lineage(self._lineage))
        key = lineage_model.fingerprint(finished)
        if key in self._studies:
            self._study, self._study_key = self._studies[key], key
        elif self._is_new("study", key):
            self._later.ask("study", lambda: lineage_model.study(finished), lambda done: self._keep(key, done))
        self._show_all(runs)

    def _keep(self, key: Hashable, done: Study) -> None:
        while len(self._studies) >= STUDIES:
            del self._studies[next(iter(self._studies))]
        self._studies[key] = self._study = done
        self._study_key = key
        self._show_all(self._session.generations(self._lineage))

    def _is_new(self, part: str, token: Hashable) -> bool:
        """Whether a part of the page has to be asked for again; remembers that it was."""
        if self._asked.get(part) == token:
            return False
        self._asked[part] = token
        return True

    def _show_all(self, runs: list[Followed]) -> None:
        """Everything that is quick; the page in sight asks for the rest."""
        boxes = lineage_model.boxes(runs, self._study, self._say)
        self._choose_by_default([box.generation for box in boxes])
        self._show_head(runs, boxes)
        self.chain.show_boxes(boxes)
        if self.chain.pair != self._pair:
            self.chain.choose(self._pair)
            self._reveal_pair()
        self._show_strip()
        self._show_difference(runs)
        self._show_room()
        self._ask_offer(runs)

    def _ask_offer(self, runs: list[Followed]) -> None:
        """Whether generations that wait in the queue may be left out, where the recipe has such a rule."""
        waiting = tuple(one.name for one in runs if one.place)
        if not waiting or not any(one.recipe and one.recipe.stop_after for one in runs):
            self._asked.pop("offer", None)
            self._later.forget("offer")
            self._show_offer(None)
        elif self._is_new("offer", (lineage_model.fingerprint(lineage_model.complete(runs)), waiting)):
            of = [one.run for one in runs]
            self._later.ask("offer", lambda: stopping.offer(of), self._show_offer)

    def _show_offer(self, found: stopping.Offer | None) -> None:
        waiting = {one.name for one in self._session.generations(self._lineage) if one.place}
        self._offered = [name for name in found.runs if name in waiting] if found else []
        more = f"{words.plural(len(self._offered), 'run')} that would follow may be left out"
        self.head.show_offer(f"{found.said}. {more}." if found and self._offered else "")

    def _leave_out(self) -> None:
        self._session.take_out(self._offered)

    def _say(self, one: Followed) -> str:
        return phrases.state_words(one, teacher=self._session.source_of(one))

    def _show_head(self, runs: list[Followed], boxes: list[Box]) -> None:
        about = {name: _about(self._session.generations(name)) for name in self._names()}
        self.head.show_path([self._lineage, *about[self._lineage].rsplit(", ", 1)], about)
        shown = self._session.chosen if self._session.chosen in runs else runs[-1]
        self.head.pass_on.show_names(shown.name, (self._lineage, shown.name))
        waits = self._later.waits_for("study") and not self._study.generations
        lead, rest = ("", "Reading what the runs predicted") if waits else lineage_model.sentence(self._study, boxes)
        self.head.show_sentence(lead, rest, [*(one.problem for one in runs if one.problem), *self._study.left_out])
        basis = compare.basis(self._study.lineage, self._study.measured)
        self._basis.setText("\n".join(filter(None, (basis, *self._study.forks))))

    # the pair

    def _choose_by_default(self, generations: Sequence[int]) -> None:
        """The newest finished generation and the one before it, until a person chooses."""
        self._pair = tuple(g for g in self._pair if g in generations)
        if not self._pair_by_hand:
            known = [g for g in self._study.generations if g in generations]
            found = known if len(known) > 1 else list(generations)
            self._pair = tuple(found[-2:]) if len(found) > 1 else ()

    def _choose_pair(self, pair: tuple[int, ...]) -> None:
        self._pair, self._pair_by_hand = tuple(sorted(set(pair))), True
        self.chain.choose(self._pair)
        self._show_difference(self._session.generations(self._lineage))
        self._show_room()

    def _choose_elsewhere(self, one: int, other: int) -> None:
        """Chosen in the page below, so the boxes may be out of sight."""
        self._choose_pair((one, other))
        self._reveal_pair()

    def _reveal_pair(self) -> None:
        for generation in self._pair:
            self._area.reveal(self.chain.box(generation))

    # the ensemble

    def _choose_members(self, members: tuple[int, ...], kind: str) -> None:
        self._members, self._kind = members, kind
        self._show_strip()

    def _show_strip(self) -> None:
        lineage, generations = self._study.lineage, self._study.generations
        students = tuple(g for g in generations if g > 0)
        members = self._members if self._members is not None else (students if len(students) > 1 else ())
        self.strip.setVisible(len(generations) > 1)
        self.strip.show_members(generations, members)
        if not self._is_new("ensemble", (self._study_key, members, self._kind)):
            return
        if len(members) < 2:
            self._later.forget("ensemble")
            self.strip.show_result(None, "tick two generations or more to average what they say")
            return
        kind: Any = self._kind
        work = _or_refusal(lambda: compare.ensemble(lineage, members, kind))
        self._later.ask("ensemble", work, self._show_ensemble)

    def _show_ensemble(self, found: compare.Ensemble | ComparisonError | None) -> None:
        if isinstance(found, compare.Ensemble):
            self.strip.show_result(lineage_model.averaged(found))
        else:
            self.strip.show_result(None, str(found) if found else "no seed has finished all of them yet")

    # the recipe

    def _show_difference(self, runs: list[Followed]) -> None:
        generations = sorted({one.generation for one in runs})
        self.difference.show_generations(generations, self._pair)
        if len(self._pair) < 2:
            alone = "One generation alone has nothing to differ from."
            self.difference.show_note(alone if len(generations) < 2 else "Choose two generations above.")
            self._asked.pop("difference", None)
            return
        sides = [[one for one in runs if one.generation == generation] for generation in self._pair]
        attempts = tuple((one.name, one.state.attempt, len(one.state.changes)) for side in sides for one in side)
        if self._is_new("difference", (self._pair, attempts)):
            name = f"{self._lineage}, F{self._pair[0]} to F{self._pair[1]}"
            older, younger = sides
            self._later.ask(
                "difference",
                lambda: differences.recipe_difference(differences.settings(older), differences.settings(younger)),
                lambda rows: self.difference.show_rows(name, rows),
            )

    def _fold(self) -> None:
        self._folded_by_hand = True

    # the rooms

    def _show_room(self) -> None:
        """The page of the chosen tab, or why it is empty. What it shows already is not worked out again."""
        name = self.tabs.tabText(self.tabs.currentIndex())
        show: dict[str, Callable[[], None]] = {
            "Curves": self._show_curves,
            "Matrix": self._show_matrix,
            "Mistakes": self._show_mistakes,
            "Calibration": self._show_calibration,
            "Images": self._show_images,
            "Forks": self._show_forks,
        }
        why = self._why_empty() if name not in ALWAYS else None
        if why is None:
            self._stack.setCurrentWidget(self._rooms[name])
            show[name]()
        else:
            self._room_note.show_note(*why)
            self._stack.setCurrentWidget(self._room_note)

    def _why_empty(self) -> tuple[str, str] | None:
        if self._study.problem:
            return "Nothing can be laid side by side here", "the sentence above says why; curves and recipes are there"
        if self._study.generations:
            return None
        runs = self._session.generations(self._lineage)
        if runs and all(one.state.completed and lineage_model.is_unlabelled(one.state) for one in runs):
            return "Nobody has named these pictures", "without classes there are no mistakes; the curves are there"
        return NOTHING_YET, "this page begins with the first complete run; the curves are there already"

    def _ask(self, part: str, token: Hashable, work: Callable[[], T], show: Callable[[T], None]) -> None:
        """Work something out for the page in sight, unless it shows this very thing."""
        if self._is_new(part, (self._study_key, token)):
            self._later.ask(part, work, show)

    def _show_curves(self) -> None:
        runs = self._session.generations(self._lineage)
        self.curves.show_runs(runs)
        names = [name for name in self._names() if name != self._lineage and self._is_alike(name, runs)]
        self._beside = [name for name in self._beside if name in names][:MOST_BESIDE]
        self._session.wake(one.name for name in self._beside for one in self._session.generations(name))
        self.curves.show_beside({name: self._session.generations(name) for name in self._beside})
        self.curves.offer(names)
        self._judge_beside()

    def _is_alike(self, name: str, runs: Sequence[Followed]) -> bool:
        """Whether another lineage has begun and its charts would be the same."""
        others = self._session.generations(name)
        return any(one.state.curves for one in others) and measures(others) == measures(runs)

    def _stand_beside(self, name: str, wanted: bool) -> None:
        self._beside = [other for other in self._beside if other != name] + [name] * wanted
        self._show_curves()

    def _judge_beside(self) -> None:
        """This lineage against each of those beside it, worked out again when a run of either is complete."""
        own, finished = self._study, {name: lineage_model.complete(self._session.generations(name)) for name in self._beside}
        if not finished:
            self._later.forget("beside")
            self._asked.pop("beside", None)
            self.curves.say([])
            return
        whole = tuple(one.whole for name in self._beside for one in self._session.generations(name))
        keys = (whole, *((name, lineage_model.fingerprint(done)) for name, done in finished.items()))
        work = partial(_against, own, finished)
        self._ask("beside", keys, work, self.curves.say)

    def _show_matrix(self) -> None:
        lineage, classes = self._study.lineage, self._classes()
        self._ask("matrix", None, lambda: lineage_pictures.agreement(lineage), self.matrix.show_agreement)
        self._show_pictures()
        if len(self._pair) < 2:
            self._asked.pop("disagreeing", None)
            self.matrix.show_pair(None, classes, _too_few(self._study.generations))
            return
        older, younger = self._pair

        def show(found: Listed | ComparisonError) -> None:
            if isinstance(found, ComparisonError):
                self.matrix.show_pair(None, classes, str(found))
            else:
                self.matrix.show_pair(found, classes)

        work = _or_refusal(lambda: lineage_pictures.disagreeing(lineage, older, younger))
        self._ask("disagreeing", (self._pair, classes), work, show)

    def _show_mistakes(self) -> None:
        lineage = self._study.lineage
        self._ask("flow", None, lambda: lineage_pictures.flow(lineage), self._show_flow)
        self._show_pictures()
        self._show_suspects()
        if len(self._pair) < 2:
            self._asked.pop("pair", None)
            self.mistakes.show_pair({}, self._classes(), _too_few(self._study.generations))
            return
        older, younger, classes = *self._pair, self._classes()

        def show(found: Mapping[Kind, Listed] | ComparisonError) -> None:
            if isinstance(found, ComparisonError):
                self.mistakes.show_pair({}, classes, str(found))
            else:
                self.mistakes.show_pair(found, classes)

        work = _or_refusal(lambda: lineage_pictures.pair(lineage, older, younger))
        self._ask("pair", (self._pair, classes), work, show)

    def _show_flow(self, flow: Flow) -> None:
        note = ("", "")
        if not flow.generations:
            note = "No seed has finished every generation yet", "mistakes are followed within a seed"
        elif not flow.steps:
            wrong = f"{words.count(flow.wrong[0])} of {words.plural(flow.predictions, 'prediction')}"
            later = "what the next generation inherits, fixes and adds shows here when one of its seeds is complete"
            if self._study.by_neighbours:
                later = "by the nearest neighbours of its teacher's features; no generation follows that could mend them"
            note = f"F{flow.generations[0]} is wrong in {wrong}", later
        self.mistakes.show_flow(flow, note)

    def _show_suspects(self) -> None:
        finished, classes = lineage_model.complete(self._session.generations(self._lineage)), self._classes()
        self._ask(
            "suspects",
            classes,
            lambda: lineage_model.suspects(finished),
            lambda found: self.mistakes.show_suspects(found[0], classes, found[1]),
        )

    def _offer_corrections(self, found: Sequence[Suspect]) -> None:
        """A dialog over the suspects; what is ticked goes into a file that a recipe can use."""
        if self._pictures.array is None:
            why = self._pictures.problem or "they are still being read"
            self._session.refused.emit(f"The pictures cannot be named now: {why}.")
            return
        begun = next((one.recipe.data.corrections for one in self._session.lineage(self._lineage) if one.recipe), "")
        file = corrections.free_file(self._session.workspace.folder / "data", self._lineage)
        dialog = CorrectionsDialog(found, self._pictures.files, self._classes(), file, self)

        def write(path: Path, corrected: dict[str, str]) -> None:
            try:
                dialog.show_written(corrections.write(path, corrected, begun))
            except RecipeError as error:
                dialog.show_problem(f"{error.problem}.")
            except OSError as error:
                dialog.show_problem(f"{path} cannot be written: {error.strerror or error}.")

        dialog.written.connect(write)
        dialog.use_asked.connect(self._use_corrections)
        dialog.use_asked.connect(dialog.close)
        dialog.open()

    def _use_corrections(self, path: Path) -> None:
        """A new experiment like this lineage, with the corrected labels."""
        runs = self._session.generations(self._lineage)
        if runs and (text := self._session.recipe_text(runs[0].name)):
            self.recipe_wanted.emit(recipe.with_value(text, "data.corrections", str(path)), runs[0].name)

    def _show_calibration(self) -> None:
        lineage = self._study.lineage
        self._ask(
            "calibration",
            None,
            lambda: (lineage_pictures.calibrations(lineage), compare.ensembles(lineage)),
            lambda found: self.calibration.show_calibrations(*found),
        )

    def _show_images(self) -> None:
        lineage = self._study.lineage
        self.images.show_seeds(lineage.seeds)
        self._show_pictures()
        seed = self.images.seeds.currentData()

        def show(found: ImageTable | ComparisonError) -> None:
            self.images.show_table(None if isinstance(found, ComparisonError) else found, self._classes())
            self._reveal()

        work = _or_refusal(lambda: lineage_pictures.images(lineage, seed))
        self._ask("images", (seed, self._classes()), work, show)
        self._ask_looks()

    def _ask_looks(self) -> None:
        """Where each generation looks on the chosen picture."""
        if not self.images.isVisible():
            return
        runs, seed = self._session.generations(self._lineage), self.images.seeds.currentData()
        folder, images = self._session.workspace.folder, self.images
        self._looks.look(folder, runs, images.model.generations, seed, images.place, images.picture)

    def _show_forks(self) -> None:
        runs = self._session.lineage(self._lineage)
        self.forks.show_runs(runs)
        forked = [one.run for one in runs if one.run.forked_from]
        begun = tuple((one.name, one.state.attempt) for one in runs if one.run.forked_from)
        self._ask("changes", begun, lambda: {run.name: changed(run) for run in forked}, self.forks.show_changes)

    def _offer_fork(self) -> None:
        """A dialog over this lineage's runs; what it asks is carried out by the command it shows."""
        dialog = ForkDialog(self._session.lineage(self._lineage), self._session.chosen, self)
        dialog.asked.connect(partial(self._make_fork, dialog))
        dialog.open()

    def _make_fork(self, dialog: ForkDialog, asked: list[str], at_once: bool) -> None:
        waited = set(self._session.queue)

        def made(problem: str) -> None:
            there = shiboken6.isValid(dialog)  # a person may have closed it meanwhile
            if problem:
                dialog.show_problem(problem) if there else self._session.refused.emit(problem)
                return
            if there:
                dialog.close()
            if at_once:
                self._session.start_new(waited)

        workspace = self._session.workspace.folder
        self._forking.ask("fork", lambda: run_verb(asked, workspace), made)

    def _reveal(self) -> None:
        if self._picture_wanted is not None and not self._later.waits_for("images"):
            self.images.reveal(self._picture_wanted)
            self._picture_wanted = None

    def _classes(self) -> tuple[str, ...]:
        return lineage_model.class_names(self._session.generations(self._lineage))

    def _show_pictures(self) -> None:
        """Read the pictures once; where they could not be had, look again when another run is complete."""
        data = next((one.data for one in self._session.generations(self._lineage) if one.data), None)
        folder = self._session.workspace.folder
        missed_with = self._study_key if self._pictures.problem else None
        if self._is_new("pictures", (str(folder), (data or {}).get("cache"), missed_with)):
            judges = lineage_model.judged_by(data) if data else None
            self._later.ask("pictures", lambda: lineage_pictures.pictures(folder, judges), self._take_pictures)

    def _take_pictures(self, found: Pictures) -> None:
        self._pictures = found
        for room in (self.mistakes, self.matrix, self.images):
            room.show_pictures(found)

    def _open_picture(self, test_row: int, seed: int) -> None:
        """All generations' answers to one picture."""
        self.images.show_seeds(self._study.lineage.seeds)
        self.images.seeds.setCurrentIndex(self.images.seeds.findData(seed))
        self._picture_wanted = test_row
        self.tabs.setCurrentIndex(list(self._rooms).index("Images"))
        self._reveal()

    def _watch(self, run: str) -> None:
        self._session.choose(run)
        self.go.emit("live")

    # what happens to it

    def sizeHint(self) -> QSize:
        return QSize(theme.px(1200), theme.px(760))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look(at_once=True)
        self._ask_looks()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody waits for maps any more; they are asked for again when somebody does."""
        super().hideEvent(event)
        self._looks.forget()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._folded_by_hand:
            self.difference.set_folded(self.height() < theme.px(LOW))


def _against(own: Study, finished: Mapping[str, Sequence[tuple[Run, RunState]]]) -> list[str]:
    return [lineage_model.against(own, done, name) for name, done in finished.items()]


def _or_refusal(work: Callable[[], T]) -> Callable[[], T | ComparisonError]:
    """What cannot be compared comes back as the sentence that says so."""

    def attempt() -> T | ComparisonError:
        try:
            return work()
        except ComparisonError as refusal:
            return refusal

    return attempt


def _too_few(generations: Sequence[int]) -> str:
    return "One generation alone has nothing to be compared with" if len(generations) < 2 else "Choose two generations above"


def _about(runs: Sequence[Followed]) -> str:
    """ "Born-Again, small CNN, 3 seeds": method and model of the newest generation."""
    asked = [one for one in runs if one.recipe is not None]
    if not asked:
        return "its recipe cannot be read"
    newest = max(asked, key=lambda one: one.generation)
    assert newest.recipe is not None
    seeds = words.plural(len({one.seed for one in asked}), "seed")
    return f"{phrases.method_words(newest.method)}, {phrases.model_words(newest.recipe.model)}, {seeds}"
