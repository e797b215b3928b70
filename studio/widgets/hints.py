"""Tool tips longer than a line: none is rich text (style_sheet.py), and Qt breaks the lines of nothing else.

And the way back: what a widget says of itself, as plain words for the sheet of keys (F1).
"""

import re
from html import escape, unescape

from PySide6.QtWidgets import QAbstractButton, QWidget

from studio import theme

WIDTH = 420  # pixels at scale 1


def put_hint(widget: QWidget, text: str) -> None:
    """Tool tip and, for Shift+F1, what's-this help; paragraphs are parted by an empty line. Empty takes both away."""
    widget.setToolTip(_broken(text))
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    widget.setWhatsThis(f'<table width="{theme.px(WIDTH)}"><tr><td>{paragraphs}</td></tr></table>' if text else "")


def _broken(text: str) -> str:
    """In lines of WIDTH."""
    metrics, lines = theme.metrics("small"), []
    for paragraph in text.split("\n"):
        lines.append("")
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".lstrip()
            if lines[-1] and metrics.horizontalAdvance(longer) > theme.px(WIDTH):
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def help_of(widget: QWidget) -> tuple[str, str, str] | None:
    """Name, what is said beside it, and what its tool tip says; None of a widget that has none."""
    name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
    said = plain(widget.whatsThis() or widget.toolTip()) or widget.accessibleDescription()
    return (name, "", said) if name and said and said != name else None


def plain(text: str) -> str:
    """Rich text without its tags, paragraphs parted by an empty line."""
    if "<" not in text:
        return text
    return unescape(re.sub(r"<[^>]+>", "", text.replace("</p><p>", "\n\n"))).strip()
