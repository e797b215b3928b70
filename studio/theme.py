"""How Filial looks: colours, type, icons, the one style sheet, and the colour maps of pictures.

Here: every number of the design. `apply` may be called at any time; it dresses all living widgets anew and then
emits `signals.changed`, for those who paint themselves. Left to others: what stands where.

A widget is dressed by dynamic properties, never by its object name. `dress(label, title=True, muted=True)` sets them
and makes Qt look again. The properties the style sheet knows, on the classes it knows them for:

    QFrame      panel (card) · panel + selected, focused, state="ok|warn|bad" · well · segment · rail · strip · raised
                rule="true" (1 px line across), rule="upright"
    QLabel      title sentence figure small axis mono bold (type) · prose muted state="ok|warn|bad" accent (colour)
    buttons     primary flat small rail half="left|right" (QPushButton and QToolButton); checkable ones show `sel`
    fields      state="bad" small flat (QLineEdit, spin boxes, combos, text areas)
    QProgressBar  state="ok|warn|bad" quiet (neutral chunk, for memory)
    QTableView  by `calm_table`; its rows follow the scale
    QMenu       rounded (set by `round_menu`)

All lengths are pixels at scale 1; type is in points. Colours are "#RRGGBB" strings named as in the design.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QEvent, QObject, QRectF, QSize, Qt, Signal, qRegisterResourceData
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QSpinBox,
    QTableView,
    QWidget,
)

Choice = Literal["system", "light", "dark"]
Kind = Literal["axis", "small", "body", "title", "sentence", "figure", "mono"]
Floats = NDArray[np.floating]
Bytes = NDArray[np.uint8]
W = TypeVar("W", bound=QWidget)
F = TypeVar("F", QSpinBox, QDoubleSpinBox, QAbstractSpinBox, QComboBox)

SPACE = (4, 8, 12, 16, 24)
POINTS: dict[Kind, float] = {
    "axis": 8.0, "small": 8.25, "body": 9.0, "title": 10.0, "sentence": 11.0, "figure": 15.0, "mono": 8.25,
}  # fmt: skip
SMALLEST, LARGEST = 0.8, 2.0


@dataclass(frozen=True)
class Palette:
    """Every colour of one theme. What each token is for stands in the design's table."""

    dark: bool
    window: str
    panel: str
    raised: str
    hover: str
    well: str
    line: str
    edge: str
    sel: str
    text: str
    text2: str
    muted: str
    disabled: str
    accent: str
    onaccent: str
    accenttext: str
    focus: str
    ok: str
    warn: str
    bad: str
    okbg: str
    warnbg: str
    badbg: str
    grid: str
    axis: str
    runs: tuple[str, ...]  # 8: runs, methods, classes; the index of a run is stable
    generations: tuple[str, ...]  # 6: F0..F5
    difference: tuple[str, ...]  # 5: lost .. nothing .. won
    counts: tuple[str, ...]  # 5: none .. most


DARK = Palette(
    dark=True,
    window="#131518", panel="#1A1D22", raised="#23272D", hover="#2C3138", well="#101215",
    line="#2A2E35", edge="#6B7380", sel="#2B2D4A",
    text="#E7EAEE", text2="#BCC3CD", muted="#939BA8", disabled="#5E6672",
    accent="#5B5FD9", onaccent="#FFFFFF", accenttext="#A5A9FF", focus="#8C90FF",
    ok="#4CC08A", warn="#E3A73F", bad="#F2766E", okbg="#1B2E27", warnbg="#322A1A", badbg="#382224",
    grid="#262A31", axis="#4A515C",
    runs=("#477FDC", "#DAB837", "#C3538A", "#97E0AC", "#EB8488", "#0CB9E8", "#A88808", "#E1E7FF"),
    generations=("#6E72BA", "#4999CD", "#3CBEC4", "#7DD7A8", "#CEE38F", "#FFEAC8"),
    difference=("#F2A65A", "#A8683A", "#3A3A40", "#3F6FA8", "#7DB7F5"),
    counts=("#1A1D22", "#2A345C", "#3C62B2", "#6EA0EC", "#C4DEFF"),
)  # fmt: skip

