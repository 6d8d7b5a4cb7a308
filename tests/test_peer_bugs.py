"""Each known bug of another preparation of Fisher, shown not to be ours. `docs/fisher.md` names where they are from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import soundfile
from fisher_builder import Call, calls, noise, reasons, run, sphere, write, write_release

from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.errata import apply_errata, load_errata
from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.sphere import TABLES as G711
from fisherprep.corpus.transcript import parse_transcript, place_turns
from fisherprep.demo.shorten import SampleType, encode
from fisherprep.workfolder import WorkFolder


def turns_of(text: str, duration_s: float = 720.0) -> list:
    return place_turns(parse_transcript(text.encode()), duration_s)[0]


def one_call(tmp_path: Path, call: Call) -> tuple[Path, dict]:
    """A release of one call, ingested."""
    root = write_release(tmp_path / "ldc", [call])
    return root, run(tmp_path / "work", root)[1]


# -- Kaldi -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["oh", "no", "um", "uh", "a", "i", "mm"])
def test_utterances_of_one_or_two_letters_survive(word: str) -> None:
    """Kaldi fisher_english and multi_en drop them by their text pattern."""
    assert [t.words for t in turns_of(f"1.00 1.20 A: {word}\n1.30 1.40 B: {word} ")] == [[word], [word]]


def test_no_time_is_truncated() -> None:
    """Kaldi truncates t * 100: of the 72,000 two-decimal times up to 720 s, 4,586 come out 10 ms early."""
    times = [f"{cents // 100}.{cents % 100:02d}" for cents in range(72_000)]
    assert sum(int(float(t) * 100) != cents for cents, t in enumerate(times)) == 4586
    lines = [f"{start} {end} A: yes" for start, end in zip(times[:-1:2], times[1::2], strict=True)]
    turns = turns_of("\n".join(lines))
    assert [round(t.start_s * 100) for t in turns] == list(range(0, 72_000, 2))
    assert [round(t.end_s * 100) for t in turns] == list(range(1, 72_000, 2))
    assert not any(t.flags for t in turns)


def test_utterances_in_double_parentheses_are_kept() -> None:
    """Kaldi and NeMo drop every line that holds ((."""
    turns = turns_of("# Transcribed by BBN/WordWave\n1.00 2.00 A: (( so we went ))\n3.00 4.00 B: the (( last )) one")
    assert [(t.words, t.flags) for t in turns] == [
        (["so", "we", "went"], ["rejected"]),
        (["the", "last", "one"], ["uncertain"]),
    ]


def test_a_copy_that_is_not_whole_is_ingested(tmp_path: Path) -> None:
    """Kaldi fails unless there are exactly 11,699 of each; lhotse asserts as many transcripts as recordings."""
    root = write_release(tmp_path / "ldc", calls(1, 2, 3))
    next(root.rglob("fe_03_00002.sph")).unlink()
    tables = run(tmp_path / "work", root)[1]
    assert [r["call_id"][-1] for r in tables["conversations"]] == ["1", "3"]
    assert reasons(tables) == [("fe_03_00002", "missing_audio")]


def test_empty_topics_and_padded_pins_are_no_error(tmp_path: Path) -> None:
    """Kaldi's make_fisher.pl dies of a row that it does not expect."""
    _, tables = one_call(tmp_path, Call(1, pins=(" 2001", "4001 "), topic=""))
    row = tables["conversations"][0]
    assert (row["pin_a"], row["pin_b"], row["topic_id"], row["flags"]) == ("2001", "4001", None, ["no_topic"])


# -- NeMo ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call_id", [c for c, known in load_errata().items() if known[0].do != "flag"])
def test_fixes_of_known_lines_do_match_their_lines(call_id: str) -> None:
    """NeMo's keys never match what it looks up, so none of its fixes is ever applied."""
    (erratum,) = load_errata()[call_id]
    line = f"{erratum.start_s:.2f} {erratum.end_s:.2f} {erratum.side.upper()}: some words"
    transcript = parse_transcript(line.encode())
    assert list(apply_errata(transcript, (erratum,))) == [f"erratum applied: {erratum.key}"]
    words = [t.words for t in place_turns(transcript, 600.0)[0]]
    assert words == {"drop": [], "text": [normalize(erratum.text)], "start": [["some", "words"]]}[erratum.do]


def test_partial_words_stay_partial() -> None:
    """NeMo strips the dash, which makes th- the word th."""
    assert turns_of("1.00 2.00 A: th- that -bout it")[0].words == ["th-", "that", "-bout", "it"]


def test_a_negative_line_is_mended_and_not_lost() -> None:
    """NeMo skips a line whose end is before its start."""
    (turn,) = turns_of("5.00 4.00 A: turned round")
    assert (turn.start_s, turn.end_s, turn.flags) == (4.0, 5.0, ["mended_times"])


# -- lhotse ----------------------------------------------------------------------------------------------------------


def test_the_first_three_lines_are_not_skipped_unread() -> None:
    """lhotse drops three lines, whatever they hold."""
    assert [t.words for t in turns_of("1.00 2.00 A: one\n3.00 4.00 B: two\n5.00 6.00 A: three\n7.00 8.00 B: four")] == [
        ["one"], ["two"], ["three"], ["four"],
    ]  # fmt: skip
    late = "\n\n# fe_03_00001.sph\n\n\n# Transcribed at the LDC\n1.00 2.00 A: (( one ))"
    assert [t.flags for t in turns_of(late)] == [["uncertain"]]


def test_files_beside_the_volumes_and_folders_without_audio_are_no_error(tmp_path: Path) -> None:
    """lhotse takes every child of LDC2004S13 for a folder with audio/ in it."""
    root = write_release(tmp_path / "ldc", calls(1))
    shutil.move(root / "fisher_eng_tr_sp_d1", root / "LDC2004S13" / "fisher_eng_tr_sp_d1")
    write(root / "LDC2004S13" / "LDC2004S13.zip", b"PK")
    write(root / "LDC2004S13" / "index.html", b"<html>")
    (root / "LDC2004S13" / "empty").mkdir()
    tables = run(tmp_path / "work", root)[1]
    assert len(tables["conversations"]) == 1 and not tables["rejects"]


def test_bytes_that_are_not_utf8_are_no_error(tmp_path: Path) -> None:
    """lhotse, NeMo and DeepSpeech decode strictly as UTF-8, transcripts and tables."""
    call = Call(1, transcript=b"# fe_03_00001.sph\n# Transcribed at the LDC\n\n0.10 0.60 A: na\xefve caf\xe9\n")
    root = write_release(tmp_path / "ldc", [call])
    table = next(root.rglob("*pindata.tbl"))
    table.write_bytes(table.read_bytes() + b"77,F,30,12,Espa\xf1ol,Qu\xe9bec,1,00001_A/f.o\n")
    tables = run(tmp_path / "work", root)[1]
    assert tables["turns"][0]["words"] == ["naïve", "café"]
    assert not tables["rejects"]


def test_a_call_that_calldata_lacks_is_ingested(tmp_path: Path) -> None:
    """lhotse raises KeyError for it."""
    root = write_release(tmp_path / "ldc", calls(1, 2))
    table = next(root.rglob("*calldata.tbl"))
    table.write_text("".join(line for line in table.open() if not line.startswith("00002")))
    tables = run(tmp_path / "work", root)[1]
    assert [("not_in_calldata" in r["flags"]) for r in tables["conversations"]] == [False, True]


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_no_depth_of_folders_is_assumed(tmp_path: Path, depth: int) -> None:
    """lhotse names recordings by their last five folders."""
    root = write_release(tmp_path / "ldc", calls(1))
    path = next(root.rglob("*.sph"))
    target = write(root.joinpath(*"abcdefghi"[:depth]) / path.name, path.read_bytes())
    path.unlink()
    out = tmp_path / "work"
    row = run(out, root)[1]["conversations"][0]
    assert WorkFolder.open(out).audio_path(row) == target.resolve()


@pytest.mark.parametrize("damage", [b"", b"NIST_1A\n   1024\nend_head\n", b"RIFF\0\0\0\0WAVEfmt ", b"\0" * 5000])
def test_a_damaged_recording_costs_only_itself(tmp_path: Path, damage: bytes) -> None:
    """lhotse catches one kind of error per recording; the others end its run."""
    release = calls(1, 2)
    release[0].audio = damage
    tables = run(tmp_path / "work", write_release(tmp_path / "ldc", release))[1]
    assert [r["call_id"] for r in tables["conversations"]] == ["fe_03_00002"]
    assert [c for c, _ in reasons(tables)] == ["fe_03_00001"]


def test_names_with_spaces_are_read_whatever_the_coding(tmp_path: Path) -> None:
    """lhotse hands the path unquoted to a shell that calls sph2pipe."""
    codes = noise(1)
    plain = sphere(codes, sample_coding="ulaw,embedded-shorten-v2.00")
    call = Call(1, audio=plain[:1024] + encode(codes, SampleType.ULAW))
    root = write_release(tmp_path / "my ldc; copy 'of' $HOME", [call])
    out = tmp_path / "work"
    row = run(out, root)[1]["conversations"][0]
    assert (read_call_audio(WorkFolder.open(out), row).samples == G711["ulaw"][codes].T).all()


# -- DeepSpeech ------------------------------------------------------------------------------------------------------


def test_equal_times_on_both_sides_are_two_turns(tmp_path: Path) -> None:
    """DeepSpeech names cuts without the channel, so one overwrites the other."""
    _, tables = one_call(tmp_path, Call(1, lines=["0.10 0.60 A: right", "0.10 0.60 B: right"]))
    assert [(t["turn"], t["side"], t["words"]) for t in tables["turns"]] == [(0, "a", ["right"]), (1, "b", ["right"])]


def test_a_typing_error_of_a_start_is_mended_and_not_dropped() -> None:
    """DeepSpeech drops the line of call 11487."""
    transcript = parse_transcript(b"31.09 234.06 B: and so on")
    apply_errata(transcript, load_errata()["fe_03_11487"])
    assert [(t.start_s, t.end_s) for t in place_turns(transcript, 600.0)[0]] == [(231.09, 234.06)]


# -- RSTnet, public lab guides -----------------------------------------------------------------------------------------


def test_the_release_is_left_as_it_is(tmp_path: Path) -> None:
    """RSTnet deletes the .sph files, after writing mu-law WAV with no words of LDC's."""
    root = write_release(tmp_path / "ldc", calls(1, 2))
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}
    run(tmp_path / "work", root)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()} == before


