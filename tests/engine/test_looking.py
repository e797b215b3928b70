"""What single networks make of single pictures: of the frozen sample, so that every number has another witness on disk."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engine import assist, corrections, decide, looking
from engine.assist import VERBS, Dropped
from engine.looking import Chosen, Looker
from engine.models.vit import vit
from engine.probes import attention
from engine.run import Refused, Run
from tests import toys

SAMPLE = Path(__file__).parent.parent / "samples" / "workspace-1"
CNN, PARENT, VIT = Chosen("sample-s0-F1", 12), Chosen("sample-s0-F0", 12), Chosen("look-s0-F0", 6)


@pytest.fixture(autouse=True)
def threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path_factory.mktemp("looking") / "runs"))


def silent(share: float, words: str) -> None:
    pass


def stored(workspace: Path, run: str, split: str = "test") -> dict[str, NDArray[Any]]:
    [path] = (workspace / run / "artifacts").glob(f"*-predictions-{split}.npz")
    with np.load(path) as arrays:
        return dict(arrays)


def digit(workspace: Path, place: int, path: Path) -> Path:
    """A picture of the data set as a file."""
    if not (workspace / "data").exists():
        Looker().embed(workspace, CNN, silent)  # who asks for features has the pictures read
    [cache] = (workspace / "data").glob("digits-*.npz")
    with np.load(cache) as arrays:
        Image.fromarray(arrays["pictures"][place, 0]).save(path)
    return path


def test_that_a_picture_of_the_test_set_is_named_as_the_run_named_it(workspace: Path, tmp_path: Path) -> None:
    for run, chosen in (("sample-s0-F1", CNN), ("look-s0-F0", VIT)):
        said = stored(workspace, run)
        place = int(said["index"][7])
        facts, arrays = Looker().look(workspace, {"student": chosen}, digit(workspace, place, tmp_path / "7.png"))
        assert arrays["student_probabilities"] == pytest.approx(said["probabilities"][7], abs=1e-6)
        assert np.exp(arrays["student_logits"]) / np.exp(arrays["student_logits"]).sum() == pytest.approx(
            said["probabilities"][7], abs=1e-6
        )
        assert facts["student"]["classes"] == [str(n) for n in range(10)]


def test_that_maps_are_those_of_the_probe(workspace: Path, tmp_path: Path) -> None:
    """The probe pictures are the first twelve of the test set; the last snapshot is of the last step."""
    [kept] = (workspace / "look-s0-F0" / "artifacts").glob("*step00000006-attention.npz")
    with np.load(kept) as snapshot:
        student = snapshot["student"][3]
    place = int(stored(workspace, "look-s0-F0")["index"][3])
    facts, arrays = Looker().look(workspace, {"student": VIT}, digit(workspace, place, tmp_path / "3.png"))
    assert facts["student"]["kind"] == "attention"
    assert arrays["student_map"] == pytest.approx(student.astype(np.float32), abs=1e-3)
    assert arrays["student_colours"].shape == (3, *student.shape[1:]) and arrays["student_colours"].max() <= 1


def test_that_only_maps_of_one_kind_are_laid_over_each_other(workspace: Path, tmp_path: Path) -> None:
    place = digit(workspace, 5, tmp_path / "5.png")
    facts, arrays = Looker().look(workspace, {"student": CNN, "teacher": PARENT}, place)
    assert facts["teacher"]["kind"] == "evidence" and arrays["student_map"].shape == (1, 4, 4)
    ours, theirs = (torch.from_numpy(arrays[f"{name}_map"])[None] for name in ("student", "teacher"))
    assert arrays["overlap"][0] == pytest.approx(attention.overlap(ours, theirs).item(), abs=1e-6)
    assert "overlap" not in Looker().look(workspace, {"student": CNN, "teacher": VIT}, place)[1]


def test_that_one_pass_through_a_transformer_says_what_three_say() -> None:
    torch.manual_seed(2)
    model = vit(5, 3, 16, patch=4, width=12, depth=3, heads=3, registers=2).eval()
    x_BCHW = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        found = model.inside(x_BCHW)
        for ours, theirs in zip(found, (model.features(x_BCHW), model.patch_features(x_BCHW), model.attention(x_BCHW))):
            assert torch.equal(ours, theirs)


def test_that_the_nearest_training_picture_is_the_picture_itself(workspace: Path, tmp_path: Path) -> None:
    train = stored(workspace, "sample-s0-F1", "train")
    place = int(train["index"][11])
    facts, arrays = Looker().neighbours(workspace, CNN, digit(workspace, place, tmp_path / "it.png"), silent)
    assert (facts["of"], facts["searched"]) == (96, 96)
    assert place in arrays["place"][arrays["similarity"] > 1 - 1e-5]
    assert (np.diff(arrays["similarity"]) <= 0).all() and len(arrays["place"]) == looking.NEAREST
    at = [list(train["index"]).index(one) for one in arrays["place"]]
    assert arrays["label"].tolist() == train["labels"][at].tolist(), "the labels trained on, wrong ones too"
    assert arrays["pictures"].shape == (12, 1, 8, 8) and arrays["votes"].sum() == pytest.approx(1, abs=1e-5)


def test_that_neighbours_have_the_labels_that_the_file_of_corrections_gives_now(workspace: Path, tmp_path: Path) -> None:
    place = int(stored(workspace, "sample-s0-F1", "train")["index"][11])
    picture = digit(workspace, place, tmp_path / "it.png")
    copy = Path(shutil.copytree(workspace, tmp_path / "runs"))
    effective, file = copy / "sample-s0-F1/effective.toml", tmp_path / "corrections.csv"
    said = effective.read_text(encoding="utf-8")
    effective.write_text(
        said.replace("[recipe.data]\n", f'[recipe.data]\ncorrections = "{file.as_posix()}"\n'), encoding="utf-8"
    )
    looker, found = Looker(), []
    for label in ("3", "8", "3"):
        corrections.write(file, {str(place): label})
        _, arrays = looker.neighbours(copy, CNN, picture, silent)
        found.append(int(arrays["label"][list(arrays["place"]).index(place)]))
    assert found == [3, 8, 3]


def test_that_the_map_of_the_test_pictures_keeps_what_varies_most(workspace: Path) -> None:
    facts, arrays = Looker().embed(workspace, CNN, silent)
    said = stored(workspace, "sample-s0-F1")
    assert arrays["place"].tolist() == said["index"].tolist() and arrays["label"].tolist() == said["true_labels"].tolist()
    variances = arrays["xy"].astype(np.float64).var(axis=0)
    assert variances[0] >= variances[1] > 0 and abs(np.corrcoef(arrays["xy"].T)[0, 1]) < 1e-4
    assert 0 < facts["shares"][1] <= facts["shares"][0] <= 1


def test_that_a_plane_of_points_by_hand_is_found() -> None:
    points = torch.tensor([[3.0, 0, 0], [-1, 2, 0], [-1, -2, 0], [-1, 0, 0]])
    xy, shares = looking.plane(points)
    assert torch.allclose(xy[:, 0], torch.tensor([3.0, -1, -1, -1]), atol=1e-6)
    assert sorted(xy[:, 1].tolist()) == pytest.approx([-2, 0, 0, 2], abs=1e-6)
    assert shares == pytest.approx([12 / 20, 8 / 20])
    assert looking.plane(torch.ones(3, 1))[0].tolist() == [[0, 0]] * 3, "nothing varies, and there is one direction"


def test_that_who_is_interrupted_goes_on_where_it_stopped(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looker, told, seen = Looker(), [], []

    def tell(share: float, words: str) -> None:
        told.append(words)
        if share > 0.1 and not seen:
            raise Dropped

    monkeypatch.setattr(looking, "SLICE_S", 1e9)
    with pytest.raises(Dropped):
        looker.embed(workspace, CNN, tell)
    [known] = looker._features.values()
    assert 0 < known.done < len(known.places)
    first, done = known.rows_ND[: known.done].clone(), known.done
    seen.append(True)
    looker.embed(workspace, CNN, tell)
    assert list(looker._features.values()) == [known] and known.done == len(known.places) > done
    assert torch.equal(known.rows_ND[:done], first) and f"{done} of {len(known.places)} test pictures looked at" in told


def test_that_a_network_is_loaded_once_and_again_when_its_step_was_taken_anew(workspace: Path, tmp_path: Path) -> None:
    runs, looker = Path(shutil.copytree(workspace, tmp_path / "runs")), Looker()
    first = looker.network(runs, CNN)
    assert looker.network(runs, CNN) is first
    state = CNN.folder(runs) / "state.json"
    other = json.loads(state.read_text()) | {"sha256": {"model.safetensors": "other"}}
    state.write_text(json.dumps(other))
    assert looker.network(runs, CNN) is not first
    looker._networks.clear()
    for step in range(looking.NETWORKS + 2):
        shutil.copytree(CNN.folder(runs), Chosen(CNN.run, 100 + step).folder(runs))
        looker.network(runs, Chosen(CNN.run, 100 + step))
    assert len(looker._networks) == looking.NETWORKS


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (Chosen("sample-s0-F1", 400), "sample-s0-F1 has no checkpoint of step 400 that can be read, or not any more"),
        (Chosen("sample-s0-F1", 12, "teacher"), "sample-s0-F1 has no checkpoint of step 12 that can be read"),
        (Chosen("nobody-s0-F0", 1), "nobody-s0-F0 has no checkpoint of step 1"),
    ],
)
def test_that_a_network_that_is_not_there_is_refused_in_words(workspace: Path, chosen: Chosen, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        Looker().network(workspace, chosen)


def test_that_a_file_that_is_no_picture_is_refused_in_words(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all")
    with pytest.raises(Refused, match=r"letter.txt holds no picture that can be read, .*; choose another picture"):
        Looker().look(workspace, {"student": CNN}, tmp_path / "letter.txt")


def test_that_a_network_that_has_exploded_is_told(workspace: Path) -> None:
    looker = Looker()
    network = looker.network(workspace, CNN)
    next(network.module.parameters()).data.fill_(float("nan"))
    with pytest.raises(Refused, match="its features are not finite"):
        looker.embed(workspace, CNN, silent)


def test_that_one_thread_is_enough_while_somebody_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide.processes, "free_cores", lambda: 6)
    assert decide.threads_beside() == 6
    with toys.lease("a run", 2, ["core-3", "core-4"]) as run:
        run.tell("")
        assert decide.threads_beside() == 1


# ---- through the assistant ------------------------------------------------------------------------------------------------


def test_that_the_assistant_looks_at_pasted_pictures_and_leaves_the_run_alone(workspace: Path, tmp_path: Path) -> None:
    before = sorted(Run(workspace / "sample-s0-F1").folder.rglob("*"))
    png = base64.b64encode(digit(workspace, 5, tmp_path / "5.png").read_bytes()).decode()
    asked = {"id": 4, "ask": "look", "workspace": str(workspace), "networks": {"student": {"run": CNN.run, "step": CNN.step}}}
    answer = VERBS["look"](asked | {"picture": {"png": png}}, tmp_path, silent)
    assert json.loads(json.dumps(answer))["student"]["kind"] == "evidence"
    with np.load(answer["file"]) as arrays:
        assert Path(answer["file"]).parent == tmp_path and arrays["student_picture"].shape == (1, 8, 8)
        probabilities = arrays["student_probabilities"]
    other = {"id": 5, "ask": "neighbours", "network": asked["networks"]["student"], "picture": {"png": png}}
    near = VERBS["neighbours"](asked | other, tmp_path, silent)
    assert near["of"] == 96 and Path(near["file"]).name == "neighbours-5.npz"
    file = VERBS["look"](asked | {"picture": {"file": str(tmp_path / "5.png")}}, tmp_path, silent)
    with np.load(file["file"]) as arrays:
        assert arrays["student_probabilities"].tolist() == probabilities.tolist()
    assert sorted(Run(workspace / "sample-s0-F1").folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("different", "sentence"),
    [
        ({"networks": None}, "look needs 'networks'"),
        ({"networks": {"student": {"run": 3}}}, "look needs networks as a run, a step and a part"),
        ({"picture": None}, "look needs 'picture'"),
    ],
)
def test_that_an_ask_that_lacks_something_says_what(different: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    asked = {"id": 1, "ask": "look", "workspace": str(tmp_path), "networks": {}, "picture": {}} | different
    with pytest.raises(Refused, match=sentence):
        assist.VERBS["look"](asked, tmp_path, silent)
