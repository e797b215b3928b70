"""One cursor and one range of x for all charts that stand together.

Here: where the cursor is, whether it is held, which part of x is in sight. Left to curve_plot.py: the points it stands
on, how it is drawn, which keys move it.

        move (pointer)                    hold (click, arrow keys)
  live ────────────────▶ with the pointer ────────────────────────▶ held
   ▲                        │ leave                                  │
   └────────────────────────┴──────────────── release (click, Esc) ──┘
"""

import math
from typing import Protocol
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal

from studio.widgets import thin
from studio.widgets.thin import Floats, Span

CLOSEST = 1e-4  # of all there is: the narrowest range a wheel can reach
HAIR = 1 / 4000  # of what is in sight: less than half a pixel of any chart


class Follower(Protocol):
    """What a cursor needs of a chart."""

    def follow_cursor(self, cursor: "Cursor") -> None: ...


class Cursor(QObject):
    """Where the charts are read (`x`, None is the newest) and which part they show (`x_range`, None is all of it)."""

    changed = Signal(object)  # float or None
    x_range_changed = Signal(object)  # (low, high) or None
    whole_changed = Signal()  # there is more x than before

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.x: float | None = None
        self.x_range: Span | None = None
        self.held = False
        self._extents: WeakKeyDictionary[object, Span] = WeakKeyDictionary()
        self._whole: Span = self._reach()

    def attach(self, plot: Follower) -> None:
        """From now on this chart has the cursor and the range of the others."""
        plot.follow_cursor(self)

    # where it is read

    def move(self, x: float) -> None:
        """Follow the pointer, unless a click holds the cursor."""
        if not self.held:
            self._set(x)

    def hold(self, x: float) -> None:
        """Stay at this x when the pointer goes."""
        self.held = True
        self._set(x)

    def toggle(self, x: float) -> None:
        """A click: stay at this x, or go with the pointer again."""
        self.held = not self.held
        self._set(x)

    def leave(self) -> None:
        """The pointer is gone: back to the newest values, unless held."""
        if not self.held:
            self._set(None)

    def release(self) -> None:
        """Back to the newest values."""
        self.held = False
        self._set(None)

    def step(self, points: Floats, by: float) -> None:
        """Move by so many of these points [n > 0], and stay; infinity is the end of what is in sight.

        The first step only shows the cursor, at the newest point in sight.
        """
        low, high = self.in_sight()
        here = thin.nearest(points, high if self.x is None else self.x)
        if math.isinf(by):
            here = thin.nearest(points, low if by < 0 else high)
        elif self.x is not None:
            here = min(max(here + int(by), 0), len(points) - 1)
        self.hold(float(points[here]))
        self.reveal(float(points[here]))

    def _set(self, x: float | None) -> None:
        if x != self.x:
            self.x = x
            self.changed.emit(x)

    # what is in sight

    def tell_extent(self, plot: object, extent: Span | None) -> None:
        """A chart says from where to where its x reaches; what all of them hold is what `follow` shows."""
        if extent is None:
            self._extents.pop(plot, None)
        else:
            self._extents[plot] = extent
        low, high = self._reach()
        if max(abs(low - self._whole[0]), abs(high - self._whole[1])) > HAIR * (high - low):
            self._whole = low, high
            self.whole_changed.emit()

    def whole(self) -> Span:
        """All x there is, with a little room on the right, to a hair; a beginning near zero is zero."""
        return self._whole

    def _reach(self) -> Span:
        low, high = thin.union(self._extents.values()) or (0.0, 1.0)
        if high <= low:
            return low - 0.5, low + 0.5
        near_zero = 0 <= low <= 0.03 * (high - low)
        return (0.0 if near_zero else low), high + 0.03 * (high - low)

    def in_sight(self) -> Span:
        """The range that the charts show."""
        return self.x_range or self.whole()

    def show_range(self, low: float, high: float) -> None:
        """Show this part of x."""
        if high > low and (low, high) != self.x_range:
            self.x_range = (low, high)
            self.x_range_changed.emit(self.x_range)

    def follow(self) -> None:
        """Show everything, and what is still to come."""
        if self.x_range is not None:
            self.x_range = None
            self.x_range_changed.emit(None)

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show `factor` times as much x, with `around` (else the cursor, else the middle) where it is.

        All of it is the same as following.
        """
        (low, high), (first, last) = self.in_sight(), self.whole()
        if around is None:
            around = (low + high) / 2 if self.x is None else self.x
        factor = max(factor, CLOSEST * (last - first) / (high - low))
        low, high = around - (around - low) * factor, around + (high - around) * factor
        if low <= first and high >= last:
            self.follow()
        else:
            self.show_range(max(low, first), min(high, last))

    def pan(self, distance: float) -> None:
        """Move the range by a distance in x, no further than there is something to see."""
        if self.x_range is None:
            return
        (low, high), (first, last) = self.x_range, self.whole()
        distance = min(max(distance, min(first - low, 0.0)), max(last - high, 0.0))
        self.show_range(low + distance, high + distance)

    def reveal(self, x: float) -> None:
        """Pan just so far that x is in sight."""
        low, high = self.in_sight()
        self.pan(min(0.0, x - low) + max(0.0, x - high))
