"""A button whose menu passes on what is in sight: an export of a run, a report."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from studio import theme


class PassOn(QToolButton):
    """`export_asked` and `report_asked` bring a name: a run's, or for a report also a lineage's."""

    export_asked = Signal(str)
    report_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.put_icon(theme.dress(self, flat=True, small=True), "export", "text2", 14)
        self.setAccessibleName("Export or report")
        self.setToolTip("Export this run, or write a report")
        self._shown: tuple[str, ...] = ()
        self.menu_ = theme.round_menu(QMenu(self))
        self.clicked.connect(lambda: self.menu_.popup(self.mapToGlobal(self.rect().bottomLeft())))
        self.hide()

    def show_names(self, run: str, reports: tuple[str, ...]) -> None:
        """Which run is exported, and what there may be reports about; without a run there is nothing to pass on."""
        if (run, *reports) == self._shown:  # a menu that is open stays as it is
            return
        self._shown = (run, *reports)
        self.setVisible(bool(run))
        self.menu_.clear()
        self.menu_.addAction(f"Export {run}…").triggered.connect(lambda: self.export_asked.emit(run))
        for name in reports:
            self.menu_.addAction(f"Report about {name}").triggered.connect(
                lambda _=False, name=name: self.report_asked.emit(name)
            )
