"""What "auto" comes to: numbers inside their ranges, each with a reason that names them, and nothing else touched."""

import math
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import recipe, scaled, schedule
from engine.fields import AUTO, fields_in
from engine.recipe import Recipe, RunRecipe
from engine.recipes import Dinov2
from engine.scaled import Facts

SMALL = Facts(pictures=2880, size=48, channels=3, classes=10)
IMAGENET = Facts(pictures=1_281_167, size=224, channels=3, classes=1000)
DINO = """
lineage = "d"
[method]
name = "dino"
[model]
name = "vit"
[data]
name = "creatures"
[optimizer]
name = "adamw"
lr = "auto"
[schedule]
warmup_epochs = "auto"
"""
OF_DINO = set(scaled.RULES) - {"method.patch_prototypes"}  # that is DINOv2's


def dino(*sets: str) -> Recipe:
    return recipe.read_text(DINO, sets).recipe


def numbers(known: Facts, *sets: str) -> dict[str, object]:
    asked, _ = scaled.resolve(dino(*sets), known)
    return recipe.flat(recipe.to_table(asked))


def said(path: str, known: Facts, *sets: str) -> str:
    return scaled.resolve(dino(*sets), known)[1][path].reason


def test_that_every_field_that_takes_auto_has_a_rule_and_every_rule_a_field() -> None:
    assert {field.path for field in recipe.all_fields(Recipe) if field.auto} == set(scaled.RULES)
    assert {field.path for field in recipe.all_fields(RunRecipe) if field.auto} == set(scaled.RULES)


def test_that_every_auto_becomes_a_number_with_a_reason_from_the_data() -> None:
    open_before = scaled.still_auto(dino())
    asked, why = scaled.resolve(dino(), SMALL)
    assert sorted(open_before) == sorted(why) == sorted(OF_DINO)
    assert scaled.still_auto(asked) == []
    assert {one.source for one in why.values()} == {"data"}
    values = recipe.flat(recipe.to_table(asked))
    assert all(isinstance(values[path], int | float) for path in why)
    assert all(any(sign.isdigit() for sign in one.reason) for one in why.values())


def test_that_a_student_of_a_frozen_teacher_answers_with_that_teachers_prototypes() -> None:
    taught = ("method.name=dinov2", "method.teacher_run=large-s{seed}-F0", "model={name='vit'}")
    asked, why = scaled.resolve(dino(*taught), SMALL)
    assert scaled.still_auto(asked) == ["method.prototypes", "method.patch_prototypes"], "nobody has looked yet"
    theirs = Dinov2(prototypes=48, patch_prototypes=20)
    known = replace(SMALL, taught_by=theirs)
    asked, why = scaled.resolve(dino(*taught), known)
    assert (asked.method.prototypes, asked.method.patch_prototypes, scaled.still_auto(asked)) == (48, 20, [])
    assert why["method.prototypes"].reason == "as many prototypes as its teacher large-s{seed}-F0 answers with"
    shared = replace(SMALL, taught_by=msgspec.structs.replace(theirs, separate_heads=False))
    assert scaled.resolve(dino(*taught), shared)[0].method.patch_prototypes == 48
    assert numbers(known)["method.prototypes"] == numbers(SMALL)["method.prototypes"], "without a teacher the pictures decide"


def test_that_what_a_person_wrote_stays_and_a_choice_called_auto_too() -> None:
    asked, why = scaled.resolve(dino("method.momentum=0.9", "method.prototypes=300", "optimizer.lr=0.01"), SMALL)
    assert (asked.method.momentum, asked.method.prototypes, asked.optimizer.lr) == (0.9, 300, 0.01)
    assert not {"method.momentum", "method.prototypes", "optimizer.lr"} & set(why)
    assert asked.compute.device == asked.compute.precision == "auto"


def test_that_a_recipe_without_auto_is_left_as_it_is() -> None:
    asked = recipe.read("born-again-digits").recipe
    assert scaled.resolve(asked, SMALL) == (asked, {})


def test_that_a_runs_recipe_is_resolved_like_its_lineages() -> None:
    run, _ = next(recipe.read_text(DINO).runs())
    found, why = scaled.resolve(run, SMALL)
    assert isinstance(found, RunRecipe) and (found.method, why) == (
        scaled.resolve(dino(), SMALL)[0].method,
        scaled.resolve(dino(), SMALL)[1],
    )