LIGHT = Palette(
    dark=False,
    window="#F3F4F6", panel="#FFFFFF", raised="#F7F8FA", hover="#ECEEF2", well="#FFFFFF",
    line="#DDE0E6", edge="#838B98", sel="#E9EAFB",
    text="#16191E", text2="#3D4550", muted="#5F6875", disabled="#A2A9B4",
    accent="#5054CE", onaccent="#FFFFFF", accenttext="#4549C4", focus="#5054CE",
    ok="#18734A", warn="#8A5A00", bad="#BF3028", okbg="#E4F4EB", warnbg="#FBF0D9", badbg="#FCE8E6",
    grid="#ECEEF1", axis="#AEB5C0",
    runs=("#325BC0", "#9A5602", "#82638A", "#085553", "#D3743B", "#6D99A6", "#4A2F01", "#362076"),
    generations=("#599F7B", "#2A8979", "#066E73", "#045567", "#023D5D", "#092553"),
    difference=("#8F4700", "#E0A060", "#F4F4F5", "#86ADDF", "#1F4E9A"),
    counts=("#FFFFFF", "#CEDDF6", "#80A4E0", "#325BC0", "#162A68"),
)  # fmt: skip


class _Signals(QObject):
    changed = Signal()


@dataclass
class _Look:
    """What is in force in this process; written by `apply` alone."""

    palette: Palette = LIGHT
    choice: Choice = "system"
    scale: float = 1.0
    sheet: str = ""
    follows_system: bool = False


class _WheelGuard(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # so it goes on to the parent
            return True
        return False


signals = _Signals()
_wheel_guard = _WheelGuard()
_look = _Look()


# What is in force -----------------------------------------------------------------------------------------------


def palette() -> Palette:
    """The palette in force."""
    return _look.palette


def scale() -> float:
    """The scale in force, 0.8 to 2."""
    return _look.scale


def px(length: float) -> int:
    """A length of the design at the scale in force; never less than one pixel, zero stays zero."""
    return 0 if length == 0 else max(1, round(length * _look.scale))


def color(token: str) -> QColor:
    """A token of the palette in force, or any "#RRGGBB" as it is."""
    return QColor(_hex(token))


def run_color(index: int) -> str:
    """The colour of a run, method or class with this stable index; the ninth starts again."""
    return _look.palette.runs[index % len(_look.palette.runs)]


def generation_color(generation: int) -> str:
    """The colour of F0, F1, ...; F6 and later keep the colour of F5 and are told by their name."""
    ramp = _look.palette.generations
    return ramp[min(max(generation, 0), len(ramp) - 1)]


def _hex(token: str) -> str:
    return token if token.startswith("#") else str(getattr(_look.palette, token))


# Dressing -------------------------------------------------------------------------------------------------------


def apply(app: QApplication, choice: Choice = "system", scale: float = 1.0) -> None:
    """Dress the application and everything alive in it. `system` follows the desktop; unknown counts as light."""
    _look.choice, _look.scale = choice, min(max(scale, SMALLEST), LARGEST)
    _look.palette = DARK if choice == "dark" or (choice == "system" and _system_is_dark()) else LIGHT
    _follow_system(app)
    sheet = _filled(SHEET)
    if sheet != _look.sheet or app.styleSheet() != sheet:
        if not app.styleSheet():  # later the style is Fusion under our sheet, and setting it again dresses twice
            app.setStyle("Fusion")
        app.setPalette(_qt_palette(_look.palette))
        app.setFont(font("body"))
        app.setStyleSheet(sheet)
        _look.sheet = sheet
    for widget in app.allWidgets():
        if widget.property("icon_name"):
            _draw_icon(widget)
        if isinstance(widget, QTableView) and widget.property("calm"):
            _set_row_height(widget)
    signals.changed.emit()


def dress(widget: W, **properties: object) -> W:
    """Set dynamic properties of the style sheet and look again; returns the widget."""
    wanted = {name: _plain(value) for name, value in properties.items()}
    if any(widget.property(name) != value for name, value in wanted.items()):
        for name, value in wanted.items():
            widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.updateGeometry()
    return widget


def round_menu(menu: QMenu) -> QMenu:
    """Let the menu's window be transparent, so that its corners can be round."""
    menu.setWindowFlags(menu.windowFlags() | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint)
    menu.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    return dress(menu, rounded=True)


def quiet_field(field: F) -> F:
    """A spin box or combo that the wheel turns only while it has the focus; else the page scrolls. Returns it."""
    if isinstance(field, QAbstractSpinBox):
        field.lineEdit().setTextMargins(6, 0, 0, 0)  # a styled spin box has no padding for its text
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_wheel_guard)
    return field


def calm_table(view: QTableView) -> QTableView:
    """No grid, no numbered rows, headers regular and to the left, rows that follow the scale; returns the view."""
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.verticalHeader().hide()
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.horizontalHeader().setHighlightSections(False)
    view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    view.setProperty("calm", "true")
    _set_row_height(view)
    return view


def _set_row_height(view: QTableView) -> None:
    view.verticalHeader().setDefaultSectionSize(max(px(30), QFontMetrics(font("body")).height() + px(12)))


