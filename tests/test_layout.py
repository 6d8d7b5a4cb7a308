"""Finding a release's files, however a copy of it is laid out."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fisher_builder import Tables, calls, noise, reasons, run, write, write_release
from fisher_layouts import LAYOUTS, NOTES, sides_as
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.layout import scan
from fisherprep.corpus.names import audio_name, table_kind, transcript_call
from fisherprep.corpus.sphere import TABLES as G711
from fisherprep.workfolder import WorkFolder, sha256_file

NAMING = {"audio_root", "audio_file", "audio_file_b", "transcript_file"}
CONTENT = {"audio_format", "audio_bytes", "audio_sha256", "audio_bytes_b", "audio_sha256_b"}
NUMBERS = (1, 2, 30, 5849, 5851, 5899)


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, dict[str, np.ndarray]]:
    """Tables and samples of the layout as LDC ships it."""
    folder = tmp_path_factory.mktemp("canonical")
    tables = run(folder / "work", write_release(folder / "ldc", calls(*NUMBERS)))[1]
    assert len(tables["conversations"]) == len(NUMBERS) and not tables["rejects"]
    return tables, samples_of(folder / "work", tables)


def samples_of(out: Path, tables: Tables) -> dict[str, np.ndarray]:
    """Every call's samples, as the stages after ingest read them."""
    work = WorkFolder.open(out)
    return {row["call_id"]: read_call_audio(work, row).samples for row in tables["conversations"]}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_tables_and_samples(tmp_path: Path, canonical, name: str) -> None:
    expected, samples = canonical
    out = tmp_path / "work"
    tables = run(out, *LAYOUTS[name](write_release(tmp_path / "ldc", calls(*NUMBERS))))[1]
    assert {reason for _, reason in reasons(tables)} <= {NOTES.get(name)}
    for table in ("conversations", "turns"):
        assert stripped(tables[table]) == stripped(expected[table])
    for call_id, decoded in samples_of(out, tables).items():
        assert np.array_equal(decoded, samples[call_id])