def test_that_at_imagenets_size_the_published_numbers_come_out() -> None:
    found = numbers(IMAGENET, "training.batch=1024", "training.epochs=100", "model.patch=16")
    assert found["optimizer.lr"] == 0.002  # 0.0005 for 256 pictures
    assert (found["schedule.warmup_epochs"], found["method.prototypes"]) == (10, 65_536)
    assert (found["method.teacher_temp_start"], found["method.teacher_temp"]) == (0.04, 0.07)
    assert found["method.momentum"] == 0.996
    assert found["method.freeze_epochs"] == pytest.approx(1, abs=0.01)
    assert (found["method.global_size"], found["method.local_size"]) == (224, 112)


def test_that_a_few_thousand_pictures_get_what_the_first_trials_learned_with() -> None:
    found = numbers(SMALL, "training.epochs=28", "training.batch=64")
    assert (found["method.prototypes"], found["optimizer.lr"], found["method.teacher_temp"]) == (256, 5e-4, 0.02)
    assert 0.993 < found["method.momentum"] < 0.998
    assert 90 < found["method.freeze_epochs"] * SMALL.per_epoch(64) < 110
    assert (found["method.global_size"], found["method.local_size"]) == (48, 24)
    assert said("method.prototypes", SMALL).startswith("256 prototypes for 2,880 pictures: ")


def test_that_dinov2_has_the_rate_of_its_own_configuration() -> None:
    asked = recipe.read("dinov2-creatures", ["optimizer.lr=auto", "training.batch=1024"]).recipe
    found, why = scaled.resolve(asked, None)
    assert found.optimizer.lr == 0.004 and "ssl_default_config.yaml" in why["optimizer.lr"].reason
    small, _ = scaled.resolve(recipe.changed(asked, "training.batch", 64), None)
    assert small.optimizer.lr == 0.001, "the root of the batch"


def test_that_the_rate_tells_both_rules_and_which_was_taken() -> None:
    reason = said("optimizer.lr", SMALL)
    assert "the linear rule gives 125e−6" in reason and "the root of the batch 500e−6" in reason and "Taken: the root" in reason
    sgd = recipe.read("born-again-digits", ["optimizer={name='sgd', lr='auto'}"]).recipe
    found, why = scaled.resolve(sgd, None)
    assert found.optimizer.lr == 0.1 * sgd.training.batch / 128
    assert "Taken: the linear one" in why["optimizer.lr"].reason


def test_that_other_methods_need_no_pictures_for_rate_and_warm_up() -> None:
    asked = recipe.read("born-again-digits", ["optimizer={name='adamw', lr='auto'}", "schedule.warmup_epochs='auto'"]).recipe
    found, why = scaled.resolve(asked, None)
    assert set(why) == {"optimizer.lr", "schedule.warmup_epochs"} and scaled.still_auto(found) == []
    assert found.schedule.warmup_epochs == 0.1 * asked.training.epochs


def test_that_without_pictures_the_rest_waits() -> None:
    found, why = scaled.resolve(dino(), None)
    assert set(why) == set(scaled.WITHOUT_PICTURES)
    assert set(scaled.still_auto(found)) == OF_DINO - set(why)
    assert scaled.resolve(found, SMALL)[0] == scaled.resolve(dino(), SMALL)[0]


def test_that_a_warm_up_ends_before_the_first_fall() -> None:
    found, _ = scaled.resolve(dino("schedule={name='step', milestones=[2], warmup_epochs='auto'}"), SMALL)
    assert found.schedule.warmup_epochs == 2


@pytest.mark.parametrize(
    ("size", "patch", "sizes"),
    [(48, 8, (48, 24)), (50, 8, (48, 24)), (48, 16, (48, 32)), (8, 4, (8, 4)), (8, 16, (16, 16)), (8, 3, (9, 6))],
)
def test_that_crops_are_whole_patches(size: int, patch: int, sizes: tuple[int, int]) -> None:
    found = numbers(replace(SMALL, size=size), f"model.patch={patch}")
    assert (found["method.global_size"], found["method.local_size"]) == sizes


def test_that_crops_for_a_network_without_patches_are_never_tiny() -> None:
    found = numbers(replace(SMALL, size=9), "model={name='small_cnn'}")
    assert (found["method.global_size"], found["method.local_size"]) == (9, 8)
    assert scaled.patch_of(dino("model={name='timm', variant='deit_tiny_patch16_224'}")) == 16


def test_that_a_teacher_that_gets_warmer_warms_up_and_one_that_does_not_has_nothing_to_do() -> None:
    warm = numbers(SMALL, "method.teacher_temp=0.07", "training.epochs=20")
    assert (warm["method.teacher_temp_start"], warm["method.teacher_temp_warmup_epochs"]) == (0.02, 6)
    assert numbers(SMALL)["method.teacher_temp_warmup_epochs"] == 0
    assert numbers(SMALL, "method.teacher_temp=0.01")["method.teacher_temp_start"] == 0.01


