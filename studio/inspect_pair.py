"""Which two networks are looked at, what they are called and what colours they have.

They follow the run that is looked at in the window, its newest checkpoint, until a person chooses others.
"""

from engine import words
from studio import inspect_model, lineage_model, theme
from studio.inspect_model import Network
from studio.session import Followed, Session


class Pair:
    """Student and teacher; either may be nobody."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.student: Network | None = None
        self.teacher: Network | None = None
        self._by_hand = False

    def follow(self) -> None:
        """The window looks at another run: whoever was chosen here is let go."""
        self._by_hand, self.student = False, None

    def choose_student(self, network: Network) -> None:
        """Its teacher comes with it."""
        self.student, self._by_hand = network, True
        one = self._session.followed(network.run)
        self.teacher = self._taught_by(one) if one is not None else None

    def choose_teacher(self, network: Network | None) -> None:
        self.teacher, self._by_hand = network, True

    def settle(self) -> None:
        """Look again which checkpoints there are."""
        gone = self.student is None or self._session.followed(self.student.run) is None
        one = self._session.chosen
        if one is None or (self._by_hand and not gone):
            return
        found = inspect_model.networks(one.run)
        newest = next((each for each in found if each.part == "model"), next(iter(found), None))
        self._by_hand = False
        if newest is None or newest != self.student:  # who teaches stands in a file that takes a while to read
            self.student, self.teacher = newest, self._taught_by(one)

    def _taught_by(self, one: Followed) -> Network | None:
        teacher = self._session.teacher_of(one)
        return inspect_model.taught_by(one.run, teacher.run if teacher else None)

    def run_of(self, network: Network | None) -> Followed | None:
        return self._session.followed(network.run) if network else None

    @property
    def subject(self) -> Followed | None:
        """The student's run, also one without any network yet."""
        return self.run_of(self.student) or self._session.chosen

    @property
    def other(self) -> Followed | None:
        """The teacher's run, if it is another one."""
        found = self.run_of(self.teacher)
        return None if found is self.subject else found

    @property
    def parent(self) -> Followed | None:
        """The generation before the student's, of the same seed."""
        one = self.subject
        if one is None or not one.generation:
            return None
        family = self._session.generations(one.lineage)
        return next((each for each in family if each.seed == one.seed and each.generation == one.generation - 1), None)

    @property
    def names(self) -> tuple[str, str]:
        """What student and teacher are called; empty where there is no teacher."""
        one, other = self.subject, self.run_of(self.teacher)
        if one is None:
            return "", ""
        if other is None or self.teacher is None:
            return one.called, ""
        if other is one:
            average = self.teacher.part == "teacher" and self.student is not None and self.student.part == "model"
            return one.called, "its average" if average else f"step {words.count(self.teacher.step)}"
        seed = f", seed {other.seed}" if other.lineage == one.lineage and other.seed != one.seed else ""
        return one.called, (other.called if other.lineage == one.lineage else f"{other.lineage} {other.called}") + seed

    @property
    def colours(self) -> tuple[str, str]:
        """Of student and teacher: of their generations, where these tell them apart."""
        one, other = self.subject, self.other
        if one is not None and other is not None and one.lineage == other.lineage and one.generation != other.generation:
            return theme.generation_color(one.generation), theme.generation_color(other.generation)
        return theme.run_color(0), theme.run_color(1)

    @property
    def classes(self) -> tuple[str, ...]:
        one = self.subject
        return lineage_model.class_names([one]) if one else ()

    @property
    def tables(self) -> dict[str, dict[str, object]]:
        """As the assistant is asked for them."""
        both = {"student": self.student, "teacher": self.teacher}
        return {name: network.table for name, network in both.items() if network is not None}
