"""What a report is about: the runs of a lineage, or one run alone, as far as their folders say. Judging is compare.py's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine import words
from engine.recipe import RunRecipe
from engine.run import Observer, Run
from engine.state import RunState, State
from engine.study import Study, study


@dataclass(frozen=True, eq=False)
class Seen:
    """A run whose folder has been read."""

    run: Run
    state: RunState
    word: State
    recipe: RunRecipe
    data: dict[str, Any] | None
    effective: dict[str, Any]

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def generation(self) -> int:
        return self.recipe.generation

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def method(self) -> str:
        return str(type(self.recipe.method).__struct_config__.tag)

    @property
    def standing(self) -> str:
        """ "completed, 40 epochs", "running, epoch 1.5 of 4", "lost at step 12"."""
        state = self.state
        if self.word == "finished" and state.finished is not None:
            detail = state.finished.detail
            return state.finished.reason + (f": {detail}" if detail and not state.completed else "")
        if not state.total_steps or not state.attempts:
            return self.word
        return f"{self.word}, epoch {state.epoch:.1f} of {state.epochs}, step {words.count(state.step)}"


@dataclass(frozen=True, eq=False)
class Gathered:
    """All a report says rests on this."""

    name: str
    runs: tuple[Seen, ...]
    study: Study

    @property
    def generations(self) -> list[int]:
        return sorted({one.generation for one in self.runs})

    def of(self, generation: int) -> list[Seen]:
        return [one for one in self.runs if one.generation == generation]

    @property
    def alone(self) -> bool:
        return len(self.runs) == 1

    @property
    def metrics(self) -> set[str]:
        return {name for one in self.runs for name in one.state.curves}

    @property
    def last(self) -> Seen:
        """The newest generation of the first seed."""
        return max(self.runs, key=lambda one: (one.generation, -one.seed))


def gather(name: str, runs: Sequence[Run]) -> Gathered:
    """Read the runs. Raises RecipeErrors for a recipe that cannot be read."""
    observer = Observer()
    seen = tuple(sorted((_see(run, observer) for run in runs), key=lambda one: (one.generation, one.seed)))
    return Gathered(name, seen, study([(one.run, one.state) for one in seen if one.state.completed]))


def _see(run: Run, observer: Observer) -> Seen:
    state = run.state()
    return Seen(run, state, observer.state_of(run, state), run.recipe(), run.data(), run.effective() or {})