def _plain(value: object) -> object:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _follow_system(app: QApplication) -> None:
    def again() -> None:
        if _look.choice == "system":
            apply(app, "system", _look.scale)

    if not _look.follows_system:
        _look.follows_system = True
        app.styleHints().colorSchemeChanged.connect(again)


def _qt_palette(colors: Palette) -> QPalette:
    roles = QPalette.ColorRole
    plan = {
        roles.Window: colors.window, roles.Base: colors.well, roles.AlternateBase: colors.raised,
        roles.Button: colors.raised, roles.WindowText: colors.text, roles.Text: colors.text,
        roles.ButtonText: colors.text, roles.BrightText: colors.onaccent, roles.PlaceholderText: colors.muted,
        roles.Highlight: colors.accent, roles.Accent: colors.accent, roles.HighlightedText: colors.onaccent,
        roles.Link: colors.accenttext, roles.LinkVisited: colors.accenttext, roles.Mid: colors.line,
        roles.Shadow: colors.line, roles.Light: colors.hover, roles.Midlight: colors.hover,
        roles.Dark: colors.edge, roles.ToolTipBase: colors.panel, roles.ToolTipText: colors.text,
    }  # fmt: skip
    dressed = QPalette()
    for role, value in plan.items():
        dressed.setColor(role, QColor(value))
    for role in (roles.WindowText, roles.Text, roles.ButtonText, roles.PlaceholderText):
        dressed.setColor(QPalette.ColorGroup.Disabled, role, QColor(colors.disabled))
    return dressed


# Type -----------------------------------------------------------------------------------------------------------


def points(kind: Kind) -> float:
    """The size of a kind of text in points, at the scale in force."""
    # Points are 1/72 inch of a 96 dpi screen here; macOS counts 72 dpi, which would make all type a quarter smaller.
    return POINTS[kind] * _look.scale * (96 / 72 if sys.platform == "darwin" else 1.0)


def font(kind: Kind = "body", bold: bool = False) -> QFont:
    """A font of the design, with tabular figures, for those who paint themselves."""
    wanted = QFontDatabase.SystemFont.FixedFont if kind == "mono" else QFontDatabase.SystemFont.GeneralFont
    chosen = QFontDatabase.systemFont(wanted)
    chosen.setPointSizeF(points(kind))
    chosen.setBold(bold)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    return chosen


# Icons ----------------------------------------------------------------------------------------------------------


def icon(name: str, token: str = "text2", size: int = 16, checked: str = "", gap: int = 0) -> QIcon:
    """An icon in a colour of the palette in force; greyed when disabled, in `checked` when its button is down.

    `gap` widens it to the right. It does not follow the theme; `put_icon` does.
    """
    made = QIcon()
    states = {QIcon.State.Off: token, QIcon.State.On: checked or token}
    for ratio in {1.0, _highest_ratio()}:
        for state, tone in states.items():
            made.addPixmap(pixmap(name, tone, size, ratio, gap), QIcon.Mode.Normal, state)
            made.addPixmap(pixmap(name, "disabled", size, ratio, gap), QIcon.Mode.Disabled, state)
    return made


def pixmap(name: str, token: str = "text2", size: int = 16, ratio: float = 0.0, gap: int = 0) -> QPixmap:
    """An icon as a picture, `size` pixels at the scale in force; `ratio` 0 asks the screens."""
    ratio = ratio or _highest_ratio()
    made = QPixmap(QSize(px(size) + px(gap), px(size)) * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    paint_icon(painter, QRectF(0, 0, px(size), px(size)), name, token)
    painter.end()
    return made


def paint_icon(painter: QPainter, rect: QRectF, name: str, token: str = "text2") -> None:
    """Draw an icon with a painter already at work, crisp at any device pixel ratio."""
    _renderer(name, _hex(token), _look.palette.generations).render(painter, rect)


def put_icon(widget: W, name: str, token: str = "text2", size: int = 16, checked: str = "") -> W:
    """Give a button or a label an icon that follows theme and scale; a button's text comes first. Returns it."""
    for key, value in (("icon_name", name), ("icon_token", token), ("icon_size", size), ("icon_checked", checked)):
        widget.setProperty(key, value)
    _draw_icon(widget)
    return widget


def mark(size: int = 24, ratio: float = 0.0) -> QPixmap:
    """The application's mark, three joined dots rising, in colours of the generations in force."""
    return pixmap("mark", "muted", size, ratio)


def application_icon() -> QIcon:
    """The coloured icon of window and taskbar, the same in both themes."""
    made = QIcon()
    renderer = QSvgRenderer(QByteArray(_svg("filial").encode()))
    for size in (16, 24, 32, 48, 64, 128, 256):
        picture = QPixmap(size, size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter)
        painter.end()
        made.addPixmap(picture)
    return made


def icon_names() -> list[str]:
    """The icons there are."""
    folder = resources.files("assets").joinpath("icons")
    return sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".svg"))


