"""The one style sheet, filled from a palette. Widgets are dressed by dynamic properties: theme.py lists them.

In it $token is a colour or a type size, @7 is seven pixels at the scale in force, icon(name token) a tinted picture.
Borders do not scale. Where one grows to 2 px for the focus, each padding is one less (@5-1), so nothing moves.
Tool buttons and spin boxes get 3 px from Qt that nobody asked for; their paddings are that much smaller.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields

from studio import icons
from studio.palette import Kind, Palette


def filled(colors: Palette, px: Callable[[float], int], points: Mapping[Kind, float], mono_family: str) -> str:
    """The sheet in these colours; `px` makes a length of the design one of the screen."""
    tokens = {f.name: getattr(colors, f.name) for f in fields(Palette)} | _lengths(px)
    tokens |= {f"{kind}_pt": f"{size:.2f}pt" for kind, size in points.items()}
    tokens["mono_family"] = f'"{mono_family}"'
    sheet = re.sub(r"icon\(([\w-]+) (\w+)\)", lambda m: f"url({icons.address(m[1], tokens[m[2]])})", SHEET)
    sheet = re.sub(r"@(\d+)(-\d)?", lambda m: f"{px(int(m[1])) + int(m[2] or 0)}px", sheet)
    return re.sub(r"\$(\w+)", lambda m: str(tokens[m[1]]), sheet)


def _lengths(px: Callable[[float], int]) -> dict[str, str]:
    """Qt draws a radius above half the height as a square corner, so every radius here is half a length, downwards."""
    handle = px(4) + 2 * px(4)  # the groove, and as much above as below it
    lengths = {
        "handle": handle - 4,
        "handle_radius": handle // 2,
        "radio_radius": (px(12) + 2) // 2,
        "bar_radius": px(4) // 2,
        "scroll_radius": (px(10) - 2 * px(2)) // 2,
    }
    return {name: f"{length}px" for name, length in lengths.items()}


SHEET = """
* { outline: 0; }
QMainWindow, QDialog { background: $window; }
QToolTip {
    background: $panel; color: $text2; border: 1px solid $edge; padding: @4 @6; font-size: $small_pt;
    qproperty-textFormat: PlainText;
}

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

/* text: what anybody may have named is no markup, which could name a picture anywhere */
QLabel { qproperty-textFormat: PlainText; }
QLabel[rich="true"] { qproperty-textFormat: RichText; }
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