def test_mulaw_wav_is_decoded_and_not_taken_for_pcm(tmp_path: Path) -> None:
    """What RSTnet leaves behind: RIFF format 7."""
    root = write_release(tmp_path / "ldc", calls(1))
    path = next(root.rglob("*.sph"))
    soundfile.write(path.with_suffix(".wav"), G711["ulaw"][noise(1)], 8000, "ULAW")
    path.unlink()
    out = tmp_path / "work"
    row = run(out, root)[1]["conversations"][0]
    assert row["audio_format"] == "wav-ulaw"
    assert (read_call_audio(WorkFolder.open(out), row).samples == G711["ulaw"][noise(1)].T).all()


@pytest.mark.parametrize(("grade", "value"), [("3.5", 3.5), ("3", 3.0), ("0", 0.0), ("", None)])
def test_grades_with_a_decimal_are_grades(tmp_path: Path, grade: str, value: float | None) -> None:
    """A lab guide's isdigit() makes 3.5 a 0, and drops the call."""
    root = write_release(tmp_path / "ldc", calls(1))
    table = next(root.rglob("*calldata.tbl"))
    table.write_text(table.read_text().replace(",3,3.5,", f",{grade},{grade},"))
    tables = run(tmp_path / "work", root)[1]
    row = tables["conversations"][0]
    assert (row["signal_grade"], row["conversation_grade"]) == (value, value) and not tables["rejects"]


