"""`filial compare`: a lineage's generations as a table or as JSON. What is said of them is decided in compare.py."""

import json
import sys
from collections.abc import Sequence

import msgspec
from rich.table import Table
from rich.text import Text

from engine import branches, lineages, words
from engine.compare import Ensemble, Verdict, as_json, basis, ensemble, ensembles, headline, rows, verdict_words, verdicts
from engine.console import OUT
from engine.predictions import ComparisonError, Lineage
from engine.run import Refused, Workspace


def compare(workspace: Workspace, name: str | None, members: str | None, json_wanted: bool) -> int:
    """The generations of a lineage: means, spread, verdicts, ensembles."""
    name, runs = lineages.choose(workspace, name)
    try:
        lineage = lineages.read(runs)
        judged = verdicts(lineage)
        chosen = ensemble(lineage, _members(members)) if members else None
        forks = branches.branches(runs)
    except ComparisonError as error:
        raise Refused(str(error)) from None
    measured = lineages.measured(runs[0].recipe())
    if json_wanted:
        whole = {"lineage": name, **as_json(lineage, judged, measured)}
        whole |= {"chosen_ensemble": msgspec.to_builtins(chosen)} if chosen else {}
        whole |= {"forks": msgspec.to_builtins(forks)} if forks else {}
        json.dump(whole, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0
    OUT.print(Text(name, style="bold"), Text("".join(headline(lineage, judged))))
    if lineage.generations:
        OUT.print(_generations_table(lineage, judged, chosen))
        OUT.print(Text(basis(lineage, measured), style="dim"))
    for fork in forks:
        OUT.print(fork.words())
    return 0


def _generations_table(lineage: Lineage, judged: Sequence[Verdict], chosen: Ensemble | None) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("", "accuracy", "± sd", "NLL", "ECE", "agreement", "inherited", "fixed", "new", "against its teacher"):
        words_of_it = title == "against its teacher"
        table.add_column(title, justify="left" if words_of_it or not title else "right", no_wrap=not words_of_it)
    for row in rows(lineage, judged):
        rates = (row.agreement, row.inherited, row.fixed, row.new)
        table.add_row(
            row.name,
            words.percent(row.mean),
            "" if row.sd is None else f"{100 * row.sd:.1f}",
            words.number(row.nll),
            words.number(row.ece),
            *("" if value is None else words.percent(value) for value in rates),
            verdict_words(row.verdict) if row.verdict else "",
        )
    for one in [chosen] if chosen else ensembles(lineage):
        sd = "" if one.sd is None else f"{100 * one.sd:.1f}"
        each = ", ".join(f"F{member} {words.points(share)}" for member, share in zip(one.members, one.contributions))
        gain = f"{words.points(one.gain)} over the mean of its members; each adds {each}"
        name = "+".join(f"F{member}" for member in one.members)
        table.add_row(name, words.percent(one.mean), sd, words.number(one.nll), words.number(one.ece), "", "", "", "", gain)
    return table


def _members(text: str) -> list[int]:
    """ "F1,F3" or "1,3" -> [1, 3]."""
    found = [part.strip().upper().removeprefix("F") for part in text.split(",")]
    if not all(part.isdigit() for part in found):
        raise Refused(f"--members: {text!r} names no generations; write them like F1,F2,F3")
    return [int(part) for part in found]
