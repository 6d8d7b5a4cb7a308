"""What moshi-finetune's own data code makes of an export: ``PYTHONPATH=CHECKOUT python moshi_finetune_reads.py JSONL
SPM``.

Prints, for each sample, the text of its text row and the level of either channel by frame. The codec is the one part
that is not its own: a frame's "code" is its peak level, so that channels can be told apart.
"""

import json
import sys

import sentencepiece
import torch
from finetune.data.interleaver import InterleavedTokenizer, Interleaver

from finetune.data.dataset import build_dataset

torch.Tensor.cuda = lambda self: self  # it always asks for a GPU


class Levels:
    sample_rate, frame_rate = 24_000, 12.5

    def encode(self, audio):
        frames = torch.nn.functional.pad(audio[:, 0], (0, -audio.shape[-1] % 1920)).unflatten(-1, (-1, 1920))
        return (frames.abs().amax(-1) * 1000).long()[:, None].expand(-1, 8, -1).contiguous()


spm = sentencepiece.SentencePieceProcessor(sys.argv[2])
interleaver = Interleaver(spm, 12.5, 3, 0, -1, keep_main_only=True, device="cpu")  # as train.py makes it
tokenizer = InterleavedTokenizer(Levels(), interleaver, duration_sec=20.0)
for sample in build_dataset(sys.argv[1], tokenizer, seed=0, rank=0, world_size=1, is_eval=True):
    rows = sample.codes[0]
    words = [token for token in rows[0].tolist() if token not in (-1, 0, 3)]
    print(json.dumps({"shape": list(rows.shape), "text": spm.decode(words), "levels": rows[[1, 9]].tolist()}))