def stripped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the columns that say how files are named and what they are."""
    return [{k: v for k, v in row.items() if k not in NAMING | CONTENT} for row in rows]


def test_mp3_is_read_and_flagged(tmp_path: Path, canonical) -> None:
    roots = sides_as("{n}.{side}.mp3")(write_release(tmp_path / "ldc", calls(1, 5851)))
    tables = run(tmp_path / "work", *roots)[1]
    assert [r["flags"] for r in tables["conversations"]] == [["lossy_audio"]] * 2 and not tables["rejects"]
    assert all(abs(r["duration_s"] - 2.0) < 0.2 and r["audio_format"] == "mp3" for r in tables["conversations"])
    assert stripped(tables["turns"]) == [t for t in canonical[0]["turns"] if t["call_id"][-5:] in ("00001", "05851")]


@pytest.mark.parametrize("part", [1, 2])
def test_a_part_alone_gives_its_calls_and_names_the_others(tmp_path: Path, canonical, part: int) -> None:
    root = write_release(tmp_path / "ldc", calls(*NUMBERS))
    for folder in (("fisher_eng_tr_sp_d1", "fe_03_p2_sph1")[2 - part], f"fe_03_p{3 - part}_tran/data"):
        shutil.rmtree(root / folder)
    tables = run(tmp_path / "work", root)[1]
    assert stripped(tables["conversations"]) == [
        r for r in stripped(canonical[0]["conversations"]) if r["part"] == part
    ]
    assert (
        reasons(tables) == [(None, "not_on_disk")] and f"{(4, 2)[2 - part]} of 6 calls" in tables["rejects"][0]["found"]
    )


FOLDERS = st.lists(st.text("aB 1-_.", min_size=1, max_size=5).filter(lambda n: n[0] not in ". "), max_size=4)
SIDES = [("A", "B"), ("_a", "_b"), (".A", ".B"), ("_c1", "_c2"), ("-CH1", "-CH2"), ("C1", "c2")]
ENDINGS = ["sph", "SPH", "wav", "Flac", "mp3", "ogg", "sph.wav", "sph;1"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_files_are_found_wherever_they_lie_and_however_they_are_spelled(data: st.DataObject) -> None:
    """Names alone: every call placed in any folder, spelled in any way, is found once, with its sides in order."""
    with tempfile.TemporaryDirectory() as folder:
        audio, transcripts = {}, {}
        for number in data.draw(st.sets(st.integers(1, 11_699), min_size=1, max_size=5)):
            stem = data.draw(st.sampled_from(["fe_03_", "FE_03_", "Fe_03_"])) + f"{number:05d}"
            suffixes = data.draw(st.sampled_from([("",), *SIDES]))
            ending = data.draw(st.sampled_from(ENDINGS))
            below = "/".join(data.draw(FOLDERS))
            placed = [write(Path(folder) / below / f"{stem}{s}.{ending}", b"x") for s in suffixes]
            audio[f"fe_03_{number:05d}"] = [str(p.resolve()) for p in placed]
            text = write(Path(folder) / "/".join(data.draw(FOLDERS)) / f"{stem}.TXT", b"x")
            transcripts[f"fe_03_{number:05d}"] = str(text.resolve())
        release = scan([Path(folder)])
        assert {c: [f.path for f in files] for c, files in release.audio.items()} == audio
        assert {c: file.path for c, file in release.transcripts.items()} == transcripts
        assert not release.notes and not release.one_sided


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"(fe_03_)?[0-9]{1,6}[._ -]?(c|ch)?[abAB12]?\.(sph|wav|mp3)(;1)?"))
def test_a_name_says_one_thing_at_most(name: str) -> None:
    found = audio_name(name)
    if found:
        assert re.fullmatch("fe_03_[0-9]{5}", found.call_id) and found.side in (None, "a", "b")
        assert (str(int(found.call_id[-5:])) in name and not found.bare) or found.side
        assert transcript_call(name) is None and table_kind(name) is None


def pair(root: Path, number: int, **changes: Any) -> None:
    """Replace a call's audio by a pair of files; ``changes`` may give another length, rate or no samples to a side."""
    path = next(root.rglob(f"fe_03_{number:05d}.sph"))
    pcm = G711["ulaw"][noise(number)]
    for channel, side in enumerate("AB"):
        if (length := changes.get(f"samples_{side}", len(pcm))) is not None:
            rate = changes.get(f"rate_{side}", 8000)
            soundfile.write(path.with_name(f"{path.stem}_{side}.wav"), pcm[:length, channel], rate)
    path.unlink()


def test_two_files_of_a_call_are_its_channels(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(*range(1, 8)))
    pair(root, 1)
    pair(root, 2, samples_B=12_000)
    pair(root, 3, samples_A=15_000)
    pair(root, 4, samples_A=7_000)
    pair(root, 5, rate_B=16_000)
    pair(root, 6, samples_B=None)
    (root / "fisher_eng_tr_sp_d1/audio/000/fe_03_00007.sph").unlink()
    for side in "AB":
        soundfile.write(root / f"fe_03_00007{side}.wav", G711["ulaw"][noise(7)], 8000)
    out = tmp_path / "work"
    tables = run(out, root)[1]
    assert sorted(reasons(tables)) == [
        ("fe_03_00004", "sides_differ"), ("fe_03_00005", "sides_differ"),
        ("fe_03_00006", "missing_side"), ("fe_03_00007", "wrong_channels"),
    ]  # fmt: skip
    flags = {r["call_id"][-1]: r["flags"] for r in tables["conversations"]}
    assert flags == {"1": [], "2": ["padded_side"], "3": ["padded_side"]}
    row = tables["conversations"][1]
    folder = root / "fisher_eng_tr_sp_d1/audio/000"
    for column, file in (("", folder / "fe_03_00002_A.wav"), ("_b", folder / "fe_03_00002_B.wav")):
        assert row[f"audio_file{column}"] == str(file.relative_to(root))
        assert row[f"audio_bytes{column}"] == file.stat().st_size
        assert row[f"audio_sha256{column}"] == sha256_file(file)
    samples = samples_of(out, tables)["fe_03_00002"]
    assert samples.shape == (2, 16_000) and not samples[1, 12_000:].any() and samples[1, :12_000].any()
    assert np.array_equal(samples[0], G711["ulaw"][noise(2)[:, 0]])


