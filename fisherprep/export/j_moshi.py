"""For nu-dialogue/moshi-finetune (J-Moshi): Parquet with ``dialogue_id``, ``A`` and ``B``, each 9 x T, the text row
first.

As its ``tools/prepare_dataset.py`` writes them and its ``utils/data.py`` (``preprocess_function``) reads them:
padding 3, end of padding 0. Frames whose text is not known stay -1, which is its zero token: no embedding, no loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fisherprep.export.calls import choice_of, items_of, not_agent, refused, rows_of_splits
from fisherprep.export.folder import Payload
from fisherprep.schema import NUM_CODEBOOKS, SIDES
from fisherprep.stage import ShardResult
from fisherprep.workfolder import WorkFolder

VERSION = 1
TABLES = ("conversations", "codes")
FOLDERS = ("train", "valid", "test", "excluded")
INDEXES: tuple[str, ...] = ()
COUNTED = "items"
SETTLED = frozenset({"agent_side", "uneven_codes"})
_STREAMS = pa.list_(pa.list_(pa.int16()))
SCHEMA = pa.schema([("dialogue_id", pa.string()), ("A", _STREAMS), ("B", _STREAMS)])

README = """
# {dataset} for J-Moshi's fine-tuning code

One folder a split, one Parquet file a shard: `dialogue_id`, `A` and `B`, each 9 x T (the text row, then 8 codebooks,
at 12.5 frames a second). **`A` is the agent.** Where both sides may be the agent, train with `--moshi_speakers A B`,
or export with `--agent-side both` (each side in turn as `A`): not both, which would count every call four times.

```sh
--train_data_files '{out}/train/*.parquet' --eval_data_files '{out}/valid/*.parquet'
```

Text tokens are those of the tokenizer that encode used (padding 3, end of padding 0). -1 is a frame whose text is not
known: the zero token, without embedding and without loss. There are no prompts in this form.
"""


def write_shard(payload: Payload, config: dict[str, Any]) -> ShardResult:
    """One Parquet file for each split that the shard has calls of."""
    choice, result = choice_of(config), ShardResult({})
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of_splits(payload, "codes", choice.splits):
        items = items_of(row, choice.agent_side)
        if not items:
            result.rejects.append(not_agent(row, choice))
            continue
        try:
            streams = {side: _streams(row, side) for side in SIDES}
        except ValueError as err:
            expected = f"text and codebooks of {row['num_frames']} frames each"
            fix = "run `fisherprep check`, delete the shard and encode again"
            result.rejects.append(refused(row["call_id"], "uneven_codes", "codes", str(err), expected, fix))
            continue
        for item in items:
            dialogue = {"dialogue_id": item.name, "A": streams[item.agent], "B": streams[item.user]}
            rows.setdefault(row["split"], []).append(dialogue)
            result.counters.update(items=1, frames=row["num_frames"])
    for split, dialogues in sorted(rows.items()):
        relative = f"{split}/{payload.shard}.parquet"
        payload.out.write_table(relative, pa.Table.from_pylist(dialogues, schema=SCHEMA))
        result.files.append(relative)
    return result


def _streams(row: dict[str, Any], side: str) -> list[list[int]]:
    """Text and codes of one side, ``[9, T]``."""
    streams = [row[f"text_{side}"], *row[f"codes_{side}"]]
    if lengths := {len(stream) for stream in streams} - {row["num_frames"]}:
        raise ValueError(f"side {side} has rows of {', '.join(map(str, sorted(lengths)))} frames")
    assert np.shape(streams) == (1 + NUM_CODEBOOKS, row["num_frames"])
    return streams


def index_line(out: WorkFolder, line: dict[str, Any]) -> dict[str, Any]:
    """There are no index files: consumers name the Parquet files by a pattern."""
    return line
