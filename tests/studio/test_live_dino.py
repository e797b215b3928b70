"""What Live shows of a run whose teacher is an average of its student: k-NN, ln K, collapse, creatures."""

import io
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recorded
from by_hand import press, sent
from followed import follow as read
from PySide6.QtWidgets import QApplication, QPushButton

from engine import events
from engine.run import Run
from studio import live_curves, live_facts, live_failures, live_pages, live_snapshots, live_words
from studio.live_curves import Shown
from studio.live_pages import PAGES
from studio.live_words import Chip
from studio.session import Followed, Session
from studio.views.live import LiveView
from studio.widgets.attention_grid import PCA

LN_K = math.log(recorded.PROTOTYPES)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return recorded.without_labels(tmp_path)[0]


@pytest.fixture
def show(dressed, on_screen, qtbot, follow: Callable[[Path], Session]) -> Callable[[Run], LiveView]:
    def shown(run: Run, size: tuple[int, int] = (1360, 866)) -> LiveView:
        view = LiveView(follow(run.workspace))
        view.resize(*size)
        on_screen(view)
        qtbot.waitUntil(lambda: view._pages.currentWidget() is not view._loading)
        QApplication.processEvents()
        return view

    return shown


def told(run: Run, word: str = "running") -> Followed:
    one = read(run, word)
    one.data = run.data()
    return one


def chips(one: Followed) -> dict[str, Chip]:
    return {chip.key: chip for chip in live_words.chips(one)}


# ---- sentence, charts, readouts -----------------------------------------------------------------------------------------


def test_that_the_headline_is_the_best_k_nn(run: Run) -> None:
    recorded.dino(run, 12)
    assert live_words.sentence(told(run), time.time()).plain.endswith(", best k-NN 57.0\u2009% at epoch 2")


def test_that_a_finished_run_tells_its_k_nn_on_test(run: Run) -> None:
    recorded.dino_complete(run)
    one = told(run, "finished")
    said = live_words.sentence(one, time.time()).plain
    assert said.startswith("Finished after 4 epochs, test k-NN 62.0\u2009%, best k-NN 62.0\u2009% at epoch 4, trained in ")
    assert live_curves.extras(PAGES["knn"], one.state)[1:] == [("test", "62.0\u2009%"), ("linear", "71.0\u2009%")]


def test_that_what_matters_is_student_and_dashed_teacher(run: Run) -> None:
    recorded.dino(run, 12)
    one = told(run)
    page = live_pages.matters_page(one)
    lines = live_curves.lines(page, [Shown(one, "#325BC0", "F0")], "step")
    assert [(line.name, line.role, line.points) for line in lines] == [
        ("student", "student", True),
        ("teacher", "teacher", True),
    ]
    assert live_pages.subtitle(one, page) == "k-NN, k = 20, 40 held-out images"
    assert [slot.title for slot in live_pages.slot_pages(one)] == ["Agreement", "Teacher", "Schedules", "Throughput"]


def test_that_the_loss_is_measured_by_a_uniform_teacher(run: Run) -> None:
    recorded.dino(run, 3)
    (line,) = live_curves.references(PAGES["objective"], told(run))
    assert line.y == pytest.approx(LN_K) and line.words == "ln K = 5.545, a uniform teacher"


def test_that_the_number_of_prototypes_is_read_where_auto_became_one(tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path, "method.prototypes=auto")[0]
    recorded.dino(run, 3)
    one = told(run)
    assert live_facts.prototypes(one) is None and live_curves.references(PAGES["objective"], one) == []
    (run.folder / "effective.toml").write_text("[recipe.method]\nname = 'dino'\nprototypes = 128\n")
    assert live_facts.prototypes(one) == 128, "it is looked for again until it is there"
    (run.folder / "effective.toml").unlink()
    assert live_facts.prototypes(one) == 128, "and then never again"


def test_that_a_damaged_file_of_values_breaks_nothing(tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path, "method.prototypes=auto")[0]
    recorded.dino(run, 3)
    (run.folder / "effective.toml").write_text("[recipe")
    assert live_facts.most_entropy(told(run)) is None and chips(told(run))["collapse"].state == "unknown"


def test_that_entropy_is_a_share_of_the_most_there_can_be(run: Run) -> None:
    recorded.dino(run, 12)
    one = told(run)
    entropy, spread = live_curves.lines(PAGES["teacher"], [Shown(one, "#325BC0", "F0")], "step")
    assert entropy.y[-1] == pytest.approx(one.state.curves["teacher/entropy"].last / LN_K) and 0 < entropy.y[-1] < 1
    assert spread.y[-1] == pytest.approx(0.7012)
    in_nats, _ = live_curves.lines(PAGES["split"], [Shown(one, "#325BC0", "F0")], "step")
    assert in_nats.y[-1] == pytest.approx(one.state.curves["teacher/entropy"].last)


