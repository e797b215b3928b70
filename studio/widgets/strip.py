"""The strip at the foot of the window: the run at work, how far it is, when it is done, and how to stop it. The line above it.

`Strip` is given words and gives signals; it knows no run. What cannot be done now is not there, so it never says Stop to a
dead run. `Notice` says what was asked and is not done; it goes when it is told to, and never stands in the way.
"""

from dataclasses import dataclass, field

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QToolButton, QWidget

from studio import theme
from studio.widgets.card import ElidedLabel, rule
from studio.widgets.state_mark import StateMark
from studio.widgets.stop_button import StopButton


@dataclass(frozen=True)
class StripWords:
    """All that the strip says. Empty text is not shown."""

    sentence: str
    state: str = "queued"  # the mark's
    reason: str = ""
    run: str = ""  # what a press on the sentence leads to
    step: str = ""
    share: float | None = None  # of the steps, 0 to 1
    time: str = ""
    memory: str = ""
    memory_share: float | None = None
    wish: str = ""
    can_pause: bool = False
    stops: dict[str, str] = field(default_factory=dict)  # StopButton's ways and their promises
    resume: str = ""  # the label of the button
    can_start_queue: bool = False


class Strip(QFrame):
    """Signals name the run they are about; the queue is about none."""

    run_asked = Signal(str)
    pause_asked = Signal(str)
    stop_asked = Signal(str, str)  # run, when
    kill_asked = Signal(str)
    resume_asked = Signal(str)
    start_queue_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, strip=True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Run at work")
        self._said = StripWords("")
        self.sentence = _Sentence()
        self.step, self.time, self.memory = _small(), _small(ElidedLabel()), _small(muted=True)
        self.wish = _small()
        self.bar, self.memory_bar = _Bar(120, "Steps done"), _Bar(72, "Memory in use")
        theme.dress(self.memory_bar, quiet=True)
        self.pause = theme.put_icon(theme.dress(QPushButton("Pause"), small=True), "pause", "text", 14)
        self.pause.setToolTip("Saves and ends; the device is free until you resume")
        self.stop = StopButton(small=True)
        self.resume = theme.put_icon(theme.dress(QPushButton("Resume"), small=True), "play", "text", 14)
        self.start_queue = theme.put_icon(theme.dress(QPushButton("Start queue"), small=True), "play", "text", 14)
        self.start_queue.setToolTip("Train the runs in the queue, one after the other")
        self._rules = [rule(upright=True), rule(upright=True)]
        self._lay_out()
        self._connect()
        self.show_words(StripWords("No run at work"))

    @property
    def said(self) -> StripWords:
        """What it says now, so that keys do what its buttons do."""
        return self._said

    def show_words(self, said: StripWords) -> None:
        self._said = said
        had_focus = self._focused_act()
        self.sentence.show_sentence(said.sentence, said.state, said.reason, bool(said.run))
        for label, text in ((self.step, said.step), (self.time, said.time), (self.memory, said.memory), (self.wish, said.wish)):
            label.setText(text)
        for bar, share in ((self.bar, said.share), (self.memory_bar, said.memory_share)):
            bar.setValue(round(1000 * min(max(share or 0.0, 0.0), 1.0)))
        self.wish.setVisible(bool(said.wish))
        self.pause.setVisible(said.can_pause)
        self.stop.setVisible(bool(said.stops))
        self.stop.show_choices(**said.stops, label="Stop" if said.wish else "")
        if said.wish:  # a second press must not fall on a harder way; the menu still has those
            self.stop.face.setEnabled(False)
        self.resume.setVisible(bool(said.resume))
        self.resume.setText(said.resume)
        self.start_queue.setVisible(said.can_start_queue)
        if had_focus is not None and not (had_focus.isVisible() and had_focus.isEnabled()):
            self.sentence.setFocus()  # never to another act: the key that was just pressed may be pressed again
        told = (said.sentence, said.step, said.time, said.memory, said.wish)
        self.setAccessibleDescription(", ".join(part for part in told if part))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """The buttons and the beginning of the sentence; everything between them gives way."""
        kept = (self.sentence.minimumSizeHint(), *(part.sizeHint() for part in self._acts() if not part.isHidden()))
        return QSize(sum(size.width() + 8 for size in kept) + 16, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """What there is no room for is left out, the least important first."""
        said = self._said
        groups: list[tuple[bool, tuple[QWidget, ...]]] = [
            (said.memory_share is not None, (self.memory_bar,)),
            (bool(said.memory), (self.memory,)),
            (said.share is not None, (self.bar,)),
            (bool(said.time), (self._rules[1], self.time)),
            (bool(said.step), (self._rules[0], self.step)),
        ]
        for wanted, parts in groups:
            for part in parts:
                part.setVisible(wanted)
        row = self.layout()
        assert row is not None
        for _, parts in groups:
            if row.sizeHint().width() <= self.width():
                return
            for part in parts:
                part.hide()

    def _focused_act(self) -> QWidget | None:
        acts = (self.pause, self.stop.face, self.stop.more, self.resume, self.start_queue)
        return next((act for act in acts if act.hasFocus()), None)

    def _acts(self) -> tuple[QWidget, ...]:
        return self.wish, self.pause, self.stop, self.resume, self.start_queue

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self.sentence, 100)  # it takes the room before the space does
        for line, parts in zip(self._rules, ((self.step, self.bar), (self.time,)), strict=True):
            row.addSpacing(4)
            row.addWidget(line)
            row.addSpacing(4)
            for part in parts:
                row.addWidget(part)
        row.addStretch(1)
        row.addWidget(self.memory)
        row.addWidget(self.memory_bar)
        row.addSpacing(8)
        for act in self._acts():
            row.addWidget(act)

    def _connect(self) -> None:
        self.sentence.clicked.connect(lambda: self.run_asked.emit(self._said.run))
        self.pause.clicked.connect(lambda: self.pause_asked.emit(self._said.run))
        self.stop.stop_asked.connect(lambda when: self.stop_asked.emit(self._said.run, when))
        self.stop.kill_asked.connect(lambda: self.kill_asked.emit(self._said.run))
        self.resume.clicked.connect(lambda: self.resume_asked.emit(self._said.run))
        self.start_queue.clicked.connect(lambda: self.start_queue_asked.emit())


