"""What is told of runs while nobody looks: one has ended, has failed, or gives no sign of life.

Only of runs that this window has seen at work, once for each way a run can be, and never of what a person asked for. Who is
told, and how, is the window's and the desktop's: see Bell.
"""

import time

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from studio import phrases, theme
from studio.session import Followed, Session

BAD = ("failed", "lost", "unresponsive")


class Tidings(QObject):
    """Listens to a session. `heard` brings the run's name, what is said, and whether it needs a person."""

    heard = Signal(str, str, bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._at_work: set[str] = set()  # seen at work by this window
        self._told: set[tuple[str, int, str]] = set()  # run, attempt, how it was
        session.runs_changed.connect(self._look)
        self._look()

    def _look(self) -> None:
        """At those that are at work, and at those that were: whoever ended before is nobody's news."""
        self._at_work |= {one.name for one in self._session.busy_runs if one.at_work and not _how(one)}
        for one in [one for name in self._at_work if (one := self._session.followed(name)) is not None]:
            how = _how(one)
            key = (one.name, one.state.attempt, how)
            if how and key not in self._told:
                self._told.add(key)
                said = f"{phrases.run_short(one)}: {phrases.state_words(one, time.time())}"
                self.heard.emit(one.name, said, how in BAD)


def _how(one: Followed) -> str:
    """In which of the ways that are told a run is; empty for all others, such as one that a person has stopped."""
    if one.word in ("lost", "unresponsive"):
        return one.word if one.loaded else ""
    how = phrases.reason(one)
    return how if how in ("completed", "failed") else ""


class Bell(QObject):
    """Rings while another window is in front: by the desktop's messages where there are any, else in the task bar.

    `asked` brings the run whose message was pressed.
    """

    asked = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._tray: QSystemTrayIcon | None = None
        self._run = ""

    def ring(self, run: str, said: str, bad: bool) -> None:
        QApplication.alert(self._window)
        if not QSystemTrayIcon.isSystemTrayAvailable():
            return
        self._run = run
        icons = QSystemTrayIcon.MessageIcon
        tray = self._tray or self._make_tray()
        tray.show()
        tray.showMessage("Filial", said, icons.Warning if bad else icons.Information)

    def silence(self) -> None:
        """The window is looked at again."""
        if self._tray is not None:
            self._tray.hide()

    def _make_tray(self) -> QSystemTrayIcon:
        tray = self._tray = QSystemTrayIcon(theme.application_icon(), self)
        tray.setToolTip("Filial")
        tray.messageClicked.connect(self._ask)
        tray.activated.connect(self._ask)
        return tray

    def _ask(self) -> None:
        self.asked.emit(self._run)
