"""`filial demo`: a born-again lineage on real digits, in the window where there is one, with bars and a table elsewhere."""

import os
import subprocess
import sys
import time

from engine import console, processes, recipe, table, turns
from engine.recipe import RecipeFile
from engine.run import Workspace

RECIPE = "born-again-digits"


def demo(workspace: Workspace, seeds: int, headless: bool) -> int:
    """Train F0..F3 of the sample for `seeds` seeds. What is complete already is not trained again."""
    changes = [f"seeds={list(range(seeds))}"]
    file = recipe.read(RECIPE, changes)
    reason = _why_no_window(headless)
    if reason:
        console.OUT.print(f"{reason}: training here, with bars; runs are kept in {workspace.folder}")
        return _headless(workspace, file)
    return _in_the_window(workspace, file, changes)


def _why_no_window(headless: bool) -> str:
    missing = processes.missing_for_window()
    if headless:
        return "Headless as asked"
    if missing:
        return f"No window, since {missing} is not installed (`pip install {missing}` brings it)"
    shown = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return "" if shown else "No display found"


def _headless(workspace: Workspace, file: RecipeFile) -> int:
    began = time.monotonic()
    runs = workspace.create(file)
    code = console.train_in_turn(turns.to_do(runs, resume=True), len(runs))
    if code:
        return code
    table.compare(workspace, file.recipe.lineage, None, json_wanted=False)
    console.OUT.print(f"{time.monotonic() - began:.0f} s")
    if not processes.missing_for_window():
        _draw(workspace)
    return 0


def _draw(workspace: Workspace) -> None:
    """Pictures of Live and Generations, by the studio in a process of its own."""
    out = workspace.folder / "pictures"
    command = processes.python("studio", "--render", str(out), str(workspace.folder))
    drawn = subprocess.run(command, env=processes.environment(), capture_output=True, text=True, check=False)
    if drawn.returncode == 0:
        console.OUT.print(f"pictures of the window: {', '.join(str(path) for path in sorted(out.glob('*.png')))}")
    else:
        last = (drawn.stderr.strip().splitlines() or ["no reason given"])[-1]
        console.OUT.print(f"the pictures could not be drawn: {last}")


def _in_the_window(workspace: Workspace, file: RecipeFile, changes: list[str]) -> int:
    """Training is started detached, as the window itself would: closing the window leaves it running."""
    runs = workspace.create(file)
    work = turns.to_do(runs, resume=True)
    if work:
        sets = [part for change in changes for part in ("--set", change)]
        command = processes.python("engine", "train", RECIPE, "--resume", "--runs", str(workspace.folder), *sets)
        processes.start(command, workspace.folder / "studio.log", detached=True)
    window = processes.python("studio", str((work or runs[-1:])[0].folder))  # a run's folder opens Live on it
    return subprocess.call(window, env=processes.environment())
