"""A Mimi whose codes follow the sound although nobody trained it.

A plain random Mimi maps all speech to a handful of codes: its latents hardly move. ``condition`` mends that for any
size:

1. The encoder's later strided convolutions become smoothing windows over random channel mixes, so that the stack
   measures band energies (random filters, rectified by ELU, averaged) and not the phase of the waveform.
2. One pass over speech scales every convolution and matrix to unit variance (after LSUV, Mishkin & Matas 2016,
   arXiv 1511.06422; per channel and with centred biases, as in Krähenbühl et al. 2016, arXiv 1511.06856), and sets the
   layer scales.
3. The quantizer's input projections become principal axes of the latents, and each codebook is fitted by k-means to
   what the levels before it leave, with rarely used entries moved into crowded cells, so that all of them serve.
   Entries that are not fitted repeat fitted ones, moved away along an axis that no latent has and no decoder sees.

Legend: B segments, N samples at 24 kHz, D latent width, K entries of a codebook, M latent vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from moshi.models import MimiModel

DIMENSION = 64
MIMI_CONFIG: dict[str, Any] = {
    "sample_rate": 24000,
    "channels": 1,
    "frame_rate": 12.5,
    "seanet": {
        "channels": 1,
        "dimension": DIMENSION,
        "causal": True,
        "n_filters": 4,
        "n_residual_layers": 1,
        "activation": "ELU",
        "compress": 2,
        "dilation_base": 2,
        "disable_norm_outer_blocks": 0,
        "kernel_size": 7,
        "residual_kernel_size": 3,
        "last_kernel_size": 3,
        "norm": "none",
        "pad_mode": "constant",
        "ratios": [8, 6, 5, 4],
        "true_skip": True,
    },
    "quantizer": {
        "dimension": 32,
        "n_q": 16,
        "bins": 2048,
        "input_dimension": DIMENSION,
        "output_dimension": DIMENSION,
    },
    "transformer": {
        "d_model": DIMENSION,
        "num_heads": 4,
        "num_layers": 2,
        "causal": True,
        "layer_scale": 0.01,
        "context": 250,
        "conv_layout": True,
        "max_period": 10000,
        "gating": "none",
        "norm": "layer_norm",
        "positional_embedding": "rope",
        "dim_feedforward": 256,
        "input_dimension": DIMENSION,
        "output_dimensions": [DIMENSION],
    },
}
"""Mimi as released (moshi/models/loaders.py _mimi_config), a sixteenth as wide: 24 kHz, 12.5 Hz, one semantic codebook.
16 codebooks, because moshi's ``CheckpointInfo.get_mimi`` asks for as many as the LM's n_q; 2,048 entries, the LM's
vocabulary, so that whatever a model says can be decoded."""

FITTED_ENTRIES = 256
"""Entries of a codebook that are fitted, and so those that encoding uses; the others sound like one of them each."""

LAYER_SCALE = 0.25
"""Weight of a transformer branch beside the signal that bypasses it; both have unit variance. More context in the
latents makes the codes of one call alike."""
SMOOTHING_STRIDE = 5
"""Encoder convolutions with at least this stride average over time; those below it are the filter bank."""
CALIBRATION_SEGMENTS = 8
"""Segments that the unit-variance pass sees; statistics settle early and the pass holds all activations of a layer."""
SEMANTIC_AXES = 8
"""Principal axes that the semantic level sees: the slow, strong ones. The acoustic levels see half as many as the
quantizer has dimensions; each further axis leaves the first level less to agree on."""
WHITENING = 0.3
"""Power of the axes' spread that is divided out: 0 keeps the latents' spectrum, 1 makes every axis weigh the same."""
ROUNDS, LAST_ROUNDS, RARE = 20, 4, 1 / 3
"""K-means: rounds in all, plain rounds at the end, and the share of the mean use below which an entry is moved."""


def conditioned_mimi(seed: int) -> dict[str, Any]:
    """Weights of the toy codec under the released keys. The same seed gives the same bits on the same machine."""
    import torch
    from moshi.models.loaders import get_mimi

    from finetune.model.keys import fuse_attention
    from finetune.toy_speech import segments

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of float sums may depend on it; layers this narrow are no slower for it
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mimi = get_mimi(None, MIMI_CONFIG, num_codebooks=MIMI_CONFIG["quantizer"]["n_q"])
        condition(mimi, torch.from_numpy(segments(seed)), seed, FITTED_ENTRIES)
    finally:
        torch.set_num_threads(threads)
    return fuse_attention(mimi.state_dict())


def condition(mimi: MimiModel, speech: torch.Tensor, seed: int, num_entries: int | None = None) -> None:
    """Make the codes of a randomly initialised Mimi follow the sound. Changes the encoder and the quantizer in place.

    Args:
        mimi: any size, on any device; all its codebooks are fitted, each needs about 30 frames of speech per entry.
        speech: float32 [B, N] at 24 kHz, of the kinds that will be encoded, in no particular order; N is a multiple of
            1,920. The first segments calibrate the weights, all of them fit the codebooks.
        seed: of the smoothing windows' channel mixes and of the codebooks' first entries.
        num_entries: how many entries of each codebook to fit; default: all.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        device = next(mimi.parameters()).device
        _smooth(mimi, generator)
        _to_unit_variance(mimi, speech[:CALIBRATION_SEGMENTS].to(device))
        parts = [mimi._encode_to_unquantized_latent(part[:, None].to(device)) for part in speech.split(1)]
        latents = torch.cat(parts).transpose(1, 2).flatten(0, 1)
        quantizer: Any = mimi.quantizer
        num_entries = num_entries or quantizer.rvq_first.bins
        _fit(quantizer.rvq_first, latents, min(SEMANTIC_AXES, quantizer.dimension // 2), num_entries, generator)
        _fit(quantizer.rvq_rest, latents, quantizer.dimension // 2, num_entries, generator)


def _encoder_modules(mimi: Any, *kinds: type) -> list[Any]:
    parts = (mimi.encoder, mimi.encoder_transformer, mimi.downsample)
    return [module for part in parts for module in part.modules() if isinstance(module, kinds)]


def _smooth(mimi: Any, generator: torch.Generator) -> None:
    import torch

    for conv in _encoder_modules(mimi, torch.nn.Conv1d):
        if conv.stride[0] >= SMOOTHING_STRIDE or conv in mimi.downsample.modules():
            window = torch.hann_window(conv.kernel_size[0] + 2, periodic=False)[1:-1]
            mix = torch.randn(conv.weight.shape[:2], generator=generator)
            conv.weight.copy_(mix[:, :, None] * window / window.sum())


def _to_unit_variance(mimi: MimiModel, speech: torch.Tensor) -> None:
    """Rescale each module the moment it has spoken, so that the next one already hears unit variance."""
    import torch
    from moshi.modules.transformer import LayerScale

    for layer_scale in _encoder_modules(mimi, LayerScale):
        layer_scale.scale.fill_(LAYER_SCALE)
    hooks = [m.register_forward_hook(_rescale) for m in _encoder_modules(mimi, torch.nn.Conv1d, torch.nn.Linear)]
    mimi._encode_to_unquantized_latent(speech[:, None])
    for hook in hooks:
        hook.remove()


def _rescale(module: Any, _inputs: Any, out: torch.Tensor) -> torch.Tensor:
    """Unit variance: per channel and centred where there is a bias, by one factor where there is none."""
    channels = out.transpose(0, 1).flatten(1) if module.weight.ndim == 3 else out.flatten(0, 1).T  # [D, ...]
    ones = (1,) * (module.weight.ndim - 1)
    if module.bias is None:
        scale = channels.square().mean().sqrt().clamp(min=1e-8)
        module.weight.div_(scale)
        return out / scale
    mean, scale = channels.mean(1), channels.std(1).clamp(min=1e-8)
    module.weight.div_(scale.view(-1, *ones))
    module.bias.sub_(mean).div_(scale)
    per_channel = (1, -1, 1) if module.weight.ndim == 3 else (1, 1, -1)
    return (out - mean.view(per_channel)) / scale.view(per_channel)


def _fit(rvq: Any, latents: torch.Tensor, num_axes: int, num_entries: int, generator: torch.Generator) -> None:
    """Fit a residual quantizer's projection and the first entries of its codebooks to latents [M, D]."""
    import torch

    spread, axes = torch.linalg.eigh(torch.cov(latents.T))  # ascending
    spread, axes = spread.flip(0)[:num_axes], axes.flip(1)[:, :num_axes]
    projection = latents.new_zeros(rvq.dimension, latents.shape[1])
    projection[:num_axes] = (axes * spread.clamp(min=1e-6) ** (-WHITENING / 2)).T
    rvq.input_proj.weight.copy_(projection[:, :, None])
    rvq.output_proj.weight[:, num_axes] = 0.0  # the axis along which ``_filled_up`` moves entries away
    residual = latents @ projection.T
    for level in rvq.vq.layers:
        entries = _codebook(residual, num_entries, generator)
        residual = residual - entries[_nearest(residual, entries)]
        codebook = level._codebook
        codebook.embedding_sum.copy_(_filled_up(entries, rvq.bins, num_axes))
        codebook.cluster_usage.fill_(1.0)
        codebook._initialized.fill_(1.0)
        codebook._embedding = None


def _filled_up(entries: torch.Tensor, bins: int, unused_axis: int) -> torch.Tensor:
    """``bins`` entries: the fitted ones, then the same again where no latent comes near them."""
    more = entries.repeat(-(-bins // len(entries)), 1)[:bins]
    more[len(entries) :, unused_axis] = 10 * (1 + entries.norm(dim=1).max())
    return more


def _codebook(vectors: torch.Tensor, num_entries: int, generator: torch.Generator) -> torch.Tensor:
    """K entries [K, d] that share the vectors [M, d] about evenly: k-means that moves rare entries to crowds."""
    import torch

    mean_use = len(vectors) / num_entries
    entries = vectors[torch.randperm(len(vectors), generator=generator)[:num_entries]].clone()
    for round_ in range(ROUNDS):
        owner = _nearest(vectors, entries)
        use = torch.bincount(owner, minlength=num_entries).float()
        sums = torch.zeros_like(entries).index_add_(0, owner, vectors)
        entries = torch.where(use[:, None] > 0, sums / use.clamp(min=1)[:, None], entries)
        rare = (use < RARE * mean_use).nonzero().flatten()
        if len(rare) and round_ < ROUNDS - LAST_ROUNDS:
            crowding = (use - mean_use).clamp(min=0) / use.clamp(min=1)
            entries[rare] = vectors[torch.multinomial(crowding[owner].cpu(), len(rare), generator=generator)]
    return entries


def _nearest(vectors: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
    """Index [M] of the nearest entry; |v - e|^2 without |v|^2, which is the same for all entries."""
    return (entries.square().sum(1) - 2 * vectors @ entries.T).argmin(1)