def _draw_icon(widget: QWidget) -> None:
    name, token, checked = (str(widget.property(f"icon_{part}")) for part in ("name", "token", "checked"))
    size = int(widget.property("icon_size"))
    if isinstance(widget, QLabel):
        widget.setPixmap(pixmap(name, token, size))
    elif isinstance(widget, QAbstractButton):
        # Under a style sheet Qt puts 4 px between icon and text and offers no way to ask for more.
        gap = 4 if isinstance(widget, QPushButton) and widget.text() else 0
        widget.setIconSize(QSize(px(size) + px(gap), px(size)))
        widget.setIcon(icon(name, token, size, checked, gap))


def _highest_ratio() -> float:
    app = QGuiApplication.instance()
    return app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0


@cache
def _svg(name: str) -> str:
    source = resources.files("assets").joinpath(f"icons/{name}.svg")
    if not source.is_file():
        raise ValueError(f"there is no icon {name!r}; there are {', '.join(icon_names())}")
    return source.read_text("utf-8")


@cache
def _renderer(name: str, tone: str, generations: tuple[str, ...]) -> QSvgRenderer:
    source = _svg(name).replace("currentColor", tone)
    for index, dot in enumerate(generations):  # the mark alone names them
        source = source.replace(f"generation{index}", dot)
    return QSvgRenderer(QByteArray(source.encode()))


_resources: list[tuple[bytes, bytes, bytes]] = []  # Qt keeps pointers into these


@cache
def _address(name: str, tone: str) -> str:
    """The address of a tinted icon inside this process.

    A style sheet takes pictures by address only. Qt's resource system can hold them in memory, so nothing is written
    to disk, nothing is left behind by a crash, and two windows never share a file. The layout is that of rcc, format
    3: a root with one child; numbers big-endian; a name is its length, its hash and UTF-16.
    """
    file = f"filial-{name}-{tone.strip('#')}.svg"
    content = _svg(name).replace("currentColor", tone).encode()
    root = _number(0) + _number(2, 2) + _number(1) + _number(1) + _number(0, 8)
    child = _number(0) + _number(0, 2) + _number(0, 2) + _number(1, 2) + _number(0) + _number(0, 8)
    names = _number(len(file), 2) + _number(_resource_hash(file)) + file.encode("utf-16-be")
    _resources.append((root + child, names, _number(len(content)) + content))
    qRegisterResourceData(3, *_resources[-1])
    return f":/{file}"


def _number(value: int, length: int = 4) -> bytes:
    return value.to_bytes(length, "big")


def _resource_hash(text: str) -> int:
    h = 0
    for letter in text:
        h = (h << 4) + ord(letter)
        h = (h ^ ((h & 0xF0000000) >> 23)) & 0x0FFFFFFF
    return h


# Colour maps ----------------------------------------------------------------------------------------------------


def magma(values: Floats) -> Bytes:
    """Values [h, w] in [0, 1] to RGB uint8 [h, w, 3] by the magma map; outside is clipped, NaN counts as 0."""
    steps = np.rint(255 * np.clip(np.nan_to_num(values), 0.0, 1.0)).astype(np.intp)
    return _magma_table()[steps]


def heat_over_grey(heat: Floats, luminance: Floats) -> Bytes:
    """A map [h, w] in [0, 1] over the grey picture it belongs to, luminance [h, w] in [0, 1]: 0.78 map, 0.22 grey."""
    mixed = 0.78 * magma(heat) + 0.22 * 255 * np.clip(luminance, 0.0, 1.0)[..., None]
    return np.rint(mixed).astype(np.uint8)


def difference(values: Floats) -> Bytes:
    """Values [...] in [-1, 1] to RGB uint8 [..., 3]: orange lost, blue won, always centred on 0."""
    return ramp(_look.palette.difference, (np.asarray(values) + 1) / 2)


def counts(values: Floats) -> Bytes:
    """Values [...] in [0, 1], already log1p over its maximum, to RGB uint8 [..., 3] from the panel up."""
    return ramp(_look.palette.counts, np.asarray(values))


def ramp(colors: Sequence[str], values: Floats) -> Bytes:
    """Values [...] in [0, 1] to RGB uint8 [..., 3], straight between evenly spaced colours."""
    stops = np.linspace(0.0, 1.0, len(colors))
    channels = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors], dtype=np.float64)
    inside = np.clip(np.nan_to_num(values), 0.0, 1.0)
    return np.stack([np.rint(np.interp(inside, stops, channels[:, i])) for i in range(3)], axis=-1).astype(np.uint8)


