"""Tool tips longer than a line. Qt breaks the lines of rich text only, so plain words are set as paragraphs."""

from html import escape

from PySide6.QtWidgets import QWidget

from studio import theme


def put_hint(widget: QWidget, text: str) -> None:
    """Tool tip and, for Shift+F1, what's-this help; paragraphs are parted by an empty line. Empty takes both away."""
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    made = f'<table width="{theme.px(420)}"><tr><td>{paragraphs}</td></tr></table>' if text else ""
    widget.setToolTip(made)
    widget.setWhatsThis(made)
