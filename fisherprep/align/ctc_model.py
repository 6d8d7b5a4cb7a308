"""A wav2vec2-style CTC checkpoint of transformers: its files, its alphabet, and log-probabilities for pieces of sound.

Wav2Vec2, HuBERT, WavLM and their like take the waveform and give a distribution over characters for every frame (20 ms
for the released ones). What a piece is given must not depend on the pieces beside it in a batch. But models whose first
normalisation spans all of the time (``feat_extract_norm: group``) were trained without a mask and hear the padding. So
a piece is padded to a length that follows from its own, by a tenth at most, and only equally long ones share a batch.

Long pieces are heard in overlapping windows, and of the overlap each window keeps its inner half.

Legend: N samples at 16 kHz, F frames, V labels of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ
from fisherprep.align.letters import Alphabet
from fisherprep.checkpoint import CONFIG_NAME, TOY_KEY, Source, read_config
from fisherprep.workfolder import sha256_file

if TYPE_CHECKING:
    from torch import Tensor

MAKE_TOY = "python -m fisherprep.demo.toy_ctc DIR"
WINDOW_S = 30.0
"""A piece longer than this is heard in windows of this length: attention's memory grows with its square, and utterances
of LibriSpeech, on which most of these models were trained, are hardly ever longer than 35 s."""
OVERLAP_S = 4.0
"""What two windows have in common. The positional convolution of the released models spans 128 frames, 2.6 s."""
SHORTEST_S, GROWTH = 0.25, 1.1
"""Lengths to which pieces are padded: the first, and how much longer each is than the one before."""
_VARIANCE_FLOOR = 1e-7
"""transformers' Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm"""
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


@dataclass(frozen=True)
class CtcFiles:
    """A CTC checkpoint on this disk."""

    source: str
    title: str
    """repository, or the folder's own name"""
    directory: Path
    vocabulary: Path
    tokenizer: Path | None
    extractor: Path
    sha256: tuple[tuple[str, str], ...]
    """name and hash of every file that is used"""
    toy: bool

    @property
    def label(self) -> str:
        """The source, with a warning in it when the weights are a toy."""
        return f"{self.source} (TOY weights: for trying things out, not for speech)" if self.toy else self.source


def locate_ctc(source: str) -> CtcFiles:
    """Find the files of a CTC checkpoint, fetching them when ``source`` is a hub repository.

    Args:
        source: a local directory as ``save_pretrained`` writes it, or a repo id (``facebook/wav2vec2-base-960h``).

    Raises:
        ValueError: a file is missing or damaged, or the hub cannot be reached; says what was tried and what to give.
    """
    given = Source(source, "--ctc-model", MAKE_TOY)
    config = given.file(CONFIG_NAME)
    vocabulary = given.file("vocab.json")
    tokenizer = given.file_if_any("tokenizer_config.json")
    extractor = given.file_if_any("processor_config.json")
    if extractor is None or "feature_extractor" not in read_config(extractor):
        extractor = given.file("preprocessor_config.json")
    weights = _weights(given)
    used = [file for file in (config, vocabulary, tokenizer, extractor, *weights) if file]
    if len({file.parent for file in used}) > 1:
        raise ValueError(f"{source}: the repository changed while its files were fetched; run the command again")
    return CtcFiles(
        source,
        given.title,
        config.parent,
        vocabulary,
        tokenizer,
        extractor,
        tuple((file.name, sha256_file(file)) for file in used),
        read_config(config).get(TOY_KEY) is True,
    )


def _weights(given: Source) -> list[Path]:
    """Safetensors, in one file or several; else PyTorch's format, which is read without running code from it."""
    whole, index, pickled = _WEIGHTS
    if file := given.file_if_any(whole):
        return [file]
    if file := given.file_if_any(index):
        return [file, *(given.file(name) for name in sorted(set(read_config(file)["weight_map"].values())))]
    if file := given.file_if_any(pickled):
        return [file]
    return [given.file(whole)]


