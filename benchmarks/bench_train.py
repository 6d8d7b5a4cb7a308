"""How fast, and in how much memory, a model of PersonaPlex's size trains: steps with adapters (LoRA), or in full.

The model is PersonaPlex-7B's with random weights made on the device; everything else is what ``finetune.run`` does with
a recipe: ``build.py`` decides what learns and in which precision, ``step.py`` computes loss and gradient, clips and
updates. Windows are random codes of full length, without data loading. The first steps, which take memory and choose
kernels, are not timed.

The last line is JSON. ``frames_per_s``: fed frames (12.5 are a second of dialogue), ``x_realtime``: that in seconds of
dialogue; ``mfu``: see ``finetune/flops.py``; ``peak_gib``: of the GPU's memory, by torch's allocator.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from typing import Any

os.environ.setdefault("NO_TORCH_COMPILE", "1")

import torch

from finetune.checkpoints import DEP_Q, LM_DEFAULTS, BaseModel
from finetune.config import Config
from finetune.configure import load_recipe, make_config, merge
from finetune.data.batches import Batch, StepBatch
from finetune.flops import peak_flops, step_flops
from finetune.model.build import on_meta, trained_state
from finetune.optim import make_optimizer
from finetune.prompt import ROWS
from finetune.step import train_step
from finetune.toy import LM_CONFIG
from finetune.watchers.speed import peak_memory_bytes
from fisherprep.checkpoint import CheckpointFiles
from fisherprep.schema import FRAME_RATE_HZ

RECIPES = {"lora": "lora_1gpu", "full": "full_8gpu"}
PROMPT_FRAMES = 128
TOY_TEXT_CARD = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", choices=RECIPES, default="lora")
    parser.add_argument("--frames", type=int, default=2048, help="length of a window")
    parser.add_argument("--micro-batch-size", type=int, default=1)
    parser.add_argument("--micro-batches", type=int, default=4, help="of a step")
    parser.add_argument("--no-checkpointing", action="store_true", help="keep all activations")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--toy", action="store_true", help="a small model")
    args = parser.parse_args()
    config = make_config(
        merge(
            load_recipe(RECIPES[args.train]),
            {
                "steps": args.warm_up + args.steps,
                "data.mix": {"random": 1.0},
                "data.max_frames": args.frames,
                "data.micro_batch_size": args.micro_batch_size,
                "data.batch_size": args.micro_batch_size * args.micro_batches,
                "model.gradient_checkpointing": not args.no_checkpointing,
            },
        )
    )
    print(json.dumps(measure(config, torch.device(args.device), args.warm_up, args.toy)))


def measure(config: Config, device: torch.device, warm_up: int, toy: bool) -> dict[str, Any]:
    """Train on random windows."""
    lm = {**LM_DEFAULTS, "dep_q": DEP_Q, **({**LM_CONFIG, "text_card": TOY_TEXT_CARD} if toy else {})}
    model = random_model(BaseModel(CheckpointFiles("random weights"), lm), config, device)
    optimizer = make_optimizer(model, config.optim)
    learning = sum(value.numel() for value in trained_state(model).values())
    total = sum(value.numel() for value in model.parameters())
    print(f"{_machine(device)}; {total / 1e9:.2f}e9 parameters, {learning / 1e9:.2f}e9 learn")
    seconds = []
    for step in range(1, config.steps + 1):
        batch = random_step(config, lm, step)
        begin = time.perf_counter()
        metrics = train_step(model, optimizer, batch, step, config, ["random"])
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
        print(f"step {step}: loss {metrics['loss']:.4f}, {seconds[-1]:.3f} s, "
              f"{peak_memory_bytes(device) / 2**30:.1f} GiB", flush=True)  # fmt: skip
    step_s = statistics.median(seconds[warm_up:])
    frames = config.data.batch_size * config.data.max_frames
    peak = peak_flops(device)
    return {
        "train": config.model.train,
        "window_frames": config.data.max_frames,
        "windows_per_step": config.data.batch_size,
        "micro_batch_size": config.data.micro_batch_size,
        "gradient_checkpointing": config.model.gradient_checkpointing,
        "learning_parameters": learning,
        "step_s": round(step_s, 4),
        "frames_per_s": round(frames / step_s, 1),
        "x_realtime": round(frames / step_s / FRAME_RATE_HZ, 1),
        "mfu": peak and round(step_flops(model, frames, config.data.max_frames) / step_s / peak, 4),
        "peak_gib": round(peak_memory_bytes(device) / 2**30, 2),
    }


def random_model(base: BaseModel, config: Config, device: torch.device) -> Any:
    """The training form on ``device``, its weights drawn there: normal, 1 / sqrt(inputs); norms at 1, LoRA's B at 0."""
    model = on_meta(base, config.model, torch.bfloat16 if device.type == "cuda" else torch.float32)
    model.to_empty(device=device)
    torch.manual_seed(config.seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.zero_()
            elif name.endswith("alpha"):
                value.fill_(1.0)
            else:
                value.normal_(std=value.shape[-1] ** -0.5)
    return model


def random_step(config: Config, lm: dict[str, Any], seed: int) -> StepBatch:
    """A step's windows: a prompt without targets, then targets in every row as far as delays let them."""
    generator = torch.Generator().manual_seed(seed)
    size, frames = config.data.micro_batch_size, config.data.max_frames
    delays = torch.tensor(lm["delays"])[:, None]
    place = torch.arange(frames)[None]
    mask = ((place >= min(PROMPT_FRAMES, frames // 2)) & (place < frames - delays)).expand(size, ROWS, frames)
    batches = []
    for _ in range(config.data.batch_size // size):
        codes = torch.randint(0, lm["card"], (size, ROWS, frames), generator=generator)
        codes[:, 0] = torch.randint(0, lm["text_card"], (size, frames), generator=generator)
        batches.append(Batch(codes, mask.clone(), torch.zeros(size, dtype=torch.long)))
    total = config.data.batch_size * frames
    return StepBatch(tuple(batches), config.data.batch_size, total, total)


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return f"{name}; Python {platform.python_version()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
