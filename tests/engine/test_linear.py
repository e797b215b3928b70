"""The linear probe against an optimizer of torch, and logistic regression against scikit-learn. N pictures, D features."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.probes import linear
from engine.probes.linear import Fitted, Labelled


def clouds(count: int, seed: int, classes: int = 4, width: int = 12, scale: float = 1.0, shift: float = 0.0) -> Labelled:
    """Overlapping clouds, the same for every seed, in directions that differ in length as those of real features do."""
    fixed = torch.Generator().manual_seed(99)
    centres_KD = torch.randn(classes, width, generator=fixed)
    generator = torch.Generator().manual_seed(seed)
    labels_N = torch.randint(0, classes, (count,), generator=generator)
    x_ND = centres_KD[labels_N] + torch.randn(count, width, generator=generator)
    return Labelled(scale * x_ND * torch.logspace(0, -1, width) + shift, labels_N)


TRAIN, VAL, TEST = clouds(300, 1), clouds(120, 2), clouds(200, 3)


# --- gradient descent -----------------------------------------------------------------------------------------------------


def by_torch(train: Labelled, classes: int, rate: float, epochs: int, batch: int, seed: int) -> nn.Linear:
    """The same layer from torch's own SGD and cosine schedule, one rate at a time."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(train.features_ND.shape[1], classes)
    layer.weight.data = 0.01 * torch.randn(layer.weight.shape, generator=generator)
    layer.bias.data.zero_()
    count = len(train.labels_N)
    optimizer = torch.optim.SGD(layer.parameters(), lr=rate * batch / 256, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-count // batch))
    for _ in range(epochs):
        for places in torch.split(torch.randperm(count, generator=generator), batch):
            optimizer.zero_grad()
            F.cross_entropy(layer(train.features_ND[places]), train.labels_N[places]).backward()
            optimizer.step()
            schedule.step()
    return layer


@pytest.mark.parametrize("rate", [0.001, 0.1, 1.0])
def test_that_each_rate_trains_as_if_it_were_alone(rate: float) -> None:
    rates = (0.001, 0.1, 1.0)
    alone = linear.descend(TRAIN, VAL, 4, seed=5, rates=(rate,), epochs=7, batch=64)
    size = TRAIN.features_ND.square().mean().sqrt()
    layer = by_torch(Labelled(TRAIN.features_ND / size, TRAIN.labels_N), 4, rate, epochs=7, batch=64, seed=5)
    torch.testing.assert_close(alone.weight_KD, layer.weight.data / size, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(alone.bias_K, layer.bias.data, rtol=1e-3, atol=1e-5)
    together = linear.descend(TRAIN, VAL, 4, seed=5, rates=rates, epochs=7, batch=64)
    if together.chosen == rate:
        torch.testing.assert_close(together.weight_KD, alone.weight_KD, rtol=1e-4, atol=1e-6)
    assert together.val_accuracy >= alone.val_accuracy


def test_that_the_rate_is_chosen_on_val_alone() -> None:
    found = linear.descend(TRAIN, VAL, 4)
    alone = {rate: linear.descend(TRAIN, VAL, 4, rates=(rate,)).val_accuracy for rate in linear.RATES}
    best = max(alone.values())
    assert found.val_accuracy == found.accuracy(VAL) == best
    assert found.chosen == min(rate for rate, accuracy in alone.items() if accuracy == best)
    assert len(set(alone.values())) > 1  # there was something to choose


def test_that_the_same_seed_gives_the_same_bits_and_no_other_generator_is_read() -> None:
    before = torch.get_rng_state()
    one, again, other = (linear.descend(TRAIN, VAL, 4, seed=seed, rates=(0.1,), epochs=3, batch=64) for seed in (1, 1, 2))
    assert torch.equal(one.weight_KD, again.weight_KD)
    assert torch.equal(one.bias_K, again.bias_K)
    assert not torch.equal(one.weight_KD, other.weight_KD)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_that_the_scale_of_features_does_not_count(scale: float) -> None:
    parts = [clouds(count, seed, scale=scale) for count, seed in ((300, 1), (120, 2), (200, 3))]
    for how in ("descend", "regress"):
        scaled, plain = (dict(linear.measure("student", *asked, 4, how=how)) for asked in (parts, (TRAIN, VAL, TEST)))
        assert scaled["linear/student"] == pytest.approx(plain["linear/student"], abs=0.011)


def test_that_a_layer_that_has_run_away_is_not_chosen() -> None:
    assert not linear.descend(TRAIN, VAL, 4, rates=(1e39,), epochs=3).finite
    lost = Fitted(torch.full((4, 12), float("nan")), torch.zeros(4), 1.0)
    sound = Fitted(torch.zeros(4, 12), -torch.arange(4.0), 0.1)  # always says 0
    assert linear._best([lost, sound], VAL).chosen == 0.1


def test_that_commands_are_heard_after_every_epoch() -> None:
    heard: list[int] = []
    linear.descend(TRAIN, VAL, 4, rates=(0.1,), epochs=6, between=lambda: heard.append(1))
    assert len(heard) == 6


# --- logistic regression --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 3.0])
@pytest.mark.parametrize("c", [1e-3, 0.1, 10.0])
def test_that_logistic_regression_is_scikit_learns(c: float, shift: float) -> None:
    from sklearn.linear_model import LogisticRegression

    train, test = clouds(300, 1, shift=shift), clouds(200, 3, shift=shift)
    size = train.features_ND.square().mean().sqrt()
    ours = linear.regress(train, VAL, 4, penalties=(c,))
    theirs = LogisticRegression(C=c, max_iter=10_000, tol=1e-8)
    theirs.fit((train.features_ND / size).double().numpy(), train.labels_N.numpy())
    np.testing.assert_allclose(ours.weight_KD.numpy() * size.item(), theirs.coef_, atol=0.02 * np.abs(theirs.coef_).max())
    asked = (test.features_ND / size).double().numpy()
    ours_p = F.linear(test.features_ND, ours.weight_KD, ours.bias_K).softmax(dim=1).numpy()
    np.testing.assert_allclose(ours_p, theirs.predict_proba(asked), atol=3e-3)
    assert ours.accuracy(test) == pytest.approx(theirs.score(asked, test.labels_N.numpy()), abs=0.006)


def test_that_the_path_of_penalties_ends_where_each_alone_would() -> None:
    path = (1e-4, 1e-2, 1.0)
    warm = [linear.regress(TRAIN, VAL, 4, penalties=path[: i + 1]) for i in range(3)]
    for i, c in enumerate(path):
        alone = linear.regress(TRAIN, VAL, 4, penalties=(c,))
        if warm[i].chosen == c:
            torch.testing.assert_close(warm[i].weight_KD, alone.weight_KD, rtol=0.02, atol=0.02)
        assert warm[i].val_accuracy >= alone.val_accuracy - 0.02


def test_that_c_is_chosen_on_val_from_dinov2s_45_values() -> None:
    assert len(linear.PENALTIES) == 45
    assert (linear.PENALTIES[0], linear.PENALTIES[-1]) == (pytest.approx(1e-6), pytest.approx(1e5))
    found = linear.regress(TRAIN, VAL, 4)
    assert found.chosen in linear.PENALTIES
    assert found.val_accuracy == found.accuracy(VAL)
    assert found.val_accuracy > linear.regress(TRAIN, VAL, 4, penalties=linear.PENALTIES[:1]).val_accuracy - 1e-9


def test_that_features_from_inference_mode_can_be_read() -> None:
    with torch.inference_mode():
        frozen = Labelled(TRAIN.features_ND * 1, TRAIN.labels_N * 1)
    assert linear.regress(frozen, VAL, 4).val_accuracy > 0.6
    assert linear.descend(frozen, VAL, 4, rates=(0.1,), epochs=5).val_accuracy > 0.5


def test_that_features_and_labels_are_left_as_they_were() -> None:
    before = TRAIN.features_ND.clone(), TRAIN.labels_N.clone()
    linear.regress(TRAIN, VAL, 4, penalties=(1.0,))
    linear.descend(TRAIN, VAL, 4, rates=(0.1,), epochs=2)
    assert torch.equal(TRAIN.features_ND, before[0])
    assert torch.equal(TRAIN.labels_N, before[1])


# --- what is said ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["descend", "regress"])
def test_that_the_accuracy_on_test_is_told_by_name(how: str) -> None:
    fitted = linear.descend(TRAIN, VAL, 4) if how == "descend" else linear.regress(TRAIN, VAL, 4)
    values = dict(linear.measure("teacher", TRAIN, VAL, TEST, 4, how=how))
    assert values == {"linear/teacher": fitted.accuracy(TEST)}
    assert 0.6 < values["linear/teacher"] < 1


@pytest.mark.parametrize("how", ["descend", "regress"])
def test_that_what_cannot_be_said_is_absent(how: str) -> None:
    empty = Labelled(TRAIN.features_ND[:0], TRAIN.labels_N[:0])
    broken = Labelled(TRAIN.features_ND / 0, TRAIN.labels_N)
    for parts in ((empty, VAL, TEST), (TRAIN, empty, TEST), (TRAIN, VAL, empty), (broken, VAL, TEST), (TRAIN, VAL, broken)):
        assert dict(linear.measure("student", *parts, 4, how=how)) == {}
    assert dict(linear.measure("student", TRAIN, VAL, TEST, 1, how=how)) == {}


@pytest.mark.parametrize("how", ["descend", "regress"])
def test_that_features_that_are_all_the_same_say_as_much_as_the_commonest_class(how: str) -> None:
    same = [Labelled(torch.ones_like(part.features_ND), part.labels_N) for part in (TRAIN, VAL, TEST)]
    shares = [(TEST.labels_N == c).double().mean().item() for c in range(4)]
    assert dict(linear.measure("student", *same, 4, how=how))["linear/student"] in shares
