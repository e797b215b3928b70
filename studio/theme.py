"""What is in force of how Filial looks: the palette and scale chosen, and widgets dressed in them.

`apply` may be called at any time; it dresses all living widgets anew and then emits `signals.changed`, for those who
paint themselves. Left to others: the colours themselves (palette.py), the sheet (style_sheet.py), the drawings
(icons.py), colours of pictures (color_maps.py), what stands where.

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

import sys
from dataclasses import dataclass
from typing import Literal, TypeVar

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBitmap,
    QColor,
    QFont,
    QFontDatabase,
    QFontMetrics,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
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

from studio import icons, style_sheet
from studio.palette import DARK, LIGHT, POINTS, Kind, Palette

Choice = Literal["system", "light", "dark"]
W = TypeVar("W", bound=QWidget)
F = TypeVar("F", QSpinBox, QDoubleSpinBox, QAbstractSpinBox, QComboBox)

SMALLEST, LARGEST = 0.8, 2.0


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


class _MenuShape(QObject):
    """Cuts the corners off a menu whose screen may not blend windows: what is transparent there would be black."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and isinstance(watched, QMenu):
            shape = QBitmap(watched.size())
            shape.fill(Qt.GlobalColor.color0)
            painter = QPainter(shape)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Qt.GlobalColor.color1)
            painter.drawRoundedRect(watched.rect(), px(8), px(8))
            painter.end()
            watched.setMask(shape)
        return False


signals = _Signals()
_wheel_guard, _menu_shape = _WheelGuard(), _MenuShape()
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
    sheet = style_sheet.filled(_look.palette, px, {kind: points(kind) for kind in POINTS}, font("mono").family())
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
    """Give a menu round corners: by a transparent window, or by a mask on X11, where nobody may be there to blend it."""
    menu.setWindowFlags(menu.windowFlags() | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint)
    if QGuiApplication.platformName() == "xcb":
        menu.installEventFilter(_menu_shape)
    else:
        menu.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    return dress(menu, rounded=True)


def clear_menu(menu: QMenu) -> None:
    """Empty a menu that is filled each time it opens: `clear` alone leaves the menus below it alive, as its children."""
    for act in menu.actions():
        if (below := act.menu()) is not None:
            below.deleteLater()
    menu.clear()


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


def metrics(kind: Kind = "body") -> QFontMetrics:
    """How wide text of a kind is. Made anew each time: fonts kept from call to call bring Qt's binding down later."""
    return QFontMetrics(font(kind))


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
    icons.renderer(name, _hex(token), _look.palette.generations).render(painter, rect)


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
    renderer = icons.renderer("filial", "", ())
    for size in (16, 24, 32, 48, 64, 128, 256):
        picture = QPixmap(size, size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter)
        painter.end()
        made.addPixmap(picture)
    return made


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