@cache
def _magma_table() -> Bytes:
    from pyqtgraph import colormap  # only a window that shows a map pays for it

    table = colormap.get("magma").getLookupTable(0.0, 1.0, 256, alpha=False)
    return np.ascontiguousarray(table[:, :3], dtype=np.uint8)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two "#RRGGBB" colours, 1 to 21."""
    high, low = sorted((_relative_luminance(one), _relative_luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_on(ground: str) -> str:
    """Black or white text of the two themes, whichever is the better to read on this colour."""
    return max((DARK.text, LIGHT.text), key=lambda tone: contrast(tone, ground))


def _relative_luminance(tone: str) -> float:
    parts = (int(tone[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# The style sheet ------------------------------------------------------------------------------------------------
#
# $token is a colour or a type size, @7 is seven pixels at the scale in force, icon(name token) a tinted picture.
# Borders do not scale. Where one grows to 2 px for the focus, each padding is one less (@5-1), so nothing moves.
# Tool buttons and spin boxes get 3 px from Qt that nobody asked for; their paddings are that much smaller.


def _filled(sheet: str) -> str:
    tokens = {f.name: getattr(_look.palette, f.name) for f in fields(Palette)}
    tokens |= {f"{kind}_pt": f"{points(kind):.2f}pt" for kind in POINTS}
    tokens["mono_family"] = f'"{font("mono").family()}"'
    # Qt draws a radius above half the height as a square corner, so every radius here is half a length, downwards.
    handle = px(4) + 2 * px(4)  # the groove, and as much above as below it
    tokens["handle"], tokens["handle_radius"] = f"{handle - 4}px", f"{handle // 2}px"
    tokens["radio_radius"] = f"{(px(12) + 2) // 2}px"
    tokens["bar_radius"] = f"{px(4) // 2}px"
    tokens["scroll_radius"] = f"{(px(10) - 2 * px(2)) // 2}px"
    sheet = re.sub(r"icon\(([\w-]+) (\w+)\)", lambda m: f"url({_address(m[1], _hex(m[2]))})", sheet)
    sheet = re.sub(r"@(\d+)(-\d)?", lambda m: f"{px(int(m[1])) + int(m[2] or 0)}px", sheet)
    return re.sub(r"\$(\w+)", lambda m: str(tokens[m[1]]), sheet)


SHEET = """
* { outline: 0; }
QMainWindow, QDialog { background: $window; }
QToolTip { background: $panel; color: $text2; border: 1px solid $edge; padding: @4 @6; font-size: $small_pt; }

/* frames */
QFrame[panel="true"] { background: $panel; border: 1px solid $line; border-radius: @8; padding: 1px; }
QFrame[panel="true"][state="warn"] { border-color: $warn; }
QFrame[panel="true"][state="bad"] { border-color: $bad; }
QFrame[panel="true"][selected="true"] { border: 2px solid $accenttext; padding: 0; }
QFrame[panel="true"][focused="true"] { border: 2px solid $focus; padding: 0; }
QFrame[panel="true"]:focus { border: 2px solid $focus; padding: 0; }
QFrame[well="true"] { background: $well; border: 1px solid $line; border-radius: @6; }
QFrame[raised="true"] { background: $raised; border: 0; border-bottom: 1px solid $line; }
QFrame[rail="true"] { background: $window; border: 0; border-right: 1px solid $line; }
QFrame[strip="true"] { background: $panel; border: 0; border-top: 1px solid $line; }
QFrame[rule="true"] { background: $line; border: 0; min-height: 1px; max-height: 1px; }
QFrame[rule="upright"] { background: $line; border: 0; min-width: 1px; max-width: 1px; }
QFrame[head="true"] {
    background: transparent; border: 0; border-top-left-radius: @7; border-top-right-radius: @7; min-height: @30;
}
QFrame[head="true"][ruled="true"] { min-height: @38; }
QFrame[head="true"][state] { min-height: @34; }
QFrame[head="true"][state="warn"] { background: $warnbg; }
QFrame[head="true"][state="bad"] { background: $badbg; }

