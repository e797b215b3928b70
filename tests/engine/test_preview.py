"""The preview of a training picture is what training takes: the same bits as the batch of its step, the same hidden patches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import methods, preview, rates, scaled
from engine.data.order import generator_seed
from engine.data.prepared import Batches, prepare
from engine.fields import RecipeErrors
from engine.learner import built_from, facts_of
from engine.preview import Previewer, Wish
from engine.recipe import RecipeFile
from engine.run import Refused
from tests import toys

SMALL = ("data.name=creatures", "data.pictures=60", "data.size=32", "training.epochs=4", "training.batch=16")
DINOV2 = ("method.name=dinov2", "model.name=vit", "model.width=24", "model.depth=1", "method.hidden=16", "method.prototypes=16",
          "method.local_crops=3", "method.ibot_weight=1")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def silent(share: float, words: str) -> None:
    pass


def shown(
    file: RecipeFile, folder: Path, picture: int = 5, epoch: int = 2, **more: Any
) -> tuple[dict[str, Any], preview.Arrays]:
    return Previewer().preview(file, more.pop("data", None), Wish(picture, epoch, **more), folder, silent)


def trained_on(file: RecipeFile, folder: Path, picture: int, epoch: int) -> tuple[list[torch.Tensor], Any]:
    """What training takes of this picture in that epoch, standardised; and its hidden patches, of the method itself."""
    asked = preview.run_of(file)
    data = prepare(asked, folder)
    asked, _ = scaled.resolve(asked, facts_of(data))
    network = built_from(asked, data).network()
    method = methods.build(asked.method, network, built_from(asked, data).network() if asked.teacher else None)
    per_epoch = -(-len(data.split.train) // asked.training.batch)
    method.plan(rates.schedules(asked, per_epoch), per_epoch)
    batches = Batches(data, asked, torch.device("cpu"), method.views_at)
    place = next(place for place in range(per_epoch) if picture in batches.index(epoch, place))
    batch = batches.at(epoch, place)
    at = int(np.flatnonzero(batch.index_B.numpy() == picture)[0])
    hidden = None
    if hasattr(method, "guessed"):
        torch.manual_seed(generator_seed("step", asked.seed, epoch * per_epoch + place))
        side = batch.views[0].shape[-1] // asked.model.patch  # type: ignore[union-attr]
        crops = len(batch.views[0])
        hidden = method.guessed(batch, side * side).reshape(crops, len(batch.index_B), side, side)[:, at]
    mean, std = (torch.tensor(values)[:, None, None] for values in (data.mean, data.std))
    return [(view[:, at] * std + mean) * 255 for view in batch.views], hidden


def equal(one: np.ndarray[Any, Any], other: torch.Tensor) -> bool:
    """Up to one level of 255: in another batch a crop's last bits may differ."""
    return one.shape == other.shape and bool(np.abs(one.astype(float) - other.numpy()).max() <= 1)


def test_that_a_preview_shows_the_very_crops_and_hidden_patches_of_the_step(folder: Path) -> None:
    large = ("method.high_epochs=1", "method.high_size=40", "method.global_size=32")
    file = toys.single(*SMALL, *DINOV2, *large)
    for epoch in (2, 3):
        facts, arrays = shown(file, folder, epoch=epoch)
        seen, hidden = trained_on(file, folder, 5, epoch)
        assert all(equal(arrays[f"view{kind}"], one) for kind, one in enumerate(seen)) and len(seen) == 2
        assert np.array_equal(arrays["hidden"], hidden)
    assert [view["size"] for view in facts["views"]] == [40, 20] and facts["teacher"] == "average"


def test_that_some_step_hides_patches_and_a_weight_of_0_hides_none(folder: Path) -> None:
    file = toys.single(*SMALL, *DINOV2)
    assert any(shown(file, folder, picture)[1]["hidden"].any() for picture in range(4))
    assert "hidden" not in shown(toys.single(*SMALL, *DINOV2, "method.ibot_weight=0"), folder)[1]


@pytest.mark.parametrize("method", ["supervised", "ban"])
def test_that_a_student_of_labels_or_of_a_frozen_teacher_sees_a_moved_and_mirrored_picture(folder: Path, method: str) -> None:
    changes = (*SMALL, "augment.shift=3", "augment.flip=true", f"method.name={method}")
    file = toys.single(*changes, f"generations={int(method == 'ban')}")
    for epoch in range(4):
        facts, arrays = shown(file, folder, epoch=epoch)
        (seen,), _ = trained_on(file, folder, 5, epoch)
        assert equal(arrays["view0"], seen)
        (whole,) = facts["views"]
        ((top, left, height, width),), ((done),) = whole["boxes"], whole["done"]
        by_hand = np.pad(arrays["picture"], ((0, 0), (3, 3), (3, 3)))[
            :, top + 3 : top + 3 + height, left + 3 : left + 3 + width
        ]
        assert np.array_equal(by_hand[:, :, ::-1] if done else by_hand, arrays["view0"][0])
    assert facts["teacher"] == ("frozen" if method == "ban" else "labels")


def test_that_kept_answers_let_variations_come_round_again(folder: Path) -> None:
    changes = (*SMALL, "augment.shift=3", "method.name=ban", "generations=1", "method.cache_views=2")
    first, second, third = (shown(toys.single(*changes), folder, epoch=epoch) for epoch in (0, 1, 2))
    assert first[0]["cycle"] == 2 and np.array_equal(first[1]["view0"], third[1]["view0"])
    assert not np.array_equal(first[1]["view0"], second[1]["view0"])


def test_that_what_is_said_of_a_crop_is_what_was_done_to_it(folder: Path) -> None:
    always = ("method.flip=1", "method.jitter=0", "method.grey=1", "method.solarize=1", "method.local_crops=2")
    facts, arrays = shown(toys.single(*SMALL, "method.name=dino", *always), folder)
    first, second = facts["views"][0]["done"]
    assert set(first) == {"flip", "grey", "blur"} and 0.1 <= first["blur"] <= 1 and set(second) >= {"flip", "grey", "solarize"}
    assert np.abs(arrays["view0"][:, 0].astype(int) - arrays["view0"][:, 1]).max() <= 1  # grey: all channels alike
    for top, left, height, width in (box for view in facts["views"] for box in view["boxes"]):
        assert 0 <= top <= top + height <= 32.001 and 0 <= left <= left + width <= 32.001


def test_that_the_recipe_sees_other_pictures_and_the_sheet_names_them(folder: Path) -> None:
    file = toys.single(*SMALL, "data.train_size=20")
    facts, arrays = shown(file, folder, data={"name": "digits"}, sheet=True)
    assert facts["pictures"] > 800 and arrays["picture"].shape == (1, 8, 8)
    assert len(facts["sheet"]) == len(arrays["sheet"]) == preview.SHEET and facts["sheet"][5] == facts["name"]


def test_that_pictures_are_read_once_while_fields_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(preview, "prepare", lambda *asked: read.append(asked) or prepare(*asked))
    previewer = Previewer()
    for shift in (0, 1, 2):
        previewer.preview(toys.single(*SMALL, f"augment.shift={shift}"), None, Wish(0, 0), folder, silent)
    assert len(read) == 1


def test_that_what_stands_in_the_way_is_named(folder: Path) -> None:
    with pytest.raises(Refused, match="no training picture 99"):
        shown(toys.single(*SMALL), folder, picture=99)
    with pytest.raises(RecipeErrors, match=r"data\.path"):
        shown(toys.single(*SMALL), folder, data={"name": "folder", "path": "/nowhere/at/all"})
