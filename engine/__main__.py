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
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from engine import torchrun

        if torchrun.has_started_us():
            return torchrun.work(lambda: _answer(asked))
    return _answer(asked)


def _answer(asked: argparse.Namespace) -> int:
    """Do what the verb says; refusals and interruptions become exit codes."""
    try:
        return int(asked.verb(asked))
    except _refusals() as refusal:
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


def _refusals() -> tuple[type[Exception], ...]:
    """Looked for only once something was raised: a verb that needs no run need not wait for runs to be imported."""
    from engine.fields import RecipeErrors
    from engine.run import Refused

    return Refused, RecipeErrors


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="filial", description="A studio for self-distillation. Without a verb: the window.")
    parser.add_argument("--version", action="version", version=f"filial {__version__}")
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", default=None, help="the workspace (default: the user's data folder)"
    )
    parser.set_defaults(verb=studio)
    verbs = parser.add_subparsers(metavar="VERB")

    demo_ = _verb(verbs, "demo", demo, "born-again training on real digits: about a minute, then the table of generations")
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
    train_.add_argument("--stand-by", action="store_true", help=argparse.SUPPRESS)  # an engine that is told its run later
    train_.add_argument("--outlive", action="store_true", help=argparse.SUPPRESS)  # who started it may be killed
    train_.add_argument("--follow", type=Path, help=argparse.SUPPRESS)  # one of several processes of a run: where they meet

    explain_ = _verb(verbs, "explain", explain, "every value of a recipe in force, where it comes from and why; trains nothing")
    explain_.add_argument("recipe", metavar="RECIPE", help="a TOML file, or the name of a recipe that comes with Filial")
    explain_.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe")
    explain_.add_argument("--json", action="store_true", help="as JSON")

    fork_ = _verb(verbs, "fork", fork, "another way on from a checkpoint of RUN: one more run, with what you change")
    fork_.add_argument("run", metavar="RUN")
    fork_.add_argument("--at", type=int, required=True, metavar="STEP", help="a step that RUN has a checkpoint of")
    fork_.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="e.g. method.momentum=0.99")
    fork_.add_argument("--fresh-optimizer", action="store_true", help="begin with the weights alone, without momenta")
    fork_.add_argument("--queue", action="store_true", help="only queue it; default: train it now")
    fork_.add_argument("--resume", action="store_true", help="go on with it if it is there and was paused, stopped or failed")

    arena_ = _verb(verbs, "arena", arena, "scratch, KD, born-again, DINO and DINOv2 from one recipe, at equal pictures seen")
    arena_.add_argument("recipe", metavar="RECIPE", help="its data, network, epochs, batch and seeds are everybody's")
    arena_.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe")
    arena_.add_argument("--only", default="", metavar="NAME,NAME", help="some of scratch, kd, ban, dino, dinov2")
    arena_.add_argument("--resume", action="store_true", help="also go on with paused, stopped and failed runs")
    arena_.add_argument("--json", action="store_true", help="the table as JSON, progress on stderr")

    _data_verbs(verbs)
    _queue_verbs(verbs)
    _verb(verbs, "work", work, "train what is in the queue, in its order, in the foreground; Ctrl-C saves and stops")

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
        one = _verb(verbs, name, verb, words)
        one.add_argument("run", metavar="RUN")
        if name == "resume":
            one.add_argument("--devices", type=_devices, metavar="N", help="on so many GPUs, whatever the recipe says")

    compare_ = _verb(verbs, "compare", compare, "the generations of a lineage, with spread, verdicts and ensembles")
    compare_.add_argument("lineage", nargs="?", metavar="LINEAGE", help="default: the only lineage of the workspace")
    compare_.add_argument("--members", metavar="F1,F2", help="generations of the ensemble (default: F1 to the last)")
    compare_.add_argument("--json", action="store_true", help="as JSON")

    report_ = _verb(verbs, "report", report, "all about a run or a lineage in one HTML file, to read offline or to print")
    report_.add_argument("what", metavar="RUN|LINEAGE")
    report_.add_argument("-o", dest="target", type=Path, metavar="FILE", help="default: extras/report-.../ in the run's folder")

    export_ = _verb(verbs, "export", export, "a run for others: weights, or all that was measured, each with a card")
    export_.add_argument("run", metavar="RUN")
    export_.add_argument(
        "--to", required=True, choices=("safetensors", "timm", "onnx", "tensorboard", "csv"), help="what kind of files"
    )
    export_.add_argument("-o", dest="target", type=Path, metavar="DIR", help="default: extras/export-.../ in the run's folder")
    export_.add_argument("--step", type=int, metavar="N", help="a step that RUN has a checkpoint of (default: the newest)")
    export_.add_argument(
        "--which", choices=("student", "teacher"), help="of a run that keeps both (default: what it is kept for)"
    )

    attend_ = _verb(verbs, "attend", attend, "where a run's networks look on any picture, head by head, as one PNG")
    attend_.add_argument("run", metavar="RUN")
    attend_.add_argument("image", type=Path, metavar="IMAGE", help="the middle of it is read, as large as the run's pictures")
    attend_.add_argument("-o", dest="target", type=Path, metavar="FILE", help="default: extras/attend-.../ in the run's folder")
    attend_.add_argument("--step", type=int, metavar="N", help="of this checkpoint (default: the newest)")
    attend_.add_argument("--which", choices=("student", "teacher", "both"), default="both", help="default: both, if there are")
    attend_.add_argument("--threshold", type=float, default=0.6, metavar="SHARE", help="of a map that is marked (default 0.6)")

    probe_ = _verb(verbs, "probe", probe, "measure a stored checkpoint as training does; events stay as they are")
    probe_.add_argument("run", metavar="RUN")
    which = probe_.add_mutually_exclusive_group()
    which.add_argument(
        "--step", type=int, action="append", default=[], metavar="N", help="default: the newest; may be repeated"
    )
    which.add_argument("--all", action="store_true", help="of every checkpoint there is")
    for name, words in (
        ("knn", "the 20 nearest training pictures, by features"),
        ("linear", "a linear layer on frozen features, by gradient descent"),
        ("logreg", "the same by logistic regression, C chosen among 45 on the validation pictures"),
        ("rank", "rank and spread of the student's features"),
        ("attention", "maps of the probe pictures, and their measures"),
    ):
        probe_.add_argument(f"--{name}", action="append_const", const=name, dest="probes", help=words)
    probe_.add_argument("--json", action="store_true", help="as JSON")

    _verb(verbs, "doctor", doctor, "versions, device and why, Qt, known-bad versions, speed of the workspace")

    assist_ = verbs.add_parser("assist")  # without help it is not listed: the window's own helper
    assist_.add_argument("--scratch", type=Path, metavar="DIR", required=True)
    assist_.set_defaults(verb=assist)
    return parser


