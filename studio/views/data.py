"""The pictures to learn from: what is in a folder, what is wrong with it, and which of them are watched while training.

Looking through is the assistant's, what is said of its answer data_model.py's. What was looked at last stays while something
else is looked through, and is what a recipe gets.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine import words
from engine.fields import Field
from engine.recipe import ARCHIVES, LABEL_FILES, is_archive, is_label_file, whole_path
from studio import data_model, recipe_fields, recipe_words, theme
from studio.assistant import Assistant
from studio.data_model import Offered, Probe, Scan, Table
from studio.form_words import field_words
from studio.later import Later
from studio.recipe_model import OpenRecipe
from studio.session import Session
from studio.views.data_preview import PreviewRoom
from studio.widgets.card import Card
from studio.widgets.class_balance import ClassBalance
from studio.widgets.data_head import Choice, DataHead, NoPictures, ScanProgress
from studio.widgets.empty import EmptyNote
from studio.widgets.fetching import Fetching
from studio.widgets.file_listing import FileListing
from studio.widgets.finding_row import FindingsCard
from studio.widgets.pair_listing import PairListing
from studio.widgets.picture_grid import PictureGrid, PictureWords
from studio.widgets.probe_picker import ProbePicker
from studio.widgets.recipe_head import Banner
from studio.widgets.shape_form import ShapeForm

SIDE = 372  # width of the left column
ROOMY = 575  # from this height below the findings on, probe pictures stand in four columns instead of six
WHAT = "The folder with one sub-folder a class, or of pictures without classes"
ARCHIVE = "A .zip, .tar or .tar.gz of such a folder"
LABELS = "A CSV with the columns file, label and, if you like, split"


class DataView(QWidget):
    """Signals upward: `go` asks for another view, `use_wanted` brings a data table for a recipe.

    For crops: `recipe_asked` wants the recipe, `recipe_edited` brings a field and what was typed, `recipe_settled` its end.
    """

    go = Signal(str)
    use_wanted = Signal(dict)
    recipe_asked = Signal()
    recipe_edited = Signal(str, str)
    recipe_settled = Signal(str)

    def __init__(self, session: Session, assistant: Assistant, fetcher: Assistant | None = None) -> None:
        super().__init__()
        self._session, self._assistant = session, assistant
        self.fetching = Fetching(fetcher or Assistant(self))  # a process of its own: fetching must not hold up a scan
        self._later = Later(self)
        self.scan: Scan | None = None  # what was looked at last
        self.probe = Probe.first(0)
        self._class = ""  # whose pictures are shown; empty for all
        self._asked: Table = {}  # what is being looked through, or was last
        self._under_way = 0  # number of the ask
        self._failed = ("", "")  # field and sentence
        self.head, self.progress, self.banner = DataHead(), ScanProgress(), Banner()
        self.findings, self.balance, self.picker = FindingsCard(), ClassBalance(), ProbePicker()
        self.grid, self.listing, self.shape = PictureGrid("Test pictures; a press pins one"), FileListing(), ShapeForm()
        self.pairs = PairListing()
        self.nothing, self._none = NoPictures(), EmptyNote()
        self._coming = EmptyNote("Classes, broken files and doubled pictures show here", "once every file has been read")
        self.all_classes = theme.put_icon(theme.dress(QPushButton(), small=True), "close", "text2", 12)
        self.error = theme.dress(QLabel(), small=True, state="bad")
        self.pictures = Card("Test pictures", ruled=True)
        self.preview = theme.put_icon(theme.dress(QPushButton("Preview"), small=True), "eye", "text2", 13)
        self.room = PreviewRoom(assistant, lambda: str(session.workspace.folder), SIDE)
        self._previews = False  # whether crops are looked at instead
        self._body, self._right, self._shown = QStackedWidget(), QStackedWidget(), QStackedWidget()
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._show()

    # ---- asked for --------------------------------------------------------------------------------------------------------

    def choose_folder(self) -> None:
        start = str(self._asked.get("path") or Path.home())
        chosen = QFileDialog.getExistingDirectory(self, WHAT, start)
        if chosen:
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path) -> None:
        """Look through a person's own pictures: a folder, or an archive of one."""
        path = whole_path(str(folder), Path())
        self.look_at(data_model.folder_table(path, self.scan.table if self.scan else None))

    def choose_archive(self) -> None:
        start = str(self._asked.get("path") or Path.home())
        chosen, _ = QFileDialog.getOpenFileName(self, ARCHIVE, start, f"Archives ({' '.join(f'*{one}' for one in ARCHIVES)})")
        if chosen:
            self.open_folder(Path(chosen))

    def choose_labels(self) -> None:
        start = str(self._asked.get("path") or Path.home())
        chosen, _ = QFileDialog.getOpenFileName(self, LABELS, start, f"Labels ({' '.join(f'*{one}' for one in LABEL_FILES)})")
        if chosen:
            self.open_folder(Path(chosen))

    def look_at(self, table: Table) -> None:
        """Look through these pictures; what was being looked through before is let go of."""
        self._let_go()
        self._asked = dict(table)
        self._failed = data_model.refusal(table)
        self.fetching.forget()
        if not self._failed[1]:
            folder = str(self._session.workspace.folder)
            self._under_way = self._assistant.ask("scan", data=dict(table), workspace=folder)
            self.progress.begin(f"Reading {data_model.title(table)}")
        self._show()

    def cancel(self) -> None:
        """Back to what was looked at before."""
        self._let_go()
        self._asked = self.scan.table if self.scan else {}
        self._show()

    def choose_known(self, chosen: Offered) -> None:
        """Look at a set that is here; fetch one that is not, and look at it then."""
        if chosen.fetch:
            self.banner.hide()
            self.fetching.fetch(chosen, str(self._session.workspace.folder))
        else:
            self.look_at(chosen.table)

    def _take_fetched(self, chosen: Offered, wanted: bool) -> None:
        """`wanted` unless something else was looked at meanwhile."""
        title = chosen.words.partition(",")[0]
        if wanted and not self._busy:
            self.look_at(chosen.table)
        else:
            self.banner.say(f"{title} is here.", [("Look at it", partial(self._look_and_hide, chosen.table))], "ok")

    def _look_and_hide(self, table: Table) -> None:
        self.banner.hide()
        self.look_at(table)

    def _say_not_fetched(self, chosen: Offered, sentence: str) -> None:
        title = chosen.words.partition(",")[0]
        self.banner.say(f"{title} was not fetched: {sentence}.", [("Try again", lambda: self.choose_known(chosen))], "bad")

    def use(self) -> None:
        if self.scan is not None and not self._why_not():
            self.use_wanted.emit(data_model.wanted(self.scan, self.probe))

    # ---- crops ------------------------------------------------------------------------------------------------------------

    def follow_recipe(self, document: OpenRecipe) -> None:
        """The recipe whose crops are previewed."""
        self.room.follow_recipe(document)

    def renew_preview(self) -> None:
        """The recipe was written on."""
        self.room.renew()

    def show_preview(self, table: Table | None = None) -> None:
        """What the recipe makes of the pictures looked at here; of those of `table`, once they are read."""
        self._previews = True
        self.recipe_asked.emit()
        if table is not None and (self.scan is None or not data_model.same_place(table, self.scan.table)):
            self.look_at(table)
        self._show()
        self.room.draw.slider.setFocus()

    def close_preview(self) -> None:
        self._previews = False
        self._show()
        self.preview.setFocus()

    def _let_go(self) -> None:
        if self._under_way:
            self._assistant.cancel(self._under_way)
        self._under_way, self._failed = 0, ("", "")
        self._later.forget("scan")
        self.progress.end()

    @property
    def _busy(self) -> bool:
        return bool(self._under_way) or self._later.waits_for("scan")

    # ---- heard ------------------------------------------------------------------------------------------------------------

    def _hear_progress(self, id_: int, share: float, said: str) -> None:
        if id_ and id_ == self._under_way:
            self.progress.show_progress(f"Reading {data_model.title(self._asked)}: {said}", share)

    def _hear_failure(self, id_: int, sentence: str, field: str) -> None:
        if id_ and id_ == self._under_way:
            self._refuse(field, sentence.removeprefix(f"{field}: "))

    def _hear_answer(self, id_: int, answer: dict[str, Any]) -> None:
        if id_ and id_ == self._under_way:
            self._under_way = 0
            table = self._asked
            self._later.ask("scan", lambda: _read(table, answer), self._take)

    def _take(self, found: Scan | str) -> None:
        self.progress.end()
        if isinstance(found, str):
            self._refuse("", found)
            return
        before, self.scan, self._asked = self.scan, found, found.table
        same = before is not None and data_model.same_pictures(before, found)
        if not same:
            self.probe, self._class = Probe.of(found.table, found.tests), ""
            self._right.setCurrentWidget(self.pictures)
        self._show_pictures(found)
        self._show()

    def _refuse(self, field: str, problem: str) -> None:
        self._let_go()
        self._failed = field, problem
        self._show()

    # ---- showing ----------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Everything but the pictures themselves."""
        self._show_head()
        self._show_refusal()
        self._show_shape()
        scan = self.scan
        if scan is None:
            self._body.setCurrentWidget(self._coming if self._busy else self.nothing)
            return
        if self._previews and self._busy and not data_model.same_place(self._asked, scan.table):
            self._body.setCurrentWidget(self._coming)  # crops of the pictures before are not what was asked for
            return
        self.room.show_data(scan.table)
        self._body.setCurrentIndex(3 if self._previews else 0)
        self.findings.show_figures(data_model.figures(scan))
        self.findings.show_findings(data_model.findings(scan))
        self.balance.show_classes(scan.answer.classes, self._class)
        self.balance.setVisible(bool(scan.answer.classes))
        self._show_grid()
        self._show_probe()

    def _show_head(self) -> None:
        if self.scan is not None:
            self.head.show_words(str(self.scan.table.get("path", "built in")), *data_model.sentence(self.scan))
        elif self._busy:
            self.head.show_words(str(self._asked.get("path", "built in")), data_model.title(self._asked), ", being read")
        else:
            self.head.show_words("", "No pictures yet", "; what is in a data set is seen here before anything learns from it")
        self.head.offer_use(self._why_not())

    def _why_not(self) -> str:
        """Why nothing can be given to a recipe now."""
        if self._busy:
            return "Wait until the pictures are read, or cancel"
        if self.scan is None:
            return "Choose a folder or a known data set first"
        return "Mend the value in red first" if self._is_here(self._failed[0]) else ""

    def _is_here(self, field: str) -> bool:
        """Whether a field stands on this page."""
        return field in self.shape.editors and self.scan is not None

    def _show_refusal(self) -> None:
        field, problem = self._failed
        here = self._is_here(field)
        self.error.setText(f"{problem[:1].upper()}{problem[1:]}" if here else "")
        self.error.setVisible(here and bool(problem))
        if not problem or here:
            self.banner.hide()
            return
        label = data_model.label_of(field, self._asked) if field != "data.path" else ""
        what = f"{data_model.title(self._asked)} cannot be used: " if self._asked and field else ""
        self.banner.say(f"{what}{f'{label}: ' if label else ''}{problem}.", [("Folder", self.choose_folder)], "bad")

    def _show_shape(self) -> None:
        """Size and colour as they are asked for, so that a refused one stays to be mended."""
        fields = data_model.shaping_fields(self.scan.table) if self.scan else []
        self.shape.show_fields([field_words(one) for one in fields], {one.path: _hint(one) for one in fields})
        self.shape.take_place_after(self.all_classes)
        if self.scan is None:
            return
        same_kind = data_model.same_place(self._asked, self.scan.table)
        values = data_model.shape(self._asked if same_kind else self.scan.table)
        texts = {one.path: recipe_fields.text_of(values[one.path.rpartition(".")[2]]) for one in fields}
        self.shape.show_values(texts, {self._failed[0]: self._failed[1]} if self._failed[1] else {})

    def _show_pictures(self, scan: Scan) -> None:
        """Another sheet: new thumbnails."""
        self.grid.show_pictures(scan.sheet.pictures)
        self.picker.show_pictures(scan.sheet.pictures)

    def _show_grid(self) -> None:
        assert self.scan is not None
        scan = self.scan
        places = data_model.shown_places(scan, self._class)
        self.pictures.show_title("Test pictures", data_model.grid_words(scan, self._class))
        self.grid.show_places(places, {place: _words(scan, place) for place in places})
        self.grid.pictures.show_chosen(self.probe.places)
        self.all_classes.setText(self._class)
        self.all_classes.setVisible(bool(self._class))
        self.all_classes.setToolTip(f"Only {self._class} is shown; press for all classes")
        self.all_classes.setAccessibleName(f"Only {self._class}; show all classes")
        problem = scan.sheet.pictures.problem
        self._none.show_note(
            problem or "None of the pictures on this page is of this class", "" if problem else "press its name again for all"
        )
        self._shown.setCurrentWidget(self.grid if places else self._none)

    def _show_probe(self) -> None:
        assert self.scan is not None
        tips = {place: _words(self.scan, place, "Press to take it out") for place in self.probe.places}
        self.picker.show_probe(
            self.probe.places, tips, data_model.probe_words(self.probe), self.probe.refused, self.probe.is_default
        )
        self._fit()

    # ---- changed by hand --------------------------------------------------------------------------------------------------

    def _choose_class(self, name: str) -> None:
        self._class = name
        self._right.setCurrentWidget(self.pictures)
        if self.scan is not None:
            self.balance.show_classes(self.scan.answer.classes, name)
            self._show_grid()

    def _pin(self, place: int) -> None:
        self._set_probe(self.probe.toggled(place))

    def _set_probe(self, probe: Probe) -> None:
        self.probe = probe
        self.grid.pictures.show_chosen(probe.places)
        self._show_probe()

    def _reset_probe(self) -> None:
        self._set_probe(Probe.first(self.probe.tests))
        self.picker.grid.setFocus()  # the button is gone, and the focus would go anywhere

    def _settle(self, path: str, text: str) -> None:
        """Another size or colour: the pictures are looked through again, as training will see them."""
        if self.scan is None:
            return
        field = next(one for one in data_model.shaping_fields(self.scan.table) if one.path == path)
        key, value = path.rpartition(".")[2], _plain(recipe_fields.read(field, text))
        base = self._asked if data_model.same_place(self._asked, self.scan.table) else self.scan.table
        wanted = {**base, key: value}
        if wanted == base:  # left as it was
            return
        if wanted == self.scan.table:
            self.cancel()
        else:
            self.look_at(wanted)

    def _show_files(self, place: int) -> None:
        listing = data_model.findings(self.scan)[place].listing if self.scan else None
        if listing is not None and listing.pairs and self.scan is not None:
            self.pairs.show_pairs(listing, self.scan.pairs)
            self._right.setCurrentWidget(self.pairs)
            self.pairs.close_button.setFocus()
        elif listing is not None:
            self.listing.show_listing(listing)
            self._right.setCurrentWidget(self.listing)
            self.listing.table.setFocus()

    def _close_files(self) -> None:
        self._right.setCurrentWidget(self.pictures)
        self.grid.setFocus()

    def _offer_known(self) -> None:
        newest = sorted(self._session.runs, key=lambda one: -one.changed_at)
        used = data_model.recent(one.recipe.data for one in newest if one.recipe is not None)
        choices: list[Choice] = [
            (f"{said}   {_tail(where)}", where, partial(self.look_at, table)) for said, where, table in used
        ]
        archive: Choice = ("An archive…", ARCHIVE, self.choose_archive)
        labels: Choice = ("A CSV of labels…", LABELS, self.choose_labels)
        folder = self._session.workspace.folder / "data"
        groups = [("Known everywhere", self._offered(data_model.to_fetch(folder)))]
        groups += [("In this workspace", self._offered(data_model.in_workspace(folder))), ("Used in runs", choices)]
        self.head.offer_known([("", [*self._known(), archive, labels]), *groups])

    def _offered(self, found: Sequence[Offered]) -> list[Choice]:
        return [(one.words, one.more, partial(self.choose_known, one)) for one in found]

    def _known(self) -> list[Choice]:
        return [(f"{said}   {what}", what, partial(self.look_at, table)) for said, what, table in data_model.known()]

    # ---- events -----------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = _dropped(event)
        if not paths:
            return
        event.acceptProposedAction()
        if problem := _refused_drop(paths):
            self._asked = {}
            self._refuse("", problem)
        else:
            self.open_folder(paths[0])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._busy:
            self.cancel()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(1200), theme.px(760))

    # ---- building ---------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.head.folder.clicked.connect(self.choose_folder)
        self.head.use.clicked.connect(self.use)
        self.head.menu.aboutToShow.connect(self._offer_known)
        self.progress.cancelled.connect(self.cancel)
        self.fetching.fetched.connect(self._take_fetched)
        self.fetching.failed.connect(self._say_not_fetched)
        self.findings.files_asked.connect(self._show_files)
        self.findings.grown.connect(self._fit)
        for card in (self.listing, self.pairs):
            card.closed.connect(self._close_files)
        self.balance.chosen.connect(self._choose_class)
        self.all_classes.clicked.connect(lambda: self._choose_class(""))
        self.grid.pressed_at.connect(self._pin)
        self.picker.pressed_at.connect(self._pin)
        self.picker.reset_asked.connect(self._reset_probe)
        self.shape.settled.connect(self._settle)
        self.preview.clicked.connect(lambda: self.show_preview())
        self.room.closed.connect(self.close_preview)
        self.room.edited.connect(self.recipe_edited)
        self.room.settled.connect(self.recipe_settled)
        self._assistant.progressed.connect(self._hear_progress)
        self._assistant.answered.connect(self._hear_answer)
        self._assistant.failed.connect(self._hear_failure)
        theme.signals.changed.connect(self._fit)

    def _lay_out(self) -> None:
        self._offer_known()
        folder: Choice = ("Folder", WHAT, self.choose_folder)
        self.nothing.offer(
            [folder, *((f"Look at {said}", what, partial(self.look_at, table)) for said, what, table in data_model.known())]
        )
        for page in (self._found(), self._coming, self.nothing, self.room):
            self._body.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 12)
        column.setSpacing(12)
        for part in (self.head, self.progress, self.fetching, self.banner):
            column.addWidget(part)
        column.addWidget(self._body, 1)
        self.banner.hide()
        self._fit()

    def _found(self) -> QWidget:
        """What was found on the left, pictures on the right."""
        self.pictures.head.addWidget(self.all_classes)
        self.pictures.head.addWidget(self.shape)
        self.pictures.head.addWidget(self.preview)
        self.preview.setToolTip("What teacher and student receive of a training picture: crops, colours, hidden patches")
        self.pictures.body.setContentsMargins(10, 8, 4, 6)
        self.error.setWordWrap(True)
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.pictures.body.addWidget(self.error)
        self.pictures.body.addWidget(self._shown, 1)
        for part in (self.grid, self._none):
            self._shown.addWidget(part)
        for card in (self.pictures, self.listing, self.pairs):
            self._right.addWidget(card)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._left())
        row.addWidget(self._right, 1)
        return whole

    def _left(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for card in (self.findings, self.balance, self.picker):
            column.addWidget(card)
        column.addStretch(1)
        self._side = _Column()
        self._side.resized.connect(self._fit)
        self._side.setWidgetResizable(True)
        self._side.setFrameShape(QFrame.Shape.NoFrame)
        self._side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._side.setWidget(inside)
        return self._side

    def _fit(self) -> None:
        self._side.setFixedWidth(theme.px(SIDE))
        spare = self._side.height() - self.findings.minimumHeight()
        narrow = 6 if len(self.probe.places) <= data_model.PROBES else 8
        self.picker.grid.show_columns(4 if spare >= theme.px(ROOMY) else narrow)


class _Column(QScrollArea):
    """What is on the left. It scrolls where even the smallest size of all its cards does not fit."""

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()


def _read(table: Table, answer: Mapping[str, Any]) -> Scan | str:
    try:
        return data_model.read(table, answer)
    except ValueError as problem:  # an engine of another version
        return f"what was found cannot be understood ({problem})"


def _words(scan: Scan, place: int, more: str = "Press to watch it while training, or no longer") -> PictureWords:
    file = scan.file(place)
    name = scan.class_name(place) or Path(file).name or f"test {place:03d}"
    return PictureWords(name, f"{name}, test {place:03d}\n{file}\n{more}" if file else f"{name}, test {place:03d}\n{more}")


def _plain(value: Any) -> Any:
    """A number of TOML without what TOML remembers of it."""
    return value.unwrap() if hasattr(value, "unwrap") else value


def _hint(field: Field) -> str:
    return f"{field.help}\n\n{recipe_words.range_words(field)}"


def _tail(path: str, most: int = 44) -> str:
    return path if len(path) <= most else f"…{path[-most:]}"


def _dropped(event: QDropEvent) -> list[Path]:
    """What may be pictures; folders with runs in them and recipes are the window's, alone or among others."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [] if any(path.suffix.lower() == ".toml" or _has_runs(path) for path in paths) else paths


def _has_runs(path: Path) -> bool:
    return (path / "recipe.toml").is_file() or any(path.glob("*/recipe.toml"))


def _refused_drop(paths: Sequence[Path]) -> str:
    """Why these are no data set; empty for one that may be."""
    if len(paths) > 1:
        first = ", ".join(path.name for path in paths[:2]) + (" and more" if len(paths) > 2 else "")
        return (
            f"{words.count(len(paths))} things were dropped ({first}), and a data set is one: drop the folder that holds them"
        )
    path = paths[0]
    if path.is_dir() or is_archive(str(path)) or is_label_file(str(path)):
        return ""
    kinds = f"a folder, an archive ({', '.join(ARCHIVES)}) or a CSV of labels"
    return f"{path.name} is none of what can be looked through: {kinds}. Drop the folder that it lies in"
