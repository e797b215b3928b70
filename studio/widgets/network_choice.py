"""A button that names a network, with a menu of all others: every checkpoint of every run.

The menu is made when it is opened, for a workspace may hold hundreds of runs; a run's checkpoints are looked up when its own
menu opens.
"""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from engine import words
from studio import inspect_model, theme
from studio.inspect_model import Network
from studio.session import Followed, Session

NOBODY = "Nobody"


class NetworkChoice(QPushButton):
    """`chosen` brings a Network, or None for nobody."""

    chosen = Signal(object)

    def __init__(self, role: str, session: Session, may_be_nobody: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role, self._session, self._may_be_nobody = role, session, may_be_nobody
        self.network: Network | None = None
        self.lineage = ""
        self.choices = theme.round_menu(QMenu(self))
        self.choices.aboutToShow.connect(self.fill)
        self.setMenu(self.choices)
        self.show_network(None, "")

    def show_network(self, network: Network | None, name: str) -> None:
        self.network = network
        self.setText(f"{self._role}: {name or NOBODY.lower()}   ")  # room for the arrow
        step = f", step {words.count(network.step)} of {network.run}" if network else ""
        self.setAccessibleName(f"{self._role}: {name or NOBODY.lower()}{step}")
        self.setToolTip(f"{network.run}, step {words.count(network.step)}" if network else f"Choose the {self._role.lower()}")

    def fill(self) -> None:
        """The lineage's own runs first, then all others by lineage."""
        theme.clear_menu(self.choices)
        lineages = list(dict.fromkeys(one.lineage for one in self._session.runs))
        if self._may_be_nobody:
            self.choices.addAction(NOBODY).triggered.connect(lambda: self.chosen.emit(None))
            self.choices.addSeparator()
        self._fill_runs(self.choices, self._session.lineage(self.lineage))
        others = [name for name in lineages if name != self.lineage]
        if others:
            self.choices.addSeparator()
        for name in others:
            menu = theme.round_menu(self.choices.addMenu(name))
            menu.aboutToShow.connect(_once(menu, partial(self._fill_runs, menu, self._session.lineage(name))))

    def _fill_runs(self, menu: QMenu, runs: Sequence[Followed]) -> None:
        for one in runs:
            inner = theme.round_menu(menu.addMenu(f"{one.called}, seed {one.seed}"))
            inner.aboutToShow.connect(_once(inner, partial(self._fill_checkpoints, inner, one)))

    def _fill_checkpoints(self, menu: QMenu, one: Followed) -> None:
        found = inspect_model.networks(one.run)
        for place, network in enumerate(found):
            newest = ", the newest" if network.step == found[0].step else ""
            average = ", average" if network.part == "teacher" else ""
            act = menu.addAction(f"Step {words.count(network.step)}{average}{newest}")
            act.setCheckable(True)
            act.setChecked(network == self.network)
            act.triggered.connect(lambda _=False, network=network: self.chosen.emit(network))
            if place == 0:
                menu.setDefaultAction(act)
        if not found:
            menu.addAction("It has saved no checkpoint yet").setEnabled(False)


def _once(menu: QMenu, fill: Callable[[], None]) -> Callable[[], None]:
    """A menu that is open already keeps what it has."""

    def filled() -> None:
        if menu.isEmpty():
            fill()

    return filled
