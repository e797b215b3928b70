"""The file of a recipe being written: dialogs that ask where, saving, and what is said where somebody else wrote to it."""

import os
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.fields import Field
from studio import recipe_fields
from studio.recipe_model import LINEAGE, ChangedOnDisk, OpenRecipe
from studio.widgets.recipe_head import Banner

WEIGHTS = "Weights (*.safetensors *.pt *.pth *.bin *.ckpt);;All files (*)"
FILTER = "Recipes (*.toml);;All files (*)"


class RecipeFiles(QObject):
    """`written` once a file holds the recipe, `open_asked` where a person wants what another wrote."""

    written = Signal()
    open_asked = Signal(Path)

    def __init__(self, open: OpenRecipe, banner: Banner, page: QWidget) -> None:
        """`page`: over which dialogs open."""
        super().__init__(page)
        self._open, self._banner, self._page = open, banner, page

    def ask_open(self) -> Path | None:
        chosen, _ = QFileDialog.getOpenFileName(self._page, "Open a recipe", self._folder(), FILTER)
        return Path(chosen) if chosen else None

    def browse(self, field: Field) -> str:
        """What is chosen for a field that names something on disk; empty for nothing."""
        start = str(self._open.value(field) or Path.home())
        if not recipe_fields.is_file(field):
            return QFileDialog.getExistingDirectory(self._page, field.help or field.label, start)
        chosen, _ = QFileDialog.getOpenFileName(self._page, "The weights to start from", start, WEIGHTS)
        return chosen

    def save(self) -> None:
        """Where it came from; a recipe that is in no file yet is asked for a name."""
        if self._open.path is None:
            self.save_as()
        else:
            self._write(None)

    def save_as(self) -> None:
        name = str(Path(self._folder()) / self._file_name())
        chosen, _ = QFileDialog.getSaveFileName(self._page, "Save the recipe as", name, FILTER)
        if chosen:
            path = Path(chosen)
            self._write(path if path.suffix else path.with_suffix(".toml"), anyway=True)

    def _write(self, path: Path | None, anyway: bool = False) -> None:
        try:
            self._open.save(path, anyway)
        except ChangedOnDisk:
            said = f"{self._open.name} was changed by somebody else since it was opened."
            again = self._open.path
            assert again is not None
            acts = [("Overwrite", lambda: self._write(None, anyway=True)), ("Save as", self.save_as)]
            self._banner.say(said, [*acts, ("Open what is there", lambda: self.open_asked.emit(again))])
            return
        except OSError as error:
            self._banner.say(f"{path or self._open.path} cannot be written: {error.strerror or error}.", [])
            return
        self._banner.hide()
        self.written.emit()

    def _folder(self) -> str:
        return str(self._open.path.parent if self._open.path else Path.home())

    def _file_name(self) -> str:
        lineage = str(self._open.table.get(LINEAGE, "") or "recipe")
        return self._open.name if self._open.path else f"{lineage}.toml".replace(os.sep, "-")
