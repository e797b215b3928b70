"""Tool tips longer than a line. Qt breaks the lines of rich text only, so plain words are set as paragraphs.

And the way back: what a widget says of itself, as plain words for the sheet of keys (F1).
"""

import re
from html import escape, unescape

from PySide6.QtWidgets import QAbstractButton, QWidget

from studio import theme


def put_hint(widget: QWidget, text: str) -> None:
    """Tool tip and, for Shift+F1, what's-this help; paragraphs are parted by an empty line. Empty takes both away."""
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    made = f'<table width="{theme.px(420)}"><tr><td>{paragraphs}</td></tr></table>' if text else ""
    widget.setToolTip(made)
    widget.setWhatsThis(made)


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
