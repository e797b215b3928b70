"""The verbs of `filial`, each imported when called: --help and status answer without torch.

Exit codes: 0 done, 1 failed, 2 refused, 130 stopped or paused.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import __version__

FAILED, REFUSED, STOPPED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command `filial` and of `python -m engine`."""
    asked = _parser().parse_args(arguments)
    from engine.fields import RecipeErrors
    from engine.run import Refused

    try:
        return int(asked.verb(asked))
    except (Refused, RecipeErrors) as refusal:
        print(f"filial: {refusal}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:  # `filial status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        print(f"filial: {error.filename or 'the workspace'}: {error.strerror or error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="filial", description="A studio for self-distillation. Without a verb: the window.")
    parser.add_argument("--version", action="version", version=f"filial {__version__}")
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", default=None, help="the workspace (default: the user's data folder)"
    )
    parser.set_defaults(verb=studio)
    verbs = parser.add_subparsers(metavar="VERB")

    demo_ = _verb(verbs, "demo", demo, "born-again training on real digits: about two minutes, then the table of generations")
    demo_.add_argument("--seeds", type=_count, default=3, metavar="N", help="chains of generations (default 3)")
    demo_.add_argument("--headless", action="store_true", help="no window even where there is a display")

    train_ = _verb(verbs, "train", train, "train a recipe: all its seeds and generations, in turn, in the foreground")
    train_.add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="a TOML file, or the name of a recipe that comes with Filial"
    )
    train_.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field, e.g. training.epochs=20"
    )
    train_.add_argument("--resume", action="store_true", help="also go on with paused, stopped and failed runs")
    train_.add_argument("--run", type=Path, help=argparse.SUPPRESS)  # one run's folder: the engine itself

    status_ = _verb(verbs, "status", status, "what every run is doing")
    status_.add_argument("run", nargs="?", metavar="RUN|DIR", help="one run, or a workspace")
    status_.add_argument("--json", action="store_true", help="as a JSON array")

    stop_ = _verb(verbs, "stop", stop, "finish this epoch (or this step), save, and end")
    stop_.add_argument("run", metavar="RUN")
    stop_.add_argument("--when", choices=("epoch", "now"), default="epoch", help="default: epoch")
    for name, verb, words in (
        ("pause", pause, "save now and exit; the device is free until `filial resume`"),
        ("kill", kill, "end the engine at once; keeps the newest checkpoint"),
        ("resume", resume, "go on with a run from its newest checkpoint, then with those that wait for it"),
    ):
        _verb(verbs, name, verb, words).add_argument("run", metavar="RUN")

    compare_ = _verb(verbs, "compare", compare, "the generations of a lineage, with spread, verdicts and ensembles")
    compare_.add_argument("lineage", nargs="?", metavar="LINEAGE", help="default: the only lineage of the workspace")
    compare_.add_argument("--members", metavar="F1,F2", help="generations of the ensemble (default: F1 to the last)")
    compare_.add_argument("--json", action="store_true", help="as JSON")

    _verb(verbs, "doctor", doctor, "versions, device and why, Qt, known-bad versions, speed of the workspace")
    return parser


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, words: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    parser.add_argument("--runs", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="the workspace")
    parser.set_defaults(verb=run)
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seeds; write 1 or more")
    return int(text)


def studio(asked: argparse.Namespace) -> int:
    """The window, as a process of its own: the engine never imports it."""
    from engine import processes

    if missing := processes.missing_for_window():
        print(f"filial: the window needs {missing}; `pip install {missing}` brings it, `filial demo --headless` does without")
        return REFUSED
    return subprocess.call(processes.python("studio", str(_workspace(asked).folder)), env=processes.environment())


def demo(asked: argparse.Namespace) -> int:
    from engine import demo as room

    return room.demo(_workspace(asked), asked.seeds, asked.headless)


def train(asked: argparse.Namespace) -> int:
    if asked.run:
        return _train_one(asked.run)
    from engine import console, recipe, turns
    from engine.run import Refused

    if not asked.recipe:
        raise Refused(f"train needs a recipe: a TOML file, or one of {', '.join(recipe.shipped())}")
    file = recipe.read(asked.recipe, asked.set)
    _check_timm(file.recipe)
    runs = _workspace(asked).create(file)
    return console.train_in_turn(turns.to_do(runs, asked.resume), len(runs))


