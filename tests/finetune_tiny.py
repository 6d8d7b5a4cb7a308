"""A tiny checkpoint, tiny codes tables and their manifests, for the trainer's tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import sentencepiece
import torch
from safetensors.torch import save_file

import finetune  # noqa: F401  (before moshi: it says that nothing is to be compiled)
from finetune.checkpoints import LM_DEFAULTS
from fisherprep.schema import CODES, SCHEMA_VERSION, VOICES

CARD = 2048
DELAYS = [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
PROMPTS = ("You enjoy talking.", "You enjoy talking. Have a chat about tea.")


def tiny_lm_config(dep_q: int = 16, text_card: int = 48) -> dict[str, Any]:
    """Arguments of moshi's LMModel: the shape of PersonaPlex, a hundredth of its width."""
    return LM_DEFAULTS | {
        "dim": 32,
        "text_card": text_card,
        "dep_q": dep_q,
        "card": CARD,
        "num_heads": 2,
        "num_layers": 1,
        "depformer_dim": 16,
        "depformer_dim_feedforward": 66,
        "depformer_num_heads": 2,
        "depformer_num_layers": 1,
        "delays": DELAYS,
    }


def tiny_lm(dep_q: int = 16, seed: int = 0, **changes: Any) -> Any:
    """A seeded LMModel of that configuration, fp32."""
    from moshi.models.lm import LMModel

    torch.manual_seed(seed)
    return LMModel(**{**tiny_lm_config(dep_q), **changes})


def train_tokenizer(directory: Path) -> Path:
    """A SentencePiece model with Moshi's special ids (unk 0, bos 1, eos 2, pad 3)."""
    text = directory / "text.txt"
    text.write_text("\n".join([f"<system> {p} <system>" for p in PROMPTS] * 20), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(directory / "spm"), vocab_size=30, pad_id=3, minloglevel=2, num_threads=1
    )
    return directory / "spm.model"


def write_checkpoint(directory: Path, tokenizer: Path, dep_q: int = 16, toy: bool = True, **config: Any) -> Path:
    """A checkpoint folder as a hub repository lays it out; ``config`` replaces keys of config.json (None drops one)."""
    directory.mkdir(parents=True)
    values = {**tiny_lm_config(dep_q), "model_type": "personaplex", "mimi_config_name": "mimi_config.json", **config}
    values = {key: value for key, value in values.items() if value is not None or key == "layer_scale"}
    (directory / "config.json").write_text(json.dumps(values), encoding="utf-8")
    metadata = {"toy": "true"} if toy else {}
    save_file(tiny_lm(dep_q).state_dict(), directory / "model.safetensors", metadata)
    save_file({"x": torch.zeros(1)}, directory / "tokenizer-e351c8d8-checkpoint125.safetensors", metadata)
    (directory / "mimi_config.json").write_text("{}", encoding="utf-8")
    (directory / "tokenizer_spm_32k_3.model").write_bytes(tokenizer.read_bytes())
    return directory


