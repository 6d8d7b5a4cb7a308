#!/usr/bin/env python3
"""Refuse files that hold, or may hold, corpus data: by name, by content and by size. Used before every commit."""

from __future__ import annotations

import re
import sys
from pathlib import Path

BANNED_SUFFIXES = {".sph", ".wav", ".flac", ".mp3", ".ogg", ".parquet", ".arrow", ".safetensors", ".pt", ".npz", ".tgz"}
BANNED_NAMES = re.compile(
    r"fe_03_(p[12]_)?(\d{5}|calldata|pindata|filelist|topics).*\.(txt|tbl|sgm|txo|trn|ana)$", re.I
)
BANNED_STARTS = (b"NIST_1A\n", b"# fe_03_", b"PAR1")
MAX_BYTES = 500_000


def reason_to_refuse(file: Path) -> str | None:
    """Why ``file`` may not be committed, or None."""
    if file.suffix.lower() in BANNED_SUFFIXES:
        return f"files ending in {file.suffix} hold audio, tables or weights"
    if BANNED_NAMES.search(file.name):
        return "the name is that of a Fisher transcript or table"
    if file.is_file() and file.read_bytes()[:16].startswith(BANNED_STARTS):
        return "the content begins like corpus data"
    if file.is_file() and file.stat().st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES:,} bytes"
    return None


def main(names: list[str]) -> int:
    """Check the named files; returns the exit status."""
    refused = [(name, reason) for name in names if (reason := reason_to_refuse(Path(name)))]
    for name, reason in refused:
        print(f"{name}: not to be committed: {reason}. Test data is generated, never stored.", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