def test_audio_that_changed_since_ingest_is_refused(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    row = run(tmp_path / "work", root)[1]["conversations"][0]
    next(root.rglob("*.sph")).write_bytes(calls(1)[0].audio_bytes()[:1024].replace(b"16000", b"15999") + b"x" * 31998)
    with pytest.raises(ValueError, match=r"sha256 .*as ingested.*fisherprep ingest"):
        read_call_audio(WorkFolder.open(tmp_path / "work"), row)


def test_a_number_alone_is_no_name_where_it_is_in_doubt(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2, 3, 4, 5))
    folder = root / "fisher_eng_tr_sp_d1/audio/000"
    for number in (1, 2, 3):
        (folder / f"fe_03_{number:05d}.sph").unlink()
    for name in (
        "1.A",
        "1.B",
        "001.A",
        "001.B",
        "2.A",
        "3.A",
        "3.B",
        "4.A",
        "4.B",
        "77.A",
        "77.B",
        "20000.A",
        "20000.B",
    ):
        channel = name.endswith("B")
        soundfile.write(folder / f"{name}.wav", G711["ulaw"][noise(int(name[:-2]))[:, int(channel)]], 8000)
    tables = run(tmp_path / "work", root)[1]
    assert [r["call_id"][-1] for r in tables["conversations"]] == ["3", "4", "5"]
    assert tables["conversations"][0]["audio_file"].endswith("3.A.wav")
    assert tables["conversations"][1]["audio_file"].endswith("4.sph")
    assert Counter(reasons(tables)) == {
        (None, "ambiguous_name"): 5, (None, "unrecognised_file"): 1,
        ("fe_03_00001", "missing_audio"): 1, ("fe_03_00002", "missing_audio"): 1,
    }  # fmt: skip


