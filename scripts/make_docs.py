#!/usr/bin/env python3
"""Write the generated pages: docs/data_format.md from the schema, docs/cli.md from the commands' help."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
TUNE_COMMANDS = ("run", "evaluate", "offline", "export", "toy")


def data_format() -> str:
    """The tables page."""
    from fisherprep import schema
    from fisherprep.flags import FLAGS

    lines = [
        "# Tables of a work folder",
        "",
        f"Schema version {schema.SCHEMA_VERSION}. Written by `make docs` from `fisherprep/schema.py` and `flags.py`.",
        "",
        "A work folder holds one folder per table, one Parquet file per shard (zstd). Side `a` is channel 1,",
        f"side `b` channel 2; T counts frames of 80 ms ({schema.FRAME_RATE_HZ} Hz). Without `null`: never empty.",
        "",
    ]
    for table in schema.TABLES.values():
        lines += [
            f"## {table.name}",
            "",
            f"One row is {table.row}." + (f" Rows in a row group: {table.group_rows}." if table.group_rows else ""),
            "",
            "| column | type | unit | meaning |",
            "|---|---|---|---|",
        ]
        for c in table.columns:
            type_ = str(c.type).replace("item: ", "").replace("|", "\\|") + (", null" if c.nullable else "")
            lines.append(f"| `{c.name}` | {type_} | {c.unit} | {c.doc} |")
        lines.append("")
    lines += ["## Flags", "", "| flag | meaning |", "|---|---|"]
    lines += [f"| `{flag}` | {meaning} |" for flag, meaning in FLAGS.items()]
    return "\n".join(lines) + "\n"


def _help(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    return [f"## {name}", "", "```text", command.get_help(context), "```", ""]


def cli() -> str:
    """The commands page."""
    from fisherprep.cli import main

    lines = ["# Commands", "", "Written by `make docs` from the commands' own help.", ""]
    lines += _help(main, "fisherprep")
    for name, command in sorted(main.commands.items()):
        lines += _help(command, f"fisherprep {name}")
    for module in TUNE_COMMANDS:
        lines += _help(importlib.import_module(f"finetune.{module}").main, f"python -m finetune.{module}")
    return "\n".join(lines)


PAGES = {"docs/data_format.md": data_format, "docs/cli.md": cli}


def main() -> int:
    """Write the pages; with ``--check``, only say whether they are up to date."""
    stale = []
    for name, make in PAGES.items():
        file, text = ROOT / name, make()
        if "--check" in sys.argv[1:]:
            if not file.is_file() or file.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            file.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
