"""The text rows of the encode stage: masks, window starts, and how words are written."""

import json

import numpy as np
import pytest
import sentencepiece
from codec_calls import SCRIPT, WRITTEN, build_work, word

from fisherprep.check import check_work
from fisherprep.checkpoint import locate
from fisherprep.codec.call import Call, text_of, window_starts, written_words
from fisherprep.codec.encode import encode
from fisherprep.codec.spell import word_speller
from fisherprep.codec.text_stream import Unknown
from fisherprep.engine import InlineEngine


def test_unknown_speech_is_masked_on_its_side_alone_and_counted(toy_checkpoint, tmp_path):
    """Side a says a word each 0.6 s from 0.5 s on; there, there and today are of no account."""
    unknown = [(1.1, 1.6, "low_score"), (3.5, 4.0, "uncertain"), (7.0, 7.4, "untranscribed")]
    work = build_work(tmp_path, unknown=unknown)
    summary = encode(work, str(toy_checkpoint), "cpu", InlineEngine(), truecase="off")
    rows = work.read("codes").to_pylist()
    spell = word_speller(locate(str(toy_checkpoint), ("tokenizer",)).tokenizer)
    for row in rows:
        text = np.array(row["text_a"])
        assert text[text > 3].tolist() == [t for word in ("hello", "how", "are", "you") for t in spell(word)]
        assert (text[87:93] == -1).all() and text[86] == text[93] == 3
        assert -1 not in row["text_b"] and 61 in row["starts"]
    counters = summary.counters
    assert counters["words_left_out: low_score"] == counters["words_left_out: uncertain"] == len(rows) == 2
    masked = {name: n for name, n in counters.items() if name.startswith("text_frames_masked") and "share" not in name}
    assert sum(masked.values()) == sum(row["text_a"].count(-1) for row in rows)
    assert masked["text_frames_masked: untranscribed"] == 6 * len(rows)
    share = counters["text_frames_masked: untranscribed, share"]
    assert share == 12 / counters["text_frames"] and counters["text_frames"] == 2 * counters["frames"]
    assert not check_work(work).findings


def test_windows_do_not_start_in_unknown_speech_unless_there_is_no_other_place():
    words = [word("a", 0, 0, "aa", 1.0, 1.2), word("b", 1, 0, "bb", 3.0, 3.2), word("a", 2, 0, "cc", 5.0, 5.2)]
    for unknown, expected in (
        ([Unknown(2.0, 4.0, "low_score")], [0, 11, 61]),
        ([Unknown(0.0, 0.4, "untranscribed")], [11, 36, 61]),
        ([Unknown(0.0, 8.0, "not_found")], [0]),
    ):
        call = Call({}, [], words, {}, {"b": unknown})
        text = {side: text_of(call, side, 100, lambda t: [9] * len(t)) for side in "ab"}
        assert window_starts(call, text).tolist() == expected


def test_words_are_written_by_rule_unless_switched_off_and_provenance_says_so(toy_checkpoint, tmp_path):
    ruled, off = build_work(tmp_path / "rule"), build_work(tmp_path / "off")
    encode(ruled, str(toy_checkpoint), "cpu", InlineEngine())
    encode(off, str(toy_checkpoint), "cpu", InlineEngine(), truecase="off")
    processor = sentencepiece.SentencePieceProcessor(str(locate(str(toy_checkpoint), ("tokenizer",)).tokenizer))
    for work, rule, text in ((ruled, "rule", WRITTEN["a"]), (off, "off", SCRIPT["a"][0])):
        row = work.read("codes").to_pylist()[0]
        assert json.loads(row["provenance"])["truecase"] == rule
        assert processor.decode([t for t in row["text_a"] if t not in (0, 3)]) == text
    with pytest.raises(ValueError, match="truecase 'upper': expected one of off, rule"):
        encode(off, str(toy_checkpoint), "cpu", InlineEngine(), truecase="upper")


def test_words_out_of_order_of_their_turns_keep_their_written_form():
    """Turns of one side may overlap: the row is in order of time, the sentences are those of the turns."""
    words = [
        word("a", 0, 0, "what", 1.0, 1.2), word("a", 1, 0, "yeah", 1.1, 1.3), word("a", 0, 1, "time", 1.3, 1.4),
        word("a", 1, 1, "sure", 5.0, 5.3),
    ]  # fmt: skip
    assert [text for text, _ in written_words(words, "rule")] == ["What", "yeah", "time", "sure?"]
