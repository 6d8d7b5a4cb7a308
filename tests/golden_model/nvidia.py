"""Runs NVIDIA's PersonaPlex code on the tiny world and writes what it gives: see README.md beside this file.

    PYTHONPATH=CHECKOUT/moshi:tests/golden_model NO_TORCH_COMPILE=1 python tests/golden_model/nvidia.py WEIGHTS MIMI OUT

WEIGHTS and MIMI are safetensors files, OUT is an empty folder. A separate process, because NVIDIA's package has the
same name (moshi) as Kyutai's.
"""

from __future__ import annotations

import base64
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import world
from moshi import offline
from moshi.models import loaders
from moshi.models.lm import LMGen

HERE = Path(__file__).parent


def use_tiny_shapes() -> None:
    """NVIDIA's loaders know one size; give them ours."""
    loaders._lm_kwargs.update(world.LM)
    loaders._seanet_kwargs.update(world.MIMI["seanet"])
    loaders._quantizer_kwargs.update(world.MIMI["quantizer"])
    loaders._transformer_kwargs.update(world.MIMI["transformer"])


def logits(weights: Path) -> dict[str, np.ndarray]:
    """What the training entry gives for ``world.codes``: every 64th audio logit, all text logits."""
    model = loaders.get_moshi_lm(weights, device="cpu", dtype=torch.float32)
    out = model.forward_train(torch.from_numpy(world.codes()))
    assert out.logits.shape[1] == 16
    return {"audio": out.logits[..., ::64].numpy(), "text": out.text_logits.numpy()}


def dialogues(weights: Path) -> dict[str, np.ndarray]:
    """Greedy tokens after each of ``world.prompts``, fed by ``step_system_prompts``."""
    model = loaders.get_moshi_lm(weights, device="cpu", dtype=torch.float32)
    users = torch.from_numpy(world.user_codes())
    said = []
    for (voice, text), user in zip(world.prompts(), users, strict=True):
        gen = LMGen(model, device="cpu", use_sampling=False, audio_silence_frame_cnt=6, text_prompt_tokens=text)
        if voice is not None:
            gen.voice_prompt_audio = np.zeros(1)
            frames = [torch.from_numpy(frame)[None, :, None] for frame in voice.T]
            gen._encode_voice_prompt_frames = lambda mimi, frames=frames: iter(frames)
        with gen.streaming(1):
            gen.step_system_prompts(None)
            said.append(torch.cat([gen.step(user[None, :, t : t + 1]) for t in range(user.shape[1])], dim=2)[0, :9])
    return {"tokens": torch.stack(said).numpy()}


def offline_script(weights: Path, mimi: Path, out: Path, voice_file: str, save: bool) -> dict[str, np.ndarray]:
    """The offline script itself, greedy, from WAV files to a WAV file; with its tokens."""
    tokens = []
    decode = offline.decode_tokens_to_pcm

    def keep(first: Any, second: Any, gen: Any, step: torch.Tensor) -> np.ndarray:
        tokens.append(step[0, :9].clone())
        return decode(first, second, gen, step)

    offline.decode_tokens_to_pcm = keep
    offline.hf_hub_download = lambda *args: None  # only its download counter
    offline.loaders.get_moshi_lm = partial(GET_LM, dtype=torch.float32)
    offline.run_inference(
        input_wav=str(out / "user.wav"),
        output_wav=str(out / "agent.wav"),
        output_text=str(out / "agent.json"),
        text_prompt=world.TEXT_PROMPT,
        voice_prompt_path=str(out / voice_file),
        tokenizer_path=str(out / "tokenizer.model"),
        moshi_weight=str(weights),
        mimi_weight=str(mimi),
        hf_repo="none",
        device="cpu",
        seed=0,
        temp_audio=0.8,
        temp_text=0.7,
        topk_audio=250,
        topk_text=25,
        greedy=True,
        save_voice_prompt_embeddings=save,
    )
    offline.decode_tokens_to_pcm = decode
    samples, _ = offline.sphn.read(str(out / "agent.wav"))
    pieces = json.loads((out / "agent.json").read_text())
    return {
        "tokens": torch.cat(tokens, dim=1).numpy(),
        "samples": np.round(samples[0, ::8] * 32767).astype(int),
        "pieces": np.array(pieces),
    }


def write(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """As JSON, with the nine digits that bring a float32 back."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(v) for v in value]
        return float(f"{value:.9g}") if isinstance(value, float) else value

    lines = [f"{json.dumps(name)}: {json.dumps(plain(array.tolist()))}" for name, array in arrays.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    weights, mimi, out = map(Path, sys.argv[1:])
    use_tiny_shapes()
    world.write_recordings(out)
    (out / "tokenizer.model").write_bytes(base64.decodebytes((HERE / "tokenizer.b64").read_bytes()))
    with torch.no_grad():
        write(out / "logits.json", logits(weights))
        write(out / "dialogues.json", dialogues(weights))
        from_wav = offline_script(weights, mimi, out, "voice.wav", save=True)  # also writes voice.pt
        write(out / "offline.json", from_wav)
        packed = offline_script(weights, mimi, out, "voice.pt", save=False)
        voice = torch.load(out / "voice.pt", weights_only=True)
        write(out / "voice.json", {key: voice[key].numpy() for key in ("embeddings", "cache")})
    assert np.array_equal(packed["tokens"], from_wav["tokens"])


GET_LM = loaders.get_moshi_lm

if __name__ == "__main__":
    main()
