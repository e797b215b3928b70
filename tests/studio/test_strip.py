"""The strip at the foot: what it says when nothing is at work, and its way to start the queue."""

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from by_hand import press, settle, worker

from engine.queue import Queue
from engine.run import Run, Workspace
from studio.session import Session
from studio.strip_model import strip_words
from studio.widgets.strip import Strip, StripWords

Follow = Callable[[Path], Session]


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0 complete, F1 to F3 in the queue, nobody at work."""
    runs = recorded.lineage(tmp_path)
    recorded.complete(runs[0])
    Queue(Workspace(tmp_path)).add([run.name for run in runs[1:]])
    return runs


def test_that_runs_waiting_for_somebody_to_start_are_counted_and_can_be_started(chain, tmp_path: Path, follow: Follow) -> None:
    said = strip_words(follow(tmp_path), 0.0)
    assert said.sentence == "No run at work; 3 waiting in the queue" and said.can_start_queue and not said.resume


def test_that_a_queue_somebody_works_through_is_not_started_again(chain, tmp_path: Path, follow: Follow) -> None:
    session = follow(tmp_path)
    with worker(tmp_path):
        settle(session)
        assert not strip_words(session, 0.0).can_start_queue
        Queue(Workspace(tmp_path)).hold()
        settle(session)
        said = strip_words(session, 0.0)
        assert said.can_start_queue and said.sentence == "No run at work; 3 waiting in the queue"


def test_that_a_chain_that_waits_for_a_stopped_run_leads_to_that_run(chain, tmp_path: Path, follow: Follow) -> None:
    """Nobody could start what is left in the queue: the way on is to resume the teacher."""
    stopped = chain[1]
    recorded.begin(stopped)
    recorded.prepare(stopped)
    recorded.steps(stopped, 1, 7)
    recorded.end(stopped, "stopped")
    Queue(Workspace(tmp_path)).remove([stopped.name])
    said = strip_words(follow(tmp_path), 0.0)
    assert said.run == stopped.name and said.resume and not said.can_start_queue


def test_that_a_run_at_work_comes_before_the_queue(chain: list[Run], tmp_path: Path, follow: Follow) -> None:
    recorded.begin(chain[1])
    recorded.prepare(chain[1])
    recorded.steps(chain[1], 1, 7)
    with recorded.alive(chain[1]):
        said = strip_words(follow(tmp_path), 0.0)
    assert said.sentence == "digits F1 seed 0" and not said.can_start_queue


def test_that_the_button_is_there_only_with_something_to_start(dressed, on_screen) -> None:
    strip = Strip()
    strip.resize(1280, 36)
    on_screen(strip)
    asked: list[bool] = []
    strip.start_queue_asked.connect(lambda: asked.append(True))
    assert not strip.start_queue.isVisible()
    strip.show_words(StripWords("No run at work; 3 waiting in the queue", can_start_queue=True))
    press(strip.start_queue)
    assert asked == [True]
    strip.show_words(StripWords("No run at work"))
    assert not strip.start_queue.isVisible()


def test_that_the_stop_icon_keeps_its_distance_from_the_first_words_on(dressed, on_screen) -> None:
    strip = Strip()
    on_screen(strip)
    strip.show_words(StripWords("digits F1 seed 0", "running", stops={"epoch": "ends epoch 3"}))
    first = strip.stop.face.iconSize()
    dressed("dark")
    assert strip.stop.face.iconSize() == first and first.width() > first.height(), "there is space for words after it"
