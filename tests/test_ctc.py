"""Alignment with a CTC model: spelling, checkpoints, batches, and the whole stage through the command line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from align_calls import Call, work_folder
from click.testing import CliRunner

from fisherprep import checkpoint
from fisherprep.align import ctc, ctc_model
from fisherprep.align.aligner import BETWEEN, AlignedWord, Piece
from fisherprep.align.choice import AlignerChoice, identity, load_aligner, located, usual_workers
from fisherprep.align.ctc import CtcAligner
from fisherprep.align.ctc_model import CtcModel, locate_ctc
from fisherprep.align.letters import Alphabet, spoken_words
from fisherprep.align.turns import MARGIN_S
from fisherprep.cli import main
from fisherprep.demo.toy_ctc import CONFIG, VOCABULARY, write_toy_ctc

SENTENCES = ("we had a big dinner", "who paid for it then", "oh that is really something you know", "i guess so")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy of a few steps: it hears words roughly where they are."""
    directory = tmp_path_factory.mktemp("ctc") / "toy"
    write_toy_ctc(directory, steps=100)
    return directory


@pytest.fixture
def changed(toy: Path, tmp_path: Path) -> Path:
    """A copy of the toy to be damaged."""
    return Path(shutil.copytree(toy, tmp_path / "changed"))


@pytest.fixture(scope="module")
def aligner(toy: Path) -> CtcAligner:
    return CtcAligner(locate_ctc(str(toy)), "cpu", 20.0)


@pytest.fixture(scope="module")
def call() -> Call:
    call = Call("fe_03_00001", 14.0)
    for number, sentence in enumerate(SENTENCES):
        call.say("a", 1.0 + 3 * number, sentence)
    return call


@pytest.fixture(scope="module")
def pieces(call: Call) -> list[Piece]:
    import soxr

    channel = soxr.resample(call.samples()[0].astype(np.float32) / 32768, 8000, 16_000)
    spans = [(turn["start_s"] - MARGIN_S, turn["end_s"] + MARGIN_S) for turn in call.turns]
    cut = [channel[round(start * 16_000) : round(end * 16_000)] for start, end in spans]
    return [Piece(sound, turn["words"]) for sound, turn in zip(cut, call.turns, strict=True)]


def edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def only(answers: list[list[AlignedWord] | None]) -> list[AlignedWord]:
    (answer,) = answers
    assert answer is not None
    return answer


# -- spelling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("don't", "don't"), ("t.v.", "t v"), ("c.e.o.'s", "c e o's"), ("401k", "four hundred one k"),
        ("1995", "nineteen ninety five"), ("90s", "nineties"), ("3rd", "third"), ("th-", "th"), ("mm-hm", "mm hm"),
        ("Kids'", "kids'"), ("$4.50", "four point five oh"), ("", ""), ("-", ""), ("...", ""),
    ],
)  # fmt: skip
def test_words_are_written_as_they_are_said(word: str, said: str) -> None:
    assert " ".join(spoken_words(word)) == said


def letters(characters: str, **more: int) -> dict[str, int]:
    return {**{c: label for label, c in enumerate(characters, start=1)}, "<pad>": 0, **more}


def spelled(alphabet: Alphabet, word: str) -> str:
    names = {label: c for c, label in alphabet.characters.items()} | {alphabet.delimiter: "|"}
    return "".join(names[label] for label in alphabet.spell(word))


ENGLISH = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("characters", [ENGLISH + "|'", ENGLISH.upper() + "'|", ENGLISH + "' "])
def test_either_case_and_any_delimiter(characters: str) -> None:
    alphabet = Alphabet.of(letters(characters), 0, "|")
    assert spelled(alphabet, "Don't") == "don't"
    assert spelled(alphabet, "t.v.") == "t|v"
    assert alphabet.spell("\u4f60") == []
    assert alphabet.spell("na\u00efve \u2019") == alphabet.spell("naive '")


