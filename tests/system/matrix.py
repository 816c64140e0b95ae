# SPDX-License-Identifier: BSD-3-Clause
"""Combinations of options: all of them, or few that hold every pair of values."""

import itertools
from collections.abc import Sequence


def all_combinations(axes: dict[str, Sequence[str]]) -> list[dict[str, str]]:
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def pairs_of(combination: dict[str, str]) -> set[tuple]:
    return set(itertools.combinations(combination.items(), 2))


def pairwise(axes: dict[str, Sequence[str]]) -> list[dict[str, str]]:
    """Few combinations that together hold every pair of values of any two axes.

    Greedy: the combination with the most pairs that are still missing comes next. The result is the
    same at every run.
    """
    candidates = all_combinations(axes)
    missing = set().union(*(pairs_of(candidate) for candidate in candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda candidate: len(pairs_of(candidate) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return chosen
