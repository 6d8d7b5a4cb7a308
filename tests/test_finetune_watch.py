"""What looks on at a run and what examines it: logs, boards, samples, the report, the evaluation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import soundfile
import torch
from click.testing import CliRunner, Result
from finetune_tiny import World, call_row, voice_row, write_work
from safetensors.torch import load_file, save_file

from finetune.evaluate import main as evaluate
from finetune.report import main as report
from finetune.run import main as run
from finetune.sensitivity import shuffled_prompts
from finetune.turns.moments import Moment
from finetune.turns.talks import Talk, Task, heard_by_audio
from finetune.watch import StepReport, Watcher, Watchers
from finetune.watchers import samples
from finetune.watchers.report import _plain
from finetune.watchers.speed import Cost

pytest_plugins = ["finetune_fixtures"]


class TalkingWorld(World):
    """A world whose checkpoint has a codec, and whose held-out call has a moment of each kind."""

    def __init__(self, root: Path, toy: Path) -> None:
        super().__init__(root)
        for name in ("tokenizer-e351c8d8-checkpoint125.safetensors", "mimi_config.json"):
            shutil.copyfile(toy / name, self.checkpoint / name)
        pieces = sentencepiece.SentencePieceProcessor(str(self.checkpoint / "tokenizer_spm_32k_3.model"))
        word = next(i for i in range(4, pieces.get_piece_size()) if pieces.id_to_piece(i).startswith("\u2581"))
        rows = [call_row(f"t{i}", 700, self.checkpoint, 70 + i, split=s) for i, s in enumerate(("train", "valid"))]
        for row in rows:
            row["prompts_b"] = [f"You are number {row['call_id']}.", "You like tea."]
            for side, spans in {"a": USER_S, "b": AGENT_S}.items():
                row[f"text_{side}"] = text_row(700, spans, word)
        write_work(self.data / "talk", rows, "talk", [voice_row("t0", "b", 3, speaker="t1-b")])
        (self.manifests / "talk.yaml").write_text("name: talk\ntables: talk\nagent: b\nprompt_levels: [0.5, 0.5]\n")


USER_S = ((1.0, 4.0), (10.0, 12.0), (12.8, 15.0), (25.0, 27.5), (35.0, 39.0), (40.0, 44.0), (50.0, 52.0))
AGENT_S = ((4.5, 8.0), (15.4, 24.0), (28.0, 33.0), (37.0, 37.3), (46.0, 50.3), (52.4, 54.0))


def text_row(num_frames: int, spans: tuple[tuple[float, float], ...], word: int) -> list[int]:
    """A word every two frames within the spans."""
    row = [3] * num_frames
    for start_s, end_s in spans:
        for frame in range(round(start_s * 12.5), round(end_s * 12.5), 2):
            row[frame] = word
    return row


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory, toy_checkpoint: Path) -> TalkingWorld:
    return TalkingWorld(tmp_path_factory.mktemp("talking"), toy_checkpoint)


def invoke(command: Any, *args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


@pytest.fixture(scope="module")
def watched(talking: TalkingWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps with samples after every second."""
    out = tmp_path_factory.mktemp("runs") / "watched"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    flags = ("--mix", "calls:0.5,talk:0.5", "--steps", "4", "--set", "samples.every=2", "--set", "samples.seconds=2")
    result = invoke(run, *talking.args(out, *flags, "--set", "heldout.every=2"))
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    return out


def test_samples_are_there_before_on_the_way_and_at_the_end(watched: Path) -> None:
    folders = sorted(p.name for p in (watched / "samples").iterdir())
    assert folders == ["step-00000000", "step-00000002", "step-00000004"]
    for name in ("calls-0", "talk-0"):
        file = watched / "samples" / "step-00000004" / f"{name}.wav"
        samples, rate_hz = soundfile.read(file)
        assert rate_hz == 24000 and samples.shape == (25 * 1920, 2)
        assert np.abs(samples).max() > 0
        row = json.loads(file.with_suffix(".json").read_text())
        assert row["toy"] is True and row["prompt"] and row["agent_side"] in "ab"


def test_a_sample_depends_on_the_seed_and_the_weights_alone(
    watched: Path, talking: TalkingWorld, tmp_path: Path
) -> None:
    flags = ("--mix", "calls:0.5,talk:0.5", "--steps", "1", "--set", "samples.every=9", "--set", "samples.seconds=2")
    assert invoke(run, *talking.args(tmp_path / "again", *flags)).exit_code == 0
    first = "samples/step-00000000/talk-0.wav"
    assert (tmp_path / "again" / first).read_bytes() == (watched / first).read_bytes()


