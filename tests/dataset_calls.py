"""A work folder whose codes table is finished, for tests of what is made from it: cards, pushes, exports, windows."""

import json

import numpy as np
from codec_calls import build_work

from fisherprep.engine import InlineEngine
from fisherprep.schema import TABLES
from fisherprep.stage import Shard, ShardResult, Stage, run_stage
from fisherprep.workfolder import shard_of

SPLITS = ("train", "valid", "test", "excluded")


def write_stage(work, name, tables, shard=None):
    """Write rows as the stage ``name`` would."""
    stage = Stage(name, 1, tuple(tables), lambda payload, config: ShardResult(payload))
    shard = shard or shard_of("call_000")
    inputs = json.dumps(tables, sort_keys=True, default=str)
    return run_stage(work, stage, [Shard(shard, inputs, tables)], {}, InlineEngine())


def codes_row(call_id, num_frames, seed=0, **changes):
    """A row of the codes table with random codes."""
    rng = np.random.default_rng(seed)
    sides = {}
    for side in "ab":
        text = rng.integers(4, 32_000, num_frames)
        text[rng.random(num_frames) < 0.6] = 3
        text[:2] = -1
        sides |= {
            f"codes_{side}": rng.integers(0, 2048, (8, num_frames)).tolist(),
            f"text_{side}": text.tolist(),
            f"prompts_{side}": [f"prompt {side}"],
            f"speaker_{side}": f"{call_id}-{side}",
            f"shifted_{side}": 0,
        }
    made_with = {"source": "moshiko", "toy": False, "mimi_sha256": "11" * 32, "tokenizer_sha256": "22" * 32}
    row = {
        "call_id": call_id, "corpus": "test", "split": "train", "num_frames": num_frames, "agent_side": None,
        "starts": [0], "provenance": json.dumps(made_with), **sides,
    }  # fmt: skip
    return row | changes


def voice_row(call_id, side, index=0):
    codes = np.random.default_rng(index).integers(0, 2048, (8, 20)).tolist()
    return {
        "call_id": call_id, "side": side, "speaker": f"{call_id}-{side}", "index": index, "start_s": 0.0, "end_s": 1.6,
        "codes": codes, "why": "a turn",
    }  # fmt: skip


def change_rows(work, table, change):
    """Write the first stage's tables again with ``change(row)`` merged into each row of one."""
    tables = {
        name: work.read(name).to_pylist() for name in TABLES if work.files(name) and name not in ("codes", "voices")
    }
    tables[table] = [row | change(row) for row in tables[table]]
    write_stage(work, "ingest", tables)


def encoded_work(path, num_calls=4, agents=(None,), toy=False, **conversation):
    """A work folder of ``codec_calls`` (call 1 has no words) with codes and voices; call i is of split i."""
    work = build_work(path, num_calls)
    number = {f"call_{i:03d}": i for i in range(num_calls)}

    def about(row):
        i = number[row["call_id"]]
        return {"split": SPLITS[i % 4], "agent_side": agents[i % len(agents)], "sex_a": "f", **conversation}

    change_rows(work, "conversations", about)
    rows = []
    for row in work.read("conversations").to_pylist():
        num_frames = -(-row["num_samples"] * 3 // 1920)
        made_with = json.dumps({"source": "tiny", "toy": toy, "mimi_sha256": "11" * 32, "tokenizer_sha256": "22" * 32})
        light = {key: row[key] for key in ("split", "agent_side")} | {"provenance": made_with}
        rows.append(codes_row(row["call_id"], num_frames, number[row["call_id"]], **light))
    voices = [voice_row(row["call_id"], side) for row in rows for side in "ab"]
    write_stage(work, "encode", {"codes": rows, "voices": voices})
    return work
