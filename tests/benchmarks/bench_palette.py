"""Ctrl+K among many runs: what a keystroke costs as runs grow, beside one plain look for the same letters.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks palette

Prints the median of interleaved rounds; the ratio counts. Ten times the runs should cost about ten times as much, no more.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

from studio.finding import Entry, Index

RUNS, QUESTIONS, ROUNDS = (100, 1_000, 10_000), ("d", "digits", "s7 f1", "dgtf1", "zqx"), 7


def main() -> None:
    print(f"{'runs':>7} {'question':<8} {'search, ms':>11} {'plain, ms':>10} {'ratio':>6}")
    for runs in RUNS:
        titles = [f"digits{i} F{i % 4} seed {i % 10}" for i in range(runs)]
        index = Index([Entry(title, "run", print) for title in titles])
        for question in QUESTIONS:
            ours, plain = side_by_side(lambda: index.search(question), lambda: plainly(titles, question))  # noqa: B023
            print(f"{runs:>7,} {question!r:<8} {1000 * ours:>11.2f} {1000 * plain:>10.2f} {ours / plain:>6.1f}")


def plainly(titles: Sequence[str], question: str) -> list[str]:
    """The least a search does: each title looked at once."""
    return [title for title in titles if question in title.lower()]


def side_by_side(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Medians in seconds, taken in turn."""
    taken = [(timed(one), timed(other)) for _ in range(ROUNDS)]
    return median(first for first, _ in taken), median(second for _, second in taken)


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
