"""A report says in numbers what the window says of the same lineage."""

import html
import re
from pathlib import Path

import toy_lineage
from followed import follow

from engine import reports, words
from engine.reports.gathered import gather
from engine.run import Workspace
from studio import lineage_model, lineage_pictures


def visible(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def test_that_the_numbers_of_a_report_are_the_windows(tmp_path: Path) -> None:
    toy_lineage.finished(tmp_path)
    runs = [follow(run) for run in Workspace(tmp_path).runs()]
    done = lineage_model.study(lineage_model.complete(runs))
    text = visible(reports.html(gather("digits", Workspace(tmp_path).runs())))
    for box in lineage_model.boxes(runs, done, lambda one: one.word):
        assert box.figure in text and (not box.verdict[0] or " ".join(box.verdict) in text)
    assert "".join(lineage_model.sentence(done)) in re.sub(r"\s+([,;:])", r"\1", text).replace("  ", " ")
    for one in lineage_pictures.calibrations(done.lineage):
        assert f"F{one.generation}: ECE {lineage_pictures.mean_and_spread(one.ece)[0]}" in text
    ensembles = [one for size in (2,) if (one := lineage_model.compare.ensemble(done.lineage, range(1, 1 + size)))]
    for one in ensembles:
        assert words.percent(one.mean) in text and lineage_model.averaged(one).gain in text
