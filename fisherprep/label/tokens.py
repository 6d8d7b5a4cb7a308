"""How many frames of a training window a prompt takes: its tokens, tags included, in the model's own tokenizer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache

from fisherprep.checkpoint import locate
from fisherprep.schema import PROMPT_TAG

_PIECES = re.compile(r"[A-Za-z']+|[0-9]|[^\sA-Za-z0-9]")
_LETTERS_PER_TOKEN = 4.0
"""A word of n letters is taken for ceil(n / 4) tokens. English words of Moshi's 32,000-piece tokenizer are mostly one
token; this counts ``conversation`` as three, so the estimate errs towards shorter prompts."""


def wrapped(prompt: str) -> str:
    """The prompt between its tags, as it is tokenised for the model."""
    return f"{PROMPT_TAG} {prompt} {PROMPT_TAG}"


def estimated_tokens(prompt: str) -> int:
    """Tokens of the wrapped prompt where no tokenizer is at hand, rather too many than too few."""
    pieces = _PIECES.findall(wrapped(prompt))
    return sum(math.ceil(len(p) / _LETTERS_PER_TOKEN) for p in pieces)


def prompt_counter(checkpoint: str | None) -> Callable[[str], int]:
    """A function that counts the tokens of a prompt, tags included.

    Args:
        checkpoint: hub repository or folder with the text tokenizer; None to estimate.

    Raises:
        ValueError: the checkpoint or its tokenizer cannot be read.
    """
    if checkpoint is None:
        return estimated_tokens
    import sentencepiece

    file = locate(checkpoint, need=("tokenizer",)).tokenizer
    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as err:
        raise ValueError(f"{file}: cannot be read as a SentencePiece model ({err})") from err
    return lru_cache(maxsize=10_000)(lambda prompt: len(processor.encode(wrapped(prompt))))
