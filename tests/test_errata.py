"""Known errors of the release: applied unless refused, named in the summary, never missed unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest
from fisher_builder import NO_CHECKS, Call, Tables, noise, reasons, run, sphere, write_release

from fisherprep.corpus.call import Options
from fisherprep.corpus.errata import apply_errata, load_errata
from fisherprep.corpus.transcript import parse_transcript, place_turns
from fisherprep.flags import FLAGS
from fisherprep.stage import StageSummary

LINES = {
    27: ("393.80 394.05 B: (( mm ))", None),
    265: ("33.53 33.81 B: corrected", ["correct"]),
    991: ("527.39 528.29 B: that's one those", ["that's", "one", "of", "those"]),
    1326: ("307.42 307.93 A: [noise] huh", None),
    10282: ("344.42 344.84 A: because they don't want", ["they", "don't", "want"]),
    10677: (
        "101.04 106.41 B: uh my mine yeah",
        "uh my mine yeah the german shepherd pitbull mix he snores almost as loud as i do",
    ),
    11487: ("31.09 234.06 B: so that is", ["so", "that", "is"]),
}
"""Call -> a line such as stands in the release, and the words that shall come of it."""


def ingest(tmp_path: Path, calls: list[Call], options: Options = NO_CHECKS) -> tuple[StageSummary, Tables]:
    """A release of ten-minute calls."""
    for call in calls:
        call.audio = sphere(noise(0, seconds=600.0))
    return run(tmp_path / "work", write_release(tmp_path / "ldc", calls), options=options)


def test_the_list_is_that_of_the_sources() -> None:
    errata = load_errata()
    assert {int(c[-5:]) for c, known in errata.items() if any(e.do != "flag" for e in known)} == set(LINES)
    assert {int(c[-5:]) for c, known in errata.items() if any(e.do == "flag" for e in known)} == {446, 1243, 6716}
    assert all(e.sources and all("/" in s for s in e.sources) for known in errata.values() for e in known)


@pytest.mark.parametrize("number", LINES)
def test_each_erratum_mends_its_line_and_no_other(number: int) -> None:
    line, words = LINES[number]
    raw = f"1.00 2.00 A: before\n{line}\n599.00 599.50 B: after".encode()
    transcript = parse_transcript(raw)
    done = apply_errata(transcript, load_errata()[f"fe_03_{number:05d}"])
    turns, outside = place_turns(transcript, 600.0)
    middle = [t for t in turns if t.text not in ("before", "after")]
    assert len(turns) == 2 + (words is not None) and not outside
    assert [t.words for t in middle] == ([words.split() if isinstance(words, str) else words] if words else [])
    assert list(done) == [f"erratum applied: {load_errata()[f'fe_03_{number:05d}'][0].key}"]
    if words:
        assert middle[0].flags == ["erratum"] and middle[0].text == line.split(": ", 1)[1] and not transcript.odd
    else:
        assert [(n, e.reason) for n, e in transcript.odd] == [(2, "erratum")]
    if number == 11487:
        assert (middle[0].start_s, middle[0].end_s) == (231.09, 234.06)


def test_a_copy_that_is_mended_already_stays_and_is_counted() -> None:
    for number, line in ((265, "33.53 33.81 B: correct"), (11487, "231.09 234.06 B: so that is")):
        transcript = parse_transcript(line.encode())
        done = apply_errata(transcript, load_errata()[f"fe_03_{number:05d}"])
        assert [key.partition(":")[0] for key in done] == ["erratum already mended"]
        assert not transcript.odd and not transcript.corrected and len(transcript.utterances) == 1


@pytest.mark.parametrize(
    "line", ["33.53 33.81 A: other side", "33.60 33.81 B: later", "33.53 34.81 B: longer", "# none"]
)
def test_an_erratum_that_does_not_match_is_reported_and_changes_nothing(line: str) -> None:
    transcript = parse_transcript(line.encode())
    before = list(transcript.utterances)
    done = apply_errata(transcript, load_errata()["fe_03_00265"])
    assert list(done) == ["erratum without its line: fe_03_00265 b 33.53 text"]
    assert [(n, e.reason) for n, e in transcript.odd] == [(0, "erratum_without_line")]
    assert transcript.utterances == before


def test_times_within_rounding_match() -> None:
    transcript = parse_transcript(b"33.52 33.82 B: corrected")
    apply_errata(transcript, load_errata()["fe_03_00265"])
    assert place_turns(transcript, 600.0)[0][0].words == ["correct"]


def test_ingest_applies_them_by_default_and_says_so(tmp_path: Path) -> None:
    calls = [Call(27, lines=["1.00 2.00 A: hello", LINES[27][0]]), Call(446), Call(265)]
    summary, tables = ingest(tmp_path, calls)
    assert [t["text"] for t in tables["turns"] if t["call_id"] == "fe_03_00027"] == ["hello"]
    assert sorted(reasons(tables)) == [("fe_03_00027", "erratum"), ("fe_03_00265", "erratum_without_line")]
    places = {r["reason"]: r["place"].rpartition("/")[2] for r in tables["rejects"]}
    assert places == {"erratum": "fe_03_00027.txt:6", "erratum_without_line": "fe_03_00265.txt"}
    flags = {r["call_id"]: r["flags"] for r in tables["conversations"]}
    assert flags == {"fe_03_00027": [], "fe_03_00265": [], "fe_03_00446": ["listed_bad_audio"]}
    named = {k: v for k, v in summary.counters.items() if k.startswith("erratum")}
    assert named == {
        "erratum applied: fe_03_00027 b 393.80 drop": 1,
        "erratum applied: fe_03_00446 flag": 1,
        "erratum without its line: fe_03_00265 b 33.53 text": 1,
    }
    assert {"listed_bad_audio", "erratum"} <= FLAGS.keys()


def test_no_errata_leaves_everything(tmp_path: Path) -> None:
    calls = [Call(27, lines=[LINES[27][0]]), Call(446)]
    summary, tables = ingest(tmp_path, calls, Options(errata=False, checks=False))
    assert len(tables["turns"]) == 3 and not tables["rejects"]
    assert [r["flags"] for r in tables["conversations"]] == [[], []]
    assert not any(k.startswith("erratum") for k in summary.counters)


def test_really_bad_audio_of_a_listed_call_is_rejected(tmp_path: Path) -> None:
    calls = [Call(446), Call(447)]
    root = write_release(tmp_path / "ldc", calls)
    next(root.rglob("fe_03_00446.sph")).write_bytes(b"NIST_1A\n   1024\njunk")
    tables = run(tmp_path / "work", root)[1]
    assert [c for c, _ in reasons(tables)] == ["fe_03_00446"]
    assert [r["call_id"] for r in tables["conversations"]] == ["fe_03_00447"]