def test_what_the_vocabulary_lacks_is_dropped() -> None:
    bare = Alphabet.of(letters(ENGLISH), 0, "|")
    assert bare.delimiter is None
    assert spelled(bare, "don't") == "dont"
    assert spelled(bare, "t.v.") == "tv"
    german = Alphabet.of(letters(ENGLISH + "|\u00f6"), 0, "|")
    assert spelled(german, "sch\u00f6n stra\u00dfe") == "sch\u00f6n|strasse"


@pytest.mark.parametrize("characters", ["abc", ENGLISH[:-1], ""])
def test_other_vocabularies_are_refused(characters: str) -> None:
    with pytest.raises(ValueError, match=r"lacks the letters .*z of a to z; expected a model of English"):
        Alphabet.of(letters(characters, th=90), 0, "|")


# -- words in time ---------------------------------------------------------------------------------------------------


def test_words_are_found_near_where_they_are(aligner: CtcAligner, pieces: list[Piece], call: Call) -> None:
    errors = []
    for piece, answer, gold in zip(pieces, aligner.align_many(pieces), call.gold.values(), strict=True):
        assert answer is not None and len(answer) == len(piece.words)
        assert all(word.method == "ctc" and word.score is not None and word.score <= 0 for word in answer)
        assert all(a.start_s < a.end_s <= b.start_s for a, b in pairwise(answer))
        start_s = gold[0] - MARGIN_S
        errors += [word.start_s + start_s - true for word, true in zip(answer, gold, strict=True)]
    assert np.median(np.abs(errors)) < 0.12


def test_wrong_words_score_lower(aligner: CtcAligner, pieces: list[Piece]) -> None:
    def score(words: Sequence[str]) -> float:
        return float(np.mean([word.score for word in only(aligner.align_many([Piece(pieces[2].samples, words)]))]))

    assert score(pieces[2].words) > score(["zoo", "quick", "jazz", "box", "fizz", "vex"])


def test_an_answer_depends_on_its_piece_alone(toy: Path, pieces: list[Piece]) -> None:
    def answers(batch_s: float, asked: list[Piece]) -> list[list[AlignedWord] | None]:
        return CtcAligner(locate_ctc(str(toy)), "cpu", batch_s).align_many(asked)

    many = pieces + [Piece(piece.samples[: 12_000 + 999 * n], ["so"]) for n, piece in enumerate(pieces)]
    one_by_one = [answer for piece in many for answer in answers(0.01, [piece])]
    backwards = answers(60.0, many[::-1])[::-1]
    for alone, together in zip(one_by_one, backwards, strict=True):
        assert alone is not None and together is not None
        assert [(w.start_s, w.end_s) for w in alone] == [(w.start_s, w.end_s) for w in together]
        assert [w.score for w in alone] == pytest.approx([w.score for w in together], abs=1e-3)


def test_padding_is_not_heard_where_a_mask_is_asked_for(changed: Path) -> None:
    edit(changed / "preprocessor_config.json", return_attention_mask=True)
    edit(changed / "config.json", feat_extract_norm="layer", conv_bias=True)
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    torch.manual_seed(0)
    Wav2Vec2ForCTC(Wav2Vec2Config.from_pretrained(changed)).save_pretrained(changed)
    model = CtcModel(locate_ctc(str(changed)), "cpu")
    sound = np.random.default_rng(0).normal(0, 1, 20_000).astype(np.float32)
    sound = (sound - sound.mean()) / sound.std()
    (heard,) = model.log_probs([sound], 10.0)
    exact = torch.log_softmax(model._model(torch.from_numpy(sound)[None]).logits, -1)[0]
    assert heard.shape == exact.shape == (model.num_frames(len(sound)), len(VOCABULARY))
    assert torch.allclose(heard, exact, atol=1e-4)


