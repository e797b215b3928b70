"""How well the pictures nearest to a picture say what it is: weighted k-NN on frozen features (METHODS.md, section 2.3).

The protocol is DINO's eval_knn.py (Caron et al. 2021, arXiv:2104.14294): cosine similarity, each of the k nearest votes for
its class with exp(similarity / temperature). There the queries go in a hundred equal parts, which fails below a hundred of
them; here a part is as large as memory allows, and one picture is enough on either side.

Who computes features, and of which pictures, is left to probed.py.

Shapes: N pictures in the bank, M queries, D features, K classes, n the neighbours that vote.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBOURS = 20  # "usually working the best" of 10, 20, 100 and 200
TEMPERATURE = 0.07
NUMBERS = 2**24  # that one part of the queries may take: 64 MiB


@torch.no_grad()
def votes(
    bank_ND: Tensor,
    bank_labels_N: Tensor,
    queries_MD: Tensor,
    classes: int,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    numbers: int = NUMBERS,
    between: Callable[[], None] | None = None,
) -> Tensor:
    """The share of each class in the votes of a query's k nearest, float32 [M, K]; each row sums to 1.

    The official sums of exp(similarity / temperature) are these shares times one number for each query, so the order of
    classes is the same; as shares they do not overflow at a low temperature. With fewer than k pictures all of them vote.
    """
    assert bank_ND.ndim == 2 and len(bank_ND) > 0 and bank_labels_N.shape == bank_ND.shape[:1], bank_ND.shape
    assert queries_MD.ndim == 2 and queries_MD.shape[1] == bank_ND.shape[1], (queries_MD.shape, bank_ND.shape)
    assert k > 0 and temperature > 0 and classes > 0, (k, temperature, classes)
    k = min(k, len(bank_ND))
    bank_ND, labels_N = F.normalize(bank_ND.float(), dim=1), bank_labels_N.to(bank_ND.device).long()
    part = max(1, numbers // max(len(bank_ND), k * classes))
    found = []
    for some_mD in torch.split(queries_MD, part):
        near_mN = F.normalize(some_mD.float(), dim=1) @ bank_ND.T
        similarity_mn, place_mn = near_mN.topk(k, dim=1)
        weight_mn = (similarity_mn / temperature).softmax(dim=1)
        # A product with one-hot rows, since adding by index is not the same from run to run on a GPU.
        found.append((weight_mn[:, None] @ F.one_hot(labels_N[place_mn], classes).float())[:, 0])
        if between is not None:
            between()
    return torch.cat(found)


def measure(
    who: str,
    bank_ND: Tensor,
    bank_labels_N: Tensor,
    queries_MD: Tensor,
    labels_M: Tensor,
    classes: int,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    between: Callable[[], None] | None = None,
) -> Iterator[tuple[str, float]]:
    """The accuracy as "knn/<who>". Absent without a bank, queries or two classes, and if a feature is not finite."""
    features = bank_ND, queries_MD
    if classes < 2 or not all(len(some) and some.isfinite().all() for some in features):
        return
    scores_MK = votes(bank_ND, bank_labels_N, queries_MD, classes, k, temperature, between=between)
    right_M = scores_MK.argmax(dim=1).cpu() == labels_M.cpu()
    yield f"knn/{who}", right_M.double().mean().item()
