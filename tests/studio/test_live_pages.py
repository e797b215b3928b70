"""Which charts a run can show."""

import time
from pathlib import Path

import pytest
import recorded
from followed import follow, training

from engine import events
from engine.run import Run
from studio import live_curves, live_pages
from studio.live_curves import Shown
from studio.live_pages import PAGES

LOSS = PAGES["objective"]
ACCURACY = PAGES["accuracy"]


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def test_that_the_small_charts_follow_what_is_measured(chain: list[Run]) -> None:
    keys = [page.key for page in live_pages.slot_pages(follow(chain[0], "queued"))]
    assert keys == ["fit", "gradient", "schedules", "throughput"]
    keys = [page.key for page in live_pages.slot_pages(follow(chain[1], "queued"))]
    assert keys == ["agreement", "kl", "schedules", "throughput"]
    one = training(chain[0], train__accuracy=0.5, grad__norm=1.0, throughput__images_per_s=900.0)
    assert [page.key for page in live_pages.slot_pages(one)] == ["fit", "gradient", "schedules", "throughput"]


def test_that_a_later_method_needs_names_only(chain: list[Run]) -> None:
    one = training(chain[0], teacher__entropy=2.0, feature__std=0.5, train__agreement=0.7)
    at = {"elapsed_s": 9.0, "step": 8, "epoch": 1.6}
    recorded.write(chain[0], events.Measured(split="val", values={"knn/student": 0.6, "knn/teacher": 0.7}, **at))
    one = follow(chain[0], "running")
    assert live_pages.matters_page(one) is PAGES["knn"]
    assert [page.title for page in live_pages.slot_pages(one)][:2] == ["Agreement", "Teacher"]
    names = [line.name for line in live_curves.lines(PAGES["knn"], [Shown(one, "#325BC0", "F0")], "step")]
    assert names == ["student", "teacher"]


def test_that_a_metric_nobody_thought_of_gets_a_chart_of_its_own(chain: list[Run]) -> None:
    training(chain[0])
    at = {"elapsed_s": 9.0, "step": 8, "epoch": 1.6}
    recorded.write(chain[0], events.Measured(split="val", values={"errors/new": 0.1, "val/nll": 0.4}, **at))
    recorded.write(chain[0], events.Measured(split="test", values={"errors/new": 0.1, "test/nll": 0.4}, **at))
    state = follow(chain[0]).state
    titles = [page.title for page in live_pages.pages(state)]
    assert "errors/new, val" in titles and "val/nll" in titles
    assert not any("test" in title for title in titles), "one value at the end is no curve"
    own = live_pages.page("errors/new@val")
    assert own.is_rate and own.traces[0].points and own.format(0.25) == "25.0\u2009%"
    assert not live_pages.page("grad/strange").traces[0].points


def test_that_a_chart_without_points_says_when_that_changes(chain: list[Run]) -> None:
    now = time.time()
    assert live_pages.empty_words(ACCURACY, follow(chain[0], "queued"), now) == ("No accuracy yet", "queued")
    one = training(chain[0], 3)
    assert live_pages.empty_words(ACCURACY, one, now) == ("No accuracy yet", "first value after epoch 1, in about 1 s")
    assert live_pages.empty_words(LOSS, one, now) == ("No loss yet", "first value after the first step")
    one.word = "finished"
    assert live_pages.empty_words(ACCURACY, one, now) == ("No accuracy", "the run ended before it was measured")
