"""Run by test_codec_batch with TRITON_INTERPRET=1: the kernels on a CPU, against the plain path, on a toy codec."""

import sys

import numpy as np
import torch
from codec_calls import signal

from fisherprep.checkpoint import locate
from fisherprep.codec import batch, kernels, kernels_first
from fisherprep.codec.mimi import encode_channels, load_mimi

torch.set_num_threads(1)
batch.PIECE_FRAMES, batch.PIECES, batch.QUANTIZER_ROWS = 4, 2, 16  # several pieces, and several groups of them
tiles = kernels._tiles
kernels_first.FIRST_ROWS, kernels._tiles = 2048, lambda *layer: (2048, *tiles(*layer)[1:])  # few programs are quick
files = locate(sys.argv[1], ("mimi",))
mimi = load_mimi(files.mimi, files.mimi_config, "cpu")
for layer in mimi.encoder_transformer.transformer.layers:
    layer.self_attn.context = 6  # the ring is full within these signals
rng = np.random.default_rng(0)
signals = [signal(seed, int(n), 1)[0] for seed, n in enumerate([*rng.integers(100, 7 * 1920, 2), 0, 100, 7 * 1920])]
encoder = batch.BatchEncoder(mimi)
codes = encoder.encode(signals)
plain = [encode_channels(mimi, samples[None])[0] for samples in signals]
assert [c.shape for c in codes] == [p.shape for p in plain]
equal = np.concatenate([(c == p).ravel() for c, p in zip(codes, plain, strict=True)]).mean()
assert equal > 0.999, equal
order = [4, 1]
for index, other in zip(order, encoder.encode([signals[i] for i in order]), strict=True):
    assert np.array_equal(codes[index], other), index
print(equal)
