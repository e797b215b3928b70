"""What is said of a previewed picture: who receives what, where it lies, what was done to it."""

from pathlib import Path

import numpy as np
import pytest
from previewed import preview, whole

from engine import words
from studio import preview_model, recipe_fields
from studio.preview_model import Row
from studio.recipe_model import OpenRecipe


def rows(answer: dict[str, object]) -> list[Row]:
    return preview_model.rows(preview_model.read(answer))


def test_that_teacher_and_student_and_what_only_the_student_sees_have_a_row_each(tmp_path: Path) -> None:
    found = rows(preview(tmp_path))
    assert [(row.who, row.title, row.small) for row in found] == [
        ("teacher", "Teacher", False), ("student", "Student", False), ("student", "Student only", True)
    ]  # fmt: skip
    assert found[0].subtitle == "the student's average: 2 global crops of 8 px" and found[2].subtitle == "1 local crop of 4 px"
    assert [crop.caption for crop in found[0].crops] == ["g1: blur 0.6 px", "g2: mirrored, grey"]
    assert found[2].crops[0].caption == "l1: as it is"


def test_that_hidden_patches_are_covered_for_the_student_alone(tmp_path: Path) -> None:
    teacher, student, _ = rows(preview(tmp_path))
    assert [crop.caption for crop in student.crops] == [f"g1: {words.percent(0.25, 0)} hidden", "g2: nothing hidden"]
    covered = student.crops[0].picture
    assert (covered[:, :4, :4] == np.array(preview_model.COVER)[:, None, None]).all() and (covered[:, 4:] == 100).all()
    assert (teacher.crops[0].picture == 100).all() and np.array_equal(student.crops[1].picture, teacher.crops[1].picture)


def test_that_a_frozen_teacher_sees_the_very_same_and_nothing_is_hidden(tmp_path: Path) -> None:
    teacher, student, _ = rows(preview(tmp_path, teacher="frozen", arrays={"hidden": None}))
    assert teacher.subtitle.startswith("frozen: ") and student.subtitle == "the same, nothing hidden"
    taught = rows(whole(tmp_path, "frozen", (0, 0)))
    assert [row.subtitle for row in taught] == ["frozen, sees the very same picture", "the very same picture"]


@pytest.mark.parametrize(
    ("box", "done", "said"),
    [((0, 0), {}, "as it is"), ((-2, 1), {}, "2 px down, 1 px left"), ((3, 1), {"flip": 1.0}, "3 px up, 1 px right, mirrored")],
)
def test_that_a_moved_picture_says_how_far_as_it_is_seen(
    tmp_path: Path, box: tuple[int, int], done: dict[str, float], said: str
) -> None:
    (student,) = rows(whole(tmp_path, "labels", box, **done))
    assert student.crops[0].caption == said
    frame, *_ = preview_model.frames(preview_model.read(whole(tmp_path, "labels", box, **done)))
    assert (frame.top, frame.left, frame.label) == (*box, "")


def test_that_frames_of_global_crops_are_drawn_last_and_named(tmp_path: Path) -> None:
    found = preview_model.frames(preview_model.read(preview(tmp_path)))
    assert [(one.label, one.is_global) for one in found] == [("l1", False), ("g1", True), ("g2", True)]
    assert (found[2].top, found[2].left, found[2].height, found[2].width) == (1, 2, 5, 6)


def test_that_the_draw_is_told_and_when_it_comes_round_again(tmp_path: Path) -> None:
    facts = preview_model.read(preview(tmp_path)).facts
    assert preview_model.draw_words(facts) == "epoch 7 of 40, step 312, seed 0"
    kept = preview_model.read(preview(tmp_path, cycle=5)).facts
    assert preview_model.draw_words(kept).endswith(", as 5 epochs before and after")


def test_that_the_file_goes_once_it_is_read_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    answer = preview(tmp_path)
    preview_model.read(answer)
    assert not Path(answer["file"]).exists()
    with pytest.raises(ValueError, match="cannot be read"):
        preview_model.read(answer)


def test_that_every_field_that_changes_a_crop_is_offered_for_the_method_that_has_it() -> None:
    every = {field.path for name in ("born-again-digits", "dino-creatures", "dinov2-creatures") for field in _fields(name)}
    assert every == set(preview_model.SEEN), "a field was renamed, or SEEN names one that no recipe has"
    assert [field.path for field in _fields("born-again-digits")] == ["augment.shift", "augment.flip"]


def _fields(preset: str) -> list[recipe_fields.Field]:
    return preview_model.fields(OpenRecipe(preset).layout.fields)