class _Sentence(QPushButton):
    """Mark and words as one flat button that leads to the run."""

    def __init__(self) -> None:
        super().__init__()
        theme.dress(self, flat=True, small=True)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._mark, self._words = StateMark(12), _small(ElidedLabel(), prose=False)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        for part in (self._mark, self._words):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(part)

    def show_sentence(self, sentence: str, state: str, reason: str, leads: bool) -> None:
        self._mark.show_state(state, reason)
        self._words.setText(sentence)
        self.setAccessibleName(sentence)
        self.setToolTip("Show this run" if leads else "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if leads else Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not leads)
        self.setCursor(Qt.CursorShape.PointingHandCursor if leads else Qt.CursorShape.ArrowCursor)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        row = self.layout()
        assert row is not None
        return row.sizeHint().expandedTo(QSize(0, self.fontMetrics().height() + theme.px(8)))

    def minimumSizeHint(self) -> QSize:
        row = self.layout()
        assert row is not None
        return row.minimumSize().expandedTo(QSize(0, self.fontMetrics().height() + theme.px(8)))


class _Bar(QProgressBar):
    """Four pixels high, in thousandths."""

    def __init__(self, width: int, name: str) -> None:
        super().__init__()
        self._wide = width
        self.setRange(0, 1000)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(self._wide), theme.px(4))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(self._wide // 2), theme.px(4))


class Notice(QFrame):
    """A line that says what is not done and why, perhaps with one way on; or what is done. It stays until it is dismissed or
    replaced."""

    pressed = Signal(str)  # the key given with the way on

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, strip=True)
        self._key, self.waits = "", False
        self.mark = QLabel()
        self.words = theme.dress(QLabel(), small=True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.act = theme.dress(QPushButton(), small=True)
        self.close_button = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "close", "text2", 14)
        self.close_button.setAccessibleName("Dismiss this message")
        self.close_button.setToolTip("Dismiss")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(theme.put_icon(self.mark, "warning", "warn", 14))
        row.addWidget(self.words, 1)
        row.addWidget(self.act)
        row.addWidget(self.close_button)
        self.close_button.clicked.connect(self.hide)
        self.act.clicked.connect(self._press)
        self.hide()

    def show_text(self, text: str, act: str = "", key: str = "", good: bool = False) -> None:
        """`act` is a question that waits for its answer, unless it is `good` news, which only offers a look at it."""
        self._key, self.waits = key, bool(act) and not good
        theme.put_icon(self.mark, *(("check", "ok") if good else ("warning", "warn")), 14)
        self.words.setText(text)
        self.setAccessibleName(text)
        self.act.setText(act)
        self.act.setVisible(bool(act))
        self.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def _press(self) -> None:
        self.hide()
        self.pressed.emit(self._key)


def _small(label: QLabel | None = None, prose: bool = True, muted: bool = False) -> QLabel:
    made = theme.dress(QLabel() if label is None else label, small=True, prose=prose and not muted, muted=muted)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made
