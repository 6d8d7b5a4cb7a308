"""Command line of the fuzzer; `tests.fuzz` says how to call it. The exit status is 1 where an input failed."""

from __future__ import annotations

import argparse
import faulthandler
import json
import sys
from dataclasses import asdict
from pathlib import Path

from .run import fuzz
from .targets import GROUPS, TARGETS

HANG_S = 120
"""A C library that hangs cannot be interrupted; then the process ends with a traceback."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="+", choices=[*TARGETS, *GROUPS])
    parser.add_argument("--count", type=int, default=20_000, help="inputs for each target")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the inputs that failed")
    args = parser.parse_args()
    faulthandler.enable()
    failed = False
    for name in dict.fromkeys(t for group in args.targets for t in GROUPS.get(group, (group,))):
        for first in range(args.first, args.first + args.count, 1000):
            faulthandler.dump_traceback_later(HANG_S + 1000, exit=True)
            report = fuzz(name, min(1000, args.first + args.count - first), args.seed, first, args.save)
            failed |= bool(report.failures)
            print(json.dumps({"first": first} | asdict(report)), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
