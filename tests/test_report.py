"""What ingest says: the survey before, the report after; and how the options change what is taken."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from fisher_builder import Call, calls, noise, reasons, run, sphere, write, write_release
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.cli import main
from fisherprep.corpus.call import Options
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.report import as_markdown, distribution, make_report, measured_columns
from fisherprep.corpus.survey import survey
from fisherprep.demo.shorten import SampleType, encode
from fisherprep.engine import LocalEngine
from fisherprep.schema import CONVERSATIONS
from fisherprep.stage import StageSummary
from fisherprep.workfolder import WorkFolder


def command(*args: Any) -> Result:
    return CliRunner().invoke(main, [str(a) for a in ("ingest", *args)])


def mixed_release(root: Path) -> Path:
    """Both parts, both transcribers, two topics, a repeated PIN, an erratum, a call without audio."""
    release = calls(1, 2, 30, 446, 5851, 5852)
    release[1].transcriber, release[2].transcriber = "# Transcribed by BBN/WordWave", "# nobody"
    release[1].lines = ["0.10 0.60 A: (( hello there ))", "0.50 1.20 B: hi"]
    release[2].topic, release[4].topic = "", "ENG02"
    release[4].pins = release[0].pins
    write_release(root, release)
    for listed in root.rglob("*filelist.tbl"):
        listed.write_text(listed.read_text().replace("LDC", "x"))
    next(root.rglob("fe_03_05852.sph")).unlink()
    return root


def test_the_report_counts_what_the_tables_hold(tmp_path: Path) -> None:
    out = tmp_path / "work"
    summary, tables = run(out, mixed_release(tmp_path / "ldc"))
    report = json.loads((out / "ingest_report.json").read_text())
    assert report["calls"] == len(tables["conversations"]) == 5
    assert report["hours"] == pytest.approx(10 / 3600, abs=1e-4)
    assert report["turns"] == len(tables["turns"])
    assert report["words"] == sum(len(t["words"]) for t in tables["turns"])
    by_part = {"part 1 bbn": 1, "part 1 ldc": 2, "part 1 unknown": 1, "part 2 ldc": 1}
    assert report["calls_by"]["part and transcriber"] == by_part
    assert report["calls_by"]["audio format"] == {"sphere-ulaw": 5}
    assert report["calls_by"]["topic"] == {"ENG01 Garden Tools.": 3, "ENG02 Bread": 1, "none": 1}
    assert report["speakers"] == {
        "speakers": 8, "pins": 8, "pairs of pin and sex": 8, "speakers of two calls or more": 2
    }  # fmt: skip
    assert report["rejects"] == dict(summary.rejects) == {"missing_audio": 1}
    assert report["errata"] == {"applied: fe_03_00446 flag": 1}
    assert report["flags"] == {"listed_bad_audio": 1, "no_topic": 1, "rejected": 1, "uncertain": 4}
    duration = report["distributions"]["duration_s"]
    assert (duration["count"], duration["min"], duration["median"], duration["max"]) == (5, 2.0, 2.0, 2.0)
    assert sum(duration["histogram"]["counts"]) == 5


def test_the_page_says_what_the_json_says(tmp_path: Path) -> None:
    out = tmp_path / "work"
    run(out, mixed_release(tmp_path / "ldc"))
    report = json.loads((out / "ingest_report.json").read_text())
    page = (out / "ingest_report.md").read_text()
    assert page == as_markdown("fisher", report)
    for line in (
        "| part 1 ldc | 2 |",
        "| missing_audio | 1 |",
        "| applied: fe_03_00446 flag | 1 |",
        "| sphere-ulaw | 5 |",
    ):
        assert line in page
    assert "| duration_s | 5 | 2 | 2 | 2 |" in page


def test_the_report_is_the_same_wherever_and_however_it_is_made(tmp_path: Path) -> None:
    pages = set()
    for place, engine in (("one", None), ("two", LocalEngine(2))):
        out = tmp_path / f"work {place}"
        for _ in range(2):  # a second run does nothing and says the same
            run(out, mixed_release(tmp_path / place / "ldc"), engine=engine)
            pages.add((out / "ingest_report.json").read_bytes() + (out / "ingest_report.md").read_bytes())
    assert len(pages) == 1 and str(tmp_path).encode() not in pages.pop()


def test_titles_cannot_break_the_page(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    table = next(root.rglob("*topics.sgm"))
    table.write_text(table.read_text().replace("Garden Tools.", "a | b &lt;script&gt; [x](y)"))
    run(tmp_path / "work", root)
    page = (tmp_path / "work" / "ingest_report.md").read_text()
    assert r"ENG01 a \| b \<script\> \[x\](y) | 1 |" in page


def test_every_measured_column_is_shown() -> None:
    shown = {name for group in measured_columns().values() for name in group}
    assert shown == {c.name for c in CONVERSATIONS.columns if pa.types.is_floating(c.type)}
    assert all(len(group) == 1 or {n[-2:] for n in group} == {"_a", "_b"} for group in measured_columns().values())


def test_a_report_of_nothing() -> None:
    nothing = StageSummary(0, 0, 0, Counter(), Counter(), Counter())
    report = make_report(CONVERSATIONS.schema.empty_table(), nothing)
    assert report["calls"] == 0 and report["distributions"] == {}
    assert "Nothing." in as_markdown("none", report)


FLOATS = st.none() | st.floats(allow_nan=True, width=32)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), max_size=30))
def test_distributions_of_any_values(rows: list[tuple[float | None, float | None]]) -> None:
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    table = pa.table({"x_a": pa.array(a, pa.float32()), "x_b": pa.array(b, pa.float32())})
    found = distribution(table, ["x_a", "x_b"])
    finite = [v for v in (*a, *b) if v is not None and math.isfinite(v)]
    if not finite:
        assert found is None
        return
    assert found and found["count"] == sum(found["histogram"]["counts"]) == len(finite)
    assert found["min"] <= found["median"] <= found["max"]
    json.dumps(found, allow_nan=False)


# -- survey ----------------------------------------------------------------------------------------------------------


def test_the_survey_says_what_would_be_used(tmp_path: Path) -> None:
    root = mixed_release(tmp_path / "ldc")
    next(root.rglob("fe_03_00002.txt")).unlink()
    write(root / "again" / "fe_03_00001.wav", b"x")
    write(root / "again" / "fe_03_00001.txt", b"x")
    write(root / "fe_03_00031_A.wav", b"x")
    write(root / "fe_03_00031.txt", b"x")
    write(root / "LDC2004S13.zip.001", b"PK")
    found = survey([root])
    one, two = found.parts["part 1"], found.parts["part 2"]
    assert (one.expected, one.absent, two.expected, two.absent) == (5850, 5845, 5849, 5847)
    assert [c[-2:] for c in one.usable] == ["01", "30", "46"] and two.usable == ["fe_03_05851"]
    assert (one.missing_transcripts, one.one_sided) == (["fe_03_00002"], ["fe_03_00031"])
    assert (one.missing_audio, two.missing_audio) == ([], ["fe_03_05852"])
    assert found.duplicates == {"audio": 1, "transcript": 1} and found.archives == ["LDC2004S13.zip.001"]
    assert found.audio_kinds == {".sph": 5} and "no part" not in found.parts


def test_the_survey_agrees_with_the_ingest(tmp_path: Path) -> None:
    root = mixed_release(tmp_path / "ldc")
    usable = [c for part in survey([root]).parts.values() for c in part.usable]
    assert usable == [r["call_id"] for r in run(tmp_path / "work", root)[1]["conversations"]]


def test_a_dry_run_reads_no_audio_and_writes_nothing(tmp_path: Path) -> None:
    root = mixed_release(tmp_path / "ldc")
    for path in root.rglob("*.sph"):
        path.write_bytes(b"never read")
    before = sorted(tmp_path.rglob("*"))
    result = command(root, "--dry-run", "--data-root", tmp_path / "data")
    assert result.exit_code == 0 and sorted(tmp_path.rglob("*")) == before
    assert "part 1: calls that would be used" in result.output and "4 of 5,850" in result.output
    assert "fe_03_05852" in result.output


# -- options ---------------------------------------------------------------------------------------------------------


def damaged_release(root: Path) -> Path:
    """A call cut in the middle of its Shorten stream, and one whose checksum is another's."""
    codes = noise(1, seconds=3.0)
    stream = encode(codes, SampleType.ULAW)
    cut = sphere(codes, sample_coding="ulaw,embedded-shorten-v2.00")[:1024] + stream[: len(stream) // 2]
    odd = sphere(codes, sample_coding="ulaw,embedded-shorten-v2.00", sample_checksum=1)[:1024] + stream
    return write_release(root, [Call(1, audio=cut), Call(2, audio=odd), Call(3)])


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (Options(checks=False), {"3"}),
        (Options(salvage=True, checks=False), {"1", "3"}),
        (Options(verify_checksum=False, checks=False), {"2", "3"}),
        (Options(salvage=True, verify_checksum=False, checks=False), {"1", "2", "3"}),
    ],
)
def test_damaged_audio_is_rejected_or_on_request_mended_and_flagged(
    tmp_path: Path, options: Options, taken: set[str]
) -> None:
    out = tmp_path / "work"
    tables = run(out, damaged_release(tmp_path / "ldc"), options=options)[1]
    rows = {r["call_id"][-1]: r for r in tables["conversations"]}
    assert set(rows) == taken
    assert {c[-1] for c, _ in reasons(tables)} == {"1", "2"}  # said in either case
    expected = {"1": ["salvaged"], "2": ["checksum_mismatch"], "3": []}
    assert all(row["flags"] == expected[number] for number, row in rows.items())
    for row in rows.values():
        samples = read_call_audio(WorkFolder.open(out), row).samples
        assert samples.shape == (2, row["num_samples"]) and np.abs(samples).max() > 0
    if "1" in rows:
        assert 0 < rows["1"]["num_samples"] < 24_000


def test_the_command_passes_its_options_on(tmp_path: Path) -> None:
    root = damaged_release(tmp_path / "ldc")
    for flags, num_calls in (([], 1), (["--salvage"], 2), (["--salvage", "--no-checksum"], 3)):
        result = command(root, "--out", tmp_path / "work", "--workers", 1, *flags)
        assert result.exit_code == 0 and "ingest_report.md" in result.output.replace("\n", "")
        assert len(WorkFolder.open(tmp_path / "work").read("conversations")) == num_calls


def test_no_errata_is_passed_on_too(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(446))
    for flags, named in (([], True), (["--no-errata"], False)):
        result = command(root, "--out", tmp_path / "work", "--workers", 1, *flags)
        assert result.exit_code == 0 and ("fe_03_00446 flag" in result.output.replace("\n", " ")) == named
