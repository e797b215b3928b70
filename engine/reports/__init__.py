"""`filial report`: one HTML file about a run or a lineage, which opens offline and prints.

Here: which runs, and where the file goes. The runs are read in gathered.py, the parts written in sections.py, drawn in
charts.py and pictures.py, dressed in page.py. Nothing here needs torch.
"""

from collections.abc import Sequence
from pathlib import Path

from engine import __version__, extras, lineages, processes, words
from engine.fields import nearest
from engine.reports.gathered import Gathered, gather
from engine.reports.page import document, element
from engine.reports.sections import whole
from engine.run import Refused, Run, Workspace, cannot_be_written

NAME = "report.html"


def report(workspace: Workspace, name: str, target: Path | None) -> Path:
    """Write the report about a run, or a lineage, of this name. Returns where it lies. Raises Refused."""
    title, runs = _chosen(workspace, name)
    text = html(gather(title, runs))
    if target is None:
        folder = extras.place(runs[0], "report")
        with extras.writing(folder) as aside:
            (aside / NAME).write_text(text, encoding="utf-8")
        return folder / NAME
    if target.exists():
        raise Refused(f"-o: {target} exists already; choose another name, or move it away first")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        processes.write_aside(target, text.encode())
    except OSError as error:
        raise cannot_be_written(target, error) from None
    return target


def html(found: Gathered) -> str:
    """The page. The same folders give the same page, byte for byte."""
    foot = element("p", f"Made by Filial {__version__} from {words.plural(len(found.runs), 'run folder')}.", class_="note")
    return document(f"{found.name} · Filial", whole(found), foot)


def _chosen(workspace: Workspace, name: str) -> tuple[str, Sequence[Run]]:
    """A run by its folder or its name; else a lineage."""
    for folder in (workspace.folder / name, Path(name).resolve()):
        if (folder / "recipe.toml").is_file():
            return folder.name, [Run(folder)]
    found = lineages.by_name(workspace.runs())
    if name in found:
        return name, found[name]
    if not found:
        raise Refused(f"there are no runs in {workspace.folder}; `filial demo` trains some")
    known = nearest(name, [*found, *(run.name for run in workspace.runs())])[:5]
    raise Refused(f"there is no run and no lineage {name!r} in {workspace.folder}; the nearest names are {', '.join(known)}")
