"""Generated headers, transcripts, tables and whole releases: what was put in comes out, however it is written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from fisher_builder import CALLDATA_HEADER, PINDATA_HEADER, Call, calls, run, sphere, write_release
from fisher_layouts import LAYOUTS, NOTES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fisherprep.corpus.audio import read_audio
from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.sphere import TABLES as G711
from fisherprep.corpus.tables import Tables, parse_calldata, parse_filelist, parse_pindata, parse_topics
from fisherprep.corpus.transcript import parse_transcript, place_turns

QUICK = settings(max_examples=80, deadline=None)

# -- headers -----------------------------------------------------------------------------------------------------------

FIELD = st.tuples(
    st.from_regex(r"\A[a-z][a-z_]{2,12}\Z"), st.integers(0, 99_999) | st.from_regex(r"\A[a-zA-Z0-9.]{1,9}\Z")
)


@QUICK
@given(
    st.integers(1, 300), st.sampled_from(["ulaw", "alaw", "pcm"]), st.booleans(), st.lists(FIELD, max_size=6),
    st.randoms(use_true_random=False), st.sampled_from([1024, 2048]),
)  # fmt: skip
def test_a_header_in_any_order_with_any_other_fields_is_read(
    length: int, coding: str, big: bool, others: list, shuffler: Any, size: int
) -> None:
    codes = np.random.default_rng(length).integers(0, 256, (length, 2), dtype=np.uint8)
    pcm = codes.astype(np.int16) * 100 - 12_800
    fields: dict[str, Any] = {
        "channel_count": 2, "sample_count": length, "sample_rate": 8000, "sample_coding": coding,
        "sample_n_bytes": 2 if coding == "pcm" else 1,
        "sample_byte_format": ("10" if big else "01") if coding == "pcm" else "1",
    }  # fmt: skip
    fields = {name: value for name, value in others if not name.startswith("sample") and name != "end_head"} | fields
    items = list(fields.items())
    shuffler.shuffle(items)
    lines = ["NIST_1A", f"{size:7d}"]
    lines += [f"{n} -i {v}" if isinstance(v, int) else f"{n} -s{len(v)} {v}" for n, v in items]
    raw = "\n".join([*lines, "end_head", ""]).encode().ljust(size)
    raw += pcm.astype(">i2" if big else "<i2").tobytes() if coding == "pcm" else codes.tobytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call"
        path.write_bytes(raw)
        audio = read_audio(path)
    assert np.array_equal(audio.samples, (pcm if coding == "pcm" else G711[coding][codes]).T)
    assert audio.rate_hz == 8000 and audio.duration_s == length / 8000


# -- transcripts -------------------------------------------------------------------------------------------------------

CENTS = st.integers(0, 59_000)
WORD = st.from_regex(r"\A[a-z]{1,7}(?:['-][a-z]{1,3})?-?\Z") | st.sampled_from(
    ["café", "naïve", "'cause", "t.v.", "uh-huh"]
)
MARKER = st.sampled_from(["[laughter]", "[noise]-", "[[skip]]", "<noise>", "[mn]", "(( ))"])
UTTERANCE = st.tuples(CENTS, st.integers(1, 900), st.sampled_from("ab"), st.lists(WORD, min_size=1, max_size=6), MARKER)
JUNK = st.sampled_from(["", "  ", "# a remark", "#", "\t"])


@QUICK
@given(
    st.lists(UTTERANCE, min_size=1, max_size=8, unique_by=lambda u: u[:3]), st.lists(JUNK, min_size=9, max_size=9),
    st.sampled_from(["utf-8", "cp1252", "utf-8-sig", "utf-16"]), st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([" ", "\t", "   "]),
)  # fmt: skip
def test_a_transcript_in_any_spelling_gives_its_utterances(
    utterances: list, junk: list[str], encoding: str, end: str, space: str
) -> None:
    lines = []
    for (start, length, side, words, marker), other in zip(utterances, junk, strict=False):
        times = f"{start / 100:.2f}{space}{(start + length) / 100:.2f}{space}{side.upper()}:"
        lines += [other, f"{times}{space}{' '.join([marker, *words])} "]
    turns, outside = place_turns(parse_transcript(end.join(lines).encode(encoding)), 600.0)
    expected = sorted((s / 100, (s + n) / 100, side, normalize(" ".join(words))) for s, n, side, words, _ in utterances)
    assert sorted((t.start_s, t.end_s, t.side, t.words) for t in turns) == expected
    assert all(words for *_, words in expected) and not outside
    assert [t.start_s for t in turns] == sorted(t.start_s for t in turns)


# -- tables ------------------------------------------------------------------------------------------------------------

BLANK = st.sampled_from(["", " ", "NA", "na"])
PIN = st.integers(1006, 99_997).map(str) | BLANK
GRADE = st.sampled_from(["0", "3", "3.5", "4.0", ""])


@QUICK
@given(
    st.dictionaries(
        st.integers(1, 11_699),
        st.tuples(GRADE, GRADE, PIN, st.sampled_from(["f.a", "m.o", "M.A", "f", ".o", ""]), PIN, st.integers(0, 5)),
        min_size=1, max_size=6,
    ),
    st.booleans(), st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_calldata_is_typed(rows: dict[int, tuple], padded: bool, end: str) -> None:
    pad = " " if padded else ""
    lines = [CALLDATA_HEADER]
    for number, (signal, conversation, pin_a, sex, pin_b, phone) in rows.items():
        cells = [
            f"{number:05d}",
            "20030105_14:30:09",
            "ENG07",
            signal,
            conversation,
            pin_a,
            sex,
            "no_APHNUM",
            phone,
            "",
        ]
        lines.append(",".join(f"{pad}{cell}{pad}" for cell in [*cells, pin_b, "m.a", "x1", "", phone]))
    tables = Tables()
    parse_calldata(end.join(lines).encode(), "t", tables)
    assert set(tables.calls) == {f"fe_03_{number:05d}" for number in rows} and not tables.problems
    for number, (signal, _, pin_a, sex, pin_b, phone) in rows.items():
        record = tables.calls[f"fe_03_{number:05d}"]
        assert record["signal_grade"] == (float(signal) if signal else None)
        assert (record["pin_a"], record["pin_b"]) == tuple(p if p.isdigit() else None for p in (pin_a, pin_b))
        assert record["sex_a"] == next((c for c in sex.lower().split(".")[0]), None)
        assert (record["phone_set_a"] is None) == (phone not in (1, 2, 3, 4))
        assert record["phone_number_a"] is None and record["phone_number_b"] == "x1"


@QUICK
@given(
    st.dictionaries(
        st.integers(1006, 99_997),
        st.tuples(
            st.sampled_from("FMfm"), st.integers(16, 99) | BLANK, st.text("abc é", max_size=6),
            st.lists(st.tuples(st.integers(1, 11_699), st.sampled_from("AB")), max_size=3),
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_pindata_is_typed_and_names_sides(rows: dict[int, tuple]) -> None:
    lines = [PINDATA_HEADER]
    for pin, (sex, age, place, sides) in rows.items():
        lines.append(f"{pin},{sex},{age},NA,English,{place},2," + ";".join(f"{n:05d}_{s}/m.a" for n, s in sides))
    tables = Tables()
    parse_pindata("\n".join(lines).encode(), "t", tables)
    assert set(tables.speakers) == {str(pin) for pin in rows}
    for pin, (sex, age, place, sides) in rows.items():
        speaker = tables.speakers[str(pin)]
        assert (speaker["pin_sex"], speaker["age"]) == (sex.lower(), age if isinstance(age, int) else None)
        assert (speaker["where_raised"] or "") == place.strip() and speaker["education"] is None
        for number, side in sides:
            assert tables.sides[f"fe_03_{number:05d}"][f"pin_{side.lower()}"] in {str(p) for p in rows}
    named = [side for *_, sides in rows.values() for side in set(sides)]
    assert ("table_conflict" in {p["reason"] for p in tables.problems}) == (len(named) > len(set(named)))


@QUICK
@given(
    st.lists(st.tuples(st.integers(1, 11_699), st.sampled_from(["mf", "FM"]), st.permutations(range(4))), max_size=5)
)
def test_file_lists_in_any_order_of_columns(rows: list) -> None:
    tables, lines = Tables(), []
    for number, sexes, order in rows:
        cells = ["fe_03_p1_sph1", f"{number:05d}", sexes, "BBN"]
        lines.append("\t".join(cells[i] for i in order))
    parse_filelist("\n".join(lines).encode(), "t", tables)
    assert set(tables.listed) == {f"fe_03_{number:05d}" for number, *_ in rows}
    assert all(record["transcriber"] == "bbn" for record in tables.listed.values())


@QUICK
@given(
    st.dictionaries(
        st.integers(1, 40),
        st.tuples(st.text("ab .&'$", max_size=12), st.text('ab <$"&\n', max_size=30), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_topics_by_pattern(rows: dict[int, tuple[str, str, bool]]) -> None:
    text = "".join(
        f'<topic id="ENG{i:02d}" title="{title}" >\n{body}\n{"</topic>" if closed else ""}\n'
        for i, (title, body, closed) in rows.items()
    )
    tables = Tables()
    parse_topics(text.encode(), "t", tables)
    for i, (title, body, _) in rows.items():
        topic = tables.topics[f"ENG{i:02d}"]
        assert (topic["topic_title"] or "").split() == title.split()
        assert (topic["topic_text"] or "").split() == body.split()


# -- whole releases ----------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.integers(1, 5850), min_size=1, max_size=2),
    st.sets(st.integers(5851, 11_699), min_size=1, max_size=2),
    st.sampled_from([name for name in LAYOUTS if name not in NOTES]),
)
def test_any_calls_in_any_layout_are_ingested_without_a_word(first: set[int], second: set[int], layout: str) -> None:
    numbers = sorted(first | second)
    with tempfile.TemporaryDirectory() as folder:
        release: list[Call] = calls(*numbers)
        for call in release:
            call.pins = (str(20_000 + call.number), str(40_000 + call.number))
            call.audio = sphere(np.full((9600, 2), call.number % 251, np.uint8))
        roots = LAYOUTS[layout](write_release(Path(folder) / "ldc", release))
        tables = run(Path(folder) / "work", *roots)[1]
    assert [int(r["call_id"][-5:]) for r in tables["conversations"]] == numbers
    noted = {r["reason"] for r in tables["rejects"]}
    assert noted <= {"erratum_without_line"}
    assert len(tables["turns"]) == 2 * len(numbers)
