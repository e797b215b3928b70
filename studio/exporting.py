"""Passing on what a run has become: the dialog of an export, and what the window says of exports and reports.

The dialog asks as what, of which network and where to; what is chosen also stands there as a command line. The making is
making.py's.
"""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.run import Run
from studio import inspect_model, theme
from studio.making import KINDS, Making
from studio.session import Session
from studio.widgets.card import ElidedLabel
from studio.widgets.exported_network import ExportedNetwork
from studio.widgets.strip import Notice

Ask = Callable[[QWidget, str], str]
OPEN, OPENS = "Open", "open:"  # the notice's button, and how its keys begin
PATIENCE_MS = 500
IN_THE_RUN = "In the run's folder, under extras"


def _ask_folder(parent: QWidget, title: str) -> str:
    """The desktop's own dialog."""
    return QFileDialog.getExistingDirectory(parent, title)


class Exporting(QDialog):
    """`agreed` brings the kind, the folder that is to be made (None for the run's own place), and the options that say which
    network."""

    agreed = Signal(str, object, object)

    def __init__(self, run: Path, kind: str, parent: QWidget, ask: Ask = _ask_folder) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Export {run.name}")
        self._run, self._ask = run, ask
        self._into: Path | None = None
        self.kinds = {one.name: QRadioButton(one.title) for one in KINDS}
        self._group = QButtonGroup(self)
        self.network = ExportedNetwork(inspect_model.networks(Run(run)))
        self.place, self.elsewhere = ElidedLabel(), theme.dress(QPushButton("Choose a folder"), small=True)
        self.command = theme.dress(QLabel(), small=True, muted=True)
        self.export, self.cancel = theme.dress(QPushButton("Export"), primary=True), QPushButton("Cancel")
        self.place.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.elsewhere.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._lay_out()
        self.kinds[kind if kind in self.kinds else KINDS[0].name].setChecked(True)
        self._listen()
        self._show()

    @property
    def kind(self) -> str:
        return next(name for name, button in self.kinds.items() if button.isChecked())

    @property
    def asked(self) -> tuple[str, ...]:
        """Which network, as options of the command."""
        return self.network.asked if self.network.isEnabled() else ()

    @property
    def target(self) -> Path | None:
        """A folder that is not there yet, within the one that was chosen."""
        if self._into is None:
            return None
        first = self._into / f"{self._run.name}-{self.kind}"
        names = [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 1000))]
        return next((one for one in names if not one.exists()), first)

    def _choose(self) -> None:
        if chosen := self._ask(self, f"A folder for the export of {self._run.name}"):
            self._into = Path(chosen)
            self._show()

    def _show(self) -> None:
        self.network.setEnabled(next(one.network for one in KINDS if one.name == self.kind))
        target = self.target
        self.place.setText(IN_THE_RUN if target is None else str(target))
        elsewhere = [] if target is None else ["-o", str(target)]
        self.command.setText(shlex.join(["filial", "export", self._run.name, "--to", self.kind, *self.asked, *elsewhere]))

    def _agree(self) -> None:
        kind, target, asked = self.kind, self.target, self.asked
        self.close()
        self.agreed.emit(kind, target, asked)

    def _listen(self) -> None:
        self._group.buttonToggled.connect(self._show_if_on)
        self.network.changed.connect(self._show)
        self.elsewhere.clicked.connect(self._choose)
        self.export.clicked.connect(self._agree)
        self.cancel.clicked.connect(self.close)

    def _show_if_on(self, _: object, on: bool) -> None:
        if on:  # between two of them none is
            self._show()

    def _lay_out(self) -> None:
        column, where, row = QVBoxLayout(self), QHBoxLayout(), QHBoxLayout()
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(2)
        title = theme.dress(QLabel(f"Export {self._run.name}"), title=True)
        title.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(title)
        column.addWidget(_said("A card goes with each: data, recipe, results with intervals, versions."))
        column.addSpacing(theme.px(8))
        for one in KINDS:
            button = self.kinds[one.name]
            self._group.addButton(button)
            button.setAccessibleDescription(one.about)
            about = _said(one.about, muted=True)
            about.setContentsMargins(theme.px(22), 0, 0, theme.px(8))
            column.addWidget(button)
            column.addWidget(about)
        column.addWidget(self.network)
        where.addWidget(self.place, 1)
        where.addWidget(self.elsewhere)
        column.addSpacing(theme.px(6))
        column.addLayout(where)
        self.command.setTextFormat(Qt.TextFormat.PlainText)
        self.command.setWordWrap(True)
        self.command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.command.setAccessibleName("The same as a command line")
        self.command.setMinimumWidth(theme.px(440))
        column.addWidget(self.command)
        row.addWidget(self.cancel)
        row.addStretch(1)
        row.addWidget(self.export)
        column.addSpacing(theme.px(10))
        column.addLayout(row)
        self.export.setDefault(True)
        self.cancel.setAutoDefault(False)
        self.elsewhere.setAutoDefault(False)


def _said(text: str, muted: bool = False) -> QLabel:
    label = theme.dress(QLabel(text), small=True, prose=not muted, muted=muted)
    label.setWordWrap(True)
    return label


class PassingOn(QObject):
    """What a window passes on: asks as what and where to, has it made, and says in the window's notice what became of it."""

    def __init__(self, session: Session, notice: Notice, window: QWidget, making: Making | None = None) -> None:
        super().__init__(window)
        self._session, self._notice, self._window = session, notice, window
        self._last = KINDS[0].name
        self._told = ("", "", True)  # what is still to be said, what may be opened, whether it is good: a question comes first
        self._patience = QTimer(self, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._say)
        self.making = making or Making(self)
        self.making.begun.connect(lambda said: self._tell(said, "", True))
        self.making.made.connect(lambda said, path: self._tell(said, path, True))
        self.making.failed.connect(lambda said: self._tell(said, "", False))
        notice.pressed.connect(self._open)

    def ask_export(self, name: str) -> None:
        """The dialog about a run of the workspace."""
        if (one := self._session.followed(name)) is None:
            return
        dialog = Exporting(one.run.folder, self._last, self._window)
        dialog.agreed.connect(partial(self._export, one.run.folder))
        dialog.open()

    def _export(self, run: Path, kind: str, target: Path | None, network: Sequence[str]) -> None:
        self._last = kind
        self.making.export(run, kind, target, network)

    def make_report(self, name: str) -> None:
        """About a run or a lineage of the workspace."""
        self.making.report(self._session.workspace.folder, name)

    def _tell(self, said: str, path: str, good: bool) -> None:
        self._told = (said[:1].upper() + said[1:], path, good)
        self._say()

    def _say(self) -> None:
        """Once no question stands there and waits for its answer."""
        if self._notice.isVisible() and self._notice.waits:
            self._patience.start()
            return
        self._patience.stop()
        said, path, good = self._told
        self._notice.show_text(said, OPEN if path else "", f"{OPENS}{path}" if path else "", good)

    def _open(self, key: str) -> None:
        if key.startswith(OPENS):
            path = Path(key.removeprefix(OPENS))
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
