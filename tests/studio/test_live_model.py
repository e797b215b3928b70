"""What the Live view says of a run, from folded events alone."""

import time
from pathlib import Path

import numpy as np
import pytest
import recorded
from numpy.testing import assert_allclose

from engine import events
from engine.run import Run
from engine.state import RunState
from studio import live_model
from studio.live_model import PAGES, Shelf, Shown, Unreadable
from studio.session import Followed

LOSS, ACCURACY = PAGES["objective"], PAGES["accuracy"]


def follow(run: Run, word: str = "finished") -> Followed:
    """A run as the session would know it, with the state that an observer would find."""
    one = Followed(run, run.tail(), word=word, recipe=run.recipe(), loaded=True)
    while one.tail.read_into(one.state):
        pass
    return one


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def said(one: Followed) -> str:
    return live_model.sentence(one, time.time()).plain


def training(run: Run, last: int = 7, **values: float) -> Followed:
    """A run at work in its second epoch, with further values in each tick."""
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, last)
    if values:
        named = {name.replace("__", "/"): value for name, value in values.items()}
        recorded.write(run, events.StepTaken(elapsed_s=9.0, step=last + 1, epoch=(last + 1) / 5, values=named))
    return follow(run, "running")


# ---- the sentence -------------------------------------------------------------------------------------------------------


def test_that_a_running_run_says_epoch_pace_rest_and_best(chain: list[Run]) -> None:
    one = training(chain[0])
    sentence = live_model.sentence(one, time.time())
    assert sentence.lead == "Epoch 2 of 4"
    assert sentence.rest.startswith(", 0.50 s a step, about ") and sentence.rest.endswith(
        " left, best val accuracy 62.9\u2009% at epoch 1"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0001, "under 1 ms a step"),
        (0.0123, "12 ms a step"),
        (0.39, "0.39 s a step"),
        (7.25, "7.2 s a step"),
        (95, "2 min a step"),
    ],
)
def test_that_a_pace_is_told_in_units_of_its_size(seconds: float, words: str) -> None:
    assert live_model.pace_words(seconds) == words


def test_that_every_beginning_and_end_has_its_sentence(chain: list[Run]) -> None:
    run = chain[0]
    assert said(follow(run, "queued")) == "Queued"
    recorded.begin(run)
    recorded.write(run, events.PhaseBegan(name="preparing", detail="reading digits"))
    assert said(follow(run, "starting")) == "Starting, reading digits"
    recorded.write(run, events.PhaseBegan(name="waiting", detail="waiting for digits-s0-F3 (process 9)"))
    assert said(follow(run, "starting")) == "Waiting for the device, held by digits-s0-F3 (process 9)"
    recorded.prepare(run)
    recorded.steps(run, 1, 7)
    assert said(follow(run, "stopping")) == "Stopping after epoch 2"
    assert said(follow(run, "lost")).endswith(": the engine is gone and wrote no last word, epoch 1 is saved")
    assert said(follow(run, "unresponsive")).endswith(", still alive, epoch 1 is saved")
    recorded.write(run, events.PhaseBegan(name="evaluating", detail="final evaluation on the test pictures"))
    assert said(follow(run, "running")) == "Evaluating, final evaluation on the test pictures"


def test_that_a_paused_and_a_stopped_run_say_what_is_saved(chain: list[Run]) -> None:
    training(chain[0])
    recorded.end(chain[0], "paused")
    assert said(follow(chain[0], "paused")) == "Paused, epoch 2 of 4; the device is free, epoch 1 is saved"
    training(chain[1])
    recorded.end(chain[1], "stopped", "by hand; step 7 is saved")
    assert said(follow(chain[1])) == "Stopped by hand at epoch 2, epoch 1 is saved"


