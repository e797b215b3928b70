"""The assistant's answer to "preview", made by hand."""

from pathlib import Path
from typing import Any

import numpy as np


def preview(tmp_path: Path, **different: Any) -> dict[str, Any]:
    """DINOv2 on a picture of 8 px: two global crops of 8 px, of which the first hides one of four patches, one local of 4."""
    arrays = different.pop("arrays", {})
    file = tmp_path / f"preview-{len(list(tmp_path.glob('preview-*')))}.npz"
    stored: dict[str, Any] = {
        "picture": np.full((3, 8, 8), 7, np.uint8),
        "view0": np.full((2, 3, 8, 8), 100, np.uint8),
        "view1": np.full((1, 3, 4, 4), 200, np.uint8),
        "hidden": np.array([[[True, False], [False, False]], [[False, False], [False, False]]]),
        "sheet": np.zeros((2, 3, 8, 8), np.uint8),
    } | arrays
    np.savez(file, **{name: array for name, array in stored.items() if array is not None})
    large = {
        "kind": "global",
        "size": 8,
        "boxes": [[0, 0, 8, 8], [1, 2, 5, 6]],
        "done": [{"blur": 0.62}, {"flip": 1.0, "grey": 1.0}],
    }
    small = {"kind": "local", "size": 4, "boxes": [[3, 3, 2, 2]], "done": [{}]}
    return {
        "method": "dinov2", "picture": 0, "name": "cat, 0.png", "pictures": 90, "epoch": 6, "epochs": 40, "step": 311,
        "seed": 0, "views": [large, small], "teacher": "average", "file": str(file), "cycle": 0,
        "sheet": ["cat, 0.png", "dog, 1.png"],
    } | different  # fmt: skip


def whole(tmp_path: Path, teacher: str, box: tuple[int, int], **done: float) -> dict[str, Any]:
    """A method that sees one picture, which is only moved and mirrored."""
    view = {"kind": "whole", "size": 8, "boxes": [[*box, 8, 8]], "done": [done]}
    only = {"view0": np.zeros((1, 3, 8, 8), np.uint8), "view1": None, "hidden": None}
    return preview(tmp_path, views=[view], teacher=teacher, arrays=only)