def test_volumes_are_not_computed(tmp_path: Path) -> None:
    """datasets_turntaking computed volumes by a wrong formula; folder 058 lies in both parts besides."""
    root = write_release(tmp_path / "ldc", calls(5849, 5850, 5851, 5899))
    folders = sorted({p.parent.relative_to(root).as_posix() for p in root.rglob("*.sph")})
    assert folders == ["fe_03_p2_sph1/audio/058", "fisher_eng_tr_sp_d1/audio/058"]
    assert [(r["call_id"][-4:], r["part"]) for r in run(tmp_path / "work", root)[1]["conversations"]] == [
        ("5849", 1), ("5850", 1), ("5851", 2), ("5899", 2),
    ]  # fmt: skip


def test_a_pin_that_is_two_people_is_said(tmp_path: Path) -> None:
    """lhotse takes the bare PIN for the speaker; a PIN was used by a man and a woman."""
    root = write_release(tmp_path / "ldc", [Call(1, pins=("2001", "2002")), Call(2, pins=("2003", "2001"))])
    rows = run(tmp_path / "work", root)[1]["conversations"]
    assert [(r["sex_a"], r["sex_b"]) for r in rows] == [("f", "m"), ("f", "m")]
    assert ["pin_sex_conflict" in r["flags"] for r in rows] == [True, True]