/* text */
QLabel[title="true"] { font-size: $title_pt; }
QLabel[sentence="true"] { font-size: $sentence_pt; color: $text2; }
QLabel[figure="true"] { font-size: $figure_pt; }
QLabel[small="true"] { font-size: $small_pt; }
QLabel[axis="true"] { font-size: $axis_pt; }
QLabel[mono="true"] { font-family: $mono_family; font-size: $mono_pt; }
QLabel[bold="true"] { font-weight: bold; }
QLabel[prose="true"] { color: $text2; }
QLabel[muted="true"] { color: $muted; }
QLabel[accent="true"] { color: $accenttext; }
QLabel[state="ok"] { color: $ok; }
QLabel[state="warn"] { color: $warn; }
QLabel[state="bad"] { color: $bad; }
QLabel:disabled { color: $disabled; }

/* buttons */
QPushButton, QToolButton {
    background: $raised; color: $text; border: 1px solid $line; border-radius: @6; min-height: @16;
}
QPushButton { padding: @5 @10; }
QToolButton { padding: @5-1 @5-1 @5-2 @5-2; min-width: @16; }
QPushButton[small="true"] { font-size: $small_pt; padding: @3 @8; }
QToolButton[small="true"] { padding: @3-1 @3-1 @3-2 @3-2; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed, QPushButton:open, QToolButton:open { background: $sel; }
QPushButton:checked, QToolButton:checked { background: $sel; border-color: $accent; }
QPushButton[primary="true"] { background: $accent; color: $onaccent; border-color: $accent; }
QPushButton[primary="true"]:hover { border-color: $onaccent; }
QPushButton[flat="true"], QToolButton[flat="true"] {
    background: transparent; color: $text2; border-color: transparent;
}
QPushButton[flat="true"]:hover, QToolButton[flat="true"]:hover { background: $hover; color: $text; }
QPushButton[flat="true"]:checked, QToolButton[flat="true"]:checked { background: $sel; color: $text; }
QPushButton[half="left"] { border-top-right-radius: 0; border-bottom-right-radius: 0; }
QPushButton[half="right"] {
    border-top-left-radius: 0; border-bottom-left-radius: 0; border-left: 0; padding: @5 @5;
}
QPushButton[half="right"][small="true"] { padding: @3 @3; }
QPushButton[half="right"][open="true"] { background: $sel; }
QPushButton:disabled, QToolButton:disabled { background: $raised; color: $disabled; border-color: $line; }
QPushButton[flat="true"]:disabled, QToolButton[flat="true"]:disabled {
    background: transparent; border-color: transparent;
}
QPushButton:focus { border: 2px solid $focus; padding: @5-1 @10-1; }
QPushButton[small="true"]:focus { padding: @3-1 @8-1; }
QPushButton[half="right"]:focus { padding: @5-1 @5-1 @5-1 @5-2; }
QPushButton[half="right"][small="true"]:focus { padding: @3-1 @3-1 @3-1 @3-2; }
QToolButton:focus { border: 2px solid $focus; padding: @5-2 @5-2 @5-3 @5-3; }
QToolButton[small="true"]:focus { padding: @3-2 @3-2 @3-3 @3-3; }
QPushButton[primary="true"]:focus { border-color: $text; }
QPushButton::menu-indicator {
    image: icon(chevron-down text2); width: @12; height: @12; right: @8;
    subcontrol-origin: padding; subcontrol-position: right center;
}
QToolButton::menu-indicator { image: none; width: 0; }

QPushButton[chip="true"] { background: transparent; padding: 0; min-height: @22; }
QPushButton[chip="true"]:hover { background: $hover; }
QPushButton[chip="true"][state="warn"] { background: $warnbg; border-color: $warn; }
QPushButton[chip="true"][state="bad"] { background: $badbg; border-color: $bad; }
QPushButton[chip="true"]:focus { border: 2px solid $focus; padding: 0; }

QToolButton[rail="true"] {
    background: transparent; color: $muted; border: 2px solid transparent; padding: @6 @0-4; font-size: $small_pt;
}
QToolButton[rail="true"]:hover { color: $text; background: $hover; }
QToolButton[rail="true"]:checked { color: $text; background: $sel; }
QToolButton[rail="true"]:focus { border: 2px solid $focus; padding: @6 @0-4; }

QFrame[segment="true"] { background: $well; border: 1px solid $line; border-radius: @6; }
QFrame[segment="true"] > QToolButton {
    background: transparent; color: $text2; border: 0; border-radius: @4; padding: @3-1 @5 @3-2 @5; font-size: $small_pt;
}
QFrame[segment="true"] > QToolButton:hover { color: $text; background: $hover; }
QFrame[segment="true"] > QToolButton:checked { color: $text; background: $sel; }
QFrame[segment="true"] > QToolButton:focus { border: 2px solid $focus; padding: @3-3 @5-2 @3-4 @5-2; }
QFrame[segment="true"] > QToolButton:disabled { color: $disabled; background: transparent; }

/* fields */
QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit {
    background: $well; color: $text; border: 1px solid $edge; border-radius: @6;
}
QLineEdit { padding: @5 @8; min-height: @16; }
QAbstractSpinBox { padding: @5-1 @2 @5-2 @2; min-height: @16; }
QPlainTextEdit, QTextEdit { padding: @6; }
QLineEdit[small="true"] { padding: @3 @8; font-size: $small_pt; }
QAbstractSpinBox[small="true"] { padding: @3-1 @2 @3-2 @2; font-size: $small_pt; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: 0; }
QLineEdit[state="bad"], QAbstractSpinBox[state="bad"], QComboBox[state="bad"], QPlainTextEdit[state="bad"] {
    border-color: $bad;
}
QLineEdit[state="warn"], QAbstractSpinBox[state="warn"], QComboBox[state="warn"] { border-color: $warn; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QPlainTextEdit:disabled, QTextEdit:disabled {
    color: $disabled; border-color: $line;
}
QLineEdit:focus { border: 2px solid $focus; padding: @5-1 @8-1; }
QLineEdit[small="true"]:focus { padding: @3-1 @8-1; }
QAbstractSpinBox:focus { border: 2px solid $focus; padding: @5-2 @2-1 @5-3 @2-1; }
QAbstractSpinBox[small="true"]:focus { padding: @3-2 @2-1 @3-3 @2-1; }
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $focus; padding: @6-1; }
QLineEdit[state="bad"]:focus, QAbstractSpinBox[state="bad"]:focus { border-color: $bad; }
QPlainTextEdit[flat="true"], QTextEdit[flat="true"], QLineEdit[flat="true"] {
    background: transparent; border: 2px solid transparent; padding: @4;
}
QPlainTextEdit[flat="true"]:focus, QTextEdit[flat="true"]:focus, QLineEdit[flat="true"]:focus {
    border-color: $focus; padding: @4;
}
QPlainTextEdit[mono="true"], QTextEdit[mono="true"], QLineEdit[mono="true"] {
    font-family: $mono_family; font-size: $mono_pt;
}

QComboBox {
    background: $raised; color: $text; border: 1px solid $edge; border-radius: @6; padding: @5 @8; min-height: @16;
    combobox-popup: 0;
}
QComboBox[small="true"] { border-color: $line; padding: @3 @8; font-size: $small_pt; }
QComboBox:hover { background: $hover; }
QComboBox:disabled { color: $disabled; border-color: $line; background: $raised; }
QComboBox:focus { border: 2px solid $focus; padding: @5-1 @8-1; }
QComboBox[small="true"]:focus { padding: @3-1 @8-1; }
QComboBox::drop-down { border: 0; width: @18; subcontrol-origin: padding; subcontrol-position: right center; }
QComboBox::down-arrow { image: icon(chevron-down text2); width: @12; height: @12; }
QComboBox::down-arrow:disabled { image: icon(chevron-down disabled); }
QComboBox QAbstractItemView, QComboBox QAbstractItemView:focus {
    background: $panel; border: 1px solid $edge; padding: @3; border-radius: 0;
}
QComboBox QAbstractItemView::item { min-height: @24; padding: 0 @6; border: 0; border-radius: @4; }
QComboBox QAbstractItemView::item:selected { background: $sel; color: $text; }

QCheckBox, QRadioButton { spacing: @6; border: 2px solid transparent; border-radius: @4; padding: @1; }
QCheckBox:focus, QRadioButton:focus { border-color: $focus; }
QCheckBox[small="true"], QRadioButton[small="true"] { font-size: $small_pt; }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }
QCheckBox::indicator, QRadioButton::indicator, QAbstractItemView::indicator {
    width: @12; height: @12; border: 1px solid $edge; border-radius: @3; background: $well;
}
QRadioButton::indicator { border-radius: $radio_radius; }
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {
    background: $accent; border-color: $accent; image: icon(check-bold onaccent);
}
QCheckBox::indicator:indeterminate, QAbstractItemView::indicator:indeterminate {
    background: $accent; border-color: $accent; image: icon(dash-bold onaccent);
}
QRadioButton::indicator:checked { background: $accent; border-color: $accent; image: icon(dot onaccent); }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { border-color: $line; background: $raised; }
QCheckBox::indicator:checked:disabled { image: icon(check-bold disabled); }
QRadioButton::indicator:checked:disabled { image: icon(dot disabled); }

