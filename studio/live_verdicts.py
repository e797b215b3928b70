"""What a diagnosis of the engine is called, and where it is seen. Evidence, cause and remedies are the engine's own words."""

from typing import NamedTuple

from engine.state import plain
from studio.widgets.chips import Health


class Verdict(NamedTuple):
    """A diagnosis in words: its title, the chip whose place it takes, what that says then, and the chart that shows it.

    grave: something is wrong with what is learned, so it has a card with its remedies; else the chip is enough.
    """

    title: str
    chip: str
    name: str
    page: str
    health: Health = "bad"
    grave: bool = True


VERDICTS = {
    "uniform": Verdict("The teacher says the same of every picture", "collapse", "says nothing", "marginal"),
    "one_dimension": Verdict("Few prototypes win every picture", "collapse", "few prototypes", "marginal"),
    "dead": Verdict("All pictures have nearly the same features", "collapse", "one point", "teacher"),
    "aliased": Verdict("The teacher is no average any more", "teacher lag", "no teacher", "lag"),
    "teacher_behind": Verdict("The teacher holds its student back", "teacher lag", "teacher behind", "knn", "warn"),
    "exploding": Verdict("The steps are too large", "gradient", "exploding", "gradient"),
    "copies": Verdict("The training pictures are copies of a few", "pictures", "copies", "objective"),
    "decays": Verdict("Weight decay takes the weights away", "decay", "decayed", "gradient"),
    "too_fast": Verdict("The steps are too large to learn anything", "learning", "too fast", "objective"),
    "learns_nothing": Verdict("Nothing is being learned", "learning", "learns nothing", "objective"),
    "loader_bound": Verdict("Pictures come too slowly", "data wait", "waits for pictures", "data wait", "warn", grave=False),
    "not_finite": Verdict("The loss is not finite", "finite", "not finite", "objective"),
}


def verdict(name: str) -> Verdict:
    """What is said of a diagnosis; one that has no words here goes by its name."""
    return VERDICTS.get(name) or Verdict(_capital(plain(name)), name, plain(name), "objective", "warn")


def sentence(text: str) -> str:
    """The engine's words as a sentence."""
    whole = _capital(text.strip())
    return whole if whole.endswith((".", "!", "?")) or not whole else f"{whole}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