def test_that_a_finished_run_says_test_best_and_how_long_it_took(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    sentence = live_model.sentence(follow(chain[0]), time.time())
    assert sentence.lead == "Finished after 4 epochs"
    assert sentence.rest == ", test accuracy 83.0\u2009%, best val accuracy 90.1\u2009% at epoch 4, trained in 11 s"


def test_that_a_run_that_is_being_resumed_is_starting_and_has_no_error_card(chain: list[Run]) -> None:
    training(chain[0])
    recorded.end(chain[0], "failed", "out of memory")
    one = follow(chain[0])
    assert live_model.failure(one, time.time()) is not None
    one.expected = True
    assert said(one) == "Starting, the engine is loading" and live_model.failure(one, time.time()) is None


# ---- charts -------------------------------------------------------------------------------------------------------------


def test_that_the_small_charts_follow_what_is_measured(chain: list[Run]) -> None:
    keys = [page.key for page in live_model.slot_pages(follow(chain[0], "queued"))]
    assert keys == ["fit", "gradient", "schedules", "throughput"]
    keys = [page.key for page in live_model.slot_pages(follow(chain[1], "queued"))]
    assert keys == ["agreement", "kl", "schedules", "throughput"]
    one = training(chain[0], train__accuracy=0.5, grad__norm=1.0, throughput__images_per_s=900.0)
    assert [page.key for page in live_model.slot_pages(one)] == ["fit", "gradient", "schedules", "throughput"]


def test_that_a_later_method_needs_names_only(chain: list[Run]) -> None:
    one = training(chain[0], teacher__entropy=2.0, feature__std=0.5, train__agreement=0.7)
    at = {"elapsed_s": 9.0, "step": 8, "epoch": 1.6}
    recorded.write(chain[0], events.Measured(values={"knn/student": 0.6, "knn/teacher": 0.7}, **at))
    one = follow(chain[0], "running")
    assert live_model.matters_page(one.state) is PAGES["knn"]
    assert [page.title for page in live_model.slot_pages(one)][:2] == ["Agreement", "Teacher"]
    names = [line.name for line in live_model.lines(PAGES["knn"], [Shown(one, "#325BC0", "F0")], "step")]
    assert names == ["student", "teacher"]
    assert said(one).endswith("best k-NN 70.0\u2009% at epoch 2")


def test_that_a_metric_nobody_thought_of_gets_a_chart_of_its_own(chain: list[Run]) -> None:
    training(chain[0])
    at = {"elapsed_s": 9.0, "step": 8, "epoch": 1.6}
    recorded.write(chain[0], events.Measured(split="val", values={"errors/new": 0.1, "val/nll": 0.4}, **at))
    recorded.write(chain[0], events.Measured(split="test", values={"errors/new": 0.1, "test/nll": 0.4}, **at))
    state = follow(chain[0]).state
    titles = [page.title for page in live_model.pages(state)]
    assert "errors/new, val" in titles and "val/nll" in titles
    assert not any("test" in title for title in titles), "one value at the end is no curve"
    own = live_model.page("errors/new@val")
    assert own.is_rate and own.traces[0].points and own.format(0.25) == "25.0\u2009%"
    assert not live_model.page("grad/strange").traces[0].points


def test_that_lines_carry_the_axis_that_is_asked_for(chain: list[Run]) -> None:
    one = training(chain[0])
    for axis, last in (("step", 7), ("epoch", 1.4), ("time", 4.5)):
        (line,) = live_model.lines(LOSS, [Shown(one, "#325BC0", "F0")], axis)
        assert line.raw and not line.points and line.x[-1] == pytest.approx(last)
        assert live_model.convert(one.state, 7, "step", axis) == pytest.approx(last)


def test_that_a_resume_greys_what_it_left_behind_and_joins_what_it_kept(chain: list[Run]) -> None:
    run = chain[0]
    training(run, 13)
    recorded.begin(run, attempt=2, resumed_from=10)
    recorded.prepare(run)
    recorded.steps(run, 11, 20)
    one = follow(run)
    (loss,) = live_model.lines(LOSS, [Shown(one, "#325BC0", "F0")], "step")
    assert loss.kept is not None and loss.x[~loss.kept].tolist() == [11, 12, 13]
    (accuracy,) = live_model.lines(ACCURACY, [Shown(one, "#325BC0", "F0")], "step")
    assert accuracy.attempts is None or len(set(accuracy.attempts[accuracy.kept])) == 1
    assert live_model.events(one.state, "step") == [(10.0, "resumed", "muted")]
    assert live_model.events(one.state, "epoch") == [(2.0, "resumed", "muted")]
    assert live_model.events(one.state, "time") == [(pytest.approx(6.0), "resumed", "muted")]


def test_that_the_teacher_is_a_level_line_at_the_checkpoint_that_teaches(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    training(chain[1])
    pupil, teacher = follow(chain[1], "running"), follow(chain[0])
    line = live_model.teacher_line(ACCURACY, pupil, teacher, "#599F7B", "step")
    assert line is not None and (line.name, line.end_label, line.role) == ("teacher F0", "F0", "teacher")
    assert_allclose(line.y, teacher.state.curves["val/accuracy"].last)
    recorded.write(chain[1], events.TeacherPinned(run=chain[0].name, step=5, sha256=""))
    line = live_model.teacher_line(ACCURACY, follow(chain[1], "running"), teacher, "#599F7B", "step")
    assert line is not None
    assert_allclose(line.y, 0.95 - 0.6 * np.exp(-5 / 8))
    assert live_model.teacher_line(LOSS, pupil, teacher, "#599F7B", "step") is None


def test_that_guessing_is_a_reference_for_labels_only(chain: list[Run]) -> None:
    training(chain[0])
    one = follow(chain[0])
    assert live_model.references(LOSS, one) == []
    one.data = {"classes": list("0123456789")}
    assert live_model.references(LOSS, one) == [(pytest.approx(2.302585), "ln 10 = 2.303, mere guessing")]
    pupil = follow(chain[1])
    pupil.data = one.data
    assert live_model.references(LOSS, pupil) == []


def test_that_the_readout_adds_the_best_and_the_result_on_test(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    state = follow(chain[0]).state
    assert live_model.extras(ACCURACY, state) == [("best", "90.1\u2009%"), ("test", "83.0\u2009%")]
    assert [name for name, _ in live_model.extras(LOSS, state)] == ["best"]


def test_that_the_data_wait_is_read_at_the_cursor(chain: list[Run]) -> None:
    recorded.begin(chain[0])
    recorded.prepare(chain[0])
    for step, share in enumerate((0.1, 0.2, 0.6), start=1):
        values = {"throughput/data_wait": share, "throughput/images_per_s": 100.0, "train/loss": 1.0}
        recorded.write(chain[0], events.StepTaken(elapsed_s=step, step=step, epoch=step / 5, values=values))
    state = follow(chain[0]).state
    assert live_model.extras(PAGES["throughput"], state) == [("wait", "30\u2009%")]
    assert live_model.extras(PAGES["throughput"], state, "step", 2.2) == [("wait", "20\u2009%")]


def test_that_a_chart_without_points_says_when_that_changes(chain: list[Run]) -> None:
    now = time.time()
    assert live_model.empty_words(ACCURACY, follow(chain[0], "queued"), now) == ("No accuracy yet", "queued")
    one = training(chain[0], 3)
    assert live_model.empty_words(ACCURACY, one, now) == ("No accuracy yet", "first value after epoch 1, in about 1 s")
    assert live_model.empty_words(LOSS, one, now) == ("No loss yet", "first value after the first step")
    one.word = "finished"
    assert live_model.empty_words(ACCURACY, one, now) == ("No accuracy", "the run ended before it was measured")


def test_that_colours_are_a_ramp_only_for_one_chain(chain: list[Run], tmp_path: Path) -> None:
    runs = [follow(run, "queued") for run in chain]
    assert live_model.is_chain(runs[:1], runs) and live_model.is_chain(runs, runs)
    other = [follow(run, "queued") for run in recorded.lineage(tmp_path, "lineage=other")]
    assert not live_model.is_chain([runs[0], other[0]], runs)
    assert not live_model.is_chain(runs[:1], runs[:1]), "a single run is no chain"
    assert live_model.labels(runs[:2]) == ["F0", "F1"]
    assert live_model.labels([runs[0], other[0]]) == ["digits-s0-F0", "other-s0-F0"]


def test_that_the_nearest_relatives_are_offered_first_for_comparison(tmp_path: Path) -> None:
    runs = [follow(run, "queued") for run in recorded.lineage(tmp_path, "seeds=[0,1]")]
    runs += [follow(run, "queued") for run in recorded.lineage(tmp_path, "lineage=other")]
    groups = live_model.to_compare(runs[1], runs)
    assert [heading for heading, _ in groups] == ["Generations of this seed", "Other seeds", "Other lineages"]
    assert [one.name for one in groups[0][1]] == ["digits-s0-F0", "digits-s0-F2", "digits-s0-F3"]
    assert sum(len(found) for _, found in groups) == len(runs) - 1


# ---- chips --------------------------------------------------------------------------------------------------------------


def chips(one: Followed, machine: float | None = None) -> dict[str, tuple[str, str]]:
    return {chip.key: (chip.state, chip.value) for chip in live_model.chips(one, machine)}


def test_that_what_is_not_known_yet_has_no_tick(chain: list[Run]) -> None:
    assert {state for state, _ in chips(follow(chain[0], "queued")).values()} == {"unknown"}


def test_that_healthy_chips_tell_their_values(chain: list[Run]) -> None:
    one = training(chain[0], throughput__data_wait=0.03, memory__gib=1.5)
    assert chips(one, 12.0) == {
        "finite": ("ok", ""),
        "data wait": ("ok", "3\u2009%"),
        "memory": ("ok", "1.5 of 12 GiB"),
    }
    assert chips(one)["memory"] == ("ok", "1.50 GiB")
    assert chips(one, 1.6)["memory"][0] == "warn"
    one.word = "finished"
    assert chips(one)["memory"] == ("ok", "freed")


def test_that_waiting_for_pictures_more_than_a_tenth_of_the_time_is_a_warning(chain: list[Run]) -> None:
    one = training(chain[0], throughput__data_wait=0.14)
    (chip,) = [chip for chip in live_model.chips(one) if chip.key == "data wait"]
    assert (chip.state, chip.value, chip.page) == ("warn", "14\u2009%", "data wait")
    assert "not the network" in chip.why


# ---- failures -----------------------------------------------------------------------------------------------------------


def blown(run: Run) -> Followed:
    training(run, 7)
    for step in range(8, 12):
        values = {"train/loss": 2.0 ** (step * 3), "grad/norm": 10.0 ** (step - 8), "schedule/lr": 0.1}
        recorded.write(run, events.StepTaken(elapsed_s=5.0, step=step, epoch=step / 5, values=values))
    broken = events.LossNotFinite(first_step=12, last_step=12, pictures=[3, 4], path="artifacts/a01-nonfinite.npz")
    recorded.write(run, broken)
    recorded.end(run, "failed", "the loss or its gradient became not finite at step 12; the newest checkpoint is step 10")
    return follow(run)


def test_that_a_loss_that_is_not_finite_shows_chip_event_cause_and_remedy(chain: list[Run]) -> None:
    one = blown(chain[0])
    assert chips(one)["finite"] == ("bad", "step 12")
    assert live_model.events(one.state, "step") == [(12.0, "not finite, step 12", "bad")]
    failed = live_model.failure(one, time.time())
    assert failed is not None and failed.tone == "bad"
    assert failed.title == "The loss became not finite at step 12"
    assert "gradient norm rose from" in failed.cause and "learning rate" in failed.cause
    assert "Epoch 1 is saved. The batch of 2 pictures is in artifacts/a01-nonfinite.npz." in failed.cause
    (remedy,) = failed.remedies
    assert (remedy.act, remedy.button, remedy.key) == ("Resume from epoch 1", "Resume", "resume")
    assert "expect the same end" in remedy.promise, "the CPU repeats itself to the bit"
    assert said(one) == "Failed in epoch 3 of 4: loss not finite, epoch 1 is saved"


@pytest.mark.parametrize(
    ("detail", "title", "cause"),
    [
        ("out of memory; a smaller training.batch or a smaller model needs less", "Out of memory", "a batch of 64"),
        ("no space left on the disk at /data; free some and resume", "The disk is full", "Free some and resume."),
        ("ValueError: odd shapes (the traceback is in engine.log)", "ValueError: odd shapes", "engine.log holds the traceback"),
        (
            "the data is not what this run began with: x. Bring it back",
            "The data is not what this run began with: x. Bring it back",
            "",
        ),
    ],
)
def test_that_a_known_failure_is_explained(chain: list[Run], detail: str, title: str, cause: str) -> None:
    training(chain[0])
    recorded.end(chain[0], "failed", detail)
    failed = live_model.failure(follow(chain[0]), time.time())
    assert failed is not None and failed.title == title and cause in failed.cause
    assert failed.remedies[0].promise == "with the same recipe; 2 steps are done again"


def test_that_a_failure_before_the_first_checkpoint_starts_from_the_start(chain: list[Run]) -> None:
    recorded.begin(chain[0])
    recorded.end(chain[0], "failed", "odd")
    failed = live_model.failure(follow(chain[0]), time.time())
    assert failed is not None
    assert failed.remedies[0].act == "Resume from the start" and "No checkpoint was saved yet." in failed.cause


def test_that_a_lost_run_can_be_resumed_and_a_silent_one_only_killed(chain: list[Run]) -> None:
    training(chain[0])
    lost = live_model.failure(follow(chain[0], "lost"), time.time())
    assert lost is not None and lost.tone == "warn"
    assert [(remedy.button, remedy.key) for remedy in lost.remedies] == [("Resume from epoch 1", "resume")]
    silent = live_model.failure(follow(chain[0], "unresponsive"), time.time())
    assert silent is not None and silent.tone == "warn"
    assert [remedy.key for remedy in silent.remedies] == ["kill"] and "epoch 1 stays" in silent.remedies[0].promise


@pytest.mark.parametrize("word", ["running", "paused", "queued", "stopping"])
def test_that_a_healthy_run_has_no_error_card(chain: list[Run], word: str) -> None:
    training(chain[0])
    assert live_model.failure(follow(chain[0], word), time.time()) is None


def test_that_a_report_holds_what_a_helper_asks_for_first(chain: list[Run]) -> None:
    text = live_model.report(blown(chain[0]), time.time())
    assert text.startswith("digits-s0-F0: Failed in epoch 3 of 4")
    assert "attempt 1, step 11 of 20, cpu, float32" in text and "grad/norm" in text
    assert "the loss became not finite in step 12" in text and str(chain[0].folder) in text


# ---- snapshots and files ------------------------------------------------------------------------------------------------


def save(run: Run, kind: str, step: int, attempt: int = 1, **arrays: np.ndarray) -> str:
    (run.folder / "artifacts").mkdir(exist_ok=True)
    path = f"artifacts/a{attempt:02d}-step{step:08d}-{kind}.npz"
    np.savez(run.folder / path, **arrays)
    recorded.write(run, events.ArtifactSaved(step=step, epoch=step / 5, kind=kind, path=path, size=1, sha256=""))
    return path


def test_that_snapshots_leave_out_what_a_resume_abandoned(chain: list[Run]) -> None:
    run = chain[0]
    recorded.begin(run)
    recorded.prepare(run)
    for step in (5, 10, 15):
        save(run, "evidence", step)
    save(run, "predictions-test", 15)
    recorded.begin(run, attempt=2, resumed_from=10)
    save(run, "evidence", 20, attempt=2)
    state = follow(run).state
    assert [(one.step, one.attempt) for one in live_model.snapshots(state)] == [(5, 1), (10, 1), (20, 2)]
    assert live_model.moment_words(live_model.snapshots(state)[1]) == "Epoch 2, step 10"
    assert live_model.places_of(state, [5, 20], "epoch").tolist() == [1.0, 4.0]


@pytest.mark.parametrize(("x", "place"), [(-3, 0), (12, 1), (13, 2), (99, 2)])
def test_that_the_nearest_snapshot_is_found(x: float, place: int) -> None:
    assert live_model.nearest(np.array([5.0, 10.0, 15.0]), x) == place


PICTURES = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)


def test_that_probe_pictures_and_maps_are_read(chain: list[Run]) -> None:
    run = chain[0]
    path = save(run, "probe-pictures", 0, pictures=PICTURES, labels=np.array([3, 4]))
    probe = live_model.read_probe(run.folder, path)
    assert probe.pictures.shape == (2, 1, 8, 8) and probe.labels == (3, 4)
    maps = np.ones((2, 4, 4), dtype=np.float16)
    maps[0, 0, 0] = np.nan
    path = save(run, "evidence", 5, student=maps, student_class=np.array([3, 9]), student_confidence=np.array([0.9, 0.4]))
    looks = live_model.read_looks(run.folder, path, "evidence", 2)
    assert looks.student.shape == (2, 1, 4, 4) and looks.teacher is None and looks.overlap is None
    assert np.isfinite(looks.student).all()


def test_that_nothing_outside_the_run_is_opened(chain: list[Run], tmp_path: Path) -> None:
    np.savez(tmp_path / "secret.npz", pictures=PICTURES, labels=np.array([3, 4]))
    for path in ("../secret.npz", str(tmp_path / "secret.npz"), "artifacts/../../secret.npz"):
        with pytest.raises(Unreadable, match="lies outside the run's folder"):
            live_model.read_probe(chain[0].folder, path)


def test_that_a_link_out_of_the_run_is_not_followed(chain: list[Run], tmp_path: Path) -> None:
    np.savez(tmp_path / "secret.npz", pictures=PICTURES, labels=np.array([3, 4]))
    try:
        (chain[0].folder / "link.npz").symlink_to(tmp_path / "secret.npz")
    except OSError:
        pytest.skip("links need a privilege here")
    with pytest.raises(Unreadable, match="outside"):
        live_model.read_probe(chain[0].folder, "link.npz")


def test_that_a_missing_or_damaged_file_is_a_sentence(chain: list[Run]) -> None:
    run = chain[0]
    with pytest.raises(Unreadable, match=r"artifacts/none\.npz is missing"):
        live_model.read_probe(run.folder, "artifacts/none.npz")
    path = save(run, "evidence", 5, student=np.ones((2, 4, 4)))
    whole = (run.folder / path).read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2], b"\x80\x04N."):
        (run.folder / path).write_bytes(content)
        with pytest.raises(Unreadable, match="damaged"):
            live_model.read_looks(run.folder, path, "evidence", 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {"student": np.ones((3, 4, 4))},
        {"student": np.ones((2, 3, 4, 4))},
        {"student": np.ones((2, 0, 4))},
        {"teacher": np.ones((2, 4, 4))},
        {"student": np.ones((2, 4, 4)), "student_class": np.ones(5)},
    ],
)
def test_that_arrays_of_another_shape_are_a_sentence(chain: list[Run], arrays: dict[str, np.ndarray]) -> None:
    path = save(chain[0], "evidence", 5, **arrays)
    with pytest.raises(Unreadable):
        live_model.read_looks(chain[0].folder, path, "evidence", 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"pictures": PICTURES},
        {"pictures": PICTURES.astype(float), "labels": np.zeros(2)},
        {"pictures": PICTURES[:, [0, 0]], "labels": np.zeros(2)},
        {"pictures": PICTURES, "labels": np.zeros(3)},
        {"pictures": PICTURES[:, :, :0], "labels": np.zeros(2)},
    ],
)
def test_that_pictures_of_another_shape_are_a_sentence(chain: list[Run], arrays: dict[str, np.ndarray]) -> None:
    path = save(chain[0], "probe-pictures", 0, **arrays)
    with pytest.raises(Unreadable, match="does not hold the probe pictures"):
        live_model.read_probe(chain[0].folder, path)


