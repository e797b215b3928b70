"""What one linear layer can read from frozen features: a probe by gradient descent, and logistic regression.

Both choose one number on the validation pictures, the step length or the strength of the penalty, and are asked about the
test pictures once. Features are computed once and kept, so there is no augmentation as in the official linear evaluations.

As in the official evaluations features are not standardised, but they are divided by one number, their root mean square, so
that a rate and a penalty mean the same for every network; it is about 1 for the official ones, which end in a LayerNorm.

`descend` follows DINO's eval_linear.py: SGD with momentum 0.9 and no weight decay, cosine to 0, a rate for 256 pictures a
step. There is not one rate but many: those of DINOv2 (Oquab et al. 2023, arXiv:2304.07193) and four higher ones, since a
small data set gives few steps. `regress` follows DINOv2: the penalty's C from 45 values, L-BFGS.

Shapes: N pictures, B of them a step, D features, K classes, R rates trained side by side.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0)
PENALTIES = tuple(10 ** (-6 + 11 * i / 44) for i in range(45))  # C, from the strongest penalty to the weakest
EPOCHS, BATCH, MOMENTUM = 100, 256, 0.9
STEPS = 100  # of L-BFGS at most for each C; it starts where the last C ended
FLAT = 1e-5  # largest component of the gradient of the mean loss at which a fit has come to its end

Between = Callable[[], None] | None


class Labelled(NamedTuple):
    """Features and the classes they belong to."""

    features_ND: Tensor
    labels_N: Tensor


@dataclass(frozen=True, eq=False)
class Fitted:
    """One linear layer, chosen among several."""

    weight_KD: Tensor
    bias_K: Tensor
    chosen: float  # the rate for 256 pictures a step, or C
    val_accuracy: float = -1.0  # below 0: not asked

    @property
    def finite(self) -> bool:
        return bool(self.weight_KD.isfinite().all() and self.bias_K.isfinite().all())

    def logits(self, features_ND: Tensor) -> Tensor:
        return F.linear(features_ND.float(), self.weight_KD, self.bias_K)

    def probabilities(self, features_ND: Tensor) -> Tensor:
        """float32 [N, K] on the CPU."""
        return self.logits(features_ND).softmax(dim=1).cpu()

    def accuracy(self, asked: Labelled) -> float:
        logits_NK = self.logits(asked.features_ND)
        return (logits_NK.argmax(dim=1) == asked.labels_N.to(logits_NK.device)).double().mean().item()


How = Literal["descend", "regress"]


def fit(
    train: Labelled, val: Labelled, test: Labelled, classes: int, seed: int = 0, how: How = "descend", between: Between = None
) -> Fitted | None:
    """The layer that `test` is to be asked with. None if one of the three is empty, below two classes, or for features that
    are not finite."""
    parts = train, val, test
    if classes < 2 or not all(len(part.labels_N) and part.features_ND.isfinite().all() for part in parts):
        return None
    fitted = descend(train, val, classes, seed, between=between) if how == "descend" else regress(train, val, classes, between)
    return fitted if fitted.finite else None


def measure(
    who: str,
    train: Labelled,
    val: Labelled,
    test: Labelled,
    classes: int,
    seed: int = 0,
    how: How = "descend",
    between: Between = None,
) -> Iterator[tuple[str, float]]:
    """The accuracy on test as "linear/<who>"; absent where `fit` has nothing to ask with."""
    fitted = fit(train, val, test, classes, seed, how, between)
    if fitted is not None:
        yield f"linear/{who}", fitted.accuracy(test)


# ---- gradient descent ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def descend(
    train: Labelled,
    val: Labelled,
    classes: int,
    seed: int = 0,
    rates: Sequence[float] = RATES,
    epochs: int = EPOCHS,
    batch: int = BATCH,
    between: Between = None,
) -> Fitted:
    """One layer for each rate, all trained on the same pictures in the same order, and the best on `val` of them.

    They start from the same weights, N(0, 0.01), and lie in one tensor, so that a step is two matrix products. The same
    seed gives the same layer; no generator but its own is read. Of rates that do equally well the lowest is taken.
    """
    features_ND, labels_N = train.features_ND.float(), train.labels_N.to(train.features_ND.device).long()
    scale = _scale(features_ND)
    features_ND = features_ND / scale
    count, width = features_ND.shape
    batch = min(batch, count)
    generator = torch.Generator().manual_seed(seed)
    start_KD = 0.01 * torch.randn(classes, width, generator=generator)
    weight_RKD = start_KD.to(features_ND.device).repeat(len(rates), 1, 1)
    bias_RK1 = weight_RKD.new_zeros(len(rates), classes, 1)
    speeds = [torch.zeros_like(weight_RKD), torch.zeros_like(bias_RK1)]
    rate_R11 = weight_RKD.new_tensor(rates)[:, None, None] * batch / 256
    steps_per_epoch = math.ceil(count / batch)
    for epoch in range(epochs):
        order_N = torch.randperm(count, generator=generator).to(features_ND.device)
        for i, places_B in enumerate(torch.split(order_N, batch)):
            progress = (epoch * steps_per_epoch + i) / (epochs * steps_per_epoch)
            gradients = _gradients(weight_RKD, bias_RK1, features_ND[places_B], labels_N[places_B])
            for parameter, speed, gradient in zip((weight_RKD, bias_RK1), speeds, gradients, strict=True):
                speed.mul_(MOMENTUM).add_(gradient)
                parameter.sub_(speed * (rate_R11 * (0.5 + 0.5 * math.cos(math.pi * progress))))
        if between is not None:
            between()
    return _best(map(Fitted, weight_RKD / scale, bias_RK1[:, :, 0], rates), val)


def _gradients(weight_RKD: Tensor, bias_RK1: Tensor, x_BD: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Of the mean cross-entropy of each layer. Classes before pictures: narrow matrices the other way round are slow."""
    wrong_RKB = (weight_RKD.flatten(0, 1) @ x_BD.T).view(*bias_RK1.shape[:2], -1).add_(bias_RK1).softmax(dim=1)
    wrong_RKB.sub_(F.one_hot(labels_B, bias_RK1.shape[1]).T).div_(len(x_BD))
    return (wrong_RKB.flatten(0, 1) @ x_BD).view_as(weight_RKD), wrong_RKB.sum(dim=2, keepdim=True)


