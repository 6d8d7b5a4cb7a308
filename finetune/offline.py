"""Talk to a model offline: the user's recording in, the agent's recording and text out.

\b
    python -m finetune.offline --hf-repo runs/fisher-coffee --voice-prompt ida.wav \\
        --text-prompt "You work for Corner Coffee ..." \\
        --input-wav user.wav --output-wav agent.wav --output-text agent.json

The flags are those of NVIDIA's `python -m moshi.offline`, and so are the results: the agent's WAV has the length of
the input, the JSON file holds one piece of text a frame (80 ms), PAD and EPAD included. --hf-repo also takes a run, one
of its checkpoints or a checkpoint folder.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.errors import clean_exit, usage_error
from fisherprep.checkpoint import DEFAULT_CHECKPOINT

if TYPE_CHECKING:
    import numpy as np
    import sentencepiece
    import torch

    from finetune.model.result import Result
    from finetune.talk import Sampling

VOICES = "voices"
"""Folder and archive of NVIDIA's packed voices (voices.tgz in its repository)."""
SPECIAL_PIECES = ("EPAD", "BOS", "EOS", "PAD")
"""Names of tokens 0 to 3 in the text file; NVIDIA's script writes them for 0 and 3."""


def find_voice(name: str, directory: Path | None, source: str) -> Path | None:
    """A voice prompt's file: a path, or a name in ``directory``, or in the model's own folder of voices.

    None: not on this disk; the model's repository may have it (``voice_file``).

    Raises:
        ValueError: ``directory`` has no such file.
    """
    if directory is not None:
        if (directory / name).is_file():
            return directory / name
        present = ", ".join(sorted(p.name for p in directory.iterdir())[:12]) or "nothing"
        raise ValueError(f"--voice-prompt: no {name} in {directory}; found there: {present}")
    for file in (Path(name), Path(source).expanduser() / VOICES / name):
        if file.is_file():
            return file
    if Path(name).is_absolute() or Path(source).expanduser().is_dir():
        raise ValueError(f"--voice-prompt: {name}: no such file; give a WAV or .pt file, or --voice-prompt-dir")
    return None


@contextlib.contextmanager
def voice_file(name: str, directory: Path | None, source: str) -> Iterator[Path]:
    """The same, taken out of the repository's voices.tgz where it is nowhere else.

    Raises:
        ValueError: it is not there either.
    """
    from fisherprep.checkpoint import Source

    if (found := find_voice(name, directory, source)) is not None:
        yield found
        return
    archive = Source(source).file(f"{VOICES}.tgz")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive, "r:gz") as tar:
        members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
        if name not in members:
            known = ", ".join(sorted(members)[:20])
            raise ValueError(f"--voice-prompt: neither a file here nor one of {source}'s voices ({known})")
        content = tar.extractfile(members[name])
        assert content is not None, "a regular file"
        out = Path(folder) / f"voice{Path(name).suffix}"
        out.write_bytes(content.read())
        yield out


def pieces(tokenizer: sentencepiece.SentencePieceProcessor, tokens: np.ndarray) -> list[str]:
    """Text tokens ``[T]`` as NVIDIA's script writes them: one piece a frame, PAD and EPAD by name."""
    size = tokenizer.vocab_size()
    return [
        SPECIAL_PIECES[token]
        if token in (0, 3)
        else tokenizer.id_to_piece(token).replace("\u2581", " ")
        if token < size
        else f"<{token}>"
        for token in map(int, tokens)
    ]


