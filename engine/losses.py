"""Every formula that is trained on, as pure functions of tensors. METHODS.md, section 0, fixes their names.

Knows nothing of models, devices or schedules. Logits go in unless a name says `target` (probabilities); a scalar in
nats comes out. Inside it is at least float32, under autocast too: halves are up-cast, float64 stays float64. Targets
are constants of the objective, as in the papers (the minimum is over the student alone), so nothing flows back into a
teacher. A shape that does not fit is an AssertionError, a value out of range a ValueError that begins with its name.

What is a property of the whole batch takes `gather`, a function that stacks the tensor of every process in order of
rank; without one the process is alone. Stacking, not summing, since Sinkhorn-Knopp adds logarithms.

Shapes: B images, K classes or prototypes, V student crops, D features, N patches, M masked tokens, W processes,
X rows of any kind (several leading dimensions will do).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Gather = Callable[[Tensor], Tensor]
Rows = Callable[[Tensor], tuple[Tensor, int]]


def alone(x: Tensor) -> Tensor:
    """The `gather` of a single process: W is 1."""
    return x[None]


def nobody_else(x_BD: Tensor) -> tuple[Tensor, int]:
    """The rows of a single process, and where its own begin among those of all."""
    return x_BD, 0


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _positive(**temperatures: float) -> None:
    for name, value in temperatures.items():
        if not value > 0:
            raise ValueError(f"{name}: {value:g} is not above 0")


def _log_probabilities(student_BK: Tensor, teacher_BK: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """log q_s and log p_t, the teacher's cut off from the graph."""
    assert student_BK.ndim == 2 and student_BK.shape == teacher_BK.shape, (student_BK.shape, teacher_BK.shape)
    _positive(temperature=temperature)
    log_q_BK = (_wide(student_BK) / temperature).log_softmax(dim=1)
    return log_q_BK, (_wide(teacher_BK).detach() / temperature).log_softmax(dim=1)


def _all_but(left_out_B1: Tensor, classes: int) -> Tensor:
    """All classes but one, in their order, [B, K - 1]. Counted: of a mask, a GPU would be asked how many it picks."""
    place_O = torch.arange(classes - 1, device=left_out_B1.device)
    return place_O + (place_O >= left_out_B1)


def _divergence(log_p_BK: Tensor, log_q_BK: Tensor) -> Tensor:
    """KL(p || q) of each row, [B]."""
    return (log_p_BK.exp() * (log_p_BK - log_q_BK)).sum(dim=1)


def _label_loss(log_q_BK: Tensor, labels_B: Tensor) -> Tensor:
    """-log q at the label, [B]. Any label outside 0 ... K - 1 is an error, -100 as well: it is not skipped."""
    assert labels_B.shape == log_q_BK.shape[:1], (labels_B.shape, log_q_BK.shape)
    return -log_q_BK.gather(1, labels_B[:, None].long())[:, 0]


# Born-Again Networks: Furlanello et al. 2018, arXiv:1805.04770. Everywhere T = 1.