def _scale(x_ND: Tensor) -> float:
    """The root mean square of all numbers; 1 if they are zeros. Without squares that could overflow."""
    largest = x_ND.abs().max().item()
    return largest * (x_ND / largest).square().mean().sqrt().item() if largest else 1.0


def _best(fits: Iterable[Fitted], val: Labelled) -> Fitted:
    """The first of the most accurate. One that is no longer finite is better than none only."""
    return max((replace(fit, val_accuracy=fit.accuracy(val) if fit.finite else -1.0) for fit in fits), key=_val_accuracy)


def _val_accuracy(fit: Fitted) -> float:
    return fit.val_accuracy


# ---- logistic regression ------------------------------------------------------------------------------------------------


@torch.no_grad()
def regress(
    train: Labelled, val: Labelled, classes: int, between: Between = None, penalties: Sequence[float] = PENALTIES
) -> Fitted:
    """Logistic regression for each C, and the best on `val` of them; of equals the one with the strongest penalty.

    The objective is that of scikit-learn, C x the sum of cross-entropies + |weights|^2 / 2, here divided by C N. C rises,
    and each fit starts where the last ended, so that the many cost little more than the few in the middle that matter.

    Features are centred, and divided by what is then their size: that is quicker and ends at the same layer, since the bias
    takes up the first and `decay` the second.
    """
    assert list(penalties) == sorted(penalties), penalties
    features_ND, labels_N = train.features_ND.float(), train.labels_N.to(train.features_ND.device).long()
    mean_D = features_ND.mean(dim=0)
    scale = _scale(features_ND - mean_D)
    x_ND = (features_ND - mean_D) / scale
    ratio = _scale(features_ND) / scale
    one_hot_KN = F.one_hot(labels_N, classes).T.to(x_ND.dtype).contiguous()
    weight_KD, bias_K1 = x_ND.new_zeros(classes, x_ND.shape[1]), x_ND.new_zeros(classes, 1)
    fits = []
    for c in penalties:
        _minimise(weight_KD, bias_K1, x_ND, one_hot_KN, decay=ratio**2 / (c * len(x_ND)))
        of_raw_KD = weight_KD / scale
        fits.append(Fitted(of_raw_KD, bias_K1[:, 0] - of_raw_KD @ mean_D, c))
        if between is not None:
            between()
    return _best(fits, val)


def _minimise(weight_KD: Tensor, bias_K1: Tensor, x_ND: Tensor, one_hot_KN: Tensor, decay: float) -> None:
    """Mean cross-entropy + decay |weights|^2 / 2, from where weights and bias are, in place.

    The gradient is written out, not recorded: it is one product, and features from inference mode cannot be recorded.
    """
    search = torch.optim.LBFGS(
        [weight_KD, bias_K1],
        max_iter=STEPS,
        tolerance_grad=FLAT,
        tolerance_change=1e-9,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def loss() -> Tensor:
        log_p_KN = torch.addmm(bias_K1, weight_KD, x_ND.T).log_softmax(dim=0)
        wrong_KN = (log_p_KN.exp() - one_hot_KN) / len(x_ND)
        weight_KD.grad, bias_K1.grad = wrong_KN @ x_ND + decay * weight_KD, wrong_KN.sum(dim=1, keepdim=True)
        return -(log_p_KN * one_hot_KN).sum() / len(x_ND) + decay / 2 * weight_KD.square().sum()

    search.step(loss)