def test_that_a_short_runs_teacher_does_not_stay_at_its_beginning() -> None:
    long, short = (numbers(SMALL, f"training.epochs={epochs}")["method.momentum"] for epochs in (100, 3))
    assert short < long
    assert schedule.half_life(float(short)) == pytest.approx(0.1 * 3 * SMALL.per_epoch(64), rel=0.02)
    assert "of the run; a longer look back" in said("method.momentum", SMALL, "training.epochs=3")


def test_that_a_momentum_outside_of_what_was_tried_is_bounded_and_says_so() -> None:
    assert numbers(SMALL, "training.batch=2880")["method.momentum"] == 0.9
    assert "would give 0.8409, but 0.9 to 0.9995" in said("method.momentum", SMALL, "training.batch=2880")


@given(
    pictures=st.integers(1, 5_000_000),
    size=st.integers(8, 1024),
    epochs=st.integers(1, 2000),
    batch=st.integers(1, 65_536),
    patch=st.integers(1, 64),
    optimizer=st.sampled_from(["adamw", "sgd"]),
)
def test_that_whatever_the_data_the_numbers_make_a_recipe(
    pictures: int, size: int, epochs: int, batch: int, patch: int, optimizer: str
) -> None:
    sets = [f"training={{epochs={epochs}, batch={batch}}}", f"model={{name='vit', patch={patch}, heads=3, width=96}}"]
    asked = dino(*sets, f"optimizer={{name='{optimizer}', lr='auto'}}")
    found, why = scaled.resolve(asked, Facts(pictures, size, 3, 0))  # raises if a range or a contradiction is met
    assert scaled.still_auto(found) == [] and all(one.reason for one in why.values())
    assert found.schedule.warmup_epochs <= 0.1 * epochs + 0.01
    assert found.method.teacher_temp_warmup_epochs <= epochs and found.method.freeze_epochs <= epochs
    assert found.method.teacher_temp_start <= found.method.teacher_temp < 0.08
    assert math.isfinite(schedule.half_life(found.method.momentum))


# ---- facts and reasons ----------------------------------------------------------------------------------------------------


def test_that_the_built_in_sets_are_counted_without_being_decoded() -> None:
    digits = recipe.Digits(test_share=0.3, val_share=0.25)
    assert scaled.facts(digits) == Facts(1797 - 539 - 449, 8, 1, 10)
    assert scaled.facts(recipe.Digits(train_size=100)) == Facts(100, 8, 1, 10)
    assert scaled.facts(recipe.Creatures(pictures=4000, size=64)) == Facts(2800, 64, 3, 10)


def test_that_a_folder_is_what_somebody_has_counted() -> None:
    folder = recipe.Folder(path="/pictures", size=40, colour="grey")
    assert scaled.facts(folder) is None
    assert scaled.facts(folder, 120, 3) == Facts(120, 40, 1, 3)
    assert scaled.training_pictures(folder, 100) == 70
    assert scaled.training_pictures(folder, 100, test_given=True) == 90
    assert scaled.training_pictures(folder, 100, test_given=True, val_given=True) == 100


def test_that_the_digits_are_counted_as_they_are() -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    assert source.images.shape == (scaled.DIGITS, scaled.DIGITS_PX, scaled.DIGITS_PX)
    assert len(source.target_names) == scaled.SPECIES


def test_that_every_value_in_force_says_where_it_comes_from() -> None:
    file = recipe.read_text(DINO)
    asked, resolved = scaled.resolve(file.recipe, SMALL)
    why = scaled.reasons(asked, recipe.flat(file.document.unwrap()), resolved)
    assert set(why) == {field.path for field, _ in fields_in(asked)}
    assert (
        why["method.name"].source == "user" and why["optimizer.lr"].source == "data"
    )  # "auto" was written, the number was not
    assert why["method.global_crops"].source == "paper" and "2104.14294" in why["method.global_crops"].reason
    assert why["optimizer.weight_decay"].source == "preset"  # AdamW's own, not the one SGD has from a paper
    assert all(one.reason for one in why.values())


def test_that_a_recipe_is_explained_without_torch_or_numpy() -> None:
    program = "import sys; from engine.__main__ import main; code = main(['explain', 'dino-creatures', '--json']);"
    program += " sys.exit(code or bool({'torch', 'numpy', 'sklearn', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def test_that_auto_is_written_as_it_is_read() -> None:
    assert dino("method.momentum=auto").method.momentum == AUTO
