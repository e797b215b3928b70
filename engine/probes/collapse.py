"""Signs that a network without labels has collapsed, or is about to (METHODS.md, section 5.1).

Features may shrink to a point (`feature_std`) or to few directions (`rank_me`); a teacher may give every picture the same
prototype or every prototype to every picture (its entropy, that of its mean answer, the prototypes it uses). What the
numbers mean for a run is the watchdog's to say. Everything is computed in float64 on the CPU: it is little, and the
small singular values are what matters.

Shapes: N pictures, D features, K prototypes, S prototypes that are shown.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-7  # RankMe's, added to each share


class Used(NamedTuple):
    """Prototypes that were some picture's first choice, and exp(entropy of how often each was): 1 to `number`."""

    number: int
    effective: float


def measure(
    features_ND: Tensor | None = None, teacher_NK: Tensor | None = None, log_student_NK: Tensor | None = None
) -> Iterator[tuple[str, float]]:
    """What these tensors can say: features of any network; a teacher's probabilities, after centre and temperature; a
    student's log-probabilities for the same pictures, of other crops of them. Entropies in nats."""
    for name, value in _of_features(features_ND):
        if math.isfinite(value):
            yield name, value
    for name, value in _of_teacher(teacher_NK, log_student_NK):
        if math.isfinite(value):
            yield name, value


def _of_features(features_ND: Tensor | None) -> Iterator[tuple[str, float]]:
    """Absent for fewer than two pictures, which cannot differ, and unless all features are finite."""
    if features_ND is None or len(features_ND) < 2 or not features_ND.isfinite().all():
        return
    yield "feature/std", feature_std(features_ND)
    if features_ND.any():  # zeros have no direction
        yield "feature/rank", rank_me(features_ND)


def _of_teacher(teacher_NK: Tensor | None, log_student_NK: Tensor | None) -> Iterator[tuple[str, float]]:
    if teacher_NK is None or not len(teacher_NK) or not teacher_NK.isfinite().all():
        return
    yield "teacher/entropy", entropy(teacher_NK).mean().item()
    if log_student_NK is not None:
        yield "teacher/kl", divergence(teacher_NK, log_student_NK)
    yield "teacher/marginal_entropy", marginal_entropy(teacher_NK)
    yield "teacher/prototypes_used", float(prototypes_used(teacher_NK.argmax(dim=1), teacher_NK.shape[1]).number)


def feature_std(features_ND: Tensor) -> float:
    """How far features of length 1 spread: mean over D of their standard deviation, times sqrt(D), in [0, 1].

    About 1 if they point in all directions alike, 0 if all are the same vector. The factor is what an isotropic cloud's
    1 / sqrt(D) (Chen & He 2021, arXiv:2011.10566, Fig. 2) becomes 1 with, so that widths can be compared.
    """
    unit_ND = F.normalize(_wide(features_ND), dim=1)
    return float(unit_ND.std(dim=0, correction=0).mean()) * math.sqrt(unit_ND.shape[1])


def rank_me(features_ND: Tensor) -> float:
    """The effective rank of features as they are, exp(entropy of their singular values' shares): 1 to min(N, D).

    RankMe (Garrido et al. 2023, arXiv:2210.02885): neither centred nor normalised. To be compared between runs of
    one method, over equally many pictures; it still rises with N below some 25,600 of them.
    """
    x_ND = _wide(features_ND)
    gram = x_ND @ x_ND.T if len(x_ND) < x_ND.shape[1] else x_ND.T @ x_ND  # the smaller one; eigenvalues are squares
    sigma = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    share = sigma / sigma.sum() + EPS
    return float(torch.special.entr(share).sum().exp())


def entropy(p_NK: Tensor) -> Tensor:
    """H of each row in nats, float64 [N]: 0 for one prototype, ln K for all alike."""
    terms_NK: Tensor = torch.special.entr(_wide(p_NK))  # -p ln p, and 0 at 0
    return terms_NK.sum(dim=1)


def marginal_entropy(p_NK: Tensor) -> float:
    """H of the mean row: never below the mean of `entropy`, and as low as that if every picture gets the same answer."""
    return entropy(_wide(p_NK).mean(dim=0, keepdim=True)).item()


def divergence(teacher_NK: Tensor, log_student_NK: Tensor) -> float:
    """KL(teacher || student), mean over pictures; with the teacher's entropy it is the cross-entropy that DINO trains on."""
    assert teacher_NK.shape == log_student_NK.shape, (teacher_NK.shape, log_student_NK.shape)
    p_NK, log_q_NK = _wide(teacher_NK), _wide(log_student_NK)
    cross_NK = torch.where(p_NK > 0, -p_NK * log_q_NK, 0.0)  # a prototype that is never the teacher's costs nothing
    return (cross_NK.sum(dim=1) - entropy(p_NK)).mean().item()


def prototypes_used(first_N: Tensor, prototypes: int) -> Used:
    """Of the first choices of pictures, prototypes' numbers in 0 ... prototypes - 1."""
    assert first_N.ndim == 1 and len(first_N) > 0, first_N.shape
    count_K = torch.bincount(first_N.cpu(), minlength=prototypes)
    assert len(count_K) == prototypes, (len(count_K), prototypes)
    effective = torch.special.entr(count_K.double() / len(first_N)).sum().exp().item()
    return Used(int((count_K > 0).sum()), effective)


def top_pictures(p_NK: Tensor, prototypes: Sequence[int], per: int) -> Tensor:
    """The pictures that a prototype is most probable for, the most probable first: int64 [S, min(per, N)].

    Of equals the earlier one comes first.
    """
    asked_NS = p_NK.detach().cpu()[:, list(prototypes)]
    return asked_NS.sort(dim=0, descending=True, stable=True).indices[:per].T.contiguous()


def _wide(x: Tensor) -> Tensor:
    return x.detach().cpu().double()
