"""The trainer's configuration: one strict tree of frozen dataclasses, each value with its unit and source.

From recipes, flags and saved runs to this tree, and what is refused on the way: ``configure.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fisherprep.checkpoint import DEFAULT_CHECKPOINT
from fisherprep.manifest import DEFAULT_DIR

AGENTS = ("random", "both")
"""``random``: one side of each stretch of a call is the agent, as in Moshi's Fisher stage. ``both``: each stretch gives
two windows, one per side. Sides that the manifest or the call rules out are never the agent."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is trained on, and in which portions."""

    mix: dict[str, float] = field(default_factory=dict)
    """Dataset -> share of the trained frames (any positive numbers; only their ratios count)."""
    root: str = "data"
    """Folder that holds the datasets' work folders."""
    manifests: str = DEFAULT_DIR
    max_frames: int = 2048
    """Longest window, prompt included: 163.84 s (PersonaPlex)."""
    max_prompt_share: float = 0.5
    """Part of a window that its prompt may take; a voice prompt that would take more is left out."""
    agent: str = AGENTS[0]
    """One of ``AGENTS``."""
    drop_text_prompt: float = 0.1
    """Share of windows without text prompt, so that the model also knows to be used without one. 0.1 is a usual rate
    for a condition that may be absent (arXiv 2207.12598, section 4: 0.1 and 0.2 do alike); PersonaPlex's is not
    published."""
    drop_voice_prompt: float = 0.1
    """Share of windows without voice prompt, independent of the text's; same source."""
    workers: int = 2
    """Threads that read windows ahead of the training; 0: windows are read when they are needed."""
    prefetch: int = 2
    """Steps that they read ahead."""
    batch_size: int = 32
    """Windows per optimiser step (PersonaPlex)."""
    micro_batch_size: int = 1
    """Windows per forward pass; the rest of the batch is accumulated."""


FULL, LORA = "full", "lora"
LORA_TARGETS = ("all", "temporal", "depth")


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Low-rank adapters (arXiv 2106.09685), as Kyutai's ``moshi.modules.lora`` has them. For ``train: lora`` alone."""

    rank: int = 0
    """Rank of the adapters; 0: none. Kyutai's moshi-finetune uses 128."""
    scaling: float = 2.0
    """Factor of the adapters' output (alpha / rank elsewhere); Kyutai's advice: leave it."""
    targets: str = "all"
    """Whose linear layers get adapters: all, temporal or depth (the transformers; the heads only with all)."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which base model, what of it learns, and how it is run."""

    checkpoint: str = DEFAULT_CHECKPOINT
    train: str = FULL
    """full: the weights themselves. lora: adapters beside frozen weights."""
    lora: LoraConfig = LoraConfig()
    embeddings: bool = True
    """Whether the text and audio embeddings and the output heads learn too (in full, also beside adapters)."""
    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: slower, far less memory."""


LOSS_PRESETS = {
    "personaplex": {"text_pad": 0.3, "semantic": 1.0, "acoustic": 0.02},
    "moshi": {"text_pad": 0.5, "semantic": 100.0, "acoustic": 1.0},
}
"""Published weights: PersonaPlex, arXiv 2602.06053; Moshi, arXiv 2410.00037, section 4 (padding counts half, semantic
tokens a hundred times acoustic ones)."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the targets; the formula is in ``loss.py``."""

    preset: str = "personaplex"
    """Which of ``LOSS_PRESETS`` the three weights are taken from where they are not given themselves."""
    text_pad: float = LOSS_PRESETS["personaplex"]["text_pad"]
    """Weight of a PAD or EPAD target; any other text token weighs 1."""
    semantic: float = LOSS_PRESETS["personaplex"]["semantic"]
    """Weight of a stream's first codebook."""
    acoustic: float = LOSS_PRESETS["personaplex"]["acoustic"]
    """Weight of each of a stream's other seven codebooks."""
    user_stream: bool = True
    """Whether the user's audio is a target too, as in PersonaPlex's released 16-codebook depformer."""


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW and its schedule. Learning rates: PersonaPlex; the rest: Moshi (arXiv 2410.00037, appendix)."""

    depth_lr: float = 4e-6
    """Peak learning rate of the depth transformer."""
    temporal_lr: float = 2e-6
    """Peak learning rate of the temporal transformer and everything else."""
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    """Largest norm of the gradient over all parameters; 0: no clipping."""
    warmup_share: float = 0.05
    """Part of the steps that the learning rate rises linearly, before the cosine."""
    final_lr_share: float = 0.0
    """Where the cosine ends, as a share of the peak."""


@dataclass(frozen=True, kw_only=True)
class HeldOutConfig:
    """The held-out loss: before the first step, on the way, after the last."""

    windows: int = 64
    """At most so many windows of each dataset's ``valid`` split; 0: no held-out loss."""
    every: int = 200
    """Steps between measurements, each with a checkpoint, of which the best is kept; 0: none on the way."""


@dataclass(frozen=True, kw_only=True)
class SaveConfig:
    """Checkpoints of the run."""

    every: int = 200
    """Steps between checkpoints; the last step is always saved."""
    keep: int = 2
    """How many of them stay on disk, besides the one with the lowest held-out loss."""


@dataclass(frozen=True, kw_only=True)
class SamplesConfig:
    """The model talks with users of held-out calls on the way: RUN/samples."""

    every: int = 400
    """Steps between samples, which are also taken before the first and after the last step; 0: none at all."""
    count: int = 2
    """Calls of each dataset."""
    seconds: float = 20.0
    """Of each call."""


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """Where curves go, besides the run's own logs."""

    tensorboard: bool = True
    """Event files in RUN/tensorboard, where the package tensorboard is installed."""
    wandb: str = ""
    """Project of Weights & Biases; empty: none. The key comes from the environment."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides what a run computes."""

    steps: int = 2000
    seed: int = 0
    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda or cuda:N."""
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    heldout: HeldOutConfig = HeldOutConfig()
    save: SaveConfig = SaveConfig()
    samples: SamplesConfig = SamplesConfig()
    watch: WatchConfig = WatchConfig()
