"""The text tokens of words, by the checkpoint's SentencePiece model."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

_MAX_TOKEN = 32_767
"""Text tokens are stored as int16."""
_PROBE = "i don't know what you mean"


def word_speller(tokenizer: Path) -> Callable[[str], list[int]]:
    """The text tokens of one word, by a SentencePiece model.

    Raises:
        ValueError: the file is no SentencePiece model, its ids do not fit the table, or words encoded one by one are
            not the sentence.
    """
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    except (OSError, RuntimeError) as err:
        raise ValueError(f"{tokenizer}: cannot be read as a SentencePiece model ({err})") from err
    if processor.vocab_size() > _MAX_TOKEN + 1:
        raise ValueError(f"{tokenizer}: {processor.vocab_size()} pieces; expected at most {_MAX_TOKEN + 1}")
    if processor.encode(_PROBE) != [token for word in _PROBE.split() for token in processor.encode(word)]:
        raise ValueError(
            f"{tokenizer}: writes a word otherwise alone than inside a sentence; expected a SentencePiece model with "
            "add_dummy_prefix whose pieces do not cross spaces, as the released models have"
        )
    return lru_cache(maxsize=100_000)(processor.encode)
