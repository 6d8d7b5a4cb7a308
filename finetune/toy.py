"""Make a toy checkpoint: a whole PersonaPlex-shaped repository, small, seeded, byte-reproducible, marked as a toy.

``python -m finetune.toy DIR`` writes config.json, model.safetensors (LM), the Mimi weights with mimi_config.json, the
SentencePiece model and a README.md, under the file names and parameter keys of the released repositories, so that every
loader takes the folder as it would take the real one. The LM is random; the codec is conditioned on synthesised speech
(``toy_codec.py``), so that its codes follow the sound.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import click

from finetune.checkpoints import LM_DEFAULTS
from finetune.errors import clean_exit, usage_error
from finetune.model.keys import DEP_Q, fuse_attention
from finetune.prompt import wrap
from fisherprep.checkpoint import CONFIG_NAME, DEFAULT_NAMES, TOY_KEY
from fisherprep.schema import TEXT_EPAD, TEXT_PAD

MIMI_CONFIG_NAME = "mimi_config.json"
VOCABULARY = 1500
"""Pieces aimed at; the trainer takes fewer where the text does not hold as many."""
CALL_LINES = 3000
"""Lines of conversation the tokenizer learns from."""

LM_CONFIG: dict[str, Any] = {
    **LM_DEFAULTS,
    "dep_q": DEP_Q,
    "dim": 128,
    "num_heads": 4,
    "num_layers": 3,
    "depformer_dim": 64,
    "depformer_dim_feedforward": 264,
    "depformer_num_heads": 4,
    "depformer_num_layers": 2,
}
"""PersonaPlex's LM, narrow. ``card`` stays 2048 so that the constant codes of its prompts are valid ids, whatever the
number of entries the toy codec itself uses."""


def write_toy(directory: Path, seed: int = 0) -> dict[str, Any]:
    """Write the toy checkpoint into ``directory`` and return its config.json.

    The same seed gives the same bytes. Each file appears whole or not at all, config.json last.

    Raises:
        ValueError: the folder holds a checkpoint that is not a toy, which this would overwrite.
    """
    from finetune.toy_codec import MIMI_CONFIG, conditioned_mimi

    refuse_real(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(training_text(seed))
    text_card = _vocabulary_size(tokenizer)
    config = {
        **LM_CONFIG,
        "text_card": text_card,
        "moshi_name": DEFAULT_NAMES["moshi"],
        "mimi_name": DEFAULT_NAMES["mimi"],
        "mimi_config_name": MIMI_CONFIG_NAME,
        "tokenizer_name": DEFAULT_NAMES["tokenizer"],
        "model_type": "moshi",
        "model_id": {"sig": f"toy-{seed}", TOY_KEY: True},
    }
    _put(directory / DEFAULT_NAMES["tokenizer"], lambda tmp: tmp.write_bytes(tokenizer))
    _put(directory / DEFAULT_NAMES["moshi"], lambda tmp: _save(random_lm(text_card, seed), tmp))
    _put(directory / DEFAULT_NAMES["mimi"], lambda tmp: _save(conditioned_mimi(seed), tmp))
    _put(directory / MIMI_CONFIG_NAME, lambda tmp: _write_json(tmp, MIMI_CONFIG))
    _put(directory / "README.md", lambda tmp: tmp.write_text(_README.format(seed=seed), encoding="utf-8"))
    _put(directory / CONFIG_NAME, lambda tmp: _write_json(tmp, config))
    return config


def refuse_real(directory: Path) -> None:
    """Raise ``ValueError`` where ``directory`` holds a checkpoint that is not a toy."""
    marks = {
        CONFIG_NAME: lambda file: json.loads(file.read_text(encoding="utf-8"))["model_id"][TOY_KEY],
        DEFAULT_NAMES["moshi"]: _metadata_mark,
        DEFAULT_NAMES["mimi"]: _metadata_mark,
    }
    for name, mark in marks.items():
        file = directory / name
        if not file.exists():
            continue
        try:
            toy = mark(file) in (True, "true")
        except Exception:  # not JSON, not safetensors, other keys: whatever it is, it is not ours
            toy = False
        if not toy:
            raise ValueError(f"{file}: is not of a toy checkpoint, and would be overwritten; give another folder")


def _metadata_mark(weights: Path) -> str | None:
    from safetensors import safe_open

    with safe_open(weights, "pt") as file:
        return (file.metadata() or {}).get(TOY_KEY)


def random_lm(text_card: int, seed: int) -> dict[str, Any]:
    """Seeded random LM weights (bf16, as released) under the released keys."""
    import torch
    from moshi.models.loaders import get_moshi_lm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lm = get_moshi_lm(None, {**LM_CONFIG, "text_card": text_card}, device="cpu", dtype=torch.float32)
    return {key: value.to(torch.bfloat16) for key, value in fuse_attention(lm.state_dict()).items()}


def training_text(seed: int) -> list[str]:
    """Lines to train the tokenizer on: calls as the demo has them, prompts for them, counter talk, every ASCII sign."""
    from fisherprep.demo import dialogue

    topics = [topic.title.rstrip(".") for topic in dialogue.topics()]
    chats = [f"You enjoy having a good conversation. Have a casual discussion about {topic}." for topic in topics]
    jobs = [_SERVICE.format(business=business, name=name) for business, name in product(_BUSINESSES, _NAMES)]
    talk = [line.format(item=item) for line, item in product(_COUNTER, _ITEMS)]
    signs = " ".join(chr(code) for code in range(33, 127))
    return [*dialogue.sample_text(seed, CALL_LINES), *map(wrap, chats + jobs), *talk, signs]


def train_tokenizer(lines: list[str]) -> bytes:
    """A SentencePiece model of Moshi's kind: unigram, single digits, bytes as fallback (paper, section 3.2).

    Its ids too: unk 0, which text streams use for EPAD, bos 1, eos 2, pad 3.
    """
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCABULARY,
        hard_vocab_limit=False,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        unk_id=TEXT_EPAD,
        bos_id=1,
        eos_id=2,
        pad_id=TEXT_PAD,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def _vocabulary_size(tokenizer: bytes) -> int:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=tokenizer).vocab_size()


def _save(state: dict[str, Any], file: Path) -> None:
    from safetensors.torch import save_file

    save_file(state, file, metadata={TOY_KEY: "true"})  # one key: the order of several would not be fixed


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _put(file: Path, write: Callable[[Path], Any]) -> None:
    tmp = file.with_name(f".{file.name}.tmp")  # always the same: what a killed run left is overwritten
    write(tmp)
    os.replace(tmp, file)


_SERVICE = "You work for Corner Coffee which is a {business} and your name is {name}. Information: Latte: $4.50."
_BUSINESSES = ("coffee shop", "bakery", "tea house")
_NAMES = ("Ida", "Marcus", "Priya")
_COUNTER = (
    "Hi, could I get a {item}, please?",
    "Of course, a {item} is four fifty. Anything else?",
    "Okay, one {item}. What's the name for the order?",
    "Sorry, we're out of that; would you like a {item} instead?",
    "I'll take a {item} too, thanks!",
)
_ITEMS = ("small coffee", "large latte", "oat milk cappuccino", "blueberry muffin", "green tea", "hot chocolate")

_README = """\
# A toy, not a model

Random weights in the layout of a PersonaPlex/Moshi checkpoint, made by `python -m finetune.toy` with seed {seed}.
It serves for trying the pipeline out and for tests. It cannot speak, and its codes mean nothing to any other model.
Only the codec is conditioned: its codes follow the sound.
"""


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--seed", default=0, show_default=True, help="Seed of every random number.")
def main(directory: Path, seed: int) -> None:
    """Write a toy checkpoint into DIR."""
    with usage_error("DIR"):
        refuse_real(directory)
    with clean_exit():
        config = write_toy(directory, seed)
    click.echo(f"{directory}: toy checkpoint, seed {seed}, {config['text_card']} text pieces")


if __name__ == "__main__":
    main()
