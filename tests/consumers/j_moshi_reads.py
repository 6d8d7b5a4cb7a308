"""What J-Moshi's own fine-tuning code makes of an export: ``PYTHONPATH=CHECKOUT python j_moshi_reads.py PATTERN
CACHE``.

Prints the streams of each example without their delays, and the labels' sum, as its trainer would be given them.
"""

import json
import sys

from datasets import load_dataset
from utils.data import DataCollator, preprocess_function, undelay_tokens

DELAYS = [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
dataset = load_dataset("parquet", split="train", data_files={"train": [sys.argv[1]]}, cache_dir=sys.argv[2])
examples = dataset.map(
    preprocess_function,
    remove_columns=dataset.column_names,
    batched=True,
    fn_kwargs={
        "speakers": ["A", "B"],
        "max_length": None,
        "min_length": None,
        "delays": DELAYS,
        "initial_token_ids": [32_000] + [2048] * 16,
        "padding_token_ids": [3] + [2048] * 16,
        "zero_token_id": -1,
    },
)
batch = DataCollator(zero_token_id=-1)(list(examples))
for streams, labels, length in zip(batch.input_ids, batch.labels, examples["num_frames"], strict=True):
    plain = undelay_tokens(streams[None, :, 1:length], DELAYS)[0]
    kept = labels[:, 1:length] == streams[:, 1:length]
    print(json.dumps({"streams": plain.tolist(), "text_without_loss": int((labels[0] == -1).sum()),
                      "labels_kept": bool(kept[0].all())}))  # fmt: skip
