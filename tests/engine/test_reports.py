"""The HTML report: what stands in it, that it asks nobody for anything, and that names stay names."""

import html
import re
import shutil
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import toys

from engine import compare, curves, events, lineages, reports, words
from engine.__main__ import main
from engine.reports import charts, page
from engine.reports.gathered import gather
from engine.run import Refused, Workspace

SAMPLE = Path(__file__).parents[1] / "samples" / "workspace-1"
EVIL = '<script>alert("x")</script>&'


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    shutil.copytree(SAMPLE, tmp_path / "runs")
    return Workspace(tmp_path / "runs")


class Strict(HTMLParser):
    """Refuses what a lenient browser would mend: an element that is not closed, or closed twice."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        if tag not in page.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Strict:
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


def visible(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S)))


def of(workspace: Workspace, name: str) -> str:
    return reports.html(gather(*reports._chosen(workspace, name)))


@pytest.mark.parametrize("name", ["sample", "look", "look-s0-F0", "wild-s0-F0", "sample-s3-F1"])
def test_that_a_report_is_whole_and_asks_nobody_for_anything(sample: Workspace, name: str) -> None:
    text = of(sample, name)
    found = parsed(text)
    assert "script" not in found.seen and "link" not in found.seen and "iframe" not in found.seen
    assert all(link.startswith("data:image/png;base64,") for link in found.links)
    assert not re.search(r"url\(|@import", text)
    assert "NaN" not in text and ">nan" not in text and "inf" not in re.findall(r'd="([^"]*)"', text)
    assert len(text) < 2_000_000
    for chart in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(chart)


def test_that_the_numbers_and_the_sentence_are_those_of_compare(sample: Workspace) -> None:
    text = visible(of(sample, "sample"))
    lineage = lineages.read(lineages.choose(sample, "sample")[1])
    judged = compare.verdicts(lineage)
    assert "".join(compare.headline(lineage, judged)) in re.sub(r"\s+([,;:])", r"\1", text).replace("  ", " ")
    for row in compare.rows(lineage, judged):
        assert words.percent(row.mean) in text and words.number(row.nll) in text
    assert all(compare.verdict_words(one) in text for one in judged)
    assert "one seed only, no verdict" in text


def test_that_runs_which_are_not_complete_are_said_to_be_so(sample: Workspace) -> None:
    text = visible(of(sample, "sample"))
    assert "3 of 8 runs complete" in text
    assert "sample-s2-F0: lost, epoch 2.7 of 4, step 8" in text and "sample-s3-F0: queued" in text
    assert "No generation is finished yet" in visible(of(sample, "sample-s3-F1"))
    assert "failed: " in visible(of(sample, "wild-s0-F0"))


def test_that_no_name_becomes_html(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single())
    toys.tell(run, toys.started(), toys.prepared(), toys.stepped(10), toys.measured(10, accuracy=0.5))
    toys.tell(run, toys.finished("failed", EVIL))
    (run.folder / "data.json").write_text('{"name": "<b>", "classes": ["<script>", "a&b"], "split": {"<i>": "x"}}')
    told = f"[recipe]\nlineage = {EVIL!r}\n[versions]\n'<img src=x>' = {EVIL!r}\n[decided]\ndevice = {EVIL!r}\n"
    (run.folder / "effective.toml").write_text(told)
    text = reports.html(gather(EVIL, [run]))
    found = parsed(text)
    assert not {"script", "b", "i", "img"} & (found.seen - {"i"}) and found.links == []
    assert "<script" not in text and "<b>" not in text and visible(text).count(EVIL) >= 4


def test_that_points_a_resume_took_back_are_not_drawn(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single())
    toys.tell(run, toys.started(), toys.prepared(), toys.stepped(10, 1.0), toys.stepped(20, 99.0))
    toys.tell(run, toys.started(2, 10), toys.prepared(), toys.stepped(20, 2.0), toys.finished())
    x, y = curves.kept(run.state().curves["train/loss"])
    assert x.tolist() == [1.0, 2.0] and y.tolist() == [1.0, 2.0]
    assert ">100<" not in reports.html(gather("single", [run]))


def test_that_changes_and_going_back_are_told(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single())
    toys.tell(run, toys.started(), toys.prepared(), toys.stepped(10))
    toys.tell(run, events.Changed(step=10, field="optimizer.lr", value=0.5), toys.stepped(20), toys.finished())
    assert "altered while it trained: optimizer.lr is 0.5 from step 10" in visible(reports.html(gather("single", [run])))


def test_that_the_mean_over_seeds_stands_only_where_all_have_measured() -> None:
    from engine.state import RunState

    states = []
    for values in ((1.0, 2.0, 3.0), (3.0, 4.0)):
        state = RunState()
        for event in [toys.started(), toys.prepared(), *(toys.stepped(10 * n, v) for n, v in enumerate(values, 1))]:
            state.fold(event)
        states.append(state)
    x, mean, sd = curves.mean_over([(state.curves["train/loss"], 1.0) for state in states])
    assert x.tolist() == [1.0, 2.0] and mean.tolist() == [2.0, 3.0]
    assert sd is not None and np.allclose(sd, 2**0.5)


def test_that_a_long_line_is_thinned_without_losing_its_peak() -> None:
    y = np.zeros(10_000)
    y[5_000] = 7.0
    chart = charts.lines("loss", [charts.Line("F0", np.arange(10_000.0), y, 0)], points=100)
    (path,) = re.findall(r'd="([^"]*)"', chart)
    heights = [float(part.split()[1]) for part in path[1:].split("L")]
    assert len(heights) <= 110 and min(heights) < 25


def test_that_values_which_are_not_finite_leave_a_gap() -> None:
    y = np.array([1.0, 2.0, np.inf, 1.5, np.nan, 3.0])
    chart = charts.lines("loss", [charts.Line("F0", np.arange(6.0), y, 0)])
    assert len(re.findall(r"<path", chart)) == 3 and "nan" not in chart and "inf" not in chart
    assert charts.lines("loss", [charts.Line("F0", np.arange(2.0), np.array([np.nan, np.nan]), 0)]) == ""


def test_that_every_text_is_escaped_on_its_way_into_an_element() -> None:
    made = page.element("td", "a < b", page.element("b", "&"), title='say "x"', class_=None)
    assert made == '<td title="say &quot;x&quot;">a &lt; b<b>&amp;</b></td>'
    assert page.joined(["<", page.Html("<br>"), None]) == "&lt;<br>"


def test_that_the_verb_writes_where_it_is_told_and_never_over_something(sample: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.html"
    asked = ["--runs", str(sample.folder), "report", "sample", "-o", str(target)]
    assert main(asked) == 0
    first = target.read_text(encoding="utf-8")
    assert main(asked) == 2 and target.read_text(encoding="utf-8") == first


def test_that_without_a_place_it_goes_into_the_extras_of_the_run(
    sample: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 11, 24, 8, 0, 0, 1, 328, 0)))
    for _ in range(2):
        assert main(["--runs", str(sample.folder), "report", "look-s0-F0"]) == 0
    extras = sample.folder / "look-s0-F0" / "extras"
    names = ["report-20261124T080000Z", "report-20261124T080000Z-2"]
    assert sorted(path.name for path in extras.iterdir()) == names
    assert capsys.readouterr().out.split() == [str(extras / name / "report.html") for name in names]


def test_that_an_unknown_name_is_refused_with_the_nearest(sample: Workspace) -> None:
    with pytest.raises(Refused, match=r"no run and no lineage 'sampel'.*the nearest names are sample"):
        reports.report(sample, "sampel", None)
