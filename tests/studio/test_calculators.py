"""A rate for another batch and a momentum for a half-life: by hand, and as fields of the recipe they are written into."""

import math
from collections.abc import Callable, Iterator

import pytest
from by_hand import press
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engine import recipe
from studio import calculators
from studio.widgets.calculators_dialog import CalculatorsDialog


def test_that_the_two_laws_are_told_with_how_far_they_differ() -> None:
    found = calculators.rates(0.1, 256, 64)
    assert found.linear == pytest.approx(0.025) and found.root == pytest.approx(0.05)
    assert found.said == "At 64 pictures a step the root law gives 2.0 times what the linear one does."
    assert calculators.rates(0.1, 256, 1024).said.startswith("At 1,024 pictures a step the linear law gives 2.0 times")
    assert calculators.rates(0.1, 64, 64).said == "At 64 pictures a step both laws give the same."


@pytest.mark.parametrize("steps", [0.5, 1.0, 173.0, 1e5])
def test_that_half_life_and_momentum_turn_each_other_round(steps: float) -> None:
    momentum = calculators.momentum_of(steps)
    assert momentum**steps == pytest.approx(0.5, abs=1e-4)
    back, epochs = calculators.life_of(momentum, 50)
    assert back == pytest.approx(steps, rel=1e-3) and epochs == pytest.approx(back / 50)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_that_what_is_no_rate_and_no_half_life_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        calculators.rates(wrong, 256, 64)
    with pytest.raises(ValueError, match="above 0"):
        calculators.momentum_of(wrong)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calculators.life_of(1.0 + abs(wrong), None)


@pytest.fixture
def dialog(on_screen: Callable[[QWidget], QWidget], dressed: object) -> Iterator[Callable[..., CalculatorsDialog]]:
    below = on_screen(QWidget())

    def opened(name: str, *sets: str, per_epoch: int | None = 50) -> CalculatorsDialog:
        made = CalculatorsDialog(recipe.read(name, sets).recipe, per_epoch, below)
        made.show()
        QApplication.processEvents()
        return made

    yield opened


def test_that_a_chosen_law_is_written_into_the_learning_rate(dialog) -> None:
    asked = dialog("born-again-digits", "training.batch=32")
    used: list[tuple[str, float]] = []
    asked.used.connect(lambda *pair: used.append(pair))
    asked.rate.setText("0.1")
    asked.at.setText("128")
    press(asked.use_linear)
    press(asked.use_root)
    assert used == [("optimizer.lr", 0.025), ("optimizer.lr", 0.05)]
    assert asked.momentum_card.isHidden()
    asked.at.setText("many")
    assert not asked.use_linear.isEnabled() and asked.apart.text() == "At pictures a step is a number."


def test_that_each_of_the_three_moves_the_other_two_and_is_written_as_momentum(dialog) -> None:
    asked = dialog("dino-creatures", "method.momentum=0.996")
    assert (asked.steps.text(), asked.epochs.text()) == ("172.9", "3.46")
    asked.epochs.clear()
    QTest.keyClicks(asked.epochs, "2")
    assert (asked.steps.text(), asked.per_step.text()) == ("100", "0.993092")
    used: list[tuple[str, float]] = []
    asked.used.connect(lambda *pair: used.append(pair))
    press(asked.use_momentum)
    assert used == [("method.momentum", 0.993092)]
    asked.per_step.clear()
    QTest.keyClicks(asked.per_step, "2")
    assert not asked.use_momentum.isEnabled()


def test_that_without_known_steps_epochs_wait(dialog) -> None:
    asked = dialog("dino-creatures", per_epoch=None)
    assert not asked.epochs.isEnabled() and asked.steps.isEnabled()
