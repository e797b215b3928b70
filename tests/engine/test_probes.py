"""Probes against loops and pencil and paper, and that they leave a network exactly as it was. N pictures, K classes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.data.augment import normalise
from engine.models import build
from engine.probes import accuracy, agreement, attention
from engine.probes.accuracy import calibration_error, evaluating, predict
from engine.probes.probed import PORTION, Probed, prototypes

MEAN, STD = (0.3,), (0.4,)
VIT = {"patch": 2, "width": 24, "depth": 2, "heads": 3}


def network(name: str, seed: int = 0, **options) -> nn.Module:
    torch.manual_seed(seed)
    return build(name, classes=5, channels=1, size=8, **({**VIT, **options} if name == "vit" else {"width": 4, **options}))


def pictures(count: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)


def table(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


class Dull(nn.Module):
    """A network that gives neither attention nor maps."""

    def __init__(self) -> None:
        super().__init__()
        self.classify = nn.Linear(64, 5)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.classify(x_BCHW.flatten(1))


# --- accuracy -------------------------------------------------------------------------------------------------------------


def test_that_accuracy_nll_and_ece_equal_a_case_by_hand() -> None:
    probabilities_NK = table([0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.4, 0.6])
    values = dict(accuracy.measure(probabilities_NK, torch.tensor([0, 0, 1, 0]), "val"))
    assert list(values) == ["val/accuracy", "val/nll", "val/ece"]
    assert values["val/accuracy"] == 0.75
    assert values["val/nll"] == pytest.approx(-(math.log(0.8) + math.log(0.6) + math.log(0.7) + math.log(0.4)) / 4, rel=1e-6)
    # 15 bins: 0.8 lies on the edge of bin 12 in exact arithmetic; the other three are apart from it either way
    by_hand = (abs(1 - 0.8) + abs((1 - 0.6) + (0 - 0.6)) + abs(1 - 0.7)) / 4
    assert values["val/ece"] == pytest.approx(by_hand, abs=1e-6)


def naive_ece(confidence: list[float], right: list[bool], bins: int) -> float:
    total = 0.0
    for b in range(bins):
        inside = [i for i, value in enumerate(confidence) if b / bins < value <= (b + 1) / bins]
        if inside:
            accuracy_b = sum(right[i] for i in inside) / len(inside)
            confidence_b = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy_b - confidence_b)
    return total


@given(data=st.data(), bins=st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_that_ece_equals_a_loop_over_bins(data, bins: int) -> None:
    confidence = data.draw(st.lists(st.integers(1, 9973).map(lambda i: i / 9973), min_size=1, max_size=40))
    right = data.draw(st.lists(st.booleans(), min_size=len(confidence), max_size=len(confidence)))
    got = calibration_error(torch.tensor(confidence, dtype=torch.float64), torch.tensor(right), bins)
    assert got == pytest.approx(naive_ece(confidence, right, bins), abs=1e-12)


def test_that_confidence_that_is_met_is_calibrated() -> None:
    right_N = torch.arange(1000) < 700
    assert calibration_error(torch.full((1000,), 0.7, dtype=torch.float64), right_N) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(torch.ones(1000), right_N) == pytest.approx(0.3)


def test_that_a_probability_of_zero_keeps_the_nll_finite() -> None:
    values = dict(accuracy.measure(table([1.0, 0.0]), torch.tensor([1]), "test"))
    assert 80 < values["test/nll"] < 90
    assert values["test/ece"] == 1.0


@pytest.mark.parametrize("name", ["small_cnn", "vit"])
@pytest.mark.parametrize("count", [1, 5, 7])
def test_that_predictions_do_not_depend_on_the_chunk(name: str, count: int) -> None:
    model, pictures_u8 = network(name), pictures(count)
    whole, chunked = (predict(model, pictures_u8, MEAN, STD, batch) for batch in (100, 2))
    assert whole.shape == (count, 5)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, chunked, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(whole.sum(dim=1), torch.ones(count))


def test_that_prototypes_of_many_pictures_are_asked_for_in_portions() -> None:
    model, count, kinds = network("small_cnn", width=4), 2 * PORTION + 30, 40
    pixels, places = pictures(count), np.arange(count) + 7
    weight_KD = torch.randn(kinds, model.embed_dim, generator=torch.Generator().manual_seed(1))
    asked: list[int] = []

    def said(features_ND: Tensor) -> Tensor:
        asked.append(len(features_ND))
        return (9 * features_ND @ weight_KD.T).softmax(dim=1)

    data = SimpleNamespace(part=lambda split: places, tensor=lambda index: pixels[index - 7], mean=(0.5,), std=(0.2,))
    method = SimpleNamespace(backbones=lambda: (model, model), classifies=False, prototypes=said)
    probed = Probed(data, method, torch.device("cpu"), lambda: None)
    found = prototypes(probed)
    assert found is not None and max(asked) <= PORTION and sum(asked) % count == 0
    whole_NK = said(probed.features(model, data, "test"))
    uses_K = np.bincount(whole_NK.argmax(dim=1), minlength=kinds)
    assert found["uses"].tolist() == sorted(uses_K[uses_K > 0].tolist(), reverse=True)[:24]
    assert uses_K[found["prototypes"]].tolist() == found["uses"].tolist()
    best = whole_NK.max(dim=0).values[found["prototypes"]]
    np.testing.assert_allclose(found["probabilities"][:, 0], best, rtol=1e-4)
    shown = torch.from_numpy(found["prototypes"])[:, None]
    np.testing.assert_allclose(whole_NK[found["pictures"] - 7, shown], found["probabilities"], rtol=1e-4)


def test_that_a_large_part_is_copied_in_portions_and_the_predictions_are_those_of_one_pass() -> None:
    model, count = network("small_cnn", width=4), 2 * PORTION + 30
    pixels = pictures(count)
    copied: list[int] = []

    def tensor(index: np.ndarray) -> Tensor:
        copied.append(len(index))
        return pixels[index]

    data = SimpleNamespace(part=lambda split: np.arange(count), tensor=tensor, mean=(0.5,), std=(0.2,))
    method = SimpleNamespace(backbones=lambda: (model, None))
    probed = Probed(data, method, torch.device("cpu"), lambda: None)
    assert torch.equal(probed.predictions(model, "train"), predict(model, pixels, (0.5,), (0.2,)))
    assert copied == [PORTION, PORTION, 30]


def test_that_predictions_are_those_of_evaluation_mode() -> None:
    model = network("small_cnn")
    expected = model.eval()(normalise(pictures(), MEAN, STD)).softmax(dim=1)
    torch.testing.assert_close(predict(model.train(), pictures(), MEAN, STD), expected.detach())


def test_that_commands_are_heard_after_every_chunk() -> None:
    heard: list[int] = []
    predict(network("small_cnn"), pictures(7), MEAN, STD, batch=3, between=lambda: heard.append(1))
    assert len(heard) == 3


def test_that_every_module_gets_its_own_mode_back() -> None:
    model = network("small_cnn").train()
    model.blocks[1].eval()  # frozen on purpose
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyboardInterrupt), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyboardInterrupt
    assert [module.training for module in model.modules()] == before


# --- agreement ------------------------------------------------------------------------------------------------------------


def test_that_agreement_equals_a_case_by_hand() -> None:
    teacher_NK = table([0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4])  # says 0 1 0 0
    student_NK = table([0.6, 0.4], [0.6, 0.4], [0.8, 0.2], [0.1, 0.9])  # says 0 0 0 1
    values = dict(agreement.measure(student_NK, teacher_NK, torch.tensor([0, 1, 1, 1])))  # teacher wrong on the last two
    pairs = [(0.9, 0.6), (0.2, 0.6), (0.7, 0.8), (0.6, 0.1)]
    by_hand = sum(p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)) for p, q in pairs) / 4
    assert values["agreement/kl"] == pytest.approx(by_hand, rel=1e-6)
    assert values["agreement/top1"] == 0.5
    assert values["agreement/wrong"] == 0.5
    assert (values["errors/inherited"], values["errors/fixed"], values["errors/new"]) == (0.25, 0.25, 0.25)


def test_that_a_wrong_teacher_followed_into_another_wrong_class_is_inherited_but_not_agreed_with() -> None:
    values = dict(agreement.measure(table([0.1, 0.8, 0.1]), table([0.1, 0.1, 0.8]), torch.tensor([0])))
    assert (values["errors/inherited"], values["agreement/wrong"]) == (1.0, 0.0)


def test_that_a_teacher_without_mistakes_leaves_the_rate_absent() -> None:
    values = dict(agreement.measure(table([0.2, 0.8], [0.3, 0.7]), table([0.9, 0.1], [0.3, 0.7]), torch.tensor([0, 1])))
    assert "agreement/wrong" not in values
    assert values == {
        "agreement/top1": 0.5,
        "agreement/kl": pytest.approx((0.9 * math.log(0.9 / 0.2) + 0.1 * math.log(0.1 / 0.8)) / 2, rel=1e-6),
        "errors/inherited": 0.0,
        "errors/fixed": 0.0,
        "errors/new": 0.5,
    }


@given(seed=st.integers(0, 2**31), count=st.integers(1, 30), classes=st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_that_the_rates_of_errors_add_up(seed: int, count: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    student_NK, teacher_NK = (torch.randn(count, classes, generator=generator).softmax(dim=1) for _ in range(2))
    labels_N = torch.randint(0, classes, (count,), generator=generator)
    values = dict(agreement.measure(student_NK, teacher_NK, labels_N))
    ours, theirs = (dict(accuracy.measure(p_NK, labels_N, "test"))["test/accuracy"] for p_NK in (student_NK, teacher_NK))
    assert values["errors/inherited"] + values["errors/fixed"] == pytest.approx(1 - theirs)
    assert values["errors/inherited"] + values["errors/new"] == pytest.approx(1 - ours)
    assert values["agreement/kl"] >= -1e-7
    assert ("agreement/wrong" in values) == (theirs < 1)
    assert all(math.isfinite(value) for value in values.values())


def test_that_a_network_agrees_with_itself() -> None:
    probabilities_NK = predict(network("small_cnn"), pictures(), MEAN, STD)
    values = dict(agreement.measure(probabilities_NK, probabilities_NK, torch.zeros(7, dtype=torch.long)))
    assert (values["agreement/top1"], values["agreement/kl"]) == (1.0, 0.0)
    assert values["errors/fixed"] == values["errors/new"] == 0.0


# --- attention and class evidence -----------------------------------------------------------------------------------------


def test_that_a_vits_arrays_are_attention() -> None:
    student, teacher = network("vit", 0), network("vit", 1)
    assert attention.kind(student) == "attention"
    arrays = attention.look(student, teacher, pictures(), MEAN, STD, batch=3)
    assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
        "student": ((7, 3, 4, 4), "float16"),
        "teacher": ((7, 3, 4, 4), "float16"),
        "overlap": ((7,), "float32"),
        "student_class": ((7,), "int64"),
        "student_confidence": ((7,), "float32"),
        "teacher_class": ((7,), "int64"),
        "teacher_confidence": ((7,), "float32"),
        "pca_student": ((7, 3, 4, 4), "float16"),
        "pca_teacher": ((7, 3, 4, 4), "float16"),
    }
    expected = teacher.attention(normalise(pictures(), MEAN, STD)).detach().half().numpy()
    np.testing.assert_allclose(arrays["teacher"], expected, rtol=2e-3)
    assert dict(attention.measure(arrays)) == {"attention/overlap": pytest.approx(arrays["overlap"].mean(), rel=1e-6)}


def test_that_a_cnns_arrays_are_evidence() -> None:
    student, teacher = network("small_cnn", 0), network("resnet", 1, depth=8)
    assert attention.kind(student) == "evidence"
    arrays = attention.look(student, teacher, pictures(), MEAN, STD, batch=4)
    assert (arrays["student"].shape, arrays["student"].dtype.name) == ((7, 4, 4), "float16")
    assert arrays["teacher"].shape == (7, 2, 2)
    assert ((arrays["overlap"] >= 0) & (arrays["overlap"] <= 1)).all()
    probabilities_NK = predict(student, pictures(), MEAN, STD)
    np.testing.assert_array_equal(arrays["student_class"], probabilities_NK.argmax(dim=1).numpy())
    np.testing.assert_allclose(arrays["student_confidence"], probabilities_NK.amax(dim=1).numpy(), rtol=1e-4)
    assert dict(attention.measure(arrays)) == {}  # class evidence is not attention


def test_that_without_a_teacher_its_arrays_are_absent() -> None:
    arrays = attention.look(network("vit"), None, pictures(1), MEAN, STD)
    assert set(arrays) == {"student", "student_class", "student_confidence", "pca_student"}
    assert dict(attention.measure(arrays)) == {}


def test_that_attention_is_not_compared_with_evidence() -> None:
    arrays = attention.look(network("vit"), network("small_cnn"), pictures(2), MEAN, STD)
    answers = {"student_class", "student_confidence", "teacher_class", "teacher_confidence"}
    assert set(arrays) == {"student", "pca_student", *answers}


def test_that_a_network_without_maps_has_no_kind_but_can_teach() -> None:
    assert attention.kind(Dull()) is None
    arrays = attention.look(network("small_cnn"), Dull(), pictures(2), MEAN, STD)
    assert "teacher" not in arrays
    assert arrays["teacher_class"].shape == (2,)


@pytest.mark.parametrize("name", ["small_cnn", "vit"])
def test_that_looking_leaves_a_network_exactly_as_it_was(name: str) -> None:
    model = network(name).train()
    model(normalise(pictures(), MEAN, STD)).sum().backward()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    generator = torch.get_rng_state()
    attention.look(model, model, pictures(), MEAN, STD, batch=2)
    predict(model, pictures(), MEAN, STD, batch=2)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(torch.equal(old, parameter.grad) for old, parameter in zip(gradients, model.parameters()))
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(module.training for module in model.modules())


def test_that_evidence_is_grad_cam_of_the_predicted_class() -> None:
    model = network("small_cnn").eval()
    x_BCHW = normalise(pictures(), MEAN, STD)
    evidence_Bhw, logits_BK = attention.evidence(model, x_BCHW)
    torch.testing.assert_close(logits_BK, model(x_BCHW).detach())
    maps_BDhw = model.maps(x_BCHW).detach()
    for maps, logits, got in zip(maps_BDhw, logits_BK, evidence_Bhw):
        weight = model.classify.weight[logits.argmax()].detach() / 16  # a mean over 4 x 4 before the linear layer
        by_hand = (weight[:, None, None] * maps).sum(dim=0).relu()
        torch.testing.assert_close(got, by_hand / by_hand.max().clamp(min=1e-30), rtol=1e-4, atol=1e-6)
        assert got.max() in (0.0, 1.0)


def test_that_nothing_in_favour_of_a_class_is_an_empty_map() -> None:
    model = network("small_cnn").eval()
    nn.init.constant_(model.classify.weight, -1.0)
    arrays = attention.look(model, model, pictures(2), MEAN, STD)
    assert (arrays["student"] == 0).all()
    assert (arrays["overlap"] == 0).all()


def test_that_overlap_equals_a_case_by_hand() -> None:
    ours = torch.tensor([[[1.0, 3.0], [0.0, 0.0]]])  # 1/4, 3/4, 0, 0
    theirs = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])  # 1/4 each
    assert attention.overlap(ours, theirs).tolist() == [0.5]
    assert attention.overlap(ours, 7 * ours).tolist() == [1.0]
    assert attention.overlap(ours, ours.flip(1)).tolist() == [0.0]


def test_that_attention_overlaps_after_the_mean_over_heads() -> None:
    heads = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # two heads, each on one patch: together even
    assert attention.overlap(heads, torch.ones(1, 3, 1, 2)).tolist() == [1.0]


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_that_overlap_is_symmetric_and_between_0_and_1(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = torch.rand(2, 3, 4, 4, generator=generator)
    there, back = attention.overlap(ours, theirs), attention.overlap(theirs, ours)
    torch.testing.assert_close(there, back)
    assert ((there >= 0) & (there <= 1)).all()


def test_that_maps_of_different_grids_can_be_compared() -> None:
    fine = torch.zeros(1, 4, 4)
    fine[0, :2, :2] = 1.0
    coarse = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert attention.overlap(coarse, fine).tolist() == pytest.approx([1.0], abs=0.3)
    assert attention.overlap(coarse, fine) > attention.overlap(coarse, fine.flip(1)) + 0.5


# --- without a classifier -------------------------------------------------------------------------------------------------


def test_that_without_trained_classes_nobody_is_asked_for_one() -> None:
    student, teacher = network("vit", 0), network("vit", 1)
    student.forward = teacher.forward = None  # type: ignore[method-assign,assignment]
    arrays = attention.look(student, teacher, pictures(), MEAN, STD, classes=False)
    assert set(arrays) == {"student", "teacher", "overlap", "pca_student", "pca_teacher"}


def test_that_there_is_no_evidence_for_classes_that_nobody_has_learned() -> None:
    assert attention.kind(network("small_cnn"), classes=False) is None
    assert attention.kind(network("vit"), classes=False) == "attention"
    arrays = attention.look(network("vit"), network("small_cnn"), pictures(2), MEAN, STD, classes=False)
    assert set(arrays) == {"student", "pca_student"}


# --- attention against masks ----------------------------------------------------------------------------------------------


def test_that_the_fewest_patches_that_hold_the_mass_are_marked() -> None:
    maps = torch.tensor([[[0.05, 0.4], [0.3, 0.25]]])  # 0.4 is not enough, with 0.3 it is
    assert attention.marked(maps).tolist() == [[[False, True], [True, False]]]
    assert attention.marked(maps, mass=0.3).tolist() == [[[False, True], [False, False]]]
    assert attention.marked(5 * maps, mass=0.96).all()
    assert not attention.marked(torch.zeros(1, 2, 2)).any()


@given(seed=st.integers(0, 2**31), mass=st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_that_marked_patches_hold_the_mass_and_would_not_without_the_least_of_them(seed: int, mass: float) -> None:
    maps = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed)).double()
    kept = attention.marked(maps, mass)
    for map_, kept_ in zip(maps.flatten(0, 1), kept.flatten(0, 1)):
        inside = map_[kept_]
        assert inside.sum() >= mass * map_.sum() - 1e-9
        assert inside.sum() - inside.min() < mass * map_.sum() + 1e-9
        assert kept_.all() or inside.min() >= map_[~kept_].max()


def test_that_jaccard_equals_a_case_by_hand() -> None:
    left, top, all_ = [[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]
    maps_PHhw = torch.tensor([[left, top, all_]])
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, :, :2] = True  # the left half; of `all_`, equal weights, the first three patches hold 60 %
    assert attention.jaccard(maps_PHhw, mask).tolist() == [[1.0, pytest.approx(4 / 12), pytest.approx(8 / 12)]]
    assert attention.jaccard(maps_PHhw, ~mask).tolist() == [[0.0, pytest.approx(4 / 12), pytest.approx(4 / 16)]]
    assert attention.jaccard(maps_PHhw, torch.zeros_like(mask)).tolist() == [[-1.0, -1.0, -1.0]]


def test_that_a_mask_of_a_size_that_patches_do_not_divide_can_be_judged() -> None:
    mask = torch.zeros(1, 7, 9, dtype=torch.bool)
    mask[0, :4, :5] = True
    corner = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert attention.jaccard(corner, mask).item() > 0.6


def test_that_the_best_head_is_told_for_each_picture_for_all_and_for_the_mean_map() -> None:
    arrays = {
        "student": np.zeros((3, 2, 4, 4), np.float16),
        "jaccard": np.float32([0.5, 0.75, -1]),
        "jaccard_heads": np.float32([[0.5, 0.25], [0.25, 0.75], [-1, -1]]),
        "jaccard_mean": np.float32([0.25, 0.5, -1]),
    }
    assert dict(attention.measure(arrays)) == {
        "attention/jaccard": 0.625,  # of 0.5 and 0.75
        "attention/jaccard_head": 0.5,  # the second head's 0.25 and 0.75
        "attention/jaccard_mean": 0.375,
    }
    nothing = {name: array[2:] for name, array in arrays.items()}  # one picture, of nothing
    assert dict(attention.measure(nothing)) == {}


def masks(count: int) -> np.ndarray:
    marks = np.zeros((count, 8, 8), dtype=bool)
    for place in range(count):
        marks[place, : 2 + place % 5, 1:6] = True
    return marks


@pytest.mark.parametrize("judged", ["student", "teacher"])
def test_that_a_looks_jaccard_is_that_of_the_judged_networks_heads(judged: str) -> None:
    both = {"student": network("vit", 0), "teacher": network("vit", 1)}
    arrays = attention.look(*both.values(), pictures(), MEAN, STD, masks=masks(7), judged=judged)
    maps_PHhw = both[judged].attention(normalise(pictures(), MEAN, STD)).detach()
    expected_PH = attention.jaccard(maps_PHhw, torch.from_numpy(masks(7))).numpy()
    np.testing.assert_array_equal(arrays["jaccard_heads"], expected_PH)
    np.testing.assert_array_equal(arrays["jaccard"], expected_PH.max(axis=1))
    assert arrays["jaccard_mean"].shape == (7,)
    values = dict(attention.measure(arrays))
    assert 0 <= values["attention/jaccard_head"] <= values["attention/jaccard"] <= 1


def test_that_the_student_is_judged_where_no_teacher_attends_and_evidence_never() -> None:
    alone, beside = (
        attention.look(network("vit"), teacher, pictures(), MEAN, STD, masks=masks(7))["jaccard"]
        for teacher in (None, network("small_cnn"))
    )
    np.testing.assert_array_equal(alone, beside)
    assert "jaccard" not in attention.look(network("small_cnn"), None, pictures(), MEAN, STD, masks=masks(7))


# --- features of patches --------------------------------------------------------------------------------------------------


def test_that_the_maps_of_features_are_scikit_learns_main_directions() -> None:
    from sklearn.decomposition import PCA

    directions = torch.tensor([5.0, 3.0, 2.0, 0.3, 0.2])[:, None, None]
    features = torch.randn(6, 5, 4, 3, generator=torch.Generator().manual_seed(0)).exp() * directions
    maps = attention.pca_maps(features)
    assert (maps.shape, maps.dtype) == ((6, 3, 4, 3), torch.float32)
    theirs_N3 = PCA(3).fit_transform(features.movedim(1, 3).flatten(0, 2).double().numpy())
    for ours_N, theirs_N in zip(maps.movedim(1, 3).reshape(-1, 3).T.numpy(), theirs_N3.T):
        low, high = np.quantile(theirs_N, (0.01, 0.99))
        bright = (theirs_N - low) / (high - low)
        expected = bright if (theirs_N**3).sum() > 0 else 1 - bright
        np.testing.assert_allclose(ours_N, expected.clip(0, 1), atol=1e-4)


def test_that_few_patches_are_bright_whatever_the_sign_of_features() -> None:
    features = torch.zeros(2, 4, 5, 5)
    features[:, 0, 2, 2] = 3.0  # one patch in 25 differs
    for sign in (1, -1):
        red, green, blue = attention.pca_maps(sign * features).unbind(dim=1)
        assert (red[:, 2, 2] == 1).all()
        assert red.sum().item() == pytest.approx(2)
        assert (green == 0.5).all()  # no second direction
        assert (blue == 0.5).all()


def test_that_features_narrower_than_three_or_all_alike_have_grey_maps() -> None:
    narrow = attention.pca_maps(torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert narrow.shape == (3, 3, 4, 4)
    assert (narrow[:, 2] == 0.5).all()
    assert narrow[:, 0].std() > 0.1
    assert (attention.pca_maps(torch.full((2, 8, 3, 3), 0.1)) == 0.5).all()


def test_that_features_that_are_not_finite_leave_their_map_absent() -> None:
    student = network("vit")
    torch.nn.init.constant_(student.norm.bias, float("nan"))
    assert set(attention.look(student, None, pictures(2), MEAN, STD, classes=False)) == {"student"}