def test_words_without_a_letter_go_between_and_too_little_sound_is_no_trouble(
    aligner: CtcAligner, pieces: list[Piece]
) -> None:
    mixed = only(aligner.align_many([Piece(pieces[0].samples, ["\u4f60", *pieces[0].words[:2], "?", "big"])]))
    assert [word.method for word in mixed] == [BETWEEN, "ctc", "ctc", BETWEEN, "ctc"]
    assert mixed[3].score is None
    quiet = [Piece(np.zeros(length, np.float32), ["hello"]) for length in (0, 1, 500, 1000)]
    hopeless = [
        Piece(pieces[0].samples, ["\u4f60"]),
        Piece(pieces[0].samples, []),
        Piece(pieces[3].samples, ["no"] * 99),
    ]
    answers = aligner.align_many([*quiet, *hopeless, pieces[0]])
    assert answers[:-1] == [None] * 7
    assert answers[-1] is not None
    assert aligner.align_many([]) == []


def test_digital_silence_and_odd_words_are_no_trouble(aligner: CtcAligner) -> None:
    silence = np.zeros(32_000, np.float32)
    for words in (["hello", "there"], ["<pad>"], ["|", "a|b"], ["x" * 5000], ["a b", "\n", "%s"]):
        answer = aligner.align_many([Piece(silence, words)])[0]
        assert answer is None or len(answer) == len(words)


