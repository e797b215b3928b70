"""Every formula that is trained on, as pure functions of tensors. METHODS.md, section 0, fixes their names.

Knows nothing of models, devices or schedules. Logits go in, a scalar in nats comes out. Inside it is at least
float32: halves are up-cast, float64 stays float64. Targets are constants of the objective, as in the papers
(the minimum is over the student alone), so nothing flows back into the teacher.

Shapes: B images, K classes.
"""

import torch
from torch import Tensor


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _log_probabilities(student_BK: Tensor, teacher_BK: Tensor) -> tuple[Tensor, Tensor]:
    """log q_s and log p_t, the teacher's cut off from the graph."""
    assert student_BK.ndim == 2 and student_BK.shape == teacher_BK.shape, (student_BK.shape, teacher_BK.shape)
    return _wide(student_BK).log_softmax(dim=1), _wide(teacher_BK).detach().log_softmax(dim=1)


def ban_loss(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """CE(p_t, q_s) at temperature 1, mean over the batch (Furlanello et al. 2018, arXiv:1805.04770, section 3).

    Both arguments are logits. The gradient at a student logit is (q - p) / B (eq. 5), the same as that of
    KL(p_t || q_s); the floor is H(p_t), not 0, so `kl` is shown beside it.
    """
    log_q_BK, log_p_BK = _log_probabilities(student_BK, teacher_BK)
    return -(log_p_BK.exp() * log_q_BK).sum(dim=1).mean()


def kl(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """KL(p_t || q_s) at temperature 1, mean over the batch: what `ban_loss` has above its floor."""
    log_q_BK, log_p_BK = _log_probabilities(student_BK, teacher_BK)
    return (log_p_BK.exp() * (log_p_BK - log_q_BK)).sum(dim=1).mean()
