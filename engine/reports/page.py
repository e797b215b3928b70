"""HTML by hand: elements whose text cannot help being escaped, and the dress of the page. What stands in it is sections.py's.

A page is one file that asks nobody for anything: no script, no font, no picture of another place. Light or dark as the reader's
system is, light on paper.
"""

import html
from collections.abc import Iterable, Sequence
from importlib import resources

GENERATIONS = 6  # colours; a seventh generation takes the last
VOID = ("meta", "img", "br")
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # no browser will fetch a thing


class Html(str):
    """Text that is HTML already. Only `element` and its like make it; every other text is escaped on its way in."""

    __slots__ = ()


def element(name: str, /, *inside: str | None, **attributes: object) -> Html:
    """element("td", "a < b", class_="number"); attributes that are None are left out, "_" is written "-"."""
    given = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None]
    written = "".join(f' {key}="{html.escape(str(value))}"' for key, value in given)
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(inside)}</{name}>")


def joined(parts: Iterable[str | None]) -> Html:
    """One after the other, without anything between."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts if part))


def section(title: str, *inside: str | None, note: str = "") -> Html:
    """A part of the page; nothing at all if nothing is in it."""
    if not any(inside):
        return Html("")
    return element("section", element("h2", title), *inside, element("p", note, class_="note") if note else None)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,), caption: str = "") -> Html:
    """`words` are the columns of text; the others hold numbers, one under the other."""
    if not rows:
        return Html("")

    def cells(kind: str, row: Sequence[str]) -> list[Html]:
        return [element(kind, cell, class_=None if place in words else "number") for place, cell in enumerate(row)]

    body = [element("tr", *cells("td", row)) for row in rows]
    titled = element("caption", caption) if caption else None
    whole = element("table", titled, element("thead", element("tr", *cells("th", head))), element("tbody", *body))
    return element("div", whole, class_="scroll")


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and what belongs to them, as far as there is anything."""
    found = [(element("dt", name), element("dd", value)) for name, value in pairs if value]
    return element("dl", *(part for pair in found for part in pair)) if found else Html("")


def folded(title: str, *inside: str | None) -> Html:
    """What only some want to read; on paper it stays folded."""
    return element("details", element("summary", title), *inside) if any(inside) else Html("")


def document(title: str, *body: str | None) -> str:
    """The whole file."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=ALONE),
        element("title", title),
        Html(f"<style>{style()}</style>"),
    )
    return "<!DOCTYPE html>\n" + element("html", head, "\n", element("body", element("main", *body)), lang="en") + "\n"


def style() -> str:
    return resources.files("assets").joinpath("report.css").read_text(encoding="utf-8")
