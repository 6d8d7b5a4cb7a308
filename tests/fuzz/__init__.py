"""Damaged files by the thousand, through every parser of a release: nothing but ``ValueError`` may come of them.

    python -m tests.fuzz audio transcript tables --count 20000 --seed 0

Each input follows from target, seed and number alone, so ``--first N --count 1`` makes the N-th again.
"""