def talk(
    result: Result,
    device: torch.device,
    user: Path,
    text_prompt: str,
    voice: Path | None,
    sampling: Sampling,
) -> tuple[np.ndarray, list[str], list[str]]:
    """The agent's samples (float32 ``[N]``, 24 kHz, as long as the user's), its text pieces, and notes for the user.

    Args:
        voice: a recording, or a packed voice (.pt).

    Raises:
        ValueError: a file cannot be read or does not fit the model; the prompt is longer than the model's memory.
    """
    import torch

    from finetune.packed_voice import load_packed_voice
    from finetune.prompt import fed_rows
    from finetune.sound import load_codec, read_mono, speak
    from finetune.talk import converse
    from fisherprep.codec.mimi import encode_channels, encode_voice

    base = result.base
    samples, notes = read_mono(user)
    tokenizer, texts = base.tokenizer(), base.prompt_texts()
    tokens = texts.tokens(text_prompt)
    mimi = load_codec(base, device)
    packed = voice is not None and voice.suffix == ".pt"
    codes = None
    if voice is not None and not packed:
        voice_samples, voice_notes = read_mono(voice)
        notes += voice_notes
        try:
            codes = encode_voice(mimi, voice_samples)
        except ValueError as err:
            raise ValueError(f"{voice}: {err}") from err
    rows = fed_rows(codes, tokens)
    notes += _memory_notes(rows.shape[1], encode_frames(len(samples)), base.lm["context"])
    user_codes = encode_channels(mimi, samples[None])
    model = result.plain(device, torch.bfloat16 if device.type == "cuda" else torch.float32)
    voice_state = load_packed_voice(voice, model) if voice is not None and packed else None
    reply = converse(model, user_codes, [rows], sampling, voice_state)
    return speak(mimi, reply.audio[0], len(samples)), pieces(tokenizer, reply.text[0]), notes


