"""A chart: a card whose legend is its readout, with the curves below.

Here: what is set, when it is drawn, what the readout says, and how pointer and keys move the cursor. Left to others:
lines and what is shown of them (lines.py), which part of y (y_axis.py), painting (strokes.py, canvas.py), the cursor
that charts share (cursor.py), the legend (readout.py), the same in words (in_words.py), where the numbers come from
(the views).

A chart draws at most once per turn of the event loop, however much was set, and not at all while it is hidden.

Keys: arrows move the cursor by a point, with Ctrl by ten; Home and End go to the ends of what is in sight; Esc returns
to the newest; plus and minus zoom, 0 shows all again.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QEvent, QSize, Qt, QTimer, SignalInstance
from PySide6.QtGui import QFocusEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from engine import words
from studio import theme
from studio.widgets import in_words, taking, thin
from studio.widgets.canvas import Canvas, Mark, Sheet
from studio.widgets.card import Card
from studio.widgets.cursor import HAIR, Cursor
from studio.widgets.lines import DOTS, Better, Line, Reference, Series, Tone, Treatment, in_order
from studio.widgets.readout import Entry, Readout
from studio.widgets.strokes import Dots, Strokes
from studio.widgets.table_twin import Cell
from studio.widgets.thin import Axis, Floats, Kind, Span
from studio.widgets.y_axis import in_view, y_axis

MOST_VALUES = 5  # in a readout
NOTCH = 0.85  # what one notch of the wheel leaves in sight
_CALM_MS = itertools.cycle(range(800, 1300, 70))  # each chart its own, so that not all are drawn in one turn
X_KINDS: dict[str, Kind] = {"step": "whole", "epoch": "whole", "time": "time"}


@dataclass(frozen=True)
class Settings:
    """What a view sets beside the lines."""

    treatment: Treatment
    x_name: str = "step"
    corner: bool = False
    references: tuple[Reference, ...] = ()
    events: tuple[tuple[float, str, Tone], ...] = ()
    extras: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, str] = ("Nothing measured yet", "")


class CurvePlot(Card):
    """A chart card. Give it lines; it smooths, thins and draws them, and says what is under the cursor.

    format: a value to text, for readout and description; if it writes 0.5 as 50, the axis is in per cent as well.
    small: readout on a line of its own, words of events left out. normalised: each line from its own min to its max.
    better: which end is the best, for the description. crop_climb: the steep beginning may leave the frame.
    """

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        format: Callable[[float], str] = words.number,
        small: bool = False,
        normalised: bool = False,
        better: Better | None = None,
        crop_climb: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, subtitle, parent)
        self._format, self._small, self._better = format, small, better
        percent = format(0.5).startswith("50")
        self._shown = Settings(Treatment(normalised=normalised, percent=percent, crop_climb=crop_climb))
        self._lines: list[Line] = []
        self._coming: list[Line] | None = None  # to be drawn next time
        self._told_of: tuple[list[Series], Settings] | None = None
        self._ordered: list[Series] | None = []
        self._strokes: list[Strokes] = []
        self._dots: list[Dots] = []
        self._pointer: float | None = None
        self._stale = True
        self._later = QTimer(self, singleShot=True)
        self._calm_ms = next(_CALM_MS)
        self._readout = Readout(compact=small)
        self._canvas = Canvas(small, self._draw)
        self._cursor = Cursor(self)
        self._lay_out()
        self._listen()

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.body.setSpacing(0)
        self.body.setContentsMargins(4, 0, 4, 1)  # the canvas has square corners and stays clear of the round ones
        if self._small:
            self.head.setContentsMargins(8, 3, 8, 0)
            self._readout.setContentsMargins(4, 0, 0, 0)
            self.body.setContentsMargins(4, 0, 2, 1)
            self.body.addWidget(self._readout)
        else:
            self.head.setContentsMargins(12, 3, 14, 3)  # the readout ends where the plot ends
            self.head.addWidget(self._readout)
        self.body.addWidget(self._canvas, 1)

    def _listen(self) -> None:
        self._later.timeout.connect(self._draw)
        self._canvas.pointed.connect(self._point)
        self._canvas.left.connect(self._leave)
        self._canvas.clicked.connect(self._click)
        self._canvas.dragged.connect(self._pan)
        self._canvas.wheeled.connect(self._zoom)
        self._canvas.reset_asked.connect(self._reset)
        self._canvas.resized.connect(self._redraw)
        theme.signals.changed.connect(self._redress)
        self.taking = taking.let_take(self, rows=self.table)
        self.taking.listen_to(self._canvas.viewport())
        for signal, slot in self._news():
            signal.connect(slot)

    # what is shown

    def set_lines(self, lines: Sequence[Line]) -> None:
        """The curves, in the order in which they are drawn and listed.

        Of a long run at work a few points more move no pixel: such news wait up to a second or so, in which other charts
        have their turn too, or for the next thing that makes this one be drawn.
        """
        self._coming = list(lines)
        if self.isVisible() and not self._stale and self._moves_nothing(self._coming):
            if not self._later.isActive():
                self._later.start(self._calm_ms)
        else:
            self._take_up()
            self._redraw()

    def _moves_nothing(self, lines: Sequence[Line]) -> bool:
        """The same lines as are drawn, each by less than a hair longer."""
        low, high = self._cursor.in_sight()
        pairs = zip(lines, self._lines)
        return len(lines) == len(self._lines) and all(new.goes_on(old, HAIR * (high - low)) for new, old in pairs)

    def _take_up(self) -> None:
        """What has come meanwhile is what is shown."""
        if self._coming is not None:
            self._lines, self._ordered, self._coming, self._stale = self._coming, None, None, True
            self._tell_extent()

    def set_x_name(self, name: str, corner: bool = False) -> None:
        """ "step" and "epoch" count, "time" is in seconds. `corner`: say so in the lower right corner."""
        self._change(replace(self._shown, x_name=name, corner=corner))

    def set_smoothing(self, weight: float) -> None:
        """0 to 0.999, for noisy lines."""
        self._treat(replace(self._shown.treatment, smoothing=weight))

    def set_raw_behind(self, wanted: bool) -> None:
        """The noisy data behind the smoothed line."""
        self._treat(replace(self._shown.treatment, raw_behind=wanted))

    def set_log_y(self, wanted: bool) -> None:
        """Logarithmic y; zeros and negative values become gaps. A normalised chart stays linear."""
        self._treat(replace(self._shown.treatment, log_y=wanted and not self._shown.treatment.normalised))

    def set_references(self, references: Sequence[Reference]) -> None:
        """Dotted lines across."""
        self._change(replace(self._shown, references=tuple(references)))

    def set_events(self, events: Sequence[tuple[float, str, Tone]]) -> None:
        """Dotted lines upright: (x, word at the foot, tone)."""
        self._change(replace(self._shown, events=tuple(events)))

    def set_readout(self, extras: Sequence[tuple[str, str]]) -> None:
        """More pairs for the readout, after those of the lines: ("best", "4.829")."""
        self._change(replace(self._shown, extras=tuple(extras)))

    def set_empty(self, sentence: str, when: str = "") -> None:
        """What stands there while there are no points, and when that will change."""
        self._change(replace(self._shown, empty=(sentence, when)))

    def follow_cursor(self, cursor: Cursor) -> None:
        """Share this cursor from now on; `Cursor.attach` calls it."""
        self._cursor.tell_extent(self, None)
        for signal, slot in self._news():
            signal.disconnect(slot)
        self._cursor = cursor
        for signal, slot in self._news():
            signal.connect(slot)
        self._tell_extent()
        self._redraw()

    def readout(self) -> list[tuple[str, str]]:
        """The names and values that the readout shows now."""
        return [(entry.name, entry.value) for entry in self._readout.entries()]

    def table(self) -> list[list[Cell]]:
        """The data as rows: names first, then x and one value a line; None where a line was not measured."""
        self._take_up()
        return in_words.rows(self._series(), self._shown.x_name)

    def _treat(self, treatment: Treatment) -> None:
        if treatment != self._shown.treatment:
            self._ordered = None
            self._change(replace(self._shown, treatment=treatment))

    def _change(self, shown: Settings) -> None:
        if shown != self._shown:
            self._shown = shown
            self._redraw()

    # drawing

    def _redraw(self) -> None:
        """Draw soon, once; a hidden chart waits until it is shown."""
        self._stale = True
        if self.isVisible():
            self._later.start(0)

    def _draw(self) -> None:
        self._take_up()
        if not self._stale:
            return
        self._stale = False
        span, ratio = self._cursor.in_sight(), self._canvas.devicePixelRatioF()
        self._canvas.show_sheet(self._sheet(span))
        width = self._canvas.plot().width()
        self._dots = []
        for strokes, series in zip(self._fitting_strokes(), self._series(), strict=True):
            strokes.dress(series, ratio)
            strokes.fill(series, span, max(1, round(width * ratio)))
            self._dots += [dots for dots in strokes.dots(series, span, width) if len(dots.x)]
        self._show_cursor()
        self._tell()

    def _tell(self) -> None:
        """What is shown, for those who do not see it; the same whatever part of it is in sight."""
        of = (self._series(), self._shown)
        if self._told_of is None or any(new is not old for new, old in zip(of, self._told_of, strict=True)):
            self._told_of = of
            self.setAccessibleDescription(self._in_words())

    def _in_words(self) -> str:
        said = in_words.description(self._series(), self._say, self._shown.x_name, self._better)
        return ". ".join([said or " ".join(self._shown.empty).strip(), *(" ".join(pair) for pair in self._reached())])

    def _series(self) -> list[Series]:
        """The lines in order, put so only when they are asked for."""
        if self._ordered is None:
            self._ordered = [in_order(line, self._shown.treatment) for line in self._lines]
        return self._ordered

    def _fitting_strokes(self) -> list[Strokes]:
        """As many as there are lines."""
        while len(self._strokes) < len(self._lines):
            self._strokes.append(Strokes(self._canvas.box))
        while len(self._strokes) > len(self._lines):
            self._strokes.pop().remove()
        return self._strokes

    def _sheet(self, span: Span) -> Sheet:
        shown, series = self._shown, self._series()
        references = in_view(shown.references, shown.treatment)
        return Sheet(
            x_axis=Axis(span, X_KINDS.get(shown.x_name, "plain"), self._small),
            y_axis=y_axis(series, shown.treatment, span, references, self._small),
            references=tuple(references),
            events=tuple((x, "" if self._small else text, tone) for x, text, tone in shown.events),
            ends=(*_ends(series, span), *((one.y, one.end, one.ink()) for one in references if one.end)),
            corner=shown.x_name if shown.corner else "",
            grid=self.hasFocus(),
            empty=shown.empty if all(one.noise.bounds() is None for one in series) else None,
        )

    # the cursor and the readout

    def _show_cursor(self) -> None:
        """Dots, cursor and readout; cheap, for it happens with every move of the pointer."""
        if self._stale:
            return
        x = self._cursor.x
        found = [series.at(x) for series in self._series()]
        self._canvas.show_front(self._dots, None if x is None else self._mark(x, found))
        self._readout.show_entries(self._entries(found), even=self._crowded())

    def _crowded(self) -> bool:
        return len(self._lines) > MOST_VALUES

    def _mark(self, x: float, found: Sequence[int | None]) -> Mark:
        at = [(one, i) for one, i in zip(self._series(), found, strict=True) if i is not None]
        dots = [(float(one.x[i]), float(one.view(one.shown[i : i + 1])[0]), one.line.ink()) for one, i in at]
        return Mark(x, in_words.x_words(x, self._shown.x_name), tuple(dot for dot in dots if math.isfinite(dot[1])))

    def _entries(self, found: Sequence[int | None]) -> list[Entry]:
        series = self._series()
        shown = [None if i is None else float(one.shown[i]) for one, i in zip(series, found, strict=True)]
        if len(series) == 1 and series[0].has_front and series[0].line.raw and not self._small:
            step = None if found[0] is None else float(series[0].data[found[0]])
            entries = [Entry("this step", self._say(step)), self._entry(series[0].line, shown[0], "smoothed")]
        else:
            entries = [self._entry(series[i].line, shown[i]) for i in self._nearest(shown)]
        if self._crowded():
            entries.append(Entry(f"{MOST_VALUES} of {len(series)}", ""))
        reached = zip(self._reached(), self._coloured(), strict=True)
        entries += [Entry(*said, one.ink(), DOTS) for said, one in reached]
        return entries + [Entry(name, value) for name, value in self._shown.extras]

    def _coloured(self) -> list[Reference]:
        return [one for one in self._shown.references if one.color]

    def _reached(self) -> list[tuple[str, str]]:
        """What other runs reached, in words."""
        return [(one.words, self._say(one.y)) for one in self._coloured()]

    def _nearest(self, shown: Sequence[float | None]) -> list[int]:
        """Which lines the readout lists: all, or those nearest to the pointer, nearest first."""
        everyone = list(range(len(shown)))
        if self._crowded() and (pointer := self._pointer) is not None:
            everyone.sort(key=lambda i: self._distance(self._series()[i], shown[i], pointer))
        return everyone[:MOST_VALUES]

    def _distance(self, series: Series, value: float | None, pointer: float) -> float:
        view = math.nan if value is None else float(series.view(np.array([value]))[0])
        return abs(self._canvas.to_pixels(0, view).y() - pointer) if math.isfinite(view) else math.inf

    def _entry(self, line: Line, value: float | None, name: str = "") -> Entry:
        return Entry(name or line.name, self._say(value), line.ink(), line.dashes())

    def _say(self, value: float | None) -> str:
        if value is None:
            return "–"
        return self._format(float(value)) if math.isfinite(value) else "not finite"

    # the pointer and the keys

    def _point(self, x: float, height: float) -> None:
        self._pointer = height
        self._cursor.move(self._snapped(x))
        if self._crowded():
            self._show_cursor()

    def _leave(self) -> None:
        self._pointer = None
        self._cursor.leave()

    def _click(self, x: float) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._cursor.toggle(self._snapped(x))

    def _pan(self, distance: float) -> None:
        self._cursor.pan(distance)

    def _zoom(self, x: float, notches: float) -> None:
        self._cursor.zoom(NOTCH**notches, x)

    def _reset(self) -> None:
        self._cursor.follow()
        self._cursor.release()

    def _points(self) -> Floats:
        """The x that the cursor can stand on: those of the line with the most points."""
        return max((series.x for series in self._series()), key=len, default=np.empty(0))

    def _snapped(self, x: float) -> float:
        points = self._points()
        return float(points[thin.nearest(points, x)]) if len(points) else x

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, keys = event.key(), Qt.Key
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
        moves = {keys.Key_Left: -far, keys.Key_Right: far, keys.Key_Home: -math.inf, keys.Key_End: math.inf}
        zooms = {keys.Key_Plus: NOTCH**2, keys.Key_Equal: NOTCH**2, keys.Key_Minus: NOTCH**-2}
        if key in moves and len(points := self._points()):
            self._cursor.step(points, moves[keys(key)])
        elif key in zooms:
            self._cursor.zoom(zooms[keys(key)])
        elif key == keys.Key_0:
            self._cursor.follow()
        elif key == keys.Key_Escape and self._cursor.x is not None:
            self._cursor.release()
        else:
            super().keyPressEvent(event)

    # what happens to it

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._redraw()
        return super().event(event)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(180 if self._small else 360), self.minimumSizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._later.start(0)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._redraw()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._redraw()

    def _redress(self) -> None:
        self._canvas.dress()
        self._redraw()

    def _tell_extent(self) -> None:
        self._cursor.tell_extent(self, thin.union(line.extent() for line in self._lines))

    def _news(self) -> tuple[tuple[SignalInstance, Callable[..., None]], ...]:
        """What a cursor tells, and who listens."""
        return (
            (self._cursor.changed, self._cursor_changed),
            (self._cursor.x_range_changed, self._redraw),
            (self._cursor.whole_changed, self._whole_changed),
        )

    def _cursor_changed(self) -> None:
        if self.isVisible():
            self._show_cursor()
        else:
            self._stale = True

    def _whole_changed(self) -> None:
        if self._cursor.x_range is None:
            self._redraw()


def _ends(series: Iterable[Series], span: Span) -> Iterable[tuple[float, str, str]]:
    """Where each line that has a name at its end leaves the frame, or ends."""
    for one in series:
        if one.line.end_label and (y := thin.newest(one.view(one.shown[one.within(span)]))) is not None:
            yield y, one.line.end_label, one.line.ink()