QSlider { border: 2px solid transparent; border-radius: @6; }
QSlider:horizontal { min-height: @16; }
QSlider:vertical { min-width: @16; }
QSlider:focus { border-color: $focus; }
QSlider::groove:horizontal { height: @4; border-radius: @2; background: $line; }
QSlider::sub-page:horizontal { background: $accent; border-radius: @2; }
QSlider::groove:vertical { width: @4; border-radius: @2; background: $line; }
QSlider::add-page:vertical { background: $accent; border-radius: @2; }
QSlider::handle { background: $panel; border: 2px solid $accenttext; border-radius: $handle_radius; }
QSlider::handle:horizontal { width: $handle; margin: -@4 0; }
QSlider::handle:vertical { height: $handle; margin: 0 -@4; }
QSlider::handle:hover { background: $sel; }
QSlider::handle:disabled { border-color: $disabled; }
QSlider::sub-page:disabled, QSlider::add-page:vertical:disabled { background: $disabled; }

QProgressBar {
    background: $line; border: 0; border-radius: $bar_radius; min-height: @4; max-height: @4; color: transparent;
}
QProgressBar[loading="true"] { min-width: @160; max-width: @160; }
QProgressBar::chunk { background: $accenttext; border-radius: $bar_radius; }
QProgressBar[quiet="true"]::chunk { background: $text2; }
QProgressBar[state="ok"]::chunk { background: $ok; }
QProgressBar[state="warn"]::chunk { background: $warn; }
QProgressBar[state="bad"]::chunk { background: $bad; }