def test_samples_that_cannot_be_written_cost_neither_the_run_nor_the_checkpoint(
    talking: TalkingWorld, tmp_path: Path, full_disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, put = tmp_path / "run", samples._put

    def put_on_full_disk(folder: Path, files: dict[str, bytes]) -> None:
        with full_disk(8192):
            put(folder, files)

    monkeypatch.setattr(samples, "_put", put_on_full_disk)
    flags = ("--mix", "talk", "--steps", "1", "--set", "samples.every=1", "--set", "samples.seconds=1")
    result = invoke(run, *talking.args(out, *flags))
    assert result.exit_code == 0, result.output
    assert result.output.count("these samples could not be written") == 2
    assert (out / "checkpoints" / "step-00000001").is_dir() and not list((out / "samples").iterdir())


def test_two_processes_talk_as_one_does(watched: Path, talking: TalkingWorld, tmp_path: Path) -> None:
    out = tmp_path / "two"
    flags = ("--mix", "calls:0.5,talk:0.5", "--steps", "1", "--set", "samples.seconds=2", "--set", "samples.every=5")
    arguments = talking.args(out, *flags, "--batch-size", "2", "--micro-batch-size", "1")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, "-m", "finetune.run", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first = "samples/step-00000000/talk-0.wav"
    assert (out / first).read_bytes() == (watched / first).read_bytes()
    assert (out / "samples" / "step-00000001" / "calls-0.wav").exists()


def test_the_report_tells_the_run(watched: Path) -> None:
    text = (watched / "report.md").read_text()
    assert (watched / "loss.png").read_bytes().startswith(b"\x89PNG")
    for part in ("toy weights", "steps: 4 of 4", "## Held-out loss", "| calls | loss |", "## Speed", "talk-0.wav"):
        assert part in text
    last = json.loads((watched / "heldout.jsonl").read_text().splitlines()[-1])
    assert f"{last['datasets']['calls']['loss']:.4f}" in text


def test_a_codec_that_does_not_know_all_codes_of_the_model_is_refused(talking: TalkingWorld, tmp_path: Path) -> None:
    """Rather than an index error when the model first says such a code."""
    checkpoint = tmp_path / "c"
    shutil.copytree(talking.checkpoint, checkpoint)
    name = "tokenizer-e351c8d8-checkpoint125.safetensors"
    config = json.loads((checkpoint / "mimi_config.json").read_text())
    config["quantizer"]["bins"] = 256
    (checkpoint / "mimi_config.json").write_text(json.dumps(config))
    weights = load_file(checkpoint / name)
    small = {key: v[:256].contiguous() if v.shape[:1] == (2048,) else v for key, v in weights.items()}
    save_file(small, checkpoint / name, {"toy": "true"})
    flags = ("--mix", "talk", "--steps", "1", "--set", "samples.every=1", "--set", "samples.seconds=1")
    result = invoke(run, *talking.args(tmp_path / "run", *flags, "--checkpoint", str(checkpoint)))
    assert result.exit_code == 1
    assert "the codec has 256 entries in a codebook, but the model may say any of 2048" in " ".join(
        result.output.split()
    )


class Closes(Watcher):
    """Notes that it was closed, and fails at it where it is told to."""

    def __init__(self, closed: list[Watcher], failure: Exception | None = None) -> None:
        self._closed, self._failure = closed, failure

    def close(self) -> None:
        self._closed.append(self)
        if self._failure is not None:
            raise self._failure


def test_why_a_run_ends_is_not_hidden_by_a_watcher_that_cannot_close() -> None:
    closed: list[Watcher] = []
    on_lookers = [Closes(closed, OSError("disk full")), Closes(closed)]
    with pytest.raises(ValueError, match="training has diverged"), Watchers(on_lookers):
        raise ValueError("training has diverged")
    with pytest.raises(OSError, match="disk full"), Watchers(on_lookers):
        pass
    assert closed == on_lookers * 2


def test_the_report_can_be_written_at_any_time(watched: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    shutil.copy(watched / "config.json", half)
    assert "no step has been logged" in invoke(report, str(half)).output
    lines = (watched / "metrics.jsonl").read_text().splitlines(keepends=True)
    (half / "metrics.jsonl").write_text("".join(lines[:2]) + lines[2][:40])  # torn by a kill
    result = invoke(report, str(half))
    assert result.exit_code == 0 and "steps: 2 of 4" in (half / "report.md").read_text()
    assert invoke(report, str(tmp_path / "none")).exit_code == 1


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a | b", "![x](http://y)", "`code`\n# head"])
def test_what_others_wrote_is_plain_text_in_the_report(text: str) -> None:
    plain = _plain(text)
    assert "<" not in plain and "\n" not in plain
    for mark in "|[`#":
        assert plain.count(mark) == plain.count("\\" + mark)


def test_tensorboard_has_every_stream(watched: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(watched / "tensorboard"))
    events.Reload()
    names = events.Tags()["scalars"]
    assert {"loss", "grad_norm", "lr/depth", "train/calls/text", "heldout/talk/loss", "machine/step_s"} <= set(names)
    metrics = [json.loads(line) for line in (watched / "metrics.jsonl").read_text().splitlines()]
    assert [e.step for e in events.Scalars("loss")] == [1, 2, 3, 4]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx([m["loss"] for m in metrics])


def test_a_project_without_the_package_is_an_error(talking: TalkingWorld, tmp_path: Path) -> None:
    try:
        import wandb  # noqa: F401
    except ImportError:
        result = invoke(run, *talking.args(tmp_path / "out", "--steps", "1", "--set", "watch.wandb=project"))
        assert result.exit_code == 1 and "pip install wandb" in result.output


def test_the_share_of_the_peak_counts_what_the_rank_was_fed(talking: TalkingWorld) -> None:
    from finetune.checkpoints import open_base
    from finetune.flops import step_flops
    from finetune.model.build import build_model

    cpu = torch.device("cpu")
    model = build_model(open_base(str(talking.checkpoint)), talking.config().model, cpu)
    report = StepReport({"step": 1}, 100, 120, 60, 2.0, 0.1, cpu)
    assert Cost.of(model, cpu).mfu(report) is None
    assert Cost(model, 1e9).mfu(report) == pytest.approx(step_flops(model, 120, 60) / 2.0 / 1e9)


def test_each_prompt_is_replaced_by_another() -> None:
    prompts = ["a", "b", "a", "c"]
    shuffled = shuffled_prompts(prompts)
    assert all(new != old and new in prompts for new, old in zip(shuffled, prompts, strict=True))
    assert shuffled_prompts(["a", "a"]) == [None, None]


def test_an_evaluation_has_three_tables(watched: Path) -> None:
    result = invoke(evaluate, str(watched), "--turns", "2", "--windows", "9")
    assert result.exit_code == 0, result.output
    for part in ("held-out loss (valid)", "prompt sensitivity", "turn-taking (valid)", "TOY weights"):
        assert part in " ".join(result.output.split())
    saved = json.loads((watched / "evaluate-valid.json").read_text())
    for model in ("base", "fine_tuned"):
        rise = saved["prompts"][model]["talk"]
        assert rise["rise"]["loss"] == pytest.approx(rise["shuffled"]["loss"] - rise["right"]["loss"])
        heard = saved["turns"][model]["talk"]
        assert set(heard) == {"text"}, "a toy codec's sound is no speech"
        people = heard["text"]["people"]
        assert set(people) == {"turn", "pause", "backchannel", "interruption"}
        assert people["turn"]["takeover"] == 1.0 and people["pause"]["takeover"] == 0.0
        assert people["backchannel"]["jsd"] == pytest.approx(0.0, abs=1e-6)
    assert saved["turns"]["base"]["talk"]["text"]["people"] == saved["turns"]["fine_tuned"]["talk"]["text"]["people"]
    assert saved["losses"]["base"] != saved["losses"]["fine_tuned"]
    invoke(report, str(watched))
    assert "## Evaluation on valid" in (watched / "report.md").read_text()


def test_a_talk_is_heard_by_its_decoded_sound_too(talking: TalkingWorld) -> None:
    rows = np.full((17, 125), 3)
    noise = 0.1 * np.random.default_rng(0).standard_normal(1920 * 200)
    moment = Moment("turn", 10.0, 10.0, 10.0, 13.0)
    task = Task("talk", None, "b", moment)  # type: ignore[arg-type]  # the call itself is not asked
    rows[1, :62] = 1  # the person: loud before, silent from 5 s on, but for one second
    rows[1, 75:88] = 1
    audio = np.zeros((8, 63), dtype=np.int64)
    audio[0, 25:50] = 1  # the model: two seconds

    def decode(codes: np.ndarray) -> np.ndarray:
        return noise[: codes.shape[1] * 1920] * np.repeat(codes[0] == 1, 1920)

    talk = Talk(task, rows, 62, np.full(63, 3), audio)
    said, person = heard_by_audio(talk, decode, lambda token: True)
    ((start_s, end_s),) = said.stretches
    assert start_s == pytest.approx(10.0 + 25 / 12.5, abs=0.03) and end_s == pytest.approx(14.0, abs=0.03)
    ((start_s, end_s),) = person.stretches
    assert start_s == pytest.approx(10.0 + 13 / 12.5, abs=0.03) and end_s == pytest.approx(10 + 26 / 12.5, abs=0.03)


def test_an_evaluation_is_the_same_twice(watched: Path) -> None:
    saved = []
    for _ in range(2):
        assert invoke(evaluate, str(watched), "--turns", "1", "--windows", "1").exit_code == 0
        saved.append((watched / "evaluate-valid.json").read_bytes())
    assert saved[0] == saved[1]


def test_without_turns_no_codec_is_needed(world: World, tmp_path: Path) -> None:
    assert invoke(run, *world.args(tmp_path / "out", "--steps", "1")).exit_code == 0
    result = invoke(evaluate, str(tmp_path / "out"), "--turns", "0", "--best")
    assert result.exit_code == 0 and "turn-taking" not in result.output