def encode_frames(num_samples: int) -> int:
    """Frames that a recording takes; the last one is filled up."""
    from fisherprep.schema import FRAME_SAMPLES

    return -(-num_samples // FRAME_SAMPLES)


def _memory_notes(prompt_frames: int, dialogue_frames: int, context: int) -> list[str]:
    if prompt_frames >= context:
        raise ValueError(
            f"the system prompt takes {prompt_frames} frames, but the model remembers {context}: "
            "it would be forgotten before the dialogue begins; give a shorter --text-prompt or --voice-prompt"
        )
    if prompt_frames + dialogue_frames <= context:
        return []
    seconds = (context - prompt_frames) / 12.5
    return [f"the model remembers {context} frames: from {seconds:.0f} s on it begins to forget its system prompt"]


def assets(hf_repo: str, moshi: Path | None, mimi: Path | None, tokenizer: Path | None) -> Result:
    """The model's files: those of ``hf_repo``, each replaced by the file given for it.

    A weights file brings the config.json that lies beside it; without one it is a 7B as released.

    Raises:
        ValueError: a file is missing or the configuration is not that of a Moshi with 17 rows.
    """
    from dataclasses import replace

    from finetune.checkpoints import as_base
    from finetune.config import ModelConfig
    from finetune.model.result import Result, open_result
    from fisherprep.checkpoint import CONFIG_NAME, CheckpointFiles, locate, read_config

    given = {"moshi": moshi, "mimi": mimi, "tokenizer": tokenizer}
    replaced: dict[str, Any] = {kind: file for kind, file in given.items() if file is not None}
    need = tuple(kind for kind in given if kind not in replaced)
    if mimi is not None:
        replaced["mimi_config"] = _architecture_beside(mimi)
    if moshi is None:
        result = open_result(hf_repo, need)
        return replace(result, base=replace(result.base, files=replace(result.base.files, **replaced)))
    config = moshi.parent / CONFIG_NAME
    values = read_config(config) if config.is_file() else {}
    files = locate(hf_repo, need) if need else CheckpointFiles(hf_repo)
    base = as_base(replace(files, source=str(moshi), config=values, **replaced))
    return Result(base, ModelConfig(checkpoint=str(moshi)))


def _architecture_beside(mimi: Path) -> Path | None:
    from fisherprep.checkpoint import CONFIG_NAME, read_config

    config = mimi.parent / CONFIG_NAME
    name = read_config(config).get("mimi_config_name") if config.is_file() else None
    return mimi.parent / name if name else None


def _check_memory(result: Result, device: torch.device) -> None:
    """Offloading is NVIDIA's way out of a GPU that is too small; here the CPU is."""
    import torch

    if device.type != "cuda":
        return
    needed = sum(file.stat().st_size for file in result.base.weight_files)
    free = torch.cuda.mem_get_info(device)[0]
    if needed > free:
        raise ValueError(
            f"--cpu-offload: the weights take {needed / 2**30:.1f} GiB and {device} has {free / 2**30:.1f} GiB free; "
            "splitting them is not supported, give --device cpu"
        )


def _check_places(files: dict[str, Path]) -> None:
    """Raise ``ValueError`` where a flag's file has no folder, or is another flag's: one would replace the other."""
    taken: dict[Path, str] = {}
    for flag, file in files.items():
        if not file.absolute().parent.is_dir():
            raise ValueError(f"{flag}: {file}: its folder does not exist")
        if (other := taken.setdefault(file.resolve(), flag)) != flag:
            raise ValueError(f"{flag}: {file} is the file of {other} too; give each its own")


def _finite(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """No range of Click's keeps out nan."""
    if not math.isfinite(value):
        raise click.BadParameter(f"found {value}, expected a finite number")
    return value


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_TEACHER = "You are a wise and friendly teacher. Answer questions or provide advice in a clear and engaging way."


@click.command(help=__doc__)
@click.option("--input-wav", type=_FILE, required=True, help="The user's recording; any rate, first channel.")
@click.option("--output-wav", type=_OUT, required=True, help="The agent's recording, 24 kHz.")
@click.option("--output-text", type=_OUT, required=True, help="The agent's text, JSON, one piece a frame.")
@click.option("--text-prompt", default=_TEACHER, show_default=True, help="Role and persona; empty for none.")
@click.option("--voice-prompt", help="WAV or packed .pt file, or its name in --voice-prompt-dir [default: none].")
@click.option(
    "--voice-prompt-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where voice prompts are [default: the model's own voices, fetched when needed].",
)
@click.option("--hf-repo", default=DEFAULT_CHECKPOINT, show_default=True, help="Hub id, run or checkpoint folder.")
@click.option("--moshi-weight", type=_FILE, help="The LM's weights instead of the repository's.")
@click.option("--mimi-weight", type=_FILE, help="The codec's weights instead of the repository's.")
@click.option("--tokenizer", type=_FILE, help="The SentencePiece model instead of the repository's.")
@click.option("--temp-audio", type=click.FloatRange(0), default=0.8, show_default=True, callback=_finite)
@click.option("--temp-text", type=click.FloatRange(0), default=0.7, show_default=True, callback=_finite)
@click.option("--topk-audio", type=click.IntRange(0), default=250, show_default=True, help="0: all codes.")
@click.option("--topk-text", type=click.IntRange(0), default=25, show_default=True, help="0: all tokens.")
@click.option("--greedy", is_flag=True, help="The likeliest token always.")
@click.option(
    "--seed", type=click.IntRange(-1, 2**64 - 1), default=-1, show_default=True, help="-1: another one each time."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--cpu-offload", is_flag=True, help="Accepted for NVIDIA's sake; a GPU must hold the model.")
def main(
    input_wav: Path,
    output_wav: Path,
    output_text: Path,
    text_prompt: str,
    voice_prompt: str | None,
    voice_prompt_dir: Path | None,
    hf_repo: str,
    moshi_weight: Path | None,
    mimi_weight: Path | None,
    tokenizer: Path | None,
    seed: int,
    device: str,
    cpu_offload: bool,
    **drawing: Any,
) -> None:
    from finetune.device import pick_device
    from finetune.sound import write_wav
    from finetune.talk import Sampling

    seed = secrets.randbelow(2**31) if seed == -1 else seed
    with usage_error():
        where = pick_device(device)
        _check_places({"--input-wav": input_wav, "--output-wav": output_wav, "--output-text": output_text})
    with clean_exit(), contextlib.ExitStack() as stack:
        result = assets(hf_repo, moshi_weight, mimi_weight, tokenizer)
        if cpu_offload:
            _check_memory(result, where)
        voice = None
        if voice_prompt is not None:
            with usage_error():
                find_voice(voice_prompt, voice_prompt_dir, result.base.files.source)
            voice = stack.enter_context(voice_file(voice_prompt, voice_prompt_dir, result.base.files.source))
        sampling = Sampling(seed=seed, **drawing)
        samples, text, notes = talk(result, where, input_wav, text_prompt, voice, sampling)
        try:
            output_text.write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
        finally:  # of what was said, one file is better than none
            write_wav(output_wav, samples)
    for note in notes:
        click.echo(note, err=True)
    click.echo(f"{output_wav}, {output_text}: {len(text)} frames by {result.label}, seed {seed}")


if __name__ == "__main__":
    main()