/* tabs, tables, lists */
QTabWidget::pane { border: 0; border-top: 1px solid $line; }
QTabBar { background: transparent; }
QTabBar::tab {
    background: transparent; color: $text2; padding: @6 @10; border: 2px solid transparent; min-height: @16;
}
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accenttext; }
QTabBar::tab:selected:focus { border-color: $focus; }
QTabBar::tab:disabled { color: $disabled; }

QAbstractItemView {
    background: $panel; alternate-background-color: $panel; color: $text; border: 0;
    selection-background-color: $sel; selection-color: $text;
}
QTableView::item, QTreeView::item { border: 0; border-bottom: 1px solid $line; padding: 0 @8; }
QListView::item { border-radius: @4; padding: @4 @8; }
QTableView::item:selected, QTreeView::item:selected, QListView::item:selected { background: $sel; color: $text; }
QListView::item:hover:!selected { background: $hover; }
QTableView:focus, QTreeView:focus, QListView:focus { border: 2px solid $focus; border-radius: @6; }
QTableView, QTreeView, QListView { border: 2px solid transparent; }
QTreeView::item { min-height: @28; }
QTreeView::branch { background: $panel; border-bottom: 1px solid $line; }
QTreeView::branch:selected { background: $sel; }
QTreeView::branch:has-children:closed { image: icon(chevron-right muted); }
QTreeView::branch:has-children:open { image: icon(chevron-down muted); }
QHeaderView { background: $panel; border: 0; }
QHeaderView::section {
    background: $panel; color: $muted; border: 0; border-bottom: 1px solid $line; padding: @5 @8;
    font-size: $small_pt; font-weight: normal; min-height: @16;
}
QHeaderView::section:hover { color: $text; }
QHeaderView::up-arrow, QHeaderView::down-arrow {
    width: @10; height: @10; right: @4; subcontrol-position: right center;
}
QHeaderView::up-arrow { image: icon(chevron-up muted); }
QHeaderView::down-arrow { image: icon(chevron-down muted); }
QTableCornerButton::section { background: $panel; border: 0; }

/* menus */
QMenuBar { background: $window; }
QMenuBar::item { background: transparent; padding: @4 @8; border-radius: @4; }
QMenuBar::item:selected { background: $sel; }
QMenu { background: $panel; color: $text; border: 1px solid $edge; padding: @4; }
QMenu[rounded="true"] { border-radius: @8; }
QMenu::item { padding: @5 @24 @5 @8; border-radius: @6; min-height: @16; }
QMenu::item:selected { background: $sel; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: @8; }
QMenu::indicator { width: @14; height: @14; left: @6; }
QMenu::indicator:checked { image: icon(check accenttext); }
QMenu::right-arrow { image: icon(chevron-right text2); width: @12; height: @12; right: @4; }
QMenu::separator { height: 1px; background: $line; margin: @4 @8; }

/* what scrolls and splits */
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }
QScrollArea { border: 0; }
QScrollBar { background: transparent; border: 0; margin: 0; }
QScrollBar:vertical { width: @10; }
QScrollBar:horizontal { height: @10; }
QScrollBar::handle { background: $line; border: 0; border-radius: $scroll_radius; margin: @2; }
QScrollBar::handle:vertical { min-height: @24; }
QScrollBar::handle:horizontal { min-width: @24; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $edge; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: 0; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $hover; border-radius: @2; }
QSplitter::handle:pressed { background: $sel; }
"""
