"""How right a network is, and how well it knows: accuracy, negative log-likelihood, calibration error.

`predict` is the one pass over the pictures; the numbers, here and in agreement.py, come from its probabilities.

Shapes: N pictures, K classes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engine.data.augment import normalise

BINS = 15  # as in Guo et al. 2017 (arXiv:1706.04599)
TINY = torch.finfo(torch.float32).tiny  # a float32 probability may underflow to 0; its logarithm is taken of this instead


def predict(
    model: nn.Module,
    pictures_NCHW_u8: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    batch: int = 256,
    device: torch.device | str = "cpu",
    between: Callable[[], None] | None = None,
) -> Tensor:
    """Probabilities, float32 on the CPU, [N, K], `batch` pictures at a time.

    `between` is called after every chunk, so that a run can hear its commands during a long pass.
    """
    chunks = []
    with evaluating(model), torch.inference_mode():
        for chunk_u8 in torch.split(pictures_NCHW_u8, batch):
            logits_BK = model(normalise(chunk_u8.to(device), mean, std))
            chunks.append(logits_BK.float().softmax(dim=1).cpu())
            if between is not None:
                between()
    return torch.cat(chunks)


def measure(probabilities_NK: Tensor, labels_N: Tensor, split: str) -> Iterator[tuple[str, float]]:
    """Accuracy, NLL in nats and ECE, as "<split>/accuracy" and so on."""
    assert probabilities_NK.ndim == 2 and labels_N.shape == probabilities_NK.shape[:1], probabilities_NK.shape
    right_N = probabilities_NK.argmax(dim=1) == labels_N
    yield f"{split}/accuracy", right_N.double().mean().item()
    of_label_N = probabilities_NK.gather(1, labels_N[:, None])[:, 0]
    yield f"{split}/nll", -of_label_N.double().clamp(min=TINY).log().mean().item()
    yield f"{split}/ece", calibration_error(probabilities_NK.amax(dim=1), right_N)


def calibration_error(confidence_N: Tensor, right_N: Tensor, bins: int = BINS) -> float:
    """Sum over equal bins of confidence, (b-1)/bins < confidence <= b/bins, of |accuracy - mean confidence| x share."""
    bin_N = (confidence_N.double() * bins).ceil().long().sub(1).clamp(0, bins - 1)
    gap_N = right_N.double() - confidence_N.double()
    gap_b = torch.zeros(bins, dtype=torch.float64).index_add_(0, bin_N, gap_N)
    return gap_b.abs().sum().item() / len(confidence_N)


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; then every module has its own former mode again, also one frozen on purpose."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for model in models:
            model.train()  # some of timm's networks clear what they keep for evaluation
        for module, training in modes:
            module.training = training