def test_pairs_come_after_single_files_and_lossy_ones_last(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    pcm = G711["ulaw"][noise(1)]
    order = ["fe_03_00001.sph", "fe_03_00001.flac", "fe_03_00001.wav", "fe_03_00001_A.flac", "fe_03_00001_A.wav"]
    order += ["fe_03_00001.mp3", "fe_03_00001_A.mp3"]
    folder = root / "fisher_eng_tr_sp_d1/audio/000"
    for name in order[1:]:
        soundfile.write(folder / name, pcm[:, 0] if "_A" in name else pcm, 8000)
        if "_A" in name:
            soundfile.write(folder / name.replace("_A", "_B"), pcm[:, 1], 8000)
    for number, name in enumerate(order):
        tables = run(tmp_path / f"work{number}", root)[1]
        assert tables["conversations"][0]["audio_file"].endswith(name)
        assert Counter(reasons(tables)) == Counter({("fe_03_00001", "duplicate"): len(order) - 1 - number})
        (folder / name).unlink()
        (folder / name.replace("_A", "_B")).unlink(missing_ok=True)


def test_converted_audio_is_read(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    for path in list(root.rglob("*.sph")):
        pcm = G711["ulaw"][noise(int(path.stem[-5:]))]
        soundfile.write(path.with_suffix(".flac" if "00002" in path.name else ".wav"), pcm, 8000)
        path.unlink()
    tables = run(tmp_path / "work", root)[1]
    assert [r["audio_format"] for r in tables["conversations"]] == ["wav-pcm16", "flac-pcm16"] and not tables["rejects"]


def test_duplicates_are_chosen_by_the_documented_order_and_noted(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    chosen = "fisher_eng_tr_sp_d1/audio/000/fe_03_00001.sph"
    write(root / "a" / "fe_03_00001.wav", b"never read")
    write(root / "a" / "fe_03_00001.flac", b"never read")
    write(root / "a/b/c/d/fe_03_00001.sph", b"never read")
    write(root / "fe_03_00001.sph", b"")  # nearer the root, but empty
    write(root / "fe_03_00001.txt", b"0.1 0.5 A: not below trans")
    other = write(tmp_path / "second" / "fe_03_00001.sph", b"never read").parent
    tables = run(tmp_path / "work", root, other)[1]
    assert [r["audio_file"] for r in tables["conversations"]] == [chosen]
    assert tables["conversations"][0]["transcript_file"].startswith("fe_03_p1_tran/data/trans")
    assert Counter(reasons(tables)) == {("fe_03_00001", "duplicate"): 6}
    assert all(chosen in r["found"] or "trans" in r["found"] for r in tables["rejects"])


def test_what_looks_like_a_call_but_is_not_taken_is_noted(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    for side in "AB":
        write(root / "cut" / f"fe_03_00002{side}_16k.wav", b"x")
    tables = run(tmp_path / "work", root)[1]
    assert reasons(tables) == [(None, "unrecognised_file")]
    assert tables["rejects"][0]["place"] == "cut" and "2 files" in tables["rejects"][0]["found"]


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        ("fe_03_p1_tran", r"no audio: fe_03_NNNNN\.sph.*found instead: .*\.txt.*LDC2004S13"),
        ("fisher_eng_tr_sp_d1", r"no transcripts: fe_03_NNNNN\.txt.*found instead: 1 \.sph.*LDC2004T19"),
    ],
)
def test_a_release_without_audio_or_transcripts_is_refused(tmp_path: Path, keep: str, says: str) -> None:
    root = write_release(tmp_path / "ldc", calls(1)) / keep
    with pytest.raises(ValueError, match=says):
        run(tmp_path / "work", root)
    assert not (tmp_path / "work").exists()


def test_odd_roots_are_refused(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    archive = write(tmp_path / "LDC2004S13.zip", b"PK")
    empty = tmp_path / "empty"
    empty.mkdir()
    for roots, says in (
        ([tmp_path / "nowhere"], "no such folder"),
        ([archive], "unpack it"),
        ([root, empty], "neither audio, transcripts nor tables.*no files"),
        ([root, root / "fe_03_p1_tran"], "give only the outer one"),
        ([], "no release folder"),
    ):
        with pytest.raises(ValueError, match=says):
            scan(roots)


def test_what_is_no_plain_file_is_noted_and_waits_for_nobody(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    os.mkfifo(root / "fe_03_00001.flac")
    (root / "fe_03_00002.flac").symlink_to(root / "nowhere")
    undecodable = os.fsencode(root) + b"/caf\xe9"
    os.mkdir(undecodable)
    shutil.copy(next(root.rglob("fe_03_00002.sph")), undecodable + b"/fe_03_00002.wav")
    tables = run(tmp_path / "work", root)[1]
    assert len(tables["conversations"]) == 2
    assert Counter(reasons(tables)) == {(None, "unreadable"): 3}
    assert {r["place"] for r in tables["rejects"]} == {
        "fe_03_00001.flac", "fe_03_00002.flac", "caf\\udce9/fe_03_00002.wav"
    }  # fmt: skip


def test_one_side_is_never_paired_with_anothers_name(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    for name in ("fe_03_00001_A.wav", "fe_03_00001_c2.wav", "fe_03_00001.B.flac"):
        write(root / name, b"never read")
    for path in root.rglob("*.sph"):
        if "00001" in path.name:
            path.unlink()
    tables = run(tmp_path / "work", root)[1]
    assert [r["call_id"] for r in tables["conversations"]] == ["fe_03_00002"]
    assert Counter(reasons(tables)) == {("fe_03_00001", "missing_side"): 1, ("fe_03_00001", "duplicate"): 2}