def _data_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    data_ = _verb(verbs, "data", data_list, "pictures to learn from: add, list, inspect; trains nothing")
    data_.add_argument("--json", action="store_true", help="the list as JSON")
    parts = data_.add_subparsers(metavar="WHAT")
    what = "a folder, an archive or a CSV of labels; or a name that `filial data list` has, such as digits or cifar10"
    for name, verb, words in (
        ("add", data_add, "look pictures through, keep them decoded, and know them by name; known sets are fetched"),
        (
            "inspect",
            data_inspect,
            "counts, balance, sizes, channels, broken files, pictures that are there twice, or nearly so",
        ),
    ):
        one = _verb(parts, name, verb, words)
        one.add_argument("what", metavar="PATH|NAME", help=what)
        one.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="e.g. size=64, colour=grey")
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
        if name == "add":
            one.add_argument("--name", default="", help="what to call it (default: as the folder, the file or the set)")
    list_ = _verb(parts, "list", data_list, "what this workspace knows, what comes with Filial, what can be fetched")
    list_.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")


def _queue_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    queue_ = _verb(verbs, "queue", queue_list, "the order in which runs are trained: add, list, move, remove, hold, release")
    queue_.add_argument("--json", action="store_true", help="the list as a JSON array")
    parts = queue_.add_subparsers(metavar="WHAT")

    add_ = _verb(parts, "add", queue_add, "put a recipe's runs at the end of the queue; trains nothing by itself")
    add_.add_argument("what", metavar="RECIPE", help="a TOML file, a recipe that comes with Filial, or a run or lineage")
    add_.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe")
    add_.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="FIELD=V1,V2",
        help="a lineage for each value, or each combination where repeated; also FIELD=LOW..HIGH:COUNT or :logCOUNT",
    )
    add_.add_argument("--front", action="store_true", help="at the front instead")

    list_ = _verb(parts, "list", queue_list, "the runs in order, how each stands, and what helps")
    list_.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as a JSON array")

    move_ = _verb(parts, "move", queue_move, "put runs where PLACE is now; teachers stay before their students")
    move_.add_argument("runs_", nargs="+", metavar="RUN", help="a run, or a lineage for all its runs")
    move_.add_argument("place", type=_place, metavar="PLACE", help="1 is the front")

    remove_ = _verb(parts, "remove", queue_remove, "take runs out of the queue; their folders stay")
    remove_.add_argument("runs_", nargs="+", metavar="RUN", help="a run, or a lineage for all its runs")

    _verb(parts, "hold", queue_hold, "let the worker finish its run and then start nothing more")
    _verb(parts, "release", queue_release, "undo hold")


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