def ban_loss(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """CE(p_t, q_s) at temperature 1, mean over the batch (section 3, eq. 2).

    Both arguments are logits. The gradient at a student logit is (q - p) / B (eq. 5), the same as that of
    KL(p_t || q_s); the floor is H(p_t), not 0, so `kl` is shown beside it.
    """
    log_q_BK, log_p_BK = _log_probabilities(student_BK, teacher_BK)
    return -(log_p_BK.exp() * log_q_BK).sum(dim=1).mean()


def kl(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """KL(p_t || q_s) at temperature 1, mean over the batch: what `ban_loss` has above its floor. 0 or more."""
    log_q_BK, log_p_BK = _log_probabilities(student_BK, teacher_BK)
    return _divergence(log_p_BK, log_q_BK).mean()


def ban_label_loss(student_BK: Tensor, teacher_BK: Tensor, labels_B: Tensor) -> Tensor:
    """CE(y, q_s) + CE(p_t, q_s), each a mean over the batch ("BAN+L"; the paper gives no weights, so a plain sum)."""
    log_q_BK, _ = _log_probabilities(student_BK, teacher_BK)
    return _label_loss(log_q_BK, labels_B).mean() + ban_loss(student_BK, teacher_BK)


def cwtm_weights(teacher_BK: Tensor, gather: Gather = alone) -> Tensor:
    """max_i p_i of each image over the sum of these in the batch, [B]: between 0 and 1, and 1 together (eq. 10), over the
    images of all processes."""
    sure_B = _wide(teacher_BK).detach().log_softmax(dim=1).amax(dim=1)
    log_sum_W = gather(sure_B.logsumexp(dim=0))
    return sure_B.softmax(dim=0) if len(log_sum_W) == 1 else (sure_B - log_sum_W.logsumexp(dim=0)).exp()


def cwtm_loss(student_BK: Tensor, teacher_BK: Tensor, labels_B: Tensor, gather: Gather = alone) -> Tensor:
    """Label CE of each image, weighted by the teacher's confidence (eq. 10, "confidence weighted by teacher max").

    The labels are the true ones, also where the teacher's maximum lies elsewhere. The weights sum to 1 over the batch,
    which is the mean already: there is no further 1/B. Of several processes each has its part of this sum.
    """
    log_q_BK, _ = _log_probabilities(student_BK, teacher_BK)
    return (cwtm_weights(teacher_BK, gather) * _label_loss(log_q_BK, labels_B)).sum()


@torch.no_grad()
def dkpp_target(teacher_BK: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """p_t with all but its largest entry shuffled, each image by itself; [B, K], the same multiset in every row (eq. 11).

    The shuffles come from `generator`, on whichever device it lives, or from the global one.
    """
    p_BK = _wide(teacher_BK).softmax(dim=1)
    others_BO = _all_but(p_BK.argmax(dim=1, keepdim=True), p_BK.shape[1])
    others = p_BK.gather(1, others_BO)
    where = p_BK.device if generator is None else generator.device
    order = torch.rand(others.shape, generator=generator, device=where).argsort(dim=1).to(p_BK.device)
    return p_BK.scatter(1, others_BO, others.gather(1, order))


def dkpp_loss(student_BK: Tensor, teacher_BK: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """CE of the shuffled p_t and q_s, mean over the batch (eq. 11, "dark knowledge with permuted predictions").

    The teacher's confidence stays, which classes it confuses is lost. Two calls shuffle differently: seed `generator`.
    """
    log_q_BK, _ = _log_probabilities(student_BK, teacher_BK)
    return -(dkpp_target(teacher_BK, generator) * log_q_BK).sum(dim=1).mean()


# Distillation at a temperature.


def kd_loss(student_BK: Tensor, teacher_BK: Tensor, labels_B: Tensor, temperature: float = 4.0, alpha: float = 0.9) -> Tensor:
    """(1 - alpha) CE(y, q_s) + alpha T^2 KL(p_t || q_s) at temperature T, means over the batch, never over the classes.

    T^2 keeps the size of the gradient while T changes (Hinton et al. 2015, arXiv:1503.02531, section 2.1).
    """
    log_q_BK, log_p_BK = _log_probabilities(student_BK, teacher_BK, temperature)
    labelled = _label_loss(_wide(student_BK).log_softmax(dim=1), labels_B).mean()
    return (1 - alpha) * labelled + alpha * temperature**2 * _divergence(log_p_BK, log_q_BK).mean()


def dkd_loss(
    student_BK: Tensor,
    teacher_BK: Tensor,
    labels_B: Tensor,
    temperature: float = 4.0,
    alpha: float = 1.0,
    beta: float = 8.0,
) -> Tensor:
    """CE(y, q_s) + T^2 (alpha TCKD + beta NCKD), means over the batch (Zhao et al. 2022, arXiv:2203.08679, eq. 7).

    TCKD is the KL of (label, everything else), NCKD that of the softmax over the other classes; K is at least 2.
    Their warm-up min(epoch / 20, 1) is left to the caller: scale alpha and beta.
    """
    log_q_BK, _ = _log_probabilities(student_BK, teacher_BK)
    _positive(temperature=temperature)
    q_parts = _target_and_rest(_wide(student_BK) / temperature, labels_B)
    p_parts = _target_and_rest(_wide(teacher_BK).detach() / temperature, labels_B)
    target, rest = (_divergence(log_p, log_q).mean() for log_p, log_q in zip(p_parts, q_parts))
    return _label_loss(log_q_BK, labels_B).mean() + temperature**2 * (alpha * target + beta * rest)


def _target_and_rest(logits_BK: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of (p at the label, sum of the others), [B, 2], and of the others among themselves, [B, K - 1]."""
    assert logits_BK.shape[1] > 1, "without a second class there is nothing besides the label"
    at_label = labels_B[:, None].long()
    # Left out, not pushed down by 1000 as elsewhere: exact at any logit.
    rest = logits_BK.gather(1, _all_but(at_label, logits_BK.shape[1]))
    target = torch.cat([logits_BK.gather(1, at_label), rest.logsumexp(dim=1, keepdim=True)], dim=1)
    return target.log_softmax(dim=1), rest.log_softmax(dim=1)


# DINO: Caron et al. 2021, arXiv:2104.14294. iBOT: Zhou et al. 2022, arXiv:2111.07832. DINOv2: Oquab et al. 2023,
# arXiv:2304.07193. DINOv3: Siméoni et al. 2025, arXiv:2508.10104.


@torch.no_grad()
def centered_target(teacher_XK: Tensor, center_K: Tensor, teacher_temp: float = 0.04) -> Tensor:
    """softmax((t - c) / temperature), [X, K]: centring against one prototype winning, sharpening against uniformity."""
    _positive(teacher_temp=teacher_temp)
    assert center_K.shape == teacher_XK.shape[-1:], (center_K.shape, teacher_XK.shape)
    return ((_wide(teacher_XK) - _wide(center_K)) / teacher_temp).softmax(dim=-1)


def dino_loss(
    student_VBK: Tensor, teacher_2BK: Tensor, center_K: Tensor, student_temp: float = 0.1, teacher_temp: float = 0.04
) -> Tensor:
    """Cross-entropy from each global teacher view to every *other* student view, mean over pairs and batch (DINO, eq. 3).

    The first two student crops are the teacher's own views, so the pairs v == t are skipped: 2 V - 2 are left (with
    another number T of teacher views, the first T crops are theirs and T V - T are left). About ln K at the start.
    Update the centre after this, never before.
    """
    return dino_loss_from_targets(student_VBK, centered_target(teacher_2BK, center_K, teacher_temp), student_temp)


def dino_loss_from_targets(student_VBK: Tensor, target_2BK: Tensor, student_temp: float = 0.1) -> Tensor:
    """`dino_loss` with the teacher's probabilities given: for Sinkhorn-Knopp."""
    _positive(student_temp=student_temp)
    assert student_VBK.ndim == 3 and len(student_VBK) >= 2, student_VBK.shape
    assert target_2BK.shape[1:] == student_VBK.shape[1:], (target_2BK.shape, student_VBK.shape)
    assert 1 <= len(target_2BK) <= len(student_VBK), (target_2BK.shape, student_VBK.shape)
    log_s_VBK = (_wide(student_VBK) / student_temp).log_softmax(dim=-1)
    pairs = [
        -(target_BK * log_s_BK).sum(dim=-1).mean()
        for t, target_BK in enumerate(_wide(target_2BK).detach())
        for v, log_s_BK in enumerate(log_s_VBK)
        if v != t
    ]
    return torch.stack(pairs).mean()


@torch.no_grad()
def update_center(center_K: Tensor, teacher_XK: Tensor, momentum: float = 0.9, gather: Gather = alone) -> Tensor:
    """m c + (1 - m) mean of the raw teacher logits (DINO, eq. 4), [K]; the one passed in is not touched.

    The mean is over all rows of all processes, however many each has; without any row the centre stays.
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum: {momentum:g} is outside [0, 1]")
    assert center_K.shape == teacher_XK.shape[-1:], (center_K.shape, teacher_XK.shape)
    sum_K, count = _sum_and_count(teacher_XK, gather)
    center_K = _wide(center_K)
    return torch.where(count > 0, momentum * center_K + (1 - momentum) * (sum_K / count), center_K)


def _sum_and_count(rows_XK: Tensor, gather: Gather) -> tuple[Tensor, Tensor]:
    """The sum of the rows of all processes, [K], and their number; one exchange for both."""
    rows_XK = _wide(rows_XK).flatten(0, -2)
    totals = gather(torch.cat([rows_XK.sum(dim=0), rows_XK.new_full((1,), len(rows_XK))])).sum(dim=0)
    return totals[:-1], totals[-1]


@torch.no_grad()
def sinkhorn_knopp(
    teacher_BK: Tensor,
    temp: float,
    iterations: int = 3,
    mask_B: Tensor | None = None,
    gather: Gather = alone,
) -> Tensor:
    """Soft assignments that use the prototypes evenly, [B, K]: rows sum to 1, columns only roughly to B/K (rows come last).

    exp(logits / temp), its columns and rows normalised in turn (Cuturi 2013, arXiv:1306.0895; SwAV, arXiv:2006.09882;
    DINOv2). In the log domain: whatever the logits, nothing overflows, and a prototype nobody is near divides no 0 by 0.
    The usual factors 1/K and 1/B are left out, as the next normalisation cancels them. With `mask_B` only the rows
    where it is true take part (masked tokens in a padded buffer); the others come out as 0.
    """
    _positive(temp=temp)
    if iterations < 1:
        raise ValueError(f"iterations: {iterations} would leave the rows as they are; take 1 or more")
    assert teacher_BK.ndim == 2 and (mask_B is None or mask_B.shape == teacher_BK.shape[:1]), teacher_BK.shape
    log_BK = _wide(teacher_BK) / temp
    if mask_B is not None:
        log_BK = log_BK[mask_B]
    for _ in range(iterations):
        log_BK = log_BK - gather(log_BK.logsumexp(dim=0)).logsumexp(dim=0)
        log_BK = log_BK.log_softmax(dim=1)
    if mask_B is None:
        return log_BK.exp()
    return log_BK.new_zeros(teacher_BK.shape).index_put((mask_B,), log_BK.exp())


def ibot_loss(student_MK: Tensor, target_MK: Tensor, weight_M: Tensor, crops: int, student_temp: float = 0.1) -> Tensor:
    """sum(weight x CE(target, student)) / crops over the masked tokens (iBOT, eq. 2, normalised as in DINOv2).

    weight = 1 / masked tokens of that crop, so that each masked crop counts alike; `crops` counts all global crops, those
    without a mask too (2 B). The target is what the teacher says at the same place of the same crop, unmasked. M = 0
    gives 0, with a gradient of 0.
    """
    _positive(student_temp=student_temp)
    if crops < 1:
        raise ValueError(f"crops: {crops} is less than one crop")
    assert student_MK.ndim == 2 and student_MK.shape == target_MK.shape, (student_MK.shape, target_MK.shape)
    assert weight_M.shape == student_MK.shape[:1], (weight_M.shape, student_MK.shape)
    log_s_MK = (_wide(student_MK) / student_temp).log_softmax(dim=1)
    return -(_wide(weight_M).detach() * (_wide(target_MK).detach() * log_s_MK).sum(dim=1)).sum() / crops


def koleo_loss(features_BD: Tensor, gather_rows: Rows = nobody_else) -> Tensor:
    """-mean log distance to the nearest neighbour on the unit sphere (Kozachenko-Leonenko; arXiv:1806.03198; DINOv2).

    Takes the student's CLS features before the head, one crop at a time. From -ln 2 (opposite) to -ln(1e-8 (1 + root D)),
    about 16 (duplicates, still with finite gradients). B is 2 or more. The mean is over these rows, their neighbours are
    sought among those of all processes, as `gather_rows` gives them; DINOv2 seeks on each device, so its B is a device's.
    """
    assert features_BD.ndim == 2, features_BD.shape
    eps = 1e-8
    with torch.autocast(features_BD.device.type, enabled=False):  # it would multiply in half precision
        unit_BD: Tensor = F.normalize(_wide(features_BD), dim=1, eps=eps)
        all_ND, first = gather_rows(unit_BD)
        if len(all_ND) < 2:
            raise ValueError(f"features_BD: {len(all_ND)} has no neighbour; KoLeo needs a batch of 2 or more")
        with torch.no_grad():
            # Not -1: two opposite vectors have that too, and would then be their own neighbours.
            cosine_BN = unit_BD @ all_ND.T
            cosine_BN.diagonal(first).fill_(-torch.inf)
            nearest_B = cosine_BN.argmax(dim=1)
        distance_B: Tensor = torch.linalg.vector_norm(unit_BD - all_ND[nearest_B] + eps, dim=1)
        return -(distance_B + eps).log().mean()


def gram_loss(student_BND: Tensor, teacher_BND: Tensor) -> Tensor:
    """Mean squared difference of the Gram matrices of L2-normalised patches, over B N N entries; 0 to 4 (DINOv3, section 4).

    Their cosines, not the features: D may differ between the two.
    """
    assert student_BND.ndim == 3 and student_BND.shape[:2] == teacher_BND.shape[:2], (student_BND.shape, teacher_BND.shape)
    with torch.autocast(student_BND.device.type, enabled=False):
        gram_s_BNN, gram_t_BNN = _gram(student_BND), _gram(teacher_BND.detach())
        return (gram_s_BNN - gram_t_BNN).square().mean()


def _gram(patches_BND: Tensor) -> Tensor:
    unit_BND: Tensor = F.normalize(_wide(patches_BND), dim=-1)
    return unit_BND @ unit_BND.transpose(1, 2)


# What the cross-entropy is made of (DINO, section 5.3): both kinds of collapse show here before the loss shows anything.


def _entropy(p_XK: Tensor) -> Tensor:
    terms_XK: Tensor = torch.special.entr(p_XK)  # -p ln p, and 0 at 0
    return terms_XK.sum(dim=-1)


def entropy(target_XK: Tensor) -> Tensor:
    """H of probabilities, mean over the rows: 0 (one prototype takes all) to ln K (uniform)."""
    return _entropy(_wide(target_XK)).mean()


def marginal_entropy(target_XK: Tensor, gather: Gather = alone) -> Tensor:
    """H of the mean row of all processes: never below `entropy`, and equal to it if every picture gets the same answer."""
    sum_K, count = _sum_and_count(target_XK, gather)
    return _entropy(sum_K / count)


def entropy_and_kl(student_VBK: Tensor, target_2BK: Tensor, student_temp: float = 0.1) -> tuple[Tensor, Tensor]:
    """H(q) and KL(q || p_s), means over the same pairs as `dino_loss_from_targets`, which is their sum."""
    floor = entropy(target_2BK.detach())  # each teacher view stands in equally many pairs
    return floor, dino_loss_from_targets(student_VBK, target_2BK, student_temp) - floor
