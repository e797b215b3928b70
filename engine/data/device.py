"""Numbers onto the device that trains, without waiting for what it is doing."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def onto(values: NDArray[Any] | Tensor, device: torch.device) -> Tensor:
    """The same numbers there. To a GPU from pinned memory: a copy from any other would wait for all that it still has to do."""
    here = torch.as_tensor(values)
    if device.type == "cuda":
        return here.pin_memory().to(device, non_blocking=True)
    return here.to(device)