# -- readers ---------------------------------------------------------------------------------------------------------


def test_shorten_under_a_plain_header_is_never_noise(tmp_path: Path) -> None:
    """soundfile decodes it as noise without a word, and sph2pipe's exit status is 0."""
    codes = noise(1, seconds=1.0)
    call = Call(1, audio=sphere(codes)[:1024] + encode(codes, SampleType.ULAW))
    root = write_release(tmp_path / "ldc", [call])
    out = tmp_path / "work"
    tables = run(out, root)[1]
    for row in tables["conversations"]:
        assert (read_call_audio(WorkFolder.open(out), row).samples == G711["ulaw"][codes].T).all()
    assert len(tables["conversations"]) + len(tables["rejects"]) == 1


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("shorten", [False, True])
def test_truncated_audio_is_never_silently_short(tmp_path: Path, shorten: bool, keep: float) -> None:
    """soundfile is silently short, sph2pipe warns with status 0 or dies and leaves a partial file, librosa is empty."""
    codes = noise(1)
    whole = sphere(codes)
    if shorten:
        whole = sphere(codes, sample_coding="ulaw,embedded-shorten-v2.00")[:1024] + encode(codes, SampleType.ULAW)
    _, tables = one_call(tmp_path, Call(1, audio=whole[: int(len(whole) * keep)]))
    assert not tables["conversations"]
    assert [r for _, r in reasons(tables)] and re.search("truncated|corrupt", tables["rejects"][0]["reason"])


# -- all of them -----------------------------------------------------------------------------------------------------


def test_markers_leave_no_trace_in_words() -> None:
    """Underscores, brackets and tags that one peer or another lets through."""
    text = "[laughter]- t._v. [[skip]] <german (( ja wohl )) > [mn] (( *mandatory )) u._c._l._a.'s [noise] {x} <noise>"
    assert normalize(text) == ["t.v.", "mandatory", "u.c.l.a.'s"]


def test_speaker_tables_miss_nothing_of_either_part(tmp_path: Path) -> None:
    """pindata covers both parts in both releases, so it is read once and its copies agree."""
    root = write_release(tmp_path / "ldc", calls(1, 5851))
    both = next(root.rglob("fe_03_p1_tran/doc/*pindata.tbl")).read_bytes() + b"4.5,odd\n"
    for table in root.rglob("*pindata.tbl"):
        table.write_bytes(both)
    tables = run(tmp_path / "work", root)[1]
    assert [r for _, r in reasons(tables)] == ["bad_row"]