def call_row(call_id: str, num_frames: int, checkpoint: Path | None, seed: int, **changes: Any) -> dict[str, Any]:
    """A row of the codes table: each side repeats a short pattern of codes, so that there is something to learn."""
    rng = np.random.default_rng(seed)

    def codes(frames: int) -> list[list[int]]:
        pattern = rng.integers(0, 40, (8, 5))
        return np.tile(pattern, (1, frames // 5 + 1))[:, :frames].tolist()

    def text(frames: int) -> list[int]:
        return [[3, 3, 0, 10, 11][t % 5] for t in range(frames)]

    sha256 = hashlib.sha256((checkpoint / "tokenizer_spm_32k_3.model").read_bytes()).hexdigest() if checkpoint else ""
    made_with = {"source": "tiny", "tokenizer_sha256": sha256, "toy": True}
    return {
        "call_id": call_id,
        "corpus": "test",
        "split": "train",
        "num_frames": num_frames,
        "codes_a": codes(num_frames),
        "codes_b": codes(num_frames),
        "text_a": text(num_frames),
        "text_b": text(num_frames),
        "prompts_a": list(PROMPTS),
        "prompts_b": list(PROMPTS),
        "agent_side": None,
        "starts": list(range(0, num_frames, 13)),
        "speaker_a": f"{call_id}-a",
        "speaker_b": f"{call_id}-b",
        "shifted_a": 0,
        "shifted_b": 0,
        "provenance": json.dumps(made_with),
        **changes,
    }


def voice_row(call_id: str, side: str, seed: int, frames: int = 10, /, **changes: Any) -> dict[str, Any]:
    """A row of the voices table: a candidate at the beginning of its call."""
    codes = np.random.default_rng([9, seed]).integers(0, 40, (8, frames))
    row = {"call_id": call_id, "side": side, "speaker": f"{call_id}-{side}", "index": 0, "why": "test"}
    return {**row, "start_s": 0.0, "end_s": frames / 12.5, "codes": codes.tolist(), **changes}


def write_work(
    work: Path, rows: list[dict[str, Any]], name: str, voices: list[dict[str, Any]] | None = None, per_file: int = 3
) -> Path:
    """A work folder that holds a codes table of these rows, and a voices table where there are such."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "work.json").write_text(json.dumps({"name": name, "schema_version": SCHEMA_VERSION, "roots": []}))
    for table, content in ((CODES, rows), (VOICES, voices)):
        if content is None:
            continue
        (work / table.name).mkdir()
        for first in range(0, max(len(content), 1), per_file):
            file = work / table.name / f"part-{first:03d}.parquet"
            pq.write_table(table.from_rows(content[first : first + per_file]), file, row_group_size=2)
    return work


class World:
    """A folder with a checkpoint, two datasets (long calls, short dialogues) and their manifests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoint = write_checkpoint(root / "tiny", train_tokenizer(root))
        self.data = root / "data"
        self.manifests = root / "manifests"
        self.manifests.mkdir()
        (self.manifests / "calls.yaml").write_text("name: calls\ntables: calls\nprompt_levels: [0.3, 0.7]\n")
        (self.manifests / "shop.yaml").write_text("name: shop\ntables: shop\nagent: a\n")
        splits = ["train", "train", "train", "valid", "test", "excluded"]
        calls = [call_row(f"c{i}", 150 + i, self.checkpoint, i, split=s) for i, s in enumerate(splits)]
        shop = [call_row(f"s{i}", 30 + 7 * i, self.checkpoint, 50 + i, split=s) for i, s in enumerate(splits)]
        for row in calls:
            row["speaker_a"] = "p0"
        voices = [voice_row(row["call_id"], "a", i, speaker="p0") for i, row in enumerate(calls)]
        write_work(self.data / "calls", calls, "calls", voices)
        write_work(self.data / "shop", shop, "shop")

    def args(self, out: Path, *more: str) -> list[str]:
        """Arguments of ``finetune.run`` for a short run on both datasets; a later flag wins."""
        return [
            *("--mix", "calls:0.7,shop:0.3", "--checkpoint", str(self.checkpoint), "--data-root", str(self.data)),
            *("--manifests", str(self.manifests), "--out", str(out), "--max-frames", "90", "--device", "cpu"),
            *("--batch-size", "3", "--micro-batch-size", "3", "--set", "heldout.windows=2"),
            *("--set", "samples.every=0", *more),
        ]

    def config(self, **changes: Any) -> Any:
        """The same as a configuration; ``changes`` by dotted key with ``__`` for the dot."""
        from finetune.configure import load_recipe, make_config, merge

        values = {
            "data.mix": {"calls": 0.7, "shop": 0.3},
            "data.root": str(self.data),
            "data.manifests": str(self.manifests),
            "data.max_frames": 90,
            "model.checkpoint": str(self.checkpoint),
            "samples.every": 0,
        }
        return make_config(
            merge(load_recipe("debug_cpu"), values | {k.replace("__", "."): v for k, v in changes.items()})
        )
