"""Lineages of a few pictures whose every number can be counted by hand, and the sentences that they deserve."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from engine import compare
from engine.compare import ComparisonError, Generation, Lineage, Predictions

THIN, MINUS = "\N{THIN SPACE}", "\N{MINUS SIGN}"
HASH = "3fa2c0ffee00" * 5


def network(predicted, generation: int = 0, seed: int = 0, classes: int = 4, sure: float = 0.7, **changed) -> Predictions:
    """A network that names these classes with probability `sure`; the label of every picture is 0 unless `labels` says else."""
    chosen = np.asarray(predicted)
    probabilities = np.full((len(chosen), classes), (1 - sure) / (classes - 1), np.float32)
    probabilities[np.arange(len(chosen)), chosen] = sure
    given = {
        "run": f"toy-s{seed}-F{generation}",
        "generation": generation,
        "seed": seed,
        "test_hash": HASH,
        "probabilities": probabilities,
        "labels": np.zeros(len(chosen), np.int64),
        "index": np.arange(100, 100 + len(chosen)),
    }
    return Predictions(**{**given, **changed})


def wrong_on(rows, pictures: int = 1000, **given) -> Predictions:
    chosen = np.zeros(pictures, np.int64)
    chosen[list(rows)] = 1
    return network(chosen, **given)


def lineage_of(*mistakes_by_generation: list[int], pictures: int = 1000, seed: int = 0) -> Lineage:
    """mistakes_by_generation[k][s] is how many pictures Fk of seed s gets wrong; which ones is drawn."""
    random = np.random.default_rng(seed)
    return Lineage.from_predictions(
        [
            wrong_on(random.choice(pictures, wrong, replace=False), pictures, generation=k, seed=s)
            for k, by_seed in enumerate(mistakes_by_generation)
            for s, wrong in enumerate(by_seed)
        ]
    )


def judged(lineage: Lineage) -> list[compare.Verdict]:
    return compare.verdicts(lineage, resamples=2_000)


def sentence(*mistakes_by_generation: list[int]) -> tuple[str, str]:
    lineage = lineage_of(*mistakes_by_generation)
    lead, rest = compare.headline(lineage, judged(lineage))
    return lead.replace(THIN, " "), rest.replace(THIN, " ")


# Reading and refusing ------------------------------------------------------------------------------------------------


def test_that_predictions_survive_the_disk(tmp_path: Path):
    kept = network([0, 1, 2], labels=np.array([0, 1, 1]))
    path = tmp_path / "a01-step00000400-predictions-test.npz"
    np.savez(path, probabilities=kept.probabilities, labels=kept.labels, true_labels=kept.labels, index=kept.index)
    read = compare.read_predictions(path, kept.run, 0, 0, HASH)
    assert (read.run, read.generation, read.seed, read.test_hash) == (kept.run, 0, 0, HASH)
    assert read.probabilities.dtype == np.float32 and read.labels.dtype == np.int64
    assert read.predicted.tolist() == [0, 1, 2] and read.correct.tolist() == [True, True, False]
    assert read.confidence.tolist() == pytest.approx([0.7] * 3)


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 torn"])
def test_that_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes | None):
    path = tmp_path / "predictions.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ComparisonError, match=r"toy-s0-F1: cannot read .*predictions\.npz.* train it again"):
        compare.read_predictions(path, "toy-s0-F1", 1, 0, HASH)


def test_that_a_file_without_labels_or_with_one_array_only_is_refused(tmp_path: Path):
    np.savez(tmp_path / "half.npz", probabilities=np.ones((1, 1), np.float32))
    np.save(tmp_path / "array.npy", np.ones(3))
    for name in ("half.npz", "array.npy"):
        with pytest.raises(ComparisonError, match="toy-s0-F1: cannot read"):
            compare.read_predictions(tmp_path / name, "toy-s0-F1", 1, 0, HASH)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"labels": np.array([0, 4, 0])}, "outside the 4 classes"),
        ({"labels": np.array([0, -1, 0])}, "outside the 4 classes"),
        ({"labels": np.array([0, 0])}, r"shapes \(3, 4\), \(2,\) and \(3,\)"),
        ({"probabilities": np.full((3, 4), 0.3, np.float32)}, "do not sum to 1"),
        ({"probabilities": np.full((3, 4), np.nan, np.float32)}, "not finite"),
        ({"probabilities": np.ones(3, np.float32)}, "shapes"),
    ],
)
def test_that_broken_predictions_are_refused_by_name(changed: dict, says: str):
    with pytest.raises(ComparisonError, match=rf"toy-s0-F0: .*{says}"):
        network([0, 1, 2], **changed)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (network([0, 1], 1, test_hash="91bc" * 16), "different pictures .split 3fa2c0ffee00 and 91bc91bc91bc"),
        (network([0, 1], 1, classes=5), "different classes .4 and 5"),
        (network([0, 1, 1], 1), "2 and 3 pictures"),
        (network([0, 1], 1, index=np.array([100, 107])), "row 1: picture 101 and 107"),
        (network([0, 1], 1, labels=np.array([3, 0])), "picture 100: 0 and 3"),
    ],
)
def test_that_what_does_not_belong_together_is_refused_with_both_names(other: Predictions, says: str):
    one = network([0, 1])
    for refused in (
        lambda: Lineage.from_predictions([one, other]),
        lambda: compare.mistakes(one, other),
        lambda: compare.agreement_matrix([one, other]),
        lambda: compare.bane([one, other]),
        lambda: compare.suspects([one, other]),
        lambda: compare.pair_verdict(Generation(1, {0: other}), Generation(0, {0: one})),
    ):
        with pytest.raises(ComparisonError, match=rf"toy-s0-F0 and toy-s0-F1 .*{says}.*; compare runs with the same"):
            refused()


def test_that_two_runs_for_one_place_are_refused_with_both_names():
    fork = network([0, 1], run="toy-s0-F0-fork1")
    with pytest.raises(ComparisonError, match="toy-s0-F0 and toy-s0-F0-fork1 are both F0 of seed 0"):
        Lineage.from_predictions([network([0, 1]), fork])


# Mistakes, agreement, ensembles, suspects ----------------------------------------------------------------------------

TEACHER = network([0, 1, 1, 2, 0, 0, 3, 0], generation=0)
STUDENT = network([0, 1, 2, 0, 1, 0, 3, 0], generation=1, sure=0.4)


def test_that_mistakes_are_counted_by_hand():
    found = compare.mistakes(TEACHER, STUDENT)
    assert found.inherited.tolist() == [1, 2, 6]  # row 2 is wrong in another way, and inherited all the same
    assert (found.fixed.tolist(), found.new.tolist(), found.right.tolist()) == ([3], [4], [0, 5, 7])
    assert found.rate(found.inherited) == 3 / 8
    assert (found.agreement, found.agreement_wrong, found.agreement_right) == (5 / 8, 2 / 4, 3 / 4)


def test_that_kl_is_that_of_the_teacher_to_the_student():
    p, q = TEACHER.probabilities.astype(float).tolist(), STUDENT.probabilities.astype(float).tolist()
    naive = sum(sum(a * np.log(a / b) for a, b in zip(*rows)) for rows in zip(p, q)) / 8
    assert compare.mistakes(TEACHER, STUDENT).kl == pytest.approx(naive, rel=1e-9)
    assert compare.mistakes(STUDENT, TEACHER).kl != pytest.approx(naive, rel=1e-3)
    assert compare.mistakes(TEACHER, TEACHER).kl == 0.0


def test_that_zeros_leave_kl_finite():
    certain, other = network([0, 1], sure=1.0), network([1, 1], sure=1.0, generation=1)
    assert compare.mistakes(certain, other).kl == pytest.approx(63 * np.log(2))


def test_that_a_teacher_without_mistakes_has_no_agreement_on_them():
    found = compare.mistakes(network([0, 0]), network([0, 1], generation=1))
    assert found.agreement_wrong is None and found.agreement_right == 0.5


def test_that_agreement_and_confusion_are_counted_by_hand():
    assert compare.agreement_matrix([TEACHER, STUDENT]).tolist() == [[1, 5 / 8], [5 / 8, 1]]
    labelled = network([0, 1, 1, 2], labels=np.array([0, 1, 2, 2]))
    assert compare.confusion(labelled).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_that_calibration_pools_the_seeds():
    lineage = lineage_of([10, 20, 30])
    found = lineage.generations[0].calibration()
    assert found.count.sum() == 3000 and found.ece == pytest.approx(0.98 - 0.7, abs=1e-6)


def members(*rows: list[list[float]], seed: int = 0) -> list[Predictions]:
    return [network([0] * len(row), k, seed, probabilities=np.array(row, np.float32)) for k, row in enumerate(rows, start=1)]


def test_that_the_average_is_of_probabilities_or_of_logits():
    team = members([[0.5, 0.5, 0, 0]], [[0.1, 0.3, 0.3, 0.3]])
    assert compare.bane(team).tolist()[0] == pytest.approx([0.3, 0.4, 0.15, 0.15])
    random = np.random.default_rng(0)
    logits_MNK = 3 * random.normal(size=(3, 20, 4))
    soft = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (*logits_MNK, logits_MNK.mean(0))]
    found = compare.bane(members(*[p.tolist() for p in soft[:3]]), kind="logits")
    np.testing.assert_allclose(found, soft[3], rtol=1e-5)


def test_that_a_zero_probability_leaves_the_logit_average_finite():
    found = compare.bane(members([[1.0, 0, 0, 0]], [[0, 1.0, 0, 0]]), kind="logits")
    assert found.tolist()[0] == pytest.approx([0.5, 0.5, 0, 0], abs=1e-6)


def test_that_an_average_over_seeds_is_refused_with_both_names():
    with pytest.raises(ComparisonError, match="toy-s0-F1 and toy-s1-F2 are of seeds 0 and 1"):
        compare.bane([network([0], 1, 0), network([0], 2, 1)])


def test_that_the_ensemble_is_counted_by_hand():
    """Three generations each wrong on another picture: together they are wrong nowhere, any two on none or on a tie."""
    team = [wrong_on([k], 4, generation=k, sure=0.6 + 0.1 * k) for k in (1, 2, 3)]
    lineage = Lineage.from_predictions([wrong_on([0, 1], 4), *team])
    found = compare.ensemble(lineage)
    assert found is not None
    assert (found.name, found.members, found.seeds) == ("F1+F2+F3", (1, 2, 3), (0,))
    assert (found.mean, found.sd, found.per_seed) == (1.0, None, (1.0,))
    assert found.gain == pytest.approx(1 - 3 / 4)
    # the surer of two wins its picture: without F1, F3 drags F2 into its mistake; so without F2; without F3, F2 drags F1
    assert found.contributions == pytest.approx((0.25, 0.25, 0.25))
    assert found.disagreement[0] == pytest.approx((0.0, 0.5, 0.5))


def test_that_each_member_s_contribution_is_what_the_average_loses_without_it():
    """Members that are wrong on other pictures, and differently sure of it."""
    seeds = []
    for seed in (0, 1):
        good = wrong_on([0], 4, generation=1, seed=seed, sure=0.6)
        helper = wrong_on([1], 4, generation=2, seed=seed, sure=0.7)
        dragging = wrong_on([0, 1] if seed == 0 else [0], 4, generation=3, seed=seed, sure=0.97)
        seeds += [wrong_on([0], 4, seed=seed), good, helper, dragging]
    found = compare.ensemble(Lineage.from_predictions(seeds))
    assert found is not None and found.seeds == (0, 1)
    for place, member in enumerate(found.members):
        lost = []
        for seed in found.seeds:
            team = [one for one in seeds if one.seed == seed and one.generation in found.members]
            rest = [one for one in team if one.generation != member]
            whole, without = (np.mean([p.probabilities for p in some], axis=0) for some in (team, rest))
            lost.append(float((whole.argmax(1) == team[0].labels).mean() - (without.argmax(1) == team[0].labels).mean()))
        assert found.contributions[place] == pytest.approx(np.mean(lost)), member
    assert any(found.contributions)


def test_that_the_paper_s_ensembles_grow_by_one_generation():
    lineage = lineage_of([90] * 3, [80] * 3, [70] * 3, [60] * 2)
    found = compare.ensembles(lineage)
    assert [(e.name, e.seeds) for e in found] == [("F1+F2", (0, 1, 2)), ("F1+F2+F3", (0, 1))]
    assert found[0].sd is not None and len(found[0].gain_per_seed) == 3


def test_that_any_subset_can_be_averaged_and_nonsense_is_refused():
    lineage = lineage_of([90], [80], [70])
    chosen = compare.ensemble(lineage, members=[0, 2], kind="logits")
    assert chosen is not None and (chosen.name, chosen.kind) == ("F0+F2", "logits")
    assert compare.ensemble(lineage, members=[1, 7]) is None
    assert compare.ensemble(lineage_of([90], [80])) is None
    for nonsense in ([1], [1, 1]):
        with pytest.raises(ComparisonError, match="two or more different generations, not F1"):
            compare.ensemble(lineage, members=nonsense)


def test_that_suspect_labels_are_those_that_most_networks_contradict_with_one_voice():
    voices = [
        [0, 1, 1, 2, 3],
        [0, 1, 1, 1, 3],
        [0, 1, 2, 3, 3],
        [0, 1, 1, 0, 3],
    ]
    team = [network(v, k, sure=0.5 + 0.1 * k, labels=np.array([0, 0, 0, 0, 3])) for k, v in enumerate(voices)]
    found = compare.suspects(team)
    assert [(s.row, s.index, s.given, s.proposed, s.votes, s.voters) for s in found] == [
        (1, 101, 0, 1, 4, 4),
        (2, 102, 0, 1, 3, 4),
    ]
    assert [s.confidence for s in found] == pytest.approx([0.65, (0.5 + 0.6 + 0.8) / 3])
    assert [s.row for s in compare.suspects(team, share=1.0)] == [1]
    assert compare.suspects([]) == []


def test_that_a_single_memorising_network_suspects_nothing():
    assert compare.suspects([network([0, 1, 2], labels=np.array([0, 1, 2]))]) == []


# Verdicts ------------------------------------------------------------------------------------------------------------


def test_that_each_generation_meets_its_parent_and_the_first():
    found = judged(lineage_of([90] * 3, [80] * 3, [70] * 3, [60] * 3))
    assert [(v.child, v.parent) for v in found] == [(1, 0), (2, 1), (2, 0), (3, 2), (3, 0)]


def test_that_p_is_adjusted_over_the_lineage_s_comparisons():
    found = judged(lineage_of([90, 88, 92], [80, 85, 79], [70, 75, 72]))
    assert [v.p_adjusted for v in found] == compare.holm([v.difference.p for v in found])
    assert any(v.p_adjusted != v.difference.p for v in found)


def test_that_comparisons_without_a_verdict_cost_the_others_nothing():
    lineage = lineage_of([90] * 3, [20] * 3, [10])
    first, *numbers = judged(lineage)
    assert first.p_adjusted == first.difference.p and first.word == "better"
    assert [(v.word, v.p_adjusted, v.difference.seeds) for v in numbers] == [("no verdict", None, 1)] * 2
    assert numbers[0].difference.mean == pytest.approx(0.01)


def test_that_an_incomplete_lineage_is_compared_over_the_seeds_that_both_have():
    every = lineage_of([90] * 4, [20] * 4).predictions
    lineage = Lineage.from_predictions([p for p in reversed(every) if (p.generation, p.seed) not in {(1, 2), (0, 3)}])
    assert [g.seeds for g in lineage.generations] == [(0, 1, 2), (0, 1, 3)] and lineage.seeds == (0, 1, 2, 3)
    (verdict,) = judged(lineage)
    assert [n.seed for n in verdict.networks] == [0, 1] and verdict.difference.seeds == 2
    row = compare.rows(lineage, [verdict])[1]
    pairs = [compare.mistakes(lineage.generations[0].by_seed[s], lineage.generations[1].by_seed[s]) for s in (0, 1)]
    assert row.fixed == pytest.approx(np.mean([len(m.fixed) / 1000 for m in pairs]))


def test_that_generations_without_a_seed_in_common_are_left_out():
    lineage = Lineage.from_predictions([wrong_on([1], generation=0, seed=0), wrong_on([2], generation=1, seed=1)])
    assert judged(lineage) == []
    assert compare.headline(lineage, []) == ("No verdict", ": no later generation has a finished seed in common with F0")
    row = compare.rows(lineage, [])[1]
    assert (row.verdict, row.agreement, row.inherited) == (None, None, None)
    with pytest.raises(ComparisonError, match="F1 and F0 have no finished seed in common"):
        compare.pair_verdict(*reversed(lineage.generations))


def test_that_a_missing_generation_in_the_middle_is_borne():
    kept = [p for p in lineage_of([90] * 3, [80] * 3, [20] * 3).predictions if p.generation != 1]
    lineage = Lineage.from_predictions(kept)
    (verdict,) = judged(lineage)
    assert (verdict.child, verdict.parent, verdict.word) == (2, 0, "better")
    assert compare.rows(lineage, [verdict])[1].agreement is None


def test_that_mcnemar_stands_beside_each_seed_and_is_not_pooled():
    lineage = Lineage.from_predictions(
        [wrong_on(range(9), generation=0, seed=s) for s in range(3)]
        + [wrong_on(range(8, 8 + s), generation=1, seed=s) for s in range(3)]
    )
    (verdict,) = judged(lineage)
    assert [(n.only_child, n.only_parent) for n in verdict.networks] == [(9, 0), (8, 0), (8, 1)]
    assert [n.p for n in verdict.networks] == pytest.approx([2 / 2**9, 2 / 2**8, 2 * 10 / 2**9])


def test_that_a_pair_on_its_own_is_not_adjusted():
    lineage = lineage_of([90] * 3, [85] * 3, [80] * 3)
    pair = compare.pair_verdict(lineage.generations[2], lineage.generations[0], resamples=2_000)
    same = next(v for v in judged(lineage) if (v.child, v.parent) == (2, 0))
    assert pair.difference == same.difference and pair.p_adjusted == pair.difference.p


def test_that_verdicts_are_the_same_every_time():
    lineage = lineage_of([90, 88, 92], [80, 85, 79])
    assert judged(lineage) == judged(lineage)


# Words ---------------------------------------------------------------------------------------------------------------


def spoken(mean: float, error: float | None, p: float | None, word: compare.Word, seeds: int = 3) -> str:
    difference = compare.Difference(mean, error, 0.0, 0.0, p or 0.5, seeds, 540, (mean,) * seeds)
    return compare.verdict_words(compare.Verdict(2, 1, difference, p, word, ()))


def test_that_a_verdict_is_said_as_on_the_boxes():
    assert spoken(0.015, 0.005, 0.001, "better") == "+1.5 ± 0.5 better than F1, p = 0.001"
    assert spoken(-0.015, 0.005, 0.0001, "worse") == f"{MINUS}1.5 ± 0.5 worse than F1, p < 0.001"
    assert spoken(-0.007, 0.004, 0.065, "within the noise") == f"{MINUS}0.7 ± 0.4 within the noise of F1, p = 0.065"
    assert spoken(0.007, 0.005, None, "no verdict", 2) == "+0.7 ± 0.5 against F1, two seeds only, no verdict"
    assert spoken(0.007, None, None, "no verdict", 1) == "+0.7 against F1, one seed only, no verdict"


def test_that_the_page_says_the_best_generation_first():
    lead, rest = sentence([70, 72, 68], [50, 52, 48], [20, 22, 18], [24, 19, 26])
    assert lead == "F2 is best: 98.0 %"
    assert rest == ", better than F0 by 5.0 ± 0.0 (p = 0.003); F3 adds nothing that can be told from noise"


def test_that_a_step_within_the_noise_is_not_called_best():
    lead, rest = sentence([70, 72, 68], [22, 20, 24], [20, 22, 18])
    assert lead == "F2 is highest: 98.0 %"
    assert rest == ", better than F0 by 5.0 ± 0.0 (p = 0.002), but within the noise of F1"


def test_that_later_generations_are_each_given_their_due():
    lead, rest = sentence([70, 72, 68], [20, 22, 18], [60, 61, 62], [61, 59, 60])
    assert lead == "F1 is best: 98.0 %"
    assert rest.startswith(", better than F0 by 5.0 ± 0.0 (p = 0.003); F2 is worse than F1 by 4.1 ± 0.2 (p = 0.003); ")
    assert rest.endswith("; F3 adds nothing that can be told from noise")
    _, rest = sentence([70, 72, 68], [20, 22, 18], [21, 22, 19], [22, 20, 21], [23])
    assert rest.endswith("(p = 0.003); F2 and F3 add nothing that can be told from noise; F4 has one seed only")


def test_that_a_generation_is_not_called_best_below_a_higher_one_without_a_verdict():
    lead, rest = sentence([70, 72, 68], [20, 22, 18], [10])
    assert (lead, rest) == ("F1 is better than F0: 98.0 %", ", 5.0 ± 0.0 above it (p < 0.001); F2 has one seed only")


def test_that_nothing_better_is_said_as_it_is():
    lead, rest = sentence([70, 72, 68], [66, 73, 66])
    assert lead == "Nothing is measurably better than F0: 93.0 %"
    assert rest.startswith("; F1 is within its noise (+0.2 ± 0.1, p = 0.") and rest.endswith(")")
    lead, rest = sentence([70, 72, 68], [68, 75, 66], [71, 70, 69], [60, 61])
    assert rest == "; F1 and F2 cannot be told from it; F3 has two seeds only"
    lead, rest = sentence([20, 22, 18], [70, 72, 68], [25, 22, 20])
    assert lead == "Nothing is measurably better than F0: 98.0 %"
    assert rest.startswith("; F1 is worse by 5.0 ± 0.0 (p = 0.002); F2 is within its noise")


def test_that_the_first_generation_can_be_best():
    lead, rest = sentence([20, 22, 18], [70, 72, 68], [50, 52, 48])
    assert lead == "F0 is best: 98.0 %"
    assert rest == "; F1 is worse by 5.0 ± 0.0 (p = 0.002); F2 is worse by 3.0 ± 0.0 (p = 0.002)"


def test_that_one_or_two_seeds_give_numbers_and_no_verdict():
    assert sentence([70, 72], [50, 58], [20, 22]) == (
        "F2 is highest: 97.9 %",
        ", 5.0 ± 0.0 above F0; two seeds only, no verdict",
    )
    assert sentence([20], [70], [60]) == ("F0 is highest: 98.0 %", ", 4.0 above F2; one seed only, no verdict")
    assert sentence([70, 72], [71, 71]) == ("F1 equals F0: 92.9 %", "; two seeds only, no verdict")


def test_that_a_beginning_lineage_claims_nothing():
    assert sentence() == ("No generation is finished yet", ", so there is nothing to compare")
    assert sentence([70, 72, 68]) == ("F0: 93.0 %", ", 3 seeds; no other generation is finished yet")


def test_that_the_line_under_the_boxes_names_set_seeds_and_test():
    assert compare.basis(lineage_of([90] * 3, [80] * 2)) == (
        "Accuracy, 1,000 test pictures, 3 seeds; paired bootstrap over seeds and pictures, Holm"
    )
    assert compare.basis(Lineage(())) == ""


def test_that_seeds_of_one_order_say_what_their_spread_leaves_out():
    apart = lineage_of([90] * 3, [80] * 3).predictions
    alike = Lineage.from_predictions([dataclasses.replace(one, same_order=True) for one in apart])
    assert compare.basis(alike) == (
        "Accuracy, 1,000 test pictures, 3 seeds that share their data order, which their spread leaves out; "
        "paired bootstrap over seeds and pictures, Holm"
    )
    alone = [dataclasses.replace(one, same_order=one.seed == 0) for one in apart]
    assert "share" not in compare.basis(Lineage.from_predictions(alone)), "with whom?"


# Tables --------------------------------------------------------------------------------------------------------------


def test_that_a_row_holds_the_means_over_its_seeds():
    lineage = lineage_of([90, 80, 100], [70, 60])
    found = judged(lineage)
    first, second = compare.rows(lineage, found)
    assert (first.name, first.seeds, first.per_seed) == ("F0", (0, 1, 2), (0.91, 0.92, 0.9))
    assert (first.mean, first.sd) == pytest.approx((0.91, 0.01))
    assert first.ece == pytest.approx(0.21, abs=1e-6)
    assert first.nll == pytest.approx(-0.91 * np.log(0.7) - 0.09 * np.log(0.1), rel=1e-5)
    assert first.brier == pytest.approx(0.91 * (0.09 + 0.03) + 0.09 * (0.49 + 0.81 + 0.02), rel=1e-5)
    assert (first.verdict, first.agreement, first.fixed) == (None, None, None)
    assert second.verdict == found[0]
    assert second.inherited is not None and second.fixed is not None and second.new is not None
    assert second.inherited + second.fixed == pytest.approx(0.085)  # F0's mistakes in the two seeds
    assert second.inherited + second.new == pytest.approx(0.065)  # F1's


def test_that_one_seed_has_no_spread():
    (row,) = compare.rows(lineage_of([90]), [])
    assert row.sd is None and row.per_seed == (0.91,)


@pytest.mark.parametrize("mistakes_", [(), ([90],), ([90, 91, 92], [80, 85, 79], [70, 75])])
def test_that_the_json_is_plain_and_whole(mistakes_: tuple[list[int], ...]):
    lineage = lineage_of(*mistakes_)
    found = compare.as_json(lineage, judged(lineage))
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert [g["name"] for g in found["generations"]] == [f"F{k}" for k in range(len(mistakes_))]
    assert found["headline"] and found["pictures"] == (1000 if mistakes_ else 0)
    assert all(v["words"].startswith("+") for v in found["verdicts"])
    assert [e["name"] for e in found["ensembles"]] == (["F1+F2"] if len(mistakes_) == 3 else [])
