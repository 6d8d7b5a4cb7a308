"""A call of which a copy holds several files: when the first is damaged the next is taken, and it is said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from fisher_builder import Call, calls, noise, reasons, run, sphere, write, write_release

from fisherprep.corpus.call import Options
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.g711 import ULAW_TO_PCM
from fisherprep.workfolder import WorkFolder

CALL_ID = "fe_03_00001"
FIRST = "fisher_eng_tr_sp_d1/audio/000/fe_03_00001.sph"
SALVAGE = Options(salvage=True, checks=False)


def release(root: Path, seconds: float = 2.0) -> Path:
    """A call whose SPHERE file ends after ``seconds`` of 2, and a sound FLAC file of it elsewhere."""
    whole = sphere(noise(1))
    lines = ["0.10 0.60 A: hello there", "0.50 0.90 B: hi"]
    write_release(root, [Call(1, ("2001", "4001"), lines=lines, audio=whole[: 1024 + int(seconds * 16000)])])
    (root / "converted").mkdir()
    soundfile.write(root / "converted/fe_03_00001.flac", ULAW_TO_PCM[noise(1)], 8000)
    return root


def test_a_damaged_file_gives_way_to_the_next(tmp_path: Path) -> None:
    tables = run(tmp_path / "work", release(tmp_path / "ldc", seconds=1.0))[1]
    (row,) = tables["conversations"]
    assert (row["audio_file"], row["audio_format"]) == ("converted/fe_03_00001.flac", "flac-pcm16")
    assert row["flags"] == ["spare_file"]
    (reject,) = tables["rejects"]
    assert (reject["reason"], reject["place"]) == ("truncated_audio", FIRST)
    audio = read_call_audio(WorkFolder.open(tmp_path / "work"), row)
    assert np.array_equal(audio.samples, ULAW_TO_PCM[noise(1)].T)


def test_a_sound_file_comes_before_one_that_must_be_salvaged(tmp_path: Path) -> None:
    tables = run(tmp_path / "work", release(tmp_path / "ldc", seconds=1.0), options=SALVAGE)[1]
    assert [row["flags"] for row in tables["conversations"]] == [["spare_file"]]


def test_the_first_is_salvaged_where_none_is_sound(tmp_path: Path) -> None:
    root = release(tmp_path / "ldc", seconds=1.0)
    write(root / "converted/fe_03_00001.flac", b"no audio at all")
    tables = run(tmp_path / "work", root, options=SALVAGE)[1]
    (row,) = tables["conversations"]
    assert row["audio_file"] == FIRST and row["num_samples"] == 8000 and "salvaged" in row["flags"]
    assert {(r["reason"], r["place"]) for r in tables["rejects"]} >= {("salvaged", FIRST)}
    assert any(r["place"].startswith("converted") and r["reason"] != "duplicate" for r in tables["rejects"])


def test_all_that_is_wrong_is_said_where_none_can_be_used(tmp_path: Path) -> None:
    root = release(tmp_path / "ldc", seconds=1.0)
    write(root / "converted/fe_03_00001.flac", b"no audio at all")
    tables = run(tmp_path / "work", root)[1]
    assert tables["conversations"] == []
    assert Counter(reasons(tables))[(CALL_ID, "truncated_audio")] == 1
    assert {r["place"] for r in tables["rejects"]} == {FIRST, "converted/fe_03_00001.flac"}


def test_a_spare_transcript_is_taken_when_the_first_is_another_calls(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    taken = root / "fe_03_p1_tran/data/trans/000/fe_03_00001.txt"
    good = taken.read_bytes()
    taken.write_bytes(good.replace(b"fe_03_00001", b"fe_03_00777"))
    write(root / "copy/fe_03_00001.txt", good)
    tables = run(tmp_path / "work", root)[1]
    (row,) = tables["conversations"]
    assert row["transcript_file"] == "copy/fe_03_00001.txt" and row["flags"] == ["spare_file"]
    assert reasons(tables) == [(CALL_ID, "wrong_transcript")] and len(tables["turns"]) == 2


def test_a_changed_spare_file_is_noticed(tmp_path: Path) -> None:
    root = release(tmp_path / "ldc", seconds=1.0)
    run(tmp_path / "work", root)
    soundfile.write(root / "converted/fe_03_00001.flac", ULAW_TO_PCM[noise(2)], 8000)
    summary, tables = run(tmp_path / "work", root)
    assert summary.ran == 1
    audio = read_call_audio(WorkFolder.open(tmp_path / "work"), tables["conversations"][0])
    assert np.array_equal(audio.samples, ULAW_TO_PCM[noise(2)].T)