def test_long_turns_are_heard_in_windows(
    aligner: CtcAligner, pieces: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of 3 s with half a second to spare: every frame is there, and words are where one look finds them."""
    sound = np.concatenate([piece.samples for piece in pieces])
    long = Piece(sound, [word for piece in pieces for word in piece.words])
    whole = only(aligner.align_many([long]))
    monkeypatch.setattr(ctc_model, "WINDOW_S", 3.0)
    monkeypatch.setattr(ctc_model, "OVERLAP_S", 1.0)
    model = aligner._model
    windows = list(model._windows(0, sound))
    assert len(windows) > 2
    assert all(len(window.samples) <= 3.1 * 16_000 for window in windows)
    (heard,) = model.log_probs([sound], 10.0)
    assert len(heard) == model.num_frames(len(sound))
    in_parts = only(aligner.align_many([long]))
    moved = [abs(a.start_s - b.start_s) for a, b in zip(whole, in_parts, strict=True)]
    assert np.median(moved) <= 0.1  # group norms see a window, not the turn; a lost frame would move all that follows


@pytest.mark.parametrize("seconds", [0.9, 1.0, 1.7, 2.0, 2.98, 3.0, 3.02, 5.0, 7.3])
def test_windows_hold_every_frame_once(aligner: CtcAligner, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctc_model, "WINDOW_S", 1.0)
    monkeypatch.setattr(ctc_model, "OVERLAP_S", 0.2)
    model, sound = aligner._model, np.arange(round(seconds * 16_000), dtype=np.float32)
    model._normalise, normal = False, model._normalise
    try:
        frames = [
            int(window.samples[0]) // model.stride + frame
            for window in model._windows(0, sound)
            for frame in range(window.first_frame, window.stop_frame)
        ]
    finally:
        model._normalise = normal
    assert frames == list(range(model.num_frames(len(sound))))


def test_lattices_are_searched_in_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctc, "LATTICE_CELLS", 1000)
    sizes = [(10, 4), (90, 20), (11, 3), (10, 9), (12, 12), (30, 2)] * 3
    batches = list(ctc._batches(sizes))
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    for batch in batches:
        frames, labels = max(sizes[i][0] for i in batch), max(sizes[i][1] for i in batch)
        assert len(batch) == 1 or len(batch) * frames * (2 * labels + 1) <= 1000


def test_frames_are_centred_in_their_receptive_field(aligner: CtcAligner) -> None:
    """The toy's frame sees 400 + 3 x 160 samples, and 320 of them are its own: 280 lie on either side."""
    assert aligner._model.stride == 320
    assert aligner._model.offset == 280
    assert aligner._time_s(100) == pytest.approx((100 * 320 + 280) / 16_000)
    assert aligner._model.num_frames(880) == 1
    assert aligner._model.num_frames(879) == 0


# -- checkpoints -----------------------------------------------------------------------------------------------------


def test_the_toy_says_that_it_is_one(toy: Path, tmp_path: Path) -> None:
    assert locate_ctc(str(toy)).label == f"{toy} (TOY weights: for trying things out, not for speech)"
    assert json.loads((toy / "config.json").read_text())["toy"] is True
    assert not list(toy.glob(".*"))
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(ValueError, match="would be overwritten"):
        write_toy_ctc(tmp_path, steps=0)


def test_the_transformers_library_reads_the_toy(toy: Path, pieces: list[Piece], aligner: CtcAligner) -> None:
    from transformers import AutoModelForCTC, AutoProcessor

    processor, model = AutoProcessor.from_pretrained(toy), AutoModelForCTC.from_pretrained(toy)
    inputs = processor(pieces[0].samples, sampling_rate=16_000, return_tensors="pt")
    assert "attention_mask" not in inputs
    (heard,) = aligner._model.log_probs([pieces[0].samples], 10.0)
    logits = model(**inputs).logits[0]
    assert logits.shape == heard.shape
    assert processor.tokenizer.pad_token_id == CONFIG["pad_token_id"] == aligner._model.alphabet.blank
    assert torch.corrcoef(torch.stack([logits.softmax(-1).flatten(), heard.exp().flatten()]))[0, 1] > 0.99


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def fails(repo: str, name: str) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(checkpoint, "_hub_answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fails)
    with pytest.raises(ValueError, match=r"facebook/wav2vec2-base-960h.*no route.*--ctc-model a folder.*toy_ctc DIR"):
        locate_ctc("facebook/wav2vec2-base-960h")


def test_without_a_hub_only_what_was_fetched_before_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # the discard port: refused at once
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    checkpoint._hub_answers.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"nosuch.*cannot be reached, and nothing.*--ctc-model a folder"):
            locate_ctc("nosuch")
    finally:
        checkpoint._hub_answers.cache_clear()
    assert not caplog.records


def test_a_hub_repository_is_fetched_file_by_file(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    asked = []

    def fetch(repo: str, name: str) -> str:
        asked.append(name)
        if not (toy / name).exists():
            raise EntryNotFoundError(f"no {name} in {repo}")
        return str(toy / name)

    monkeypatch.setattr(checkpoint, "_hub_answers", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    files = locate_ctc("someone/some-ctc")
    assert files.title == "someone/some-ctc"
    assert files.sha256 == locate_ctc(str(toy)).sha256
    assert set(dict(files.sha256)) >= {"config.json", "vocab.json", "model.safetensors", "preprocessor_config.json"}
    assert "pytorch_model.bin" not in asked


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(changed: Path, name: str) -> None:
    (changed / name).unlink()
    with pytest.raises(ValueError, match=f"{name}: missing; found in that folder"):
        locate_ctc(str(changed))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("preprocessor_config.json", {"sampling_rate": 8000}, "a model for sound at 8000 Hz; expected 16000 Hz"),
        ("config.json", {"model_type": "bert", "architectures": ["BertModel"]}, "cannot be loaded as a CTC model"),
        ("config.json", {"model_type": "no-such"}, "cannot be loaded as a CTC model"),
        ("config.json", {"hidden_size": 48}, "cannot be loaded as a CTC model"),
        ("config.json", {"pad_token_id": None}, "pad_token_id, which is the blank, is None"),
        ("vocab.json", {"B": 9}, "'B' 'I' have the same number, 9"),
        ("vocab.json", {"A": 77}, "expected characters with their numbers from 0 to 31"),
        ("vocab.json", {"eng": {"a": 1}}, "expected characters with their numbers"),
    ],
)
def test_models_that_do_not_fit_are_refused(changed: Path, name: str, values: dict[str, Any], message: str) -> None:
    edit(changed / name, **values)
    with pytest.raises(ValueError, match=message):
        CtcModel(locate_ctc(str(changed)), "cpu")


def test_weights_that_are_no_numbers_are_refused(changed: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(changed / "model.safetensors")
    weights["lm_head.bias"][3] = float("nan")
    save_file(weights, changed / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="no finite log-probabilities"):
        CtcAligner(locate_ctc(str(changed)), "cpu", 20.0)


def test_scores_do_not_depend_on_the_number_of_threads(
    aligner: CtcAligner, pieces: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, seen = aligner._model._hear, []
    monkeypatch.setattr(aligner._model, "_hear", lambda *given: seen.append(torch.get_num_threads()) or heard(*given))
    before = torch.get_num_threads()
    answers = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            answers.append(aligner.align_many(pieces))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}
    assert answers[0] == answers[1] == answers[2]


def test_damaged_files_are_refused(changed: Path) -> None:
    (changed / "vocab.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"vocab\.json: expected a JSON object"):
        CtcModel(locate_ctc(str(changed)), "cpu")
    weights = changed / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot be loaded as a CTC model"):
        CtcModel(locate_ctc(str(changed)), "cpu")


def test_a_model_that_is_only_pretrained_is_refused(changed: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    Wav2Vec2Model(Wav2Vec2Config.from_pretrained(changed)).save_pretrained(changed)
    with pytest.raises(ValueError, match=r"no weights for lm_head.*fine-tuned with CTC"):
        CtcModel(locate_ctc(str(changed)), "cpu")


def test_pytorch_weights_are_read_without_running_code(changed: Path) -> None:
    from safetensors.torch import load_file

    weights = load_file(changed / "model.safetensors")
    (changed / "model.safetensors").unlink()
    torch.save(weights, changed / "pytorch_model.bin")
    CtcModel(locate_ctc(str(changed)), "cpu")
    torch.save({"code": _Runs(changed / "ran")}, changed / "pytorch_model.bin")
    with pytest.raises(ValueError, match="cannot be loaded"):
        CtcModel(locate_ctc(str(changed)), "cpu")
    assert not (changed / "ran").exists()


class _Runs:
    """A pickle that leaves a file behind when code in it is run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.mkdir, (str(self.mark),)


def test_other_architectures_of_the_kind(changed: Path, pieces: list[Piece]) -> None:
    from transformers import HubertConfig, HubertForCTC, WavLMConfig, WavLMForCTC

    for model in (HubertForCTC(HubertConfig(**CONFIG)), WavLMForCTC(WavLMConfig(**CONFIG))):
        model.save_pretrained(changed)
        answer = only(CtcAligner(locate_ctc(str(changed)), "cpu", 10.0).align_many(pieces[:1]))
        assert [word.method for word in answer] == ["ctc"] * len(pieces[0].words)


def test_weights_under_the_keys_of_released_checkpoints(changed: Path, toy: Path) -> None:
    """They were saved when torch's weight norm had other names, without what only pretraining needs."""
    from safetensors.torch import load_file, save_file

    weights = load_file(changed / "model.safetensors")
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    renamed = dict(weights)
    for key in weights:
        for name, old in older.items():
            if key.endswith(name):
                renamed[key.removesuffix(name) + old] = renamed.pop(key)
    renamed.pop("wav2vec2.masked_spec_embed", None)
    assert len(renamed.keys() - weights.keys()) == 2
    save_file(renamed, changed / "model.safetensors", metadata={"format": "pt"})
    vocabulary = json.loads((changed / "vocab.json").read_text())
    (changed / "vocab.json").write_text(json.dumps(vocabulary | {"<marker>": 99}))
    sound = [np.random.default_rng(0).normal(0, 1, 16_000).astype(np.float32)]
    heard = [CtcModel(locate_ctc(str(folder)), "cpu").log_probs(sound, 1.0)[0] for folder in (toy, changed)]
    assert torch.equal(*heard)


def test_without_transformers_it_says_what_to_install(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"fisherprep\[ctc\]"):
        CtcModel(locate_ctc(str(toy)), "cpu")


# -- the stage -------------------------------------------------------------------------------------------------------


def test_the_choice_is_known_by_the_bytes_of_its_model(toy: Path, changed: Path) -> None:
    first, second = (identity(AlignerChoice("ctc", str(folder), "cpu")) for folder in (toy, changed))
    assert first == second != identity(AlignerChoice())
    assert identity(AlignerChoice("ctc", str(toy), "cpu", batch_s=3.0)) == first
    asked = AlignerChoice("ctc", str(changed), "cpu")
    assert load_aligner(asked) is load_aligner(located(asked))
    edit(changed / "vocab.json", A=5, E=7)
    assert identity(AlignerChoice("ctc", str(changed), "cpu")) != first
    assert usual_workers(AlignerChoice()) == usual_workers(AlignerChoice("ctc", str(toy), "cpu")) == 0
    assert usual_workers(located(AlignerChoice("ctc", str(toy), "meta"))) == 1
    for choice, message in [
        (AlignerChoice("ctc"), "no model"), (AlignerChoice("kaldi"), "found 'kaldi', expected pocketsphinx or ctc"),
        (AlignerChoice("ctc", str(toy), "abacus"), "device 'abacus' cannot be used here"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            load_aligner(choice)


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_the_whole_stage_by_command(toy: Path, call: Call, tmp_path: Path) -> None:
    silent = Call("fe_03_00002", 4.0)
    silent.claim("b", 1.0, 2.0, ["nothing", "here"])
    work = work_folder(tmp_path, [call, silent])
    status, output = run("align", work.path, "--ctc-model", toy, "--device", "cpu", "--workers", 1)
    assert status == 0, output
    words = work.read("words").to_pylist()
    assert [w["word"] for w in words if w["call_id"] == call.call_id] == " ".join(SENTENCES).split()
    assert {w["method"] for w in words if w["call_id"] == call.call_id} == {"ctc"}
    assert {w["method"] for w in words if w["call_id"] == silent.call_id} == {"proportional"}
    gold = [start for turn in call.gold.values() for start in turn]
    errors = [w["start_s"] - true for w, true in zip(words, gold, strict=False)]
    assert np.median(np.abs(errors)) < 0.12
    status, output = run("check", work.path)
    assert status == 0, output
    before = {file: file.stat().st_mtime_ns for file in work.files("words")}
    status, _ = run("align", work.path, "--aligner", "ctc", "--ctc-model", toy, "--batch-seconds", 7, "--workers", 2)
    assert status == 0
    assert {file: file.stat().st_mtime_ns for file in work.files("words")} == before
    status, _ = run("align", work.path, "--workers", 1)
    assert status == 0
    assert "pocketsphinx" in {w["method"] for w in work.read("words").to_pylist()}


def test_two_workers_write_what_one_does(toy: Path, call: Call, tmp_path: Path) -> None:
    written = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        work = work_folder(folder, [call])
        assert run("align", work.path, "--ctc-model", toy, "--device", "cpu", "--workers", workers)[0] == 0
        written.append([file.read_bytes() for file in work.files("words")])
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--aligner", "ctc"), 2, "--aligner ctc: needs --ctc-model"),
        (("--aligner", "pocketsphinx", "--ctc-model", "x"), 2, "takes no model"),
        (("--aligner", "whisper"), 2, "'whisper' is not one of"),
        (("--batch-seconds", "0"), 2, "--batch-seconds"),
        (("--batch-seconds", "nan"), 2, "'--batch-seconds': found nan"),
        (("--batch-seconds", "inf"), 2, "'--batch-seconds': found inf"),
        (("--ctc-model", ""), 2, "--ctc-model: is empty"),
        (("--ctc-model", "no folder"), 1, "neither a folder here nor a hub repository id"),
    ],
)
def test_flags_that_do_not_fit(
    tmp_path: Path, call: Call, arguments: tuple[str, ...], status: int, message: str
) -> None:
    work = work_folder(tmp_path, [call])
    found, output = run("align", work.path, *arguments)
    assert found == status
    assert message in " ".join(output.split())
