"""Which list of pictures is in sight: its kind, its order, the cell that filters it. Pure; the pictures are inspect_model's."""

from studio import inspect_model
from studio.inspect_model import Answers, Cell, Kind, Listing, Order
from studio.widgets.kind_list import Entry


class Lists:
    """Of the answers it was given last. A person's choice of a list stays as long as it has a meaning."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.kind: Kind = "missed"
        self.order: Order = "by disagreement"
        self.cell: Cell | None = None
        self.listing = Listing()
        self._by_hand = False

    def take(self, answers: Answers) -> None:
        self.answers, self.cell = answers, None
        counts = answers.counts
        if counts[self.kind] is None or not (self._by_hand or counts[self.kind]):
            self.kind = next((kind for kind in inspect_model.KINDS if counts[kind]), "all")
        self._list()

    def choose_kind(self, kind: Kind) -> None:
        """Suspect labels are of training pictures, which no cell counts."""
        self.kind, self._by_hand = kind, True
        self.cell = None if kind == "suspect" else self.cell
        self._list()

    def choose_order(self, order: Order) -> None:
        self.order = order
        self._list()

    def choose_cell(self, cell: Cell | None) -> None:
        """Its pictures; of all test pictures, where those of the list in sight leave none."""
        self.cell = cell
        self._list()
        if cell is not None and (not len(self.listing) or self.kind == "suspect"):
            self.kind = "all"
            self._list()

    def entries(self, teacher: str, parent: str) -> list[Entry]:
        """The lists there are, with the names of whom they compare with; empty for nobody."""
        stored = self.answers.student is not None
        beside = teacher if self.answers.teacher is not None else ""
        return [
            Entry(kind, inspect_model.kind_words(kind, beside, parent, stored), count, inspect_model.why_none(kind, count))
            for kind, count in self.answers.counts.items()
        ]

    def _list(self) -> None:
        self.listing = inspect_model.listing(self.answers, self.kind, self.order, self.cell)
