"""Command line of the fuzzer; `tests.fuzz` says how to call it. The exit status is 1 where an input failed."""

from __future__ import annotations

import argparse
import faulthandler
import json
import sys
from dataclasses import asdict
from pathlib import Path

from .run import Report, fuzz
from .targets import GROUPS, TARGETS

PIECE = 1000
"""Inputs between two lines of output."""
HANG_S = 600
"""A C library that hangs cannot be interrupted; the process ends with a traceback where a piece takes longer."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="+", choices=[*TARGETS, *GROUPS])
    parser.add_argument("--count", type=int, default=20_000, help="inputs for each target")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the inputs that failed")
    args = parser.parse_args()
    faulthandler.enable()
    reports: list[Report] = []
    for name in dict.fromkeys(t for group in args.targets for t in GROUPS.get(group, (group,))):
        for first in range(args.first, args.first + args.count, PIECE):
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            reports.append(fuzz(name, min(PIECE, args.first + args.count - first), args.seed, first, args.save))
            print(json.dumps({"first": first} | asdict(reports[-1])), flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps(summary(reports)))
    return int(any(r.failures for r in reports))


def summary(reports: list[Report]) -> dict[str, object]:
    """All pieces together; ``read`` counts the inputs that were not refused."""
    names = list(dict.fromkeys(r.target for r in reports))
    of = {name: [r for r in reports if r.target == name] for name in names}
    return {
        "inputs": {name: sum(r.inputs for r in of[name]) for name in names},
        "read": {name: sum(r.inputs - r.refused for r in of[name]) for name in names},
        "worst_s": {name: round(max(r.worst_s for r in of[name]), 4) for name in names},
        "peak_mib": max(r.peak_mib for r in reports),
        "failures": sum(len(r.failures) for r in reports),
    }


if __name__ == "__main__":
    sys.exit(main())