def test_that_every_sign_has_a_chart_with_a_name(run: Run) -> None:
    recorded.dino(run, 12)
    titles = [page.title for page in live_pages.pages(told(run).state)]
    for title in ("Entropy and KL", "One and all", "Centre", "Prototypes in use", "Feature rank", "On the creature",
                  "Teacher's lag", "Overlap"):  # fmt: skip
        assert title in titles
    assert "train/dino" not in titles and "Terms of the loss" not in titles, "it is the loss itself here"
    assert PAGES["jaccard"].is_rate and not PAGES["rank"].is_rate


def test_that_the_step_from_which_prototypes_move_is_marked(tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path, "method.freeze_epochs=1.2")[0]
    recorded.dino(run, 5)
    assert live_curves.events(told(run), "step") == []
    recorded.dino_steps(run, 6, 7)
    assert live_curves.events(told(run), "step") == [(6.0, "prototypes free", "muted")]


# ---- without labels -----------------------------------------------------------------------------------------------------


def test_that_without_labels_no_k_nn_is_promised(run: Run) -> None:
    recorded.dino_data(run, ())
    one = told(run, "queued")
    assert live_pages.matters_page(one) is PAGES["rank"]
    assert live_pages.empty_words(PAGES["rank"], one, 0.0)[0] == "No rank yet"
    recorded.dino(run, 12, labels=False)
    one = told(run)
    assert live_pages.matters_page(one) is PAGES["rank"]
    said = live_words.sentence(one, time.time()).plain
    assert "k-NN" not in said and ", feature rank 20.0, teacher entropy 0.89" in said and said.endswith(" of ln K")


def test_that_k_nn_is_promised_while_nobody_knows_better(run: Run) -> None:
    one = read(run, "queued")
    assert live_pages.matters_page(one) is PAGES["knn"]
    assert live_pages.empty_words(PAGES["knn"], one, 0.0)[0] == "No k-NN yet"


def test_that_the_first_value_comes_after_the_last_epoch_at_the_latest(tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path, "probes.every_epochs=3")[0]
    recorded.dino_data(run)
    recorded.begin(run)
    recorded.prepare(run)
    for step in range(1, 18):
        values = {"train/loss": 5.0}
        recorded.write(run, events.StepTaken(elapsed_s=float(step), step=step, epoch=step / 5, values=values))
    assert live_pages.empty_words(PAGES["knn"], told(run), 0.0)[1].startswith("first value after epoch 4, in about ")


# ---- signs of health ----------------------------------------------------------------------------------------------------


def test_that_a_healthy_run_has_five_signs(run: Run) -> None:
    recorded.dino(run, 12)
    found = chips(told(run))
    assert list(found) == ["finite", "collapse", "teacher lag", "gradient", "memory"]
    assert {chip.state for chip in found.values()} == {"ok"}
    assert (found["collapse"].name, found["teacher lag"].value) == ("no collapse", "1.2 epochs")
    assert [found[key].page for key in ("collapse", "teacher lag", "gradient")] == ["teacher", "lag", "gradient"]


def test_that_waiting_for_pictures_is_told_where_it_matters(run: Run) -> None:
    recorded.dino(run, 12, throughput__data_wait=0.3)
    assert chips(told(run))["data wait"].state == "warn"


@pytest.mark.parametrize(
    ("values", "name", "page"),
    [
        ({"teacher__marginal_entropy": 0.2, "teacher__entropy": 0.1}, "few prototypes", "marginal"),
        ({"teacher__entropy": 5.54, "teacher__kl": 0.001}, "says nothing", "teacher"),
        ({"feature__std": 0.02}, "one point", "teacher"),
    ],
)
def test_that_a_collapse_is_seen_before_anybody_diagnoses_it(run: Run, values: dict, name: str, page: str) -> None:
    recorded.dino(run, 12, **values)
    found = chips(told(run))["collapse"]
    assert (found.state, found.name, found.page) == ("warn", name, page)


def test_that_a_run_may_begin_as_if_it_had_collapsed(run: Run) -> None:
    recorded.dino(run, 2, teacher__entropy=5.54, teacher__kl=0.001)
    found = chips(told(run))["collapse"]
    assert (found.state, found.value) == ("unknown", "settling")


