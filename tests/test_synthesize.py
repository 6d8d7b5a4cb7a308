"""The synthesize stage, end to end on small domains: rows that fit the sound, and work done once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from fisherprep.engine import InlineEngine, LocalEngine
from fisherprep.manifest import Manifest, load_manifest
from fisherprep.speech.synthesize import synthesize
from fisherprep.workfolder import WorkFolder

MANIFEST = """
name: {name}
tables: kiosk
split: {{by: script, valid: 0.2, test: 0.2, seed: 0}}
agent: {agent}
domain: {{scripts: scripts, agent_role: Seller, user_role: Buyer, dialogues: {dialogues}, seed: 1}}
"""
SCRIPT = """Prompt: You work for Kiosk {i} which is a newsstand and your name is Ann. Information: A paper costs
$2.5{i}.

Buyer: Hello, what does a paper
  cost?
Seller: Good morning, the paper is [smiles] $2.5{i} today, and it is a good one.
Buyer (backchannel): mm-hm
Buyer: Thanks.
"""


def domain(folder: Path, scripts: int = 5, name: str = "kiosk", agent: str = "a", dialogues: int = 12) -> Manifest:
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    for i in range(scripts):
        (folder / "scripts" / f"s{i}.txt").write_text(SCRIPT.format(i=i), encoding="utf-8")
    file = folder / f"{name}.yaml"
    file.write_text(MANIFEST.format(name=name, agent=agent, dialogues=dialogues), encoding="utf-8")
    return load_manifest(file)


def run(manifest: Manifest, out: Path, dialogues: int | None = None, seed: int | None = None):
    return synthesize(manifest, out, dialogues, seed, InlineEngine())


def content(out: Path) -> dict[str, str]:
    files = (p for p in out.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def table(out: Path, name: str) -> pd.DataFrame:
    return WorkFolder.open(out).read(name).to_pandas()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Manifest, Path]:
    folder = tmp_path_factory.mktemp("domain")
    manifest = domain(folder)
    summary = run(manifest, folder / "work")
    assert (summary.ran, summary.counters["dialogues"], sum(summary.rejects.values())) == (2, 12, 0)
    return manifest, folder / "work"


def test_conversations_describe_the_audio(made):
    _, out = made
    calls = table(out, "conversations")
    assert list(calls.call_id) == [f"kiosk_{i:04d}" for i in range(12)]
    work = WorkFolder.open(out)
    assert work.meta["roots"] == ["audio"]
    for call in calls.to_dict("records"):
        file = work.audio_path(call)
        assert file == out / "audio" / f"{call['call_id']}.flac"
        info = soundfile.info(file)
        assert (info.format, info.subtype, info.channels, info.samplerate) == ("FLAC", "PCM_16", 2, 24_000)
        assert info.frames == call["num_samples"] == round(call["duration_s"] * 24_000)
        assert call["audio_bytes"] == file.stat().st_size
        assert call["audio_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert call["role_prompt"].startswith("You work for Kiosk")
        assert (call["agent_side"], call["transcriber"], call["corpus"]) == ("a", "script", "kiosk")
        assert call["speaker_a"] != call["speaker_b"]
        assert call["speaker_a"].startswith("kiosk-")
        assert call["sex_a"] in ("m", "f")


def test_words_are_where_their_channel_sounds(made):
    _, out = made
    work = WorkFolder.open(out)
    words, turns = table(out, "words"), table(out, "turns")
    for call in table(out, "conversations").to_dict("records")[:4]:
        samples, rate_hz = soundfile.read(work.audio_path(call))
        spoken = np.zeros(samples.shape, bool)
        for word in words[words.call_id == call["call_id"]].itertuples():
            assert 0 <= word.start_s < word.end_s <= call["duration_s"]
            assert word.method == "synthesis"
            channel = "ab".index(word.side)
            first, last = round(word.start_s * rate_hz), round(word.end_s * rate_hz)
            assert np.std(samples[first:last, channel]) > 0.01, word
            spoken[first - 240 : last + 240, channel] = True
        for channel in (0, 1):
            pause = samples[~spoken[:, channel], channel]
            assert 0 < np.std(pause) < 0.002
        mine = turns[turns.call_id == call["call_id"]]
        assert list(mine.turn) == list(range(len(mine)))
        assert mine.start_s.is_monotonic_increasing


def test_turns_and_words_hold_the_script(made):
    _, out = made
    turns, words = table(out, "turns"), table(out, "words")
    first = turns[turns.call_id == "kiosk_0003"]
    assert list(first.side) == ["b", "a", "b", "b"]
    assert first.text.iloc[1] == "Good morning, the paper is [smiles] $2.53 today, and it is a good one."
    assert list(first.words.iloc[1][:6]) == ["Good", "morning,", "the", "paper", "is", "$2.53"]
    host, backchannel = first.iloc[1], first.iloc[2]
    assert host.start_s < backchannel.start_s < backchannel.end_s <= host.end_s
    joined = words.merge(turns, on=["call_id", "turn"], suffixes=("", "_turn"))
    assert len(joined) == len(words)
    assert (joined.side == joined.side_turn).all()
    assert all(word == list(turn)[i] for word, turn, i in zip(joined.word, joined.words, joined["index"], strict=True))
    assert len(words) == turns.words.map(len).sum()
    assert words.score.isna().all()


def test_only_the_agent_has_a_prompt(made):
    _, out = made
    personas = table(out, "personas")
    calls = table(out, "conversations").set_index("call_id")
    assert len(personas) == 24
    for row in personas.itertuples():
        expected = [calls.role_prompt[row.call_id]] if row.side == "a" else []
        assert list(row.prompts) == expected
        assert row.status == ("ok" if row.side == "a" else "not an agent")
        assert row.labeler == "role"


def test_no_script_and_no_voice_is_in_two_splits(made):
    _, out = made
    calls = table(out, "conversations")
    assert set(calls.split) == {"train", "valid", "test"}
    assert (calls.groupby("transcript_file").split.nunique() == 1).all()
    assert set(calls.transcript_file) == {f"scripts/s{i}.txt" for i in range(5)}
    voices = pd.concat([calls[["split", f"speaker_{s}"]].set_axis(["split", "voice"], axis=1) for s in "ab"])
    assert (voices.groupby("voice").split.nunique() == 1).all()


def test_a_second_run_does_nothing(made):
    manifest, out = made
    before = content(out)
    times = {p: p.stat().st_mtime_ns for p in (out / "audio").iterdir()}
    assert run(manifest, out).ran == 0
    assert content(out) == before
    assert {p: p.stat().st_mtime_ns for p in (out / "audio").iterdir()} == times


def test_two_workers_make_what_one_makes(made, tmp_path):
    manifest, out = made
    synthesize(manifest, tmp_path / "two", None, None, LocalEngine(2))
    assert content(tmp_path / "two") == content(out)


def test_a_missing_or_cut_audio_file_is_made_again(tmp_path):
    manifest = domain(tmp_path, dialogues=3)
    run(manifest, tmp_path / "work")
    before = content(tmp_path / "work")
    (tmp_path / "work/audio/kiosk_0001.flac").unlink()
    assert run(manifest, tmp_path / "work").ran == 1
    assert content(tmp_path / "work") == before
    (tmp_path / "work/audio/kiosk_0002.flac").write_bytes(b"fLaC")
    assert run(manifest, tmp_path / "work").ran == 1
    assert content(tmp_path / "work") == before


def test_dialogues_that_are_no_longer_planned_are_removed(tmp_path):
    manifest = domain(tmp_path, dialogues=12)
    run(manifest, tmp_path / "work")
    summary = run(manifest, tmp_path / "work", dialogues=4)
    assert (summary.removed, summary.counters["dialogues"]) == (1, 4)
    names = {p.stem for p in (tmp_path / "work/audio").iterdir()}
    assert names == set(table(tmp_path / "work", "conversations").call_id) == {f"kiosk_{i:04d}" for i in range(4)}
    run(manifest, tmp_path / "fresh", dialogues=4)
    assert content(tmp_path / "work") == content(tmp_path / "fresh")


def test_another_seed_gives_other_voices_and_times(tmp_path):
    manifest = domain(tmp_path, dialogues=3)
    run(manifest, tmp_path / "one")
    run(manifest, tmp_path / "two", seed=7)
    one, two = table(tmp_path / "one", "conversations"), table(tmp_path / "two", "conversations")
    assert list(one.split) == list(two.split)
    assert list(one.speaker_a) != list(two.speaker_a)
    assert list(one.num_samples) != list(two.num_samples)


def test_a_changed_script_is_spoken_again(tmp_path):
    manifest = domain(tmp_path, dialogues=3)
    run(manifest, tmp_path / "work")
    script = tmp_path / "scripts" / "s0.txt"
    script.write_text(script.read_text().replace("Thanks.", "Thanks a lot."), encoding="utf-8")
    assert run(manifest, tmp_path / "work").ran == 1
    assert "Thanks a lot." in set(table(tmp_path / "work", "turns").text)


def test_the_agent_may_be_side_b(tmp_path):
    manifest = domain(tmp_path, agent="b", dialogues=2)
    run(manifest, tmp_path / "work")
    assert set(table(tmp_path / "work", "conversations").agent_side) == {"b"}
    turns = table(tmp_path / "work", "turns")
    assert set(turns[turns.text.str.startswith("Good morning")].side) == {"b"}
    personas = table(tmp_path / "work", "personas")
    assert set(personas[personas.prompts.map(len) > 0].side) == {"b"}


def test_a_bad_script_is_rejected_with_its_place_and_the_others_are_spoken(tmp_path):
    manifest = domain(tmp_path, dialogues=4)
    (tmp_path / "scripts/s1.txt").write_text(SCRIPT.format(i=1) + "Vendor: Bye.\n", encoding="utf-8")
    summary = run(manifest, tmp_path / "work")
    assert (summary.counters["dialogues"], summary.rejects) == (4, {"bad_script": 1})
    (rejected,) = table(tmp_path / "work", "rejects").to_dict("records")
    assert (rejected["place"], rejected["found"]) == ("scripts/s1.txt:9", "Vendor: Bye.")
    assert rejected["expected"] == "'Seller: ...' or 'Buyer: ...'"
    assert "scripts/s1.txt" not in set(table(tmp_path / "work", "conversations").transcript_file)


def test_a_word_without_a_sound_costs_its_dialogue_only(tmp_path):
    manifest = domain(tmp_path, dialogues=3)
    run(manifest, tmp_path / "work")
    script = tmp_path / "scripts" / "s1.txt"
    script.write_text(script.read_text().replace("Thanks.", "Thanks \u278c."), encoding="utf-8")
    summary = run(manifest, tmp_path / "work")
    assert (summary.counters["dialogues"], summary.rejects) == (2, {"cannot_be_spoken": 1})
    (rejected,) = table(tmp_path / "work", "rejects").to_dict("records")
    assert (rejected["call_id"], rejected["place"]) == ("kiosk_0001", "scripts/s1.txt")
    assert "no sound for '\u278c.'" in rejected["found"]
    assert {p.stem for p in (tmp_path / "work/audio").iterdir()} == {"kiosk_0000", "kiosk_0002"}


def test_what_cannot_be_synthesised_at_all_is_an_error(tmp_path):
    manifest = domain(tmp_path / "good")
    with pytest.raises(ValueError, match="dialogues: found 0, expected 1 or more"):
        run(manifest, tmp_path / "work", dialogues=0)
    empty = domain(tmp_path / "empty", scripts=0)
    with pytest.raises(ValueError, match=r"found no script, expected files \*\.txt"):
        run(empty, tmp_path / "work")
    bad = domain(tmp_path / "bad", scripts=1)
    (tmp_path / "bad/scripts/s0.txt").write_text("Hello\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"no script can be used:\nscripts/s0\.txt:1: found 'Hello', expected the role prompt"
    ):
        run(bad, tmp_path / "work")
    with pytest.raises(ValueError, match="has no 'domain'"):
        run(Manifest("plain", "plain"), tmp_path / "work")
    run(manifest, tmp_path / "work", dialogues=1)
    with pytest.raises(ValueError, match="holds the dataset 'kiosk'"):
        run(domain(tmp_path / "other", name="other"), tmp_path / "work")