def test_that_the_shelf_reads_a_file_once_and_keeps_only_so_many(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run, shelf, read = chain[0], Shelf(most=2), []
    paths = [save(run, "evidence", step, student=np.ones((2, 4, 4))) for step in (5, 10, 15)]
    original = live_model.read_arrays
    monkeypatch.setattr(live_model, "read_arrays", lambda folder, path: read.append(path) or original(folder, path))
    recorded.begin(run)
    snapshots = follow(run).state.artifacts
    for place in (0, 0, 1, 0, 2, 1):
        shelf.looks(run.folder, snapshots[place], 2)
    assert read == [paths[0], paths[1], paths[2], paths[1]] and len(shelf) == 2


def test_that_the_tail_of_a_file_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with pytest.raises(Unreadable, match=r"engine\.log is not there"):
        live_model.tail_of(log)
    log.write_bytes(b"first line\nsecond \xff\nthird\n")
    assert live_model.tail_of(log) == "first line\nsecond \ufffd\nthird\n"
    assert live_model.tail_of(log, most=12) == "third\n"


def test_that_an_empty_state_needs_no_special_case() -> None:
    state = RunState()
    assert live_model.snapshots(state) == [] and live_model.events(state, "time") == [] and live_model.pages(state) == []
    assert live_model.convert(state, 3.0, "step", "epoch") == 0.0 and live_model.extras(LOSS, state) == []