def test_that_what_is_only_slow_has_a_chip_and_no_card(run: Run) -> None:
    recorded.dino(run, 15)
    threads = events.Remedy("more threads")
    slow = {"verdict": "loader_bound", "evidence": "60 % waiting", "cause": "slow disk", "remedies": [threads]}
    recorded.write(run, events.Diagnosed(elapsed_s=9.0, step=15, **slow))
    found = chips(told(run))["data wait"]
    assert found.state == "warn" and found.why == "60 % waiting. Slow disk. What may help: more threads."
    assert live_failures.failure(told(run), 0.0) is None


def test_that_a_gradient_is_held_against_its_usual_length(run: Run) -> None:
    recorded.dino(run, 16)
    recorded.dino_steps(run, 17, 19, grad__norm=41.0)
    found = chips(told(run))["gradient"]
    assert (found.state, found.value) == ("warn", "41.0") and "cut at 3" in found.why


def test_that_a_diagnosis_takes_the_place_of_its_sign(run: Run) -> None:
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    one = told(run)
    found = chips(one)["collapse"]
    assert (found.state, found.name, found.value, found.page) == ("bad", "few prototypes", "from step 10", "marginal")
    assert (15.0, "few prototypes", "bad") in live_curves.events(one, "step")
    recorded.write(run, events.Recovered(elapsed_s=9.0, step=15, verdict="one_dimension"))
    assert chips(told(run))["collapse"].state == "ok"


def test_that_a_diagnosis_nobody_has_words_for_is_shown_all_the_same(run: Run) -> None:
    recorded.dino(run, 15)
    recorded.write(
        run, events.Diagnosed(elapsed_s=9.0, step=15, verdict="two_left_feet", evidence="It limps.", cause="Nobody knows.")
    )
    assert list(chips(told(run)))[-1] == "two_left_feet"
    card = live_failures.failure(told(run), 0.0)
    assert card is not None and card.title == "Two left feet, seen at step 15" and (card.tone, card.remedies) == ("warn", ())


# ---- the card -----------------------------------------------------------------------------------------------------------


def test_that_a_remedy_of_a_run_at_work_is_a_change(run: Run, show: Callable[[Run], LiveView]) -> None:
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    with recorded.alive(run):
        view = show(run)
        assert view.drawer.error.isVisible() and not view.drawer.log.isVisible()
        assert view.drawer.error.accessibleName() == "Few prototypes win every picture, seen at step 15"
        press(buttons(view)["Change"])
        (asked,) = sent(run)
        assert (asked["type"], asked["field"], asked["value"]) == ("change", "method.teacher_temp", 0.04)
        assert not buttons(view)["Asked"].isEnabled()
        known = {"id": asked["id"], "command": "change", "outcome": "accepted", "step": 15}
        recorded.write(run, events.CommandAcknowledged(elapsed_s=9.1, **known))
        recorded.write(run, events.Changed(elapsed_s=9.1, step=15, field="method.teacher_temp", value=0.04))
        assert live_failures.failure(told(run), 0.0).remedies[0].button == "Changed"


def test_that_what_cannot_be_changed_has_no_button(run: Run) -> None:
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    cooler, slower = live_failures.failure(told(run), 0.0).remedies
    assert cooler.promise.startswith("method.teacher_temp 0.04") and slower.button == ""
    recorded.end(run)
    assert live_failures.failure(told(run, "finished"), 0.0).remedies[0].button == "", "it is complete"


def test_that_a_stopped_run_goes_on_with_the_remedy(run: Run, show: Callable[[Run], LiveView], asked: list[list[str]]) -> None:
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    recorded.end(run, "stopped", "by hand")
    view = show(run)
    press(buttons(view)["Resume"])
    (change,) = sent(run)
    assert (change["field"], change["value"], change["attempt"]) == ("method.teacher_temp", 0.04, 2) and asked


def test_that_a_folded_card_gives_way_to_the_log(run: Run, show: Callable[[Run], LiveView]) -> None:
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    with recorded.alive(run):
        view = show(run)
        press(view.drawer.error.fold_button)
        assert view.drawer.log.isVisible() and view.drawer.error.isVisible() and "Change" not in _visible(view)
        press(view.drawer.error.fold_button)
        assert not view.drawer.log.isVisible() and "Change" in _visible(view)


def buttons(view: LiveView) -> dict[str, QPushButton]:
    """Those of the card by what they say."""
    return {button.text(): button for button in view.drawer.error.findChildren(QPushButton)}


def _visible(view: LiveView) -> list[str]:
    return [text for text, button in buttons(view).items() if button.isVisible()]


