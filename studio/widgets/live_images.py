"""The probe images of Live: the snapshot at the cursor of the charts, else the newest; its scrubber moves the cursor."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QTimer

from engine.state import Artifact
from studio import live_snapshots, phrases, theme
from studio.live_curves import Axis, nearest, places_of
from studio.live_snapshots import Shelf, Unreadable
from studio.session import Followed
from studio.widgets.attention_grid import Kind, Looks, Network, Probe, ProbePanel
from studio.widgets.cursor import Cursor


class LiveImages(ProbePanel):
    """Reads files of the run only when another snapshot is asked for."""

    def __init__(self, reader: Cursor) -> None:
        super().__init__()
        self._reader = reader
        self._one: Followed | None = None
        self._networks: tuple[Network, ...] = ()
        self._snapshots: Sequence[Artifact] = ()
        self._places = np.empty(0)  # of the snapshots, on the axis
        self._drawn: object = None  # what was last shown, so that what is the same is not read again
        self._shelf = Shelf()
        self._at_cursor = QTimer(self, singleShot=True, interval=0)
        self._listen()

    def show_run(self, one: Followed, networks: tuple[Network, ...], axis: Axis) -> None:
        self._one, self._networks = one, networks
        self._snapshots = live_snapshots.snapshots(one.state)
        self._places = places_of(one.state, [snapshot.step for snapshot in self._snapshots], axis)
        ends = [f"{self._snapshots[place].epoch:g}" for place in (0, -1)] if self._snapshots else ["", ""]
        self.scrubber.show_moments(len(self._snapshots), f"epoch {ends[0]}", ends[1])
        self._show_moment(one)

    def _show_moment(self, one: Followed) -> None:
        if not self._snapshots:
            self.scrubber.show_place(0, "", live=True)
            self._show_snapshot(one, None)
            return
        x = self._reader.x
        place = len(self._snapshots) - 1 if x is None else nearest(self._places, x)
        where = f", {live_snapshots.newest_words(one)}" if x is None else " (at the cursor)"
        said = live_snapshots.moment_words(self._snapshots[place]) + where
        self.scrubber.show_place(place, said, live=x is None)
        self._show_snapshot(one, self._snapshots[place])

    def _show_snapshot(self, one: Followed, snapshot: Artifact | None) -> None:
        artifact = live_snapshots.probe_artifact(one.state)
        if artifact is None:
            when = "they are chosen when the data is read" if one.at_work or one.expected else phrases.state_words(one)
            self._drawn = None
            self.show_note("No probe images yet", when)
            return
        look = (theme.palette(), theme.scale())
        given = (one.run.folder, artifact, snapshot, self._networks, look, bool(one.data), one.word)
        if self._drawn != given:
            self._drawn = given
            self._read(one, artifact, snapshot)

    def _read(self, one: Followed, artifact: Artifact, snapshot: Artifact | None) -> None:
        try:
            probe = self._shelf.probe(one.run.folder, artifact.path)
        except Unreadable as problem:
            self.show_note("The probe images cannot be shown", str(problem))
            return
        looks, why_not = self._looks(one, probe, snapshot)
        kind: Kind = "attention" if snapshot is not None and snapshot.kind == "attention" else "evidence"
        nameless = ("",) if one.data is not None else ()  # pictures without labels have nothing to be called by
        self.show_all(probe, (one.data or {}).get("classes") or nameless, self._networks, looks, kind, why_not)

    def _looks(self, one: Followed, probe: Probe, snapshot: Artifact | None) -> tuple[Looks | None, str]:
        """The maps of a snapshot, or a sentence that says why there are none."""
        if snapshot is None:
            return None, "The first maps come after epoch 1" if one.at_work else "No maps were made of these images"
        try:
            return self._shelf.looks(one.run.folder, snapshot, len(probe.pictures)), ""
        except Unreadable as problem:
            return None, str(problem)

    def _scrub(self, place: int) -> None:
        if place < len(self._places):
            self._reader.hold(float(self._places[place]))
            self._reader.reveal(float(self._places[place]))

    def _follow_cursor(self) -> None:
        if self.isVisible() and self._one is not None:
            self._show_moment(self._one)

    def _listen(self) -> None:
        self._reader.changed.connect(lambda: self._at_cursor.start())
        self._at_cursor.timeout.connect(self._follow_cursor)
        self.scrubber.moved.connect(self._scrub)
        self.scrubber.live_asked.connect(self._reader.release)
