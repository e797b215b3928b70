"""How far a student does as its teacher does, and what becomes of the teacher's mistakes (METHODS.md, section 5.2).

Shapes: N pictures, K classes.
"""

from collections.abc import Iterator

from torch import Tensor

from engine.probes.accuracy import TINY


def measure(student_NK: Tensor, teacher_NK: Tensor, labels_N: Tensor) -> Iterator[tuple[str, float]]:
    """Rates over all pictures, from the probabilities of both; KL(teacher || student) in nats.

    "agreement/wrong" is P(student = teacher | teacher wrong), absent when the teacher makes no mistake.
    """
    assert student_NK.shape == teacher_NK.shape and labels_N.shape == student_NK.shape[:1], student_NK.shape
    student_N, teacher_N = student_NK.argmax(dim=1), teacher_NK.argmax(dim=1)
    same_N, student_wrong_N, teacher_wrong_N = student_N == teacher_N, student_N != labels_N, teacher_N != labels_N
    yield "agreement/top1", _share(same_N)
    p_NK, q_NK = teacher_NK.double(), student_NK.double()
    log_ratio_NK = p_NK.clamp(min=TINY).log() - q_NK.clamp(min=TINY).log()
    yield "agreement/kl", (p_NK * log_ratio_NK).sum(dim=1).mean().item()
    if teacher_wrong_N.any():
        yield "agreement/wrong", _share(same_N[teacher_wrong_N])
    yield "errors/inherited", _share(teacher_wrong_N & student_wrong_N)
    yield "errors/fixed", _share(teacher_wrong_N & ~student_wrong_N)
    yield "errors/new", _share(~teacher_wrong_N & student_wrong_N)


def _share(mask_N: Tensor) -> float:
    return mask_N.double().mean().item()