# ---- creatures ----------------------------------------------------------------------------------------------------------


def save_maps(run: Run, masks: bool = True, colours: bool = True) -> None:
    """Three probe pictures and the maps of both networks; the third picture shows nothing."""
    (run.folder / "artifacts").mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    maps = {who: random.random((3, 2, 6, 6)).astype(np.float16) for who in ("student", "teacher")}
    arrays = {**maps, "overlap": np.array([0.9, 0.8, 0.7], np.float32)}
    if masks:
        arrays["jaccard"] = np.array([0.34, 0.5, -1.0], np.float32)
    if colours:
        arrays |= {f"pca_{who}": random.random((3, 3, 6, 6)).astype(np.float16) for who in ("student", "teacher")}
    pictures = {"pictures": random.integers(0, 256, (3, 3, 48, 48)).astype(np.uint8), "labels": np.arange(3)}
    for step, kind, content in ((0, "probe-pictures", pictures), (5, "attention", arrays)):
        held = io.BytesIO()
        np.savez(held, **content)
        path = f"artifacts/a01-step{step:08d}-{kind}.npz"
        (run.folder / path).write_bytes(held.getvalue())
        told_ = {"kind": kind, "path": path, "size": len(held.getvalue()), "sha256": ""}
        recorded.write(run, events.ArtifactSaved(step=step, epoch=step / 5, **told_))


def test_that_attention_is_told_with_how_much_of_it_is_on_the_creature(run: Run, show: Callable[[Run], LiveView]) -> None:
    recorded.dino(run, 7)
    save_maps(run)
    view = show(run)
    assert view.probes.grid.rows() == [
        ("0.90", "anteater", "", "34\u2009% on it"),
        ("0.80", "civet", "", "50\u2009% on it"),
        ("0.70", "fennec", ""),
    ]


def test_that_colours_of_patches_are_offered_where_there_are_some(run: Run, show: Callable[[Run], LiveView]) -> None:
    recorded.dino(run, 7)
    save_maps(run)
    view = show(run)
    styles = view.probes.styles
    assert [styles.itemText(place) for place in range(styles.count())][-1] == PCA
    heat = view.probes.grid.grab().toImage()
    styles.setCurrentText(PCA)
    assert view.probes.grid.grab().toImage() != heat and not view.probes.heads.isEnabled()
    assert view.probes.caption() == "Patch features, alike where the colour is alike"
    styles.setCurrentText("Heat")
    assert view.probes.heads.isEnabled() and view.probes.caption().startswith("Attention")


def test_that_a_run_without_them_shows_its_attention(run: Run, tmp_path: Path, show: Callable[[Run], LiveView]) -> None:
    recorded.dino(run, 7)
    save_maps(run)
    other = recorded.without_labels(tmp_path, "lineage=other")[0]
    recorded.dino(other, 7)
    save_maps(other, masks=False, colours=False)
    view = show(run)
    view._session.choose(run.name)
    view.probes.styles.setCurrentText(PCA)
    view._session.choose(other.name)
    QApplication.processEvents()
    assert view.probes.styles.currentText() == "Heat over grey" and view.probes.styles.count() == 2
    assert view.probes.grid.rows()[0] == ("0.90", "anteater", "")


@pytest.mark.parametrize("shape", [(3, 2, 6, 6), (2, 3, 6, 6), (3, 3, 6), (3, 3, 0, 6)])
def test_that_colours_of_another_shape_are_refused_in_words(run: Run, shape: tuple[int, ...]) -> None:
    recorded.dino(run, 7)
    save_maps(run)
    path = run.folder / "artifacts" / "a01-step00000005-attention.npz"
    with np.load(path) as held:
        arrays = {**held, "pca_teacher": np.zeros(shape, np.float16)}
    np.savez(path, **arrays)
    with pytest.raises(live_snapshots.Unreadable):
        live_snapshots.read_looks(run.folder, "artifacts/a01-step00000005-attention.npz", "attention", 3)


def test_that_what_weights_were_worth_before_training_is_a_line_to_beat(tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path)[0]
    recorded.begin(run)
    recorded.prepare(run)
    assert live_curves.references(live_pages.PAGES["knn"], told(run)) == []
    for step, value in ((0, 0.4), (9, 0.3)):
        values = {"knn/student": value, "knn/teacher": value}
        recorded.write(run, events.Measured(elapsed_s=2.0, step=step, epoch=0.0, split="val", values=values))
    (line,) = live_curves.references(live_pages.PAGES["knn"], told(run))
    assert (line.y, line.words) == (0.4, "before training 40.0\u2009%")
