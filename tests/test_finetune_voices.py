"""The bank of voice prompts: whose voice introduces a window, from which call, and from where in it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from finetune_tiny import DELAYS, call_row, voice_row, write_work
from test_finetune_data import WORDS, Letters, Rows

from finetune.data.dataset import CodesDataset, open_dataset
from finetune.data.voices import MARGIN_FRAMES
from finetune.data.windows import Plan, WindowSource
from finetune.prompt import PromptTexts
from fisherprep.manifest import Manifest

SHORT = {"prompts_a": ["x"], "prompts_b": ["x"]}


def opened(tmp_path: Path, rows: Rows, voices: Rows | None, split: str = "train") -> CodesDataset:
    write_work(tmp_path / "d", rows, "d", voices)
    return open_dataset(Manifest(name="d", tables="d"), tmp_path, split, WORDS)


def drawn(dataset: CodesDataset, count: int, max_frames: int = 200, **rules: float) -> list[Plan]:
    windows = WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, max_frames, 0.6, **rules)
    return [windows.plan(i) for i in range(count)]


def sources(dataset: CodesDataset, found: list[Plan]) -> Counter:
    """(agent's call and side, the voice's call and side) -> windows."""
    return Counter(
        (p.call.call_id, p.side, p.voice if p.voice is None else dataset.voices.source(p.voice)[:2]) for p in found
    )


def test_a_voice_is_of_the_speaker_in_another_call_of_the_split_and_every_candidate_is_drawn(tmp_path: Path) -> None:
    splits = {"c0": "train", "c1": "train", "c2": "train", "c3": "valid"}
    rows = [call_row(c, 150, None, i, split=s, speaker_a="p", **SHORT) for i, (c, s) in enumerate(splits.items())]
    voices = [voice_row(c, "a", 10 * i + n, index=n, speaker="p") for i, c in enumerate(splits) for n in range(3)]
    dataset = opened(tmp_path, rows, [*voices, voice_row("gone", "a", 7, speaker="p")])
    assert len(dataset.voices) == 9, "of calls of the split only"
    found = drawn(dataset, 400)
    for call in ("c0", "c1", "c2"):
        others = {(call, "a", (other, "a")) for other in ("c0", "c1", "c2") if other != call}
        assert {key for key in sources(dataset, found) if key[:2] == (call, "a")} == others
    assert {p.voice for p in found if p.side == "a"} == set(range(9))
    assert {p.voice for p in found if p.side == "b"} == {None}


def test_the_codes_of_a_candidate_are_its_own(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 60, None, i, **SHORT) for i in range(4)]
    voices = [voice_row(f"c{i}", s, i + 9 * n, 5 + i, index=n) for n in (1, 0) for i in (3, 0, 2, 1) for s in "ba"]
    bank = opened(tmp_path, rows, voices).voices
    for i in range(4):
        for side in "ab":
            numbers = bank.of_call(f"c{i}-{side}", f"c{i}", side)
            expected = [
                next(v for v in voices if (v["call_id"], v["side"], v["index"]) == (f"c{i}", side, n)) for n in (0, 1)
            ]
            assert [bank.read(int(n)).tolist() for n in numbers] == [v["codes"] for v in expected]
            assert bank.num_frames(numbers).tolist() == [5 + i] * 2


def test_a_voice_of_the_same_call_lies_outside_the_window(tmp_path: Path) -> None:
    rows = [call_row("c0", 1500, None, 0, **SHORT)]
    spans = {0: 0.0, 1: 40.0, 2: 110.0}
    voices = [voice_row("c0", "a", n, 20, index=n, start_s=at, end_s=at + 1.6) for n, at in spans.items()]
    dataset = opened(tmp_path, rows, voices)
    found = [p for p in drawn(dataset, 400) if p.side == "a"]
    for plan in found:
        assert plan.voice is not None, "one of the three is always outside"
        _, _, begin, end = dataset.voices.source(plan.voice)
        assert end + MARGIN_FRAMES <= plan.start or plan.start + plan.dialogue_frames + MARGIN_FRAMES <= begin
    assert len({p.voice for p in found}) == 3


def test_a_dialogue_taken_whole_whose_speaker_is_in_no_other_call_has_no_voice(tmp_path: Path) -> None:
    rows = [call_row("c0", 100, None, 0, starts=[0], **SHORT)]
    found = drawn(opened(tmp_path, rows, [voice_row("c0", "a", 0), voice_row("c0", "b", 1)]), 10)
    assert {(p.voice, p.start, p.dialogue_frames) for p in found} == {(None, 0, 100)}


def test_the_other_call_comes_first_even_where_the_own_call_has_a_voice(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 1500, None, i, speaker_a="p", **SHORT) for i in range(2)]
    voices = [voice_row(f"c{i}", "a", i, speaker="p", start_s=110.0, end_s=110.8) for i in range(2)]
    dataset = opened(tmp_path, rows, voices)
    assert {key[2][0] + key[0] for key in sources(dataset, drawn(dataset, 60)) if key[2]} == {"c0c1", "c1c0"}


@pytest.mark.parametrize(("voices", "message"), [(None, "holds no voices table"), ([], "holds none of a train call")])
def test_without_voices_windows_carry_text_alone_and_that_is_said(
    tmp_path: Path, voices: Rows | None, message: str
) -> None:
    dataset = opened(tmp_path, [call_row("c0", 100, None, 0, **SHORT)], voices)
    assert {p.voice for p in drawn(dataset, 10)} == {None}
    assert len(dataset.notes) == 1 and message in dataset.notes[0]


def _codes(*lengths: int) -> list[list[int]]:
    return [[1] * n for n in lengths]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": [[4000] * 10] * 8}, "codes holds codes from 0 to 4000, but the checkpoint knows 0 to 2047"),
        ({"codes": _codes(9, 11, *[10] * 6)}, "codebooks of unlike length"),
        ({"codes": _codes(*[0] * 8)}, "a voice without codes"),
        ({"start_s": math.nan}, "a voice of call c0 lies from nan s to"),
        ({"end_s": math.inf}, "to inf s; expected a start from 0 and a later end"),
        ({"start_s": 2.0, "end_s": 1.0}, "lies from 2.0 s to 1.0 s"),
        ({"start_s": -0.1}, "lies from -0.1 s"),
        ({"side": "c"}, "side is 'c', expected a or b"),
    ],
)
def test_voices_that_cannot_be_fed_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    voices = [voice_row("c0", "a", 0), voice_row("c0", "b", 1, **changes)]
    with pytest.raises(ValueError, match=message):
        opened(tmp_path, [call_row("c0", 100, None, 0)], voices)


@pytest.mark.parametrize("what", ["columns", "garbage"])
def test_a_broken_voices_table_is_refused(tmp_path: Path, what: str) -> None:
    work = write_work(tmp_path / "d", [call_row("c0", 100, None, 0)], "d", [voice_row("c0", "a", 0)])
    part = work / "voices" / "part-000.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["why"]), part) if what == "columns" else part.write_bytes(b"no")
    with pytest.raises(ValueError, match=r"columns are not those of the voices table|cannot be read"):
        open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)


def test_voices_changed_while_in_use_are_noticed(tmp_path: Path) -> None:
    rows = [call_row("c0", 100, None, 0)]
    bank = opened(tmp_path, rows, [voice_row("c0", "a", 0)]).voices
    part = tmp_path / "d" / "voices" / "part-000.parquet"
    write_work(tmp_path / "other", rows, "d", [voice_row("c0", "a", 0, 12)])
    part.write_bytes((tmp_path / "other" / "voices" / part.name).read_bytes())
    with pytest.raises(ValueError, match="changed while in use"):
        bank.read(0)


def test_the_fingerprint_covers_the_voices(tmp_path: Path) -> None:
    def fingerprint(place: str, voices: Rows | None) -> str:
        return opened(tmp_path / place, [call_row("c0", 100, None, 0)], voices).fingerprint()

    tables: list[Rows | None] = [None, [voice_row("c0", "a", 0)]]
    tables += [[voice_row("c0", "a", 0, **c)] for c in ({"speaker": "q"}, {"start_s": 0.5})]
    tables.append([voice_row("c0", "a", 0, 11)])
    prints = [fingerprint(str(i), voices) for i, voices in enumerate(tables)]
    assert len(set(prints)) == len(tables)
    assert fingerprint("again", tables[1]) == prints[1]


def test_dropping_the_voice_and_dropping_the_text_are_independent_draws(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 100, None, i, speaker_a="p", speaker_b="p", **SHORT) for i in range(4)]
    voices = [voice_row(f"c{i}", "a", i, speaker="p") for i in range(4)]
    dataset = opened(tmp_path, rows, voices)
    found = drawn(dataset, 3000, drop_text_prompt=0.3, drop_voice_prompt=0.2)
    kinds = Counter((bool(p.prompt), p.voice is not None) for p in found)
    expected = {(True, True): 0.56, (True, False): 0.14, (False, True): 0.24, (False, False): 0.06}
    assert {kind: kinds[kind] / 3000 for kind in expected} == pytest.approx(expected, abs=0.03)
    whole = drawn(dataset, 3000)
    assert all(p.prompt and p.voice is not None for p in whole)
    assert [(p.call.call_id, p.side, p.start) for p in whole] == [(p.call.call_id, p.side, p.start) for p in found]
    assert all(a.voice == b.voice for a, b in zip(whole, found, strict=True) if b.voice is not None)


def test_many_voices_take_little_memory(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 20, None, i) for i in range(40)]
    voices = [voice_row(f"c{i}", s, i, index=n) for i in range(40) for s in "ab" for n in range(4)]
    bank = opened(tmp_path, rows, voices).voices
    assert len(bank) == 320 and bank.nbytes <= 32 * len(bank)
    assert np.array_equal(bank.num_frames(np.arange(320)), np.full(320, 10))