def _devices(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of devices; write 1 or more")
    return int(text)


def _place(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a place in the queue; 1 is the front")
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
    if asked.follow:
        return _follow(asked.run, asked.follow)
    if asked.run or asked.stand_by:
        return _train_one(asked.run, asked.outlive)
    from engine import console, recipe, turns
    from engine.run import Refused

    if not asked.recipe:
        raise Refused(f"train needs a recipe: a TOML file, or one of {', '.join(recipe.shipped())}")
    file = recipe.read(asked.recipe, asked.set)
    _check_timm(file.recipe)
    runs = _workspace(asked).create(file)
    return console.train_in_turn(turns.to_do(runs, asked.resume), len(runs))


def fork(asked: argparse.Namespace) -> int:
    from engine import console, turns
    from engine.fork import fork as make

    run, there = make(_run(asked, asked.run), asked.at, asked.set, asked.fresh_optimizer)
    print(f"{run.name} is there already" if there else f"{run.name} begins at step {asked.at} of {asked.run}")
    if asked.queue:
        from engine.queue import Queue
        from engine.run import Workspace

        queue = Queue(Workspace(run.workspace))
        queue.add([] if run.ending().completed else [run.name])
        return _say_queued(queue, [run.name])
    return console.train_in_turn(turns.to_do([run], asked.resume), 1)


def arena(asked: argparse.Namespace) -> int:
    from engine import arena as room
    from engine import recipe

    file = recipe.read(asked.recipe, asked.set)
    _check_timm(file.recipe)
    only = [name.strip() for name in asked.only.split(",") if name.strip()]
    return room.arena(_workspace(asked), file, only, asked.resume, asked.json)


def explain(asked: argparse.Namespace) -> int:
    from engine import explained, recipe

    return explained.explain(recipe.read(asked.recipe, asked.set), asked.json)


def _train_one(folder: Path | None, outlive: bool) -> int:
    """The engine. Without a folder it stands by until it is told which run is its own."""
    from engine import processes, standby

    if not outlive:
        processes.die_with_parent()
    folder = folder or standby.wait(_warm_up)
    if folder is None:
        return 0
    with standby.collector_at_rest():
        from engine.run import Run
        from engine.train import train as train_run
    _end(train_run(Run(folder.resolve())))
    return 0


def _follow(folder: Path, meeting: Path) -> int:
    """One of the processes that train a run with its engine, which has started it, or torchrun has."""
    from engine import processes, standby

    processes.die_with_parent()
    with standby.collector_at_rest():
        from engine.follower import follow
        from engine.run import Run
    _end(follow(Run(folder), meeting))
    return 0


def _end(code: int) -> None:
    """The folder is whole; torch would take half a second to take itself apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _warm_up() -> None:
    from engine import standby

    with standby.collector_at_rest():
        from engine.learner import warm_up

        warm_up()


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
    from engine import console, torchrun, turns

    if asked.devices:
        os.environ[torchrun.DEVICES] = str(asked.devices)
    run = _run(asked, asked.run)
    work = turns.to_do([run], resume=True)
    rest = turns.to_do([other for other in turns.rest_of_lineage(run) if other != run], resume=False)
    return console.train_in_turn(work + rest, len(work) + len(rest))


def data_add(asked: argparse.Namespace) -> int:
    from engine import inventory

    return inventory.add(_workspace(asked).folder, asked.what, asked.set, asked.name, asked.json)


def data_list(asked: argparse.Namespace) -> int:
    from engine import inventory

    return inventory.show(_workspace(asked).folder, asked.json)


def data_inspect(asked: argparse.Namespace) -> int:
    from engine import inventory

    return inventory.inspect(_workspace(asked).folder, asked.what, asked.set, asked.json)


def queue_add(asked: argparse.Namespace) -> int:
    from engine.queue import Queue, enqueue_all
    from engine.run import Refused

    workspace, place = _workspace(asked), 0 if asked.front else None
    if _is_recipe(asked.what):
        from engine import grid, recipe
        from engine.words import plural

        file = recipe.read(asked.what, asked.set)
        files = grid.expand(file.text(), [grid.axis(one) for one in asked.grid], source=asked.what) if asked.grid else [file]
        for each in files:
            _check_timm(each.recipe)
        if asked.grid:
            print(f"{plural(len(files), 'lineage')}: {', '.join(one.recipe.lineage for one in files)}")
        runs = enqueue_all(workspace, files, place)
    else:
        if asked.grid:
            raise Refused(f"{asked.what} is there already, and --grid makes new runs; name a recipe")
        runs = [workspace.run(name) for name in _names(asked, [asked.what])]
        Queue(workspace).add([run.name for run in runs if not run.ending().completed], place)
    return _say_queued(Queue(workspace), [run.name for run in runs])


def _is_recipe(what: str) -> bool:
    from engine import recipe

    return Path(what).is_file() or what.removesuffix(".toml") in recipe.shipped() or what.endswith(".toml")


def _say_queued(queue: "Queue", names: list[str]) -> int:  # type: ignore[name-defined]  # noqa: F821
    from engine.words import plural

    there = [place for place, name in enumerate(queue.names(), 1) if name in names]
    if not there:
        print(f"{', '.join(names)}: complete already, so nothing is queued")
        return 0
    where = f"place {there[0]}" if len(there) == 1 else f"places {there[0]} to {there[-1]}"
    if queue.held:
        start = "The queue is held; `filial queue release` lets it go on."
    else:
        start = "The worker takes it in its turn." if queue.worker() else "`filial work` trains what is in the queue."
    print(f"{plural(len(there), 'run')} in the queue, {where}. {start}")
    return 0


def queue_list(asked: argparse.Namespace) -> int:
    from engine import console

    return console.queue(_queue(asked), asked.json)


def queue_move(asked: argparse.Namespace) -> int:
    queue = _queue(asked)
    queue.move(_queued(asked, queue), asked.place - 1)
    return queue_list(asked)


def queue_remove(asked: argparse.Namespace) -> int:
    queue = _queue(asked)
    there = _queued(asked, queue)
    queue.remove(there)
    print(f"taken out of the queue: {', '.join(there)}")
    return 0


def _queued(asked: argparse.Namespace, queue: "Queue") -> list[str]:  # type: ignore[name-defined]  # noqa: F821
    """Those of the named runs that are in the queue. Raises Refused if none is."""
    from engine.run import Refused

    now = queue.names()
    there = [name for name in _names(asked, asked.runs_, now) if name in now]
    if not there:
        raise Refused(f"{', '.join(asked.runs_)}: not in the queue; `filial queue list` shows what is")
    return there


def queue_hold(asked: argparse.Namespace) -> int:
    queue = _queue(asked)
    queue.hold()
    print("the queue is held: a run at work goes on to its end, and nothing more is started until `filial queue release`")
    return 0


def queue_release(asked: argparse.Namespace) -> int:
    queue = _queue(asked)
    queue.release()
    print("the queue goes on" if queue.worker() else "the queue is released; `filial work` trains what is in it")
    return 0


def work(asked: argparse.Namespace) -> int:
    from engine import console

    return console.work(_workspace(asked))


def _queue(asked: argparse.Namespace) -> "Queue":  # type: ignore[name-defined]  # noqa: F821
    from engine.queue import Queue

    return Queue(_workspace(asked))


def _names(asked: argparse.Namespace, given: Sequence[str], also: Sequence[str] = ()) -> list[str]:
    """Names of runs; a lineage stands for all of its runs. What is in `also` need not have a folder any more."""
    workspace = _workspace(asked)
    names: dict[str, None] = {}
    for name in given:
        lineage = [run.name for run in workspace.runs() if run.name.rpartition("-s")[0] == name]
        for one in lineage or ([name] if name in also else [_run(asked, name).name]):
            names[one] = None
    return list(names)


def compare(asked: argparse.Namespace) -> int:
    from engine import table

    return table.compare(_workspace(asked), asked.lineage, asked.members, asked.json)


def report(asked: argparse.Namespace) -> int:
    from engine import reports

    print(reports.report(_workspace(asked), asked.what, asked.target))
    return 0


def export(asked: argparse.Namespace) -> int:
    from engine import exports

    print(exports.export(_run(asked, asked.run), asked.to, asked.target, asked.step, asked.which))
    return 0


def attend(asked: argparse.Namespace) -> int:
    from engine import attend as room

    for line in room.attend(_run(asked, asked.run), asked.image, asked.target, asked.step, asked.which, asked.threshold):
        print(line)
    return 0


def probe(asked: argparse.Namespace) -> int:
    from engine import probe as room

    return room.probe(_run(asked, asked.run), None if asked.all else asked.step, asked.probes or [], asked.json)


def doctor(asked: argparse.Namespace) -> int:
    from engine import doctor as room

    return room.doctor(_workspace(asked).folder)


def assist(asked: argparse.Namespace) -> None:
    from engine import assist as room

    room.assist(asked.scratch)


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

    for table in ("model", "teacher_model"):
        model = getattr(asked, table, None)
        if isinstance(model, recipe.Timm):
            from engine.models.timm_models import check_name

            try:
                check_name(model.variant)
            except ValueError as error:
                raise RecipeErrors([RecipeError(f"{table}.variant", str(error).removeprefix("variant: "))]) from None


if __name__ == "__main__":
    sys.exit(main())
