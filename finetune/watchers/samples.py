"""What the model says: every so many steps it talks with the users of a few held-out calls.

    RUN/samples/step-00000200/fisher-0.wav    left: the agent, right: the user as the codec hears it
                              fisher-0.json   call, side, prompt, voice, and the agent's words

The calls, prompts and voices are the same at each step, so that the files of two steps can be compared.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.config import SamplesConfig
from finetune.prompt import USER, PromptTexts
from finetune.watch import Start, StepReport, Watcher
from fisherprep.schema import FRAME_RATE_HZ, FRAME_SAMPLES

if TYPE_CHECKING:
    from moshi.models.lm import LMModel

    from finetune.data.dataset import Call
    from finetune.data.windows import WindowSource

FOLDER = "samples"


@dataclass(frozen=True)
class Sample:
    """A held-out user to talk with: ``prompt`` and ``user`` as ``talk.converse`` takes them."""

    dataset: str
    number: int
    call_id: str
    side: str
    text: str
    prompt: np.ndarray
    user: np.ndarray


def choose(name: str, source: WindowSource, texts: PromptTexts, config: SamplesConfig) -> list[Sample]:
    """The samples of a held-out dataset, from the beginning of as many calls."""
    from finetune.data.windows import dialogue_rows
    from finetune.introduction import introduce, prompt_of

    frames = round(config.seconds * FRAME_RATE_HZ)
    calls: list[Call] = sorted(source.dataset.calls, key=lambda call: zlib.crc32(call.call_id.encode()))
    samples = []
    for number, call in enumerate(calls[: config.count]):
        side = call.sides[zlib.crc32(f"{call.call_id} side".encode()) % len(call.sides)]
        start = int(call.starts[0])
        end = min(start + frames, call.num_frames)
        rows = dialogue_rows(source.dataset.read(call), side, start, end)
        prompt = introduce(source, texts, call, side, start, end)
        samples.append(Sample(name, number, call.call_id, side, prompt_of(call, side), prompt, rows[USER]))
    return samples


class Samples(Watcher):
    """Lets the model talk after every ``samples.every`` steps, before the first and after the last."""

    def on_start(self, start: Start) -> None:
        """Raises ``ValueError`` where the codec cannot be read or is not the model's."""
        from finetune.checkpoints import open_base
        from finetune.data.sources import open_held_out

        self._start = start
        base = open_base(start.config.model.checkpoint, ("moshi", "tokenizer", "mimi"))
        texts = base.prompt_texts()
        sources, _ = open_held_out(start.config.data, "valid", base, texts)
        self._samples = [s for name, src in sources.items() for s in choose(name, src, texts, start.config.samples)]
        self._tokenizer = base.tokenizer()
        self._base = base
        self._talk(start.step)

    def on_step(self, report: StepReport) -> None:
        self._talk(report.step)

    def _talk(self, step: int) -> None:
        import torch

        config = self._start.config
        due = step in (0, config.steps) or step % config.samples.every == 0
        folder = self._start.run / FOLDER / f"step-{step:08d}"
        if self._samples and due and not self._start.world.from_main(folder.exists()):
            with torch.random.fork_rng(devices=[]):  # making the codec draws numbers, which training must not miss
                said = self._converse(self._start.model)
                with self._start.world.together():
                    if self._start.world.is_main:
                        self._write(folder, said)

    def _converse(self, model: LMModel) -> list[tuple[Sample, np.ndarray, np.ndarray]]:
        from finetune.prompt import SILENCE_TOKENS
        from finetune.talk import converse

        longest = max(sample.user.shape[1] for sample in self._samples)
        users = np.tile(np.asarray(SILENCE_TOKENS)[None, :, None], (len(self._samples), 1, longest))
        for place, sample in enumerate(self._samples):
            users[place, :, : sample.user.shape[1]] = sample.user
        reply = converse(model, users, [sample.prompt for sample in self._samples])
        lengths = [sample.user.shape[1] for sample in self._samples]
        return [
            (s, reply.text[i, :n], reply.audio[i, :, :n])
            for i, (s, n) in enumerate(zip(self._samples, lengths, strict=True))
        ]

    def _write(self, folder: Path, said: list[tuple[Sample, np.ndarray, np.ndarray]]) -> None:
        from finetune.sound import load_codec, speak, wav_bytes

        mimi = load_codec(self._base, self._start.device)
        files = {}
        for sample, text, audio in said:
            stem = f"{sample.dataset}-{sample.number}"
            both = [speak(mimi, codes, codes.shape[1] * FRAME_SAMPLES) for codes in (audio, sample.user)]
            files[f"{stem}.wav"] = wav_bytes(np.stack(both, axis=1))
            row = {
                "dataset": sample.dataset,
                "call_id": sample.call_id,
                "agent_side": sample.side,
                "prompt": sample.text,
                "said": words(self._tokenizer, text),
                "toy": self._base.files.toy,
            }
            files[f"{stem}.json"] = (json.dumps(row, indent=1, ensure_ascii=False) + "\n").encode()
        try:
            _put(folder, files)
        except OSError as err:  # neither the run nor the checkpoint due at this step is to be lost over it
            print(f"warning: {folder}: these samples could not be written ({err})", file=sys.stderr)


def _put(folder: Path, files: dict[str, bytes]) -> None:
    """Write a folder of files whole or not at all."""
    tmp = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(tmp, ignore_errors=True)
    try:
        tmp.mkdir(parents=True)
        for name, content in files.items():
            (tmp / name).write_bytes(content)
        os.replace(tmp, folder)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def words(tokenizer: Any, tokens: np.ndarray) -> str:
    """A text row ``[T]`` as one line, without PAD and EPAD."""
    size = tokenizer.vocab_size()
    pieces = [tokenizer.id_to_piece(token) for token in map(int, tokens) if token not in (0, 3) and token < size]
    return "".join(pieces).replace("\u2581", " ").strip()
