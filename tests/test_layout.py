"""Finding a release's files, however a copy of it is laid out."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
import soundfile
from fisher_builder import calls, noise, reasons, run, write, write_release

from fisherprep.corpus.layout import scan
from fisherprep.corpus.sphere import TABLES as G711


def relocated(root: Path, how: str) -> list[Path]:
    """The canonical release, rearranged as real copies are."""
    audio, tran = root / "fisher_eng_tr_sp_d1", root / "fe_03_p1_tran"
    if how == "several roots":
        shutil.move(audio, root.parent / "speech")
        return [tran, root.parent / "speech"]
    if how == "flat":
        for path in [p for p in root.rglob("*") if p.is_file()]:
            shutil.move(path, root / path.name)
    elif how == "upper case":
        for path in sorted(root.rglob("*"), key=lambda p: -len(p.parts)):
            path.rename(path.parent / path.name.upper())
    elif how == "nested, with spaces":
        inner = root.parent / "outer" / "training speech 1" / root.name
        inner.parent.mkdir(parents=True)
        shutil.move(root, inner)
        return [root.parent / "outer"]
    elif how == "sphere called wav":
        for path in list(root.rglob("*.sph")):
            path.rename(path.with_suffix(".wav"))
    elif how == "linked, with a loop":
        shutil.move(audio, root.parent / "elsewhere")
        (root / "audio link").symlink_to(root.parent / "elsewhere")
        (root / "zz again").symlink_to(root.parent / "elsewhere")
        (root.parent / "elsewhere" / "back").symlink_to(root)
        (root / "self").symlink_to(root / "self")
    elif how == "strays":
        write(root / "fe_03_p1_tran/data/bbn_orig/000/originals/fe_03_00001.txt", b"not this one")
        write(root / ".hidden/fe_03_00001.sph", b"not this one")
        write(root / "__MACOSX/fe_03_00002.sph", b"not this one")
        write(root / "LDC2004S13.zip", b"PK")
    return [root]


LAYOUTS = [
    "flat",
    "upper case",
    "nested, with spaces",
    "sphere called wav",
    "several roots",
    "linked, with a loop",
    "strays",
]


@pytest.mark.parametrize("how", LAYOUTS)
def test_every_layout_gives_the_same_tables(tmp_path: Path, how: str) -> None:
    canonical = run(tmp_path / "work0", write_release(tmp_path / "a" / "ldc", calls(1, 2, 30)))[1]
    roots = relocated(write_release(tmp_path / "b" / "ldc", calls(1, 2, 30)), how)
    tables = run(tmp_path / "work1", *roots)[1]
    for name in ("conversations", "turns", "rejects"):
        for row in (*canonical[name], *tables[name]):
            for column in ("audio_root", "audio_file", "transcript_file"):
                row.pop(column, None)
        assert tables[name] == canonical[name]


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