class CtcModel:
    """A loaded checkpoint.

    Raises:
        ValueError: transformers is not installed, or the files are no CTC model of 16 kHz speech and English letters.
    """

    def __init__(self, files: CtcFiles, device: str) -> None:
        import torch

        settings = read_config(files.extractor)
        settings = settings.get("feature_extractor", settings)
        if (rate := settings.get("sampling_rate", ALIGNER_RATE_HZ)) != ALIGNER_RATE_HZ:
            raise ValueError(f"{files.extractor}: a model for sound at {rate} Hz; expected {ALIGNER_RATE_HZ} Hz")
        self._normalise: bool = settings.get("do_normalize", True)
        self._mask: bool = settings.get("return_attention_mask", False)
        self._source = files.source
        self._torch, self._device = torch, torch.device(device)
        self._model = _load(files).float().to(self._device).eval()
        self._kernels, self._strides = self._model.config.conv_kernel, self._model.config.conv_stride
        self.stride: int = prod(self._strides)
        """samples from one frame to the next"""
        self.alphabet = _alphabet(files, self._model.config)
        self._probe(files)

    @property
    def offset(self) -> float:
        """Samples before the first frame's share: what it hears is centred in its receptive field, not at its start.

        ``(400 - 320) / 2`` for the released models: a frame sees 25 ms, and the 20 ms in their middle are its own.
        """
        field = 1 + sum((kernel - 1) * prod(self._strides[:i]) for i, kernel in enumerate(self._kernels))
        return (field - self.stride) / 2

    def num_frames(self, num_samples: int) -> int:
        """Frames of so many samples; 0 where they do not fill the first."""
        for kernel, stride in zip(self._kernels, self._strides, strict=True):
            num_samples = max(0, (num_samples - kernel) // stride + 1)
        return num_samples

    def log_probs(self, pieces: Sequence[np.ndarray], batch_seconds: float) -> list[Tensor]:
        """Log-probabilities of each piece of sound: float32 [F, V], on the model's device.

        Args:
            pieces: float32 [N], 16 kHz, any level.
            batch_seconds: sound in one batch, padding included; one window at least is taken.

        Raises:
            ValueError: the device has too little memory for such batches, or the model gives numbers that are not
                finite.
        """
        windows = [window for index, piece in enumerate(pieces) for window in self._windows(index, piece)]
        parts: list[list[Tensor]] = [[] for _ in pieces]
        heard: dict[int, Tensor] = {}
        order = sorted(range(len(windows)), key=lambda at: (self._padded(windows[at]), at))
        for length, same in groupby(order, key=lambda at: self._padded(windows[at])):
            group = list(same)
            size = max(1, int(batch_seconds * ALIGNER_RATE_HZ / length))
            for first in range(0, len(group), size):
                batch = group[first : first + size]
                heard |= dict(zip(batch, self._hear([windows[at].samples for at in batch], length), strict=True))
        for at, window in enumerate(windows):
            parts[window.piece].append(heard[at][window.first_frame : window.stop_frame])
        nothing = self._torch.zeros(0, self._model.config.vocab_size, device=self._device)
        return [self._torch.cat(part) if part else nothing for part in parts]

    def _windows(self, index: int, piece: np.ndarray) -> Iterator[_Window]:
        frames = self.num_frames(len(piece))
        if self._normalise and frames:
            piece = ((piece - piece.mean()) / np.sqrt(piece.var() + _VARIANCE_FLOOR)).astype(np.float32)
        length, half = self._in_frames(WINDOW_S), self._in_frames(OVERLAP_S / 2)
        for start in range(0, max(1, frames - 2 * half), length - 2 * half) if frames else ():
            last = start + length >= frames
            samples = piece[start * self.stride :]
            yield _Window(
                index,
                samples if last else samples[: length * self.stride],
                half if start else 0,
                frames - start if last else length - half,
            )

    def _in_frames(self, seconds: float) -> int:
        return round(seconds * ALIGNER_RATE_HZ / self.stride)

    def _padded(self, window: _Window) -> int:
        """Samples to which a window is padded, which its own length decides."""
        frames = self._in_frames(SHORTEST_S)
        while frames * self.stride < len(window.samples):
            frames = ceil(frames * GROWTH)
        return frames * self.stride

    def _hear(self, sounds: list[np.ndarray], length: int) -> Tensor:
        """Log-probabilities [B, F, V] of sounds padded to ``length``."""
        torch = self._torch
        padded = np.stack([np.pad(sound, (0, length - len(sound))) for sound in sounds])
        mask = np.arange(length) < np.array([[len(sound)] for sound in sounds])
        inputs = {"input_values": torch.from_numpy(padded).to(self._device)}
        if self._mask:
            inputs["attention_mask"] = torch.from_numpy(mask).long().to(self._device)
        try:
            with torch.inference_mode():
                heard = torch.log_softmax(self._model(**inputs).logits.float(), dim=-1)
        except torch.cuda.OutOfMemoryError as err:
            seconds = padded.size / ALIGNER_RATE_HZ
            raise ValueError(
                f"{self._device}: too little memory for {seconds:.0f} s of sound; give a smaller --batch-seconds"
            ) from err
        if not bool(heard.isfinite().all()):
            raise ValueError(f"{self._source}: gives no finite log-probabilities; its weights are damaged, or overflow")
        return heard

    def _probe(self, files: CtcFiles) -> None:
        """Hear a second of silence, to be sure that frames and labels are where they are expected."""
        found = tuple(self._hear([np.zeros(ALIGNER_RATE_HZ, np.float32)], ALIGNER_RATE_HZ).shape[1:])
        expected = (self.num_frames(ALIGNER_RATE_HZ), self._model.config.vocab_size)
        if found != expected:
            raise ValueError(f"{files.source}: {found} frames and labels for a second of sound; expected {expected}")


@dataclass(frozen=True)
class _Window:
    """A stretch of a piece that is heard at once, and which of its frames count."""

    piece: int
    samples: np.ndarray
    first_frame: int
    stop_frame: int


def _load(files: CtcFiles) -> Any:
    """The model.

    Raises:
        ValueError: transformers is missing, the model is none that takes a waveform, or weights are missing.
    """
    try:
        from transformers import AutoModelForCTC
    except ImportError as err:
        raise ValueError(
            "alignment with a CTC model needs transformers: install it with  pip install 'fisherprep[ctc]'"
        ) from err
    try:
        model, report = AutoModelForCTC.from_pretrained(
            files.directory,
            weights_only=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as err:  # whatever transformers, safetensors and torch raise for files that are not what they say
        reason = str(err).strip().splitlines()[0][:200] if str(err).strip() else type(err).__name__
        raise ValueError(f"{files.source}: cannot be loaded as a CTC model of transformers ({reason})") from err
    kind = type(model).__name__
    if model.main_input_name != "input_values" or not hasattr(model.config, "conv_stride"):
        raise ValueError(
            f"{files.source}: found {kind}; expected a model that takes a waveform (Wav2Vec2, HuBERT, WavLM)"
        )
    if lost := sorted(key for key in report["missing_keys"] if "masked_spec_embed" not in key):
        raise ValueError(
            f"{files.source}: has no weights for {', '.join(lost[:3])}; expected a model fine-tuned with CTC "
            "(such as facebook/wav2vec2-base-960h), not one that is only pretrained"
        )
    return model


def _alphabet(files: CtcFiles, config: Any) -> Alphabet:
    """Its labels; the blank of transformers' CTC models is the padding token (modeling_wav2vec2.py, ctc_loss)."""
    vocabulary = read_config(files.vocabulary)
    highest = config.vocab_size - 1
    # Markers such as <s> may lie beyond what the model gives; they are not used.
    if not all(
        isinstance(label, int) and (len(token) > 1 or 0 <= label <= highest) for token, label in vocabulary.items()
    ):
        raise ValueError(f"{files.vocabulary}: expected characters with their numbers from 0 to {highest}")
    if not isinstance(config.pad_token_id, int) or not 0 <= config.pad_token_id <= highest:
        raise ValueError(f"{files.source}: pad_token_id, which is the blank, is {config.pad_token_id}")
    tokenizer = read_config(files.tokenizer) if files.tokenizer else {}
    delimiter = tokenizer.get("word_delimiter_token") or "|"
    delimiter = delimiter.get("content", "|") if isinstance(delimiter, dict) else delimiter
    try:
        return Alphabet.of(vocabulary, config.pad_token_id, delimiter)
    except ValueError as err:
        raise ValueError(f"{files.vocabulary}: {err}") from err