def _train_one(folder: Path) -> int:
    from engine import processes

    processes.die_with_parent()
    from engine.run import Run
    from engine.train import train as train_run

    return train_run(Run(folder.resolve()))


def status(asked: argparse.Namespace) -> int:
    from engine import console
    from engine.run import Workspace

    if asked.run and not _is_run(asked, asked.run) and Path(asked.run).is_dir():
        runs = Workspace(Path(asked.run)).runs()
    else:
        runs = [_run(asked, asked.run)] if asked.run else _workspace(asked).runs()
    return console.status(runs, asked.json)


def stop(asked: argparse.Namespace) -> int:
    from engine.commands import Stop

    return _send(asked, lambda attempt: Stop(attempt=attempt, when=asked.when))


def pause(asked: argparse.Namespace) -> int:
    from engine.commands import Pause

    return _send(asked, lambda attempt: Pause(attempt=attempt))


def kill(asked: argparse.Namespace) -> int:
    from engine.run import Refused

    run = _run(asked, asked.run)
    if not run.kill():
        raise Refused(f"{run.name} has no engine on this machine to kill")
    print(f"{run.name} killed; step {run.newest_valid_step()} is saved. Go on with `filial resume {run.name}`")
    return 0


def resume(asked: argparse.Namespace) -> int:
    from engine import console, turns

    run = _run(asked, asked.run)
    work = turns.to_do([run], resume=True)
    rest = turns.to_do([other for other in turns.rest_of_lineage(run) if other != run], resume=False)
    return console.train_in_turn(work + rest, len(work) + len(rest))


def compare(asked: argparse.Namespace) -> int:
    from engine import table

    return table.compare(_workspace(asked), asked.lineage, asked.members, asked.json)


def doctor(asked: argparse.Namespace) -> int:
    from engine import doctor as room

    return room.doctor(_workspace(asked).folder)


def _send(asked: argparse.Namespace, command: object) -> int:
    from engine.run import Observer, Refused

    run = _run(asked, asked.run)
    folded = run.state()
    state = Observer().state_of(run, folded)
    if state not in ("starting", "running", "stopping", "unresponsive"):
        raise Refused(f"{run.name} is {state}; there is no engine to ask")
    status = run.status()  # a new attempt beats before its first event is written
    run.send(command(max(folded.attempt, status.attempt if status else 0)))  # type: ignore[operator]
    print(f"{run.name}: asked")
    return 0


def _workspace(asked: argparse.Namespace) -> "Workspace":  # type: ignore[name-defined]  # noqa: F821
    from engine.run import Workspace, default_workspace

    return Workspace((asked.runs or default_workspace()).resolve())


def _is_run(asked: argparse.Namespace, name: str) -> bool:
    return (Path(name) / "recipe.toml").is_file() or (_workspace(asked).folder / name / "recipe.toml").is_file()


def _run(asked: argparse.Namespace, name: str) -> "Run":  # type: ignore[name-defined]  # noqa: F821
    """A run by its name in the workspace, or by its folder."""
    from engine.fields import nearest
    from engine.run import Refused, Run

    if (Path(name) / "recipe.toml").is_file():
        return Run(Path(name).resolve())
    workspace = _workspace(asked)
    if (workspace.folder / name / "recipe.toml").is_file():
        return workspace.run(name)
    known = nearest(name, [run.name for run in workspace.runs()])[:5]
    there = f"; there are, the nearest first: {', '.join(known)}" if known else " (it is empty)"
    raise Refused(f"there is no run {name!r} in {workspace.folder}{there}")


def _check_timm(asked: object) -> None:
    """A timm name is checked against timm's own list before any folder is made."""
    from engine import recipe
    from engine.fields import RecipeError, RecipeErrors

    model = getattr(asked, "model", None)
    if isinstance(model, recipe.Timm):
        from engine.models.timm_models import check_name

        try:
            check_name(model.variant)
        except ValueError as error:
            raise RecipeErrors([RecipeError("model.variant", str(error).removeprefix("variant: "))]) from None


if __name__ == "__main__":
    sys.exit(main())
