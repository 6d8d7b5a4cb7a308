"""The report of an ingest: what the tables hold and what was left out, as ``ingest_report.json`` and ``.md``.

It is made from the tables and the completion records alone and holds no time and no host, so the same release gives
the same bytes. Every column of conversations that holds a measured number is shown by its distribution.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from fisherprep.corpus.names import LAST_CALL_OF_PART
from fisherprep.flags import FLAGS
from fisherprep.schema import CONVERSATIONS
from fisherprep.stage import StageSummary
from fisherprep.workfolder import WorkFolder

REPORT = "ingest_report"
HISTOGRAM_BINS = 10
_BARS = "▁▂▃▄▅▆▇█"
_COUNTED = {
    "part and transcriber": ("part", "transcriber"),
    "split": ("split",),
    "audio format": ("audio_format",),
    "topic": ("topic_id", "topic_title"),
}
"""What calls are counted by: a name and its columns."""
_ERRATUM = "erratum "


def measured_columns() -> dict[str, list[str]]:
    """Columns of conversations that hold measurements, both sides of one measure together."""
    columns: dict[str, list[str]] = {}
    for column in CONVERSATIONS.columns:
        if pa.types.is_floating(column.type):
            columns.setdefault(column.name.removesuffix("_a").removesuffix("_b"), []).append(column.name)
    return columns


def write_report(work: WorkFolder, summary: StageSummary) -> dict[str, Any]:
    """Write both files of the report into the work folder, each whole; returns what they say."""
    report = make_report(_read(work), summary)
    work.write_text(f"{REPORT}.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    work.write_text(f"{REPORT}.md", as_markdown(work.name, report))
    return report


def _read(work: WorkFolder) -> pa.Table:
    """The conversations columns that are reported, of all shards at once."""
    names = {"duration_s", *(name for columns in _COUNTED.values() for name in columns)}
    names |= {f"{name}_{side}" for name in ("speaker", "pin", "sex") for side in "ab"}
    names |= {name for group in measured_columns().values() for name in group}
    columns = sorted(names)
    files = [str(file) for file in work.files("conversations")]
    schema = pa.schema([CONVERSATIONS.schema.field(name) for name in columns])
    return ds.dataset(files, schema=CONVERSATIONS.schema).to_table(columns) if files else schema.empty_table()


def make_report(calls: pa.Table, summary: StageSummary) -> dict[str, Any]:
    """All facts of the report.

    Args:
        calls: rows of the conversations table.
        summary: counts over all shards.
    """
    counters = summary.counters
    return {
        "hours": round((pc.sum(calls["duration_s"]).as_py() or 0.0) / 3600, 4),
        "calls": calls.num_rows,
        "expected_calls": {"part 1": LAST_CALL_OF_PART[1], "part 2": LAST_CALL_OF_PART[2] - LAST_CALL_OF_PART[1]},
        "turns": int(counters["turns"]),
        "words": int(counters["words"]),
        "calls_by": {name: _count(calls, columns) for name, columns in _COUNTED.items()},
        "speakers": _speakers(calls),
        "flags": {k.removeprefix("flag: "): int(v) for k, v in sorted(counters.items()) if k.startswith("flag: ")},
        "errata": {k.removeprefix(_ERRATUM): int(v) for k, v in sorted(counters.items()) if k.startswith(_ERRATUM)},
        "rejects": {reason: int(n) for reason, n in sorted(summary.rejects.items())},
        "distributions": {
            name: d for name, columns in measured_columns().items() if (d := distribution(calls, columns))
        },
    }


def _count(calls: pa.Table, columns: tuple[str, ...]) -> dict[str, int]:
    keys = zip(*(calls[name].to_pylist() for name in columns), strict=True)
    return dict(sorted(Counter(_label(columns, key) for key in keys).items()))


def _label(columns: tuple[str, ...], values: tuple[Any, ...]) -> str:
    if columns[0] == "part":
        return f"part {values[0] or 'unknown'} {values[1]}"
    return " ".join(value for value in values if value) or "none"


def _speakers(calls: pa.Table) -> dict[str, int]:
    speakers, pins, pin_sexes = Counter[str](), set(), set()
    for side in "ab":
        speakers.update(calls[f"speaker_{side}"].to_pylist())
        pairs = zip(calls[f"pin_{side}"].to_pylist(), calls[f"sex_{side}"].to_pylist(), strict=True)
        known = {pair for pair in pairs if pair[0]}
        pins |= {pin for pin, _ in known}
        pin_sexes |= known
    return {
        "speakers": len(speakers),
        "pins": len(pins),
        "pairs of pin and sex": len(pin_sexes),
        "speakers of two calls or more": sum(n > 1 for n in speakers.values()),
    }


def distribution(calls: pa.Table, columns: list[str]) -> dict[str, Any] | None:
    """Number, minimum, median, maximum and a histogram of finite values; None where there is none."""
    import numpy as np

    values = np.concatenate([calls[name].drop_null().to_numpy().astype(float) for name in columns])
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    bins = np.minimum((values - low) / ((high - low) or 1.0) * HISTOGRAM_BINS, HISTOGRAM_BINS - 1).astype(int)
    counts = np.bincount(bins, minlength=HISTOGRAM_BINS)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    return {
        "count": int(values.size),
        "min": round(low, 4),
        "median": round(float(np.median(values)), 4),
        "max": round(high, 4),
        "histogram": {"edges": [round(float(edge), 4) for edge in edges], "counts": counts.tolist()},
    }


def as_markdown(name: str, report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"# Ingest of {_cell(name)}", ""]
    totals = {"hours": f"{report['hours']:,.2f}", **{k: f"{report[k]:,}" for k in ("calls", "turns", "words")}}
    lines += _table("total", "", totals | report["speakers"])
    for by, counts in report["calls_by"].items():
        lines += [f"## Calls by {by}", "", *_table(by, "calls", counts)]
    lines += ["## Errata", "", *(_table("erratum", "calls", report["errata"]) or ["None applied.", ""])]
    lines += ["## Left out or noted", "", *(_table("reason", "rows of rejects", report["rejects"]) or ["Nothing.", ""])]
    flags = {f"`{flag}`: {FLAGS.get(flag, '')}": n for flag, n in report["flags"].items()}
    lines += ["## Flags", "", *(_table("flag", "calls and turns", flags) or ["None.", ""])]
    lines += [
        "## Distributions",
        "",
        "| measure | values | min | median | max | from min to max |",
        "|---|---|---|---|---|---|",
    ]
    for measure, d in report["distributions"].items():
        bars = _bars(d["histogram"]["counts"])
        lines.append(f"| {measure} | {d['count']:,} | {d['min']:g} | {d['median']:g} | {d['max']:g} | `{bars}` |")
    return "\n".join([*lines, ""])


def _table(head: str, value_head: str, rows: dict[str, Any]) -> list[str]:
    if not rows:
        return []
    body = [f"| {_cell(k)} | {v:,} |" if isinstance(v, int) else f"| {_cell(k)} | {v} |" for k, v in rows.items()]
    return [f"| {head} | {value_head} |", "|---|---|", *body, ""]


def _cell(text: str) -> str:
    """Untrusted text in a cell: what would end the cell or become markup is escaped."""
    return "".join(f"\\{c}" if c in "\\|<>[]" else " " if not c.isprintable() else c for c in text)


def _bars(counts: list[int]) -> str:
    top = max(counts)
    return "".join("·" if n == 0 else _BARS[(len(_BARS) - 1) * n // top] for n in counts)
