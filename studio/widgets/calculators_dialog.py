"""The calculators of a recipe: its learning rate by the batch, its teacher's momentum by a half-life; each writes its field.

Given a recipe it gives (path, value) pairs by `used`; it changes nothing itself.
"""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine import words
from engine.recipe import Recipe
from studio import calculators, theme
from studio.calculators import Rates
from studio.widgets.card import Card

WIDE = 460  # at scale 1
RATE, BATCH, MOMENTUM = "optimizer.lr", "training.batch", "method.momentum"


class CalculatorsDialog(QDialog):
    """`used` brings a field's path and the value it is to have."""

    used = Signal(str, float)

    def __init__(self, asked: Recipe, per_epoch: int | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Calculators")
        self._per_epoch = per_epoch
        self.rates: Rates | None = None
        self.momentum: float | None = None
        self.rate, self.at, self.batch = (QLineEdit() for _ in range(3))
        self.use_linear, self.use_root, self.use_momentum = (theme.dress(QPushButton(), small=True) for _ in range(3))
        self.epochs, self.steps, self.per_step = (QLineEdit() for _ in range(3))
        self.apart, self.back = (theme.dress(QLabel(), small=True, prose=True) for _ in range(2))
        self._origin, self._usual = calculators.origin(asked)
        self._lay_out(calculators.has_momentum(asked))
        known, at = calculators.begin(asked)
        for field, value in ((self.rate, f"{known:g}"), (self.at, str(at)), (self.batch, str(asked.training.batch))):
            field.setText(value)
            field.textChanged.connect(self._tell_rates)
        self._tell_rates()
        now = getattr(asked.method, "momentum", 0.0)
        self.per_step.setText(f"{now:.10g}" if isinstance(now, float) else "0.996")
        self._from_momentum()

    # ---- the learning rate --------------------------------------------------------------------------------------------

    def _tell_rates(self) -> None:
        try:
            self.rates = calculators.rates(_number(self.rate), int(_number(self.at)), int(_number(self.batch)))
            self.apart.setText(self.rates.said)
        except ValueError as error:
            self.rates = None
            self.apart.setText(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        for button, name in ((self.use_linear, "linear"), (self.use_root, "root")):
            value = getattr(self.rates, name, None)
            button.setText(f"Use {words.rate(value)}" if value is not None else "Use")
            button.setEnabled(value is not None)

    def _use_rate(self, law: str) -> None:
        if self.rates is not None:
            value = calculators.rounded(getattr(self.rates, law))
            self.used.emit(RATE, value)
            self.apart.setText(f"{RATE} is {words.rate(value)} now.")

    # ---- the momentum -------------------------------------------------------------------------------------------------

    def _from_momentum(self) -> None:
        self._follow(lambda: calculators.life_of(_number(self.per_step), self._per_epoch)[0], self.per_step)

    def _from_steps(self) -> None:
        self._follow(lambda: _number(self.steps), self.steps)

    def _from_epochs(self) -> None:
        self._follow(lambda: _number(self.epochs) * (self._per_epoch or 0), self.epochs)

    def _follow(self, steps_of: Callable[[], float], typed: QLineEdit) -> None:
        """One of the three is typed, the others follow."""
        try:
            steps = steps_of()
            self.momentum = _number(self.per_step) if typed is self.per_step else calculators.momentum_of(steps)
        except ValueError as error:
            self.momentum = None
            self.back.setText(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        else:
            each = self._per_epoch
            for field, text in (
                (self.per_step, f"{self.momentum:.10g}"),
                (self.steps, f"{steps:.4g}"),
                (self.epochs, f"{steps / each:.3g}" if each else ""),
            ):
                if field is not typed:
                    field.setText(text)
            self.back.setText(f"After {words.number(steps, 1)} steps a student's weights make up half of its teacher's.")
        self.use_momentum.setText(f"Use {self.momentum:.10g}" if self.momentum is not None else "Use")
        self.use_momentum.setEnabled(self.momentum is not None)

    def _use_momentum(self) -> None:
        if self.momentum is not None:
            self.used.emit(MOMENTUM, self.momentum)
            self.back.setText(f"{MOMENTUM} is {self.momentum:.10g} now.")

    # ---- how it is made -----------------------------------------------------------------------------------------------

    def _lay_out(self, with_momentum: bool) -> None:
        column, foot = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(self._rate_card())
        self.momentum_card = self._momentum_card()
        self.momentum_card.setVisible(with_momentum)
        column.addWidget(self.momentum_card)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        for button in (close, self.use_linear, self.use_root, self.use_momentum):
            button.setAutoDefault(False)
        foot.addStretch(1)
        foot.addWidget(close)
        column.addStretch(1)
        column.addLayout(foot)
        self.setMinimumWidth(theme.px(WIDE))

    def _rate_card(self) -> Card:
        card, form = Card("Learning rate", RATE), QFormLayout()
        _add(form, "A rate known to work", self.rate)
        _add(form, "at pictures a step", self.at)
        origin = theme.dress(QLabel(self._origin), small=True, muted=True)
        origin.setWordWrap(True)
        form.addRow(origin)
        _add(form, "Pictures a step here", self.batch)
        for button, law, name in ((self.use_linear, "linear", "Linear law"), (self.use_root, "root", "Root law")):
            button.clicked.connect(lambda _=False, law=law: self._use_rate(law))
            button.setAccessibleDescription(f"{name}: writes {RATE}")
            form.addRow(f"{name}, usual here" if law == self._usual else name, button)
        self.use_linear.setToolTip(
            f"The rate goes with the batch: Goyal et al. 2017, DINO (rates for {calculators.LINEAR_BATCH})"
        )
        self.use_root.setToolTip(f"The rate goes with the batch's square root: DINOv2 for {calculators.ROOT_BATCH}")
        card.body.addLayout(form)
        card.body.addWidget(self.apart)
        self.apart.setWordWrap(True)
        return card

    def _momentum_card(self) -> Card:
        card, form = Card("Teacher momentum", MOMENTUM), QFormLayout()
        _add(form, "Half-life in epochs", self.epochs)
        _add(form, "Half-life in steps", self.steps)
        _add(form, "Momentum a step", self.per_step)
        self.epochs.setEnabled(self._per_epoch is not None)
        self.epochs.setPlaceholderText("" if self._per_epoch else "known once the pictures are counted")
        self.epochs.textEdited.connect(self._from_epochs)
        self.steps.textEdited.connect(self._from_steps)
        self.per_step.textEdited.connect(self._from_momentum)
        self.use_momentum.clicked.connect(self._use_momentum)
        form.addRow("", self.use_momentum)
        card.body.addLayout(form)
        card.body.addWidget(self.back)
        self.back.setWordWrap(True)
        return card


def _add(form: QFormLayout, name: str, field: QLineEdit) -> None:
    field.setAccessibleName(name)
    form.addRow(name, field)


def _number(field: QLineEdit) -> float:
    """Raises ValueError with words for a person."""
    try:
        return float(field.text().replace(words.MINUS, "-").replace(",", "").strip())
    except ValueError:
        raise ValueError(f"{field.accessibleName().lower()} is a number") from None
