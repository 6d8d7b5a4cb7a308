"""Transcripts: every line is a turn, a comment, blank, or a reject with its number; words by the documented rules."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.corpus.normalize import is_partial, letters, normalize
from fisherprep.corpus.problems import BadInput, text_lines
from fisherprep.corpus.transcript import MAX_ODD_LINES, Turn, parse_transcript, place_turns

HEAD = "# fe_03_00001.sph\n# Transcribed at the LDC\n\n"


def turns_of(text: str | bytes, duration_s: float = 60.0) -> tuple[list[Turn], list[tuple[int, BadInput]]]:
    """The turns of a transcript, and all lines that gave none."""
    transcript = parse_transcript(text.encode() if isinstance(text, str) else text)
    turns, outside = place_turns(transcript, duration_s)
    return turns, [*transcript.odd, *outside]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("oh", ["oh"]),
        ("[laughter]- yeah [[skip]] [mn]", ["yeah"]),
        ("[uh] so [um]", ["uh", "so", "um"]),
        ("<noise> ok <german (( ja wohl )) > then", ["ok", "then"]),
        ("(( [noise] some words ))", ["some", "words"]),
        ("(( ))", []),
        ("on t._v. in l._a.", ["on", "t.v.", "in", "l.a."]),
        ("u._c._l._a.'s c._d.s", ["u.c.l.a.'s", "c.d.s"]),
        ("t._v", ["t.v."]),
        ("all a.s and b.", ["all", "a.s", "and", "b."]),
        ("an- th- -bout -'s -", ["an-", "th-", "-bout", "-'s"]),
        ("pales- -tin- -instinians", ["pales-", "-tin-", "-instinians"]),
        ("pot-heads uh-huh well--you", ["pot-heads", "uh-huh", "well", "you"]),
        ("'cause 'em dogs' I'm", ["'cause", "'em", "dogs'", "i'm"]),
        ("he said 'i don't know' twice", ["he", "said", "i", "don't", "know", "twice"]),
        ("401k mp3 90210 3d 1,000 5.15", ["401k", "mp3", "90210", "3d", "1000", "5.15"]),
        ("you & me for $5", ["you", "and", "me", "for", "5", "dollars"]),
        ("*mandatory, really? yes!", ["mandatory", "really", "yes"]),
        ("the caf\u00e9 isn\u2019t \u201copen\u201d", ["the", "caf\u00e9", "isn't", "open"]),
        ("[laugh not closed", ["not", "closed"]),
    ],
)
def test_normalised_words(text: str, words: list[str]) -> None:
    assert normalize(text) == words


def test_kinds_of_words() -> None:
    assert letters("u.c.l.a.'s") == ["u", "c", "l", "a"] and letters("b.") == ["b"]
    assert letters("5.15") == letters("the") == []
    assert is_partial("th-") and is_partial("-bout") and not is_partial("uh-huh")


TEXTS = st.text(alphabet="ab. _'-[]<>(){}*#1,5$&%\u2019\u00e9\u0130\u00b2\u0301 ts", max_size=40) | st.text(max_size=40)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_words_hold_no_markup_and_normalise_to_themselves(text: str) -> None:
    words = normalize(text)
    for word in words:
        assert re.fullmatch(r"[\w.'-]+", word) and "_" not in word
        assert any(c.isalnum() for c in word)
    assert normalize(" ".join(words)) == words


@pytest.mark.parametrize(
    ("comment", "transcriber"),
    [
        ("# Transcribed at the LDC", "ldc"),
        ("# Transcribed by BBN/WordWave", "bbn"),
        ("# transcribed BY wordwave for the LDC", "bbn"),
        ("# nothing of the kind, LDC", "unknown"),
    ],
)
def test_the_comment_says_who_transcribed_wherever_it_stands(comment: str, transcriber: str) -> None:
    transcript = parse_transcript(f"1.00 2.00 A: hi\n{comment}\n# fe_03_00007.sph".encode())
    assert transcript.transcriber == transcriber
    assert transcript.named_calls == {"fe_03_00007"} and not transcript.odd


def test_the_two_meanings_of_double_parentheses() -> None:
    lines = "1 2 A: (( all of it ))\n3 4 A: a (( part )) of it\n5 6 A: (( ))\n7 8 A: (( yes )) [laughter]\n9 10 A: none"
    flags = {
        who: [t.flags for t in turns_of(f"# Transcribed {who}\n{lines}")[0]]
        for who in ("at the LDC", "by BBN/WordWave", "")
    }
    assert flags["at the LDC"] == [["uncertain"], ["uncertain"], ["uncertain", "empty"], ["uncertain"], []]
    assert flags["by BBN/WordWave"] == [["rejected"], ["uncertain"], ["rejected", "empty"], ["rejected"], []]
    assert flags[""] == flags["at the LDC"]


def test_lines_in_all_their_shapes() -> None:
    text = (
        "\ufeff# Transcribed at the LDC\r\n\r\n3.10 4.80 A: some words here  \r\n\r\n"
        "  .5 1. b:oh \n# a remark in between\n+2.00\t2.25   B : no: not now\n0.00 0.29 A: um"
    )
    turns, odd = turns_of(text)
    assert not odd
    assert [(t.side, t.start_s, t.end_s, t.text) for t in turns] == [
        ("a", 0.0, 0.29, "um"),
        ("b", 0.5, 1.0, "oh"),
        ("b", 2.0, 2.25, "no: not now"),
        ("a", 3.1, 4.8, "some words here"),
    ]


def test_times_are_not_truncated() -> None:
    turns, _ = turns_of("0.29 4.35 A: hm\n4.35 19.99 B: ok")
    assert [(t.start_s, t.end_s) for t in turns] == [(0.29, 4.35), (4.35, 19.99)]


@pytest.mark.parametrize(
    "line",
    ["garbage", "1.0 2.0 C: who", "1.0 A: no end", "nan inf A: x", "1e3 2e3 A: x", "1.0 2.0 A no colon",
     "-1 -2 -3 A: x", "99999999999 1 A: x", "\u0661 \u0662 A: x", "1 2 A: " + "x" * 20_000],
)  # fmt: skip
def test_a_line_that_does_not_parse_is_named_and_costs_only_itself(line: str) -> None:
    transcript = parse_transcript(f"{HEAD}{line}\n1.00 2.00 A: fine".encode())
    assert [(n, e.reason) for n, e in transcript.odd] == [(4, "bad_line")]
    assert [u.text for u in transcript.utterances] == ["fine"]


def test_a_line_twice_counts_once() -> None:
    transcript = parse_transcript(b"1.00 2.00 A: yes\n1.00 2.00 B: yes\n1.00 2.00 A: yes")
    assert len(transcript.utterances) == 2
    assert [(n, e.reason) for n, e in transcript.odd] == [(3, "repeated_line")]


@pytest.mark.parametrize(
    ("line", "span", "flags"),
    [
        ("4.00 3.50 A: two words", (3.5, 4.0), ["mended_times"]),
        ("-0.50 1.00 A: early", (0.0, 1.0), ["mended_times"]),
        ("9.00 10.90 A: late", (9.0, 10.0), ["mended_times"]),
        ("9.00 10.01 A: rounding", (9.0, 10.0), []),
        ("5.00 5.00 A: two words", (5.0, 5.6), ["mended_times"]),
        ("9.90 9.90 A: two words", (9.9, 10.0), ["mended_times"]),
        ("0.00 0.00 A: go", (0.0, 0.3), ["mended_times"]),
    ],
)
def test_times_are_mended_and_flagged(line: str, span: tuple[float, float], flags: list[str]) -> None:
    turns, odd = turns_of(line, duration_s=10.0)
    assert not odd
    assert (turns[0].start_s, turns[0].end_s) == pytest.approx(span) and turns[0].flags == flags


def test_a_turn_without_length_ends_where_its_side_goes_on() -> None:
    turns, _ = turns_of("5.00 5.00 A: four words go here\n5.20 6.00 B: other side\n5.40 6.00 A: next")
    assert turns[0].end_s == 5.4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("10.00 11.00 A: past the end", "outside_audio"),
        ("9.90 12.00 A: mostly past the end", "outside_audio"),
        ("-3.00 -1.00 A: before", "outside_audio"),
        ("231.09 31.09 A: a slip of the pen", "bad_times"),
    ],
)
def test_times_that_cannot_be_mended_are_rejected(line: str, reason: str) -> None:
    turns, odd = turns_of(line, duration_s=10.0 if reason == "outside_audio" else 600.0)
    assert not turns and [(n, e.reason) for n, e in odd] == [(1, reason)]


def test_a_file_that_is_no_transcript_is_not_quoted_whole() -> None:
    transcript = parse_transcript(b"1.00 2.00 A: fine\n" + b"junk\n" * 5000 + b"3.00 4.00 A: too late\n")
    assert len(transcript.utterances) == 1 and len(transcript.odd) == MAX_ODD_LINES + 1
    assert transcript.odd[-1][0] == MAX_ODD_LINES + 2 and "4001 further lines" in transcript.odd[-1][1].found


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16"])
def test_encodings(encoding: str) -> None:
    turns, odd = turns_of(f"{HEAD}1.00 2.00 A: at the caf\u00e9\n".encode(encoding))
    assert not odd and turns[0].words == ["at", "the", "caf\u00e9"]


def test_cp1252_quotes_are_apostrophes() -> None:
    assert turns_of(b"1 2 A: isn\x92t")[0][0].words == ["isn't"]


def test_one_odd_byte_spoils_nothing_around_it() -> None:
    turns, odd = turns_of("1 2 A: caf\u00e9\n".encode() + b"3 4 B: caf\xe9 \x81\n")
    assert not odd and [t.words for t in turns] == [["caf\u00e9"], ["caf\u00e9"]]


LINES = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{} {} {}: {}".format,
        st.floats(-20, 90).map(lambda x: f"{x:.2f}"),
        st.floats(-20, 90).map(lambda x: f"{x:.2f}"),
        st.sampled_from(["A", "B", "b", "C"]),
        TEXTS,
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=8), st.floats(0.01, 80), st.binary(max_size=20))
def test_every_line_is_accounted_for_and_every_turn_lies_in_the_audio(lines, duration_s: float, junk: bytes) -> None:
    raw = "\n".join(lines).encode("utf-8", "replace") + b"\n" + junk
    transcript = parse_transcript(raw)
    turns, odd = place_turns(transcript, duration_s)
    assert all(0 <= t.start_s < t.end_s <= duration_s for t in turns)
    assert [t.start_s for t in turns] == sorted(t.start_s for t in turns)
    spoken = {n for n, line in enumerate(text_lines(raw), 1) if (s := line.strip()) and not s.startswith("#")}
    seen = [t.line for t in turns] + [n for n, _ in odd] + [n for n, _ in transcript.odd]
    assert sorted(seen) == sorted(spoken)
