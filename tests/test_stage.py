"""The stage runner: only what is missing or out of date, the same bytes for any number of workers, kill and resume."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fisherprep.engine import InlineEngine, LocalEngine, WorkerDied
from fisherprep.stage import Shard, ShardResult, Stage, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder


def label_rows(payload, config):
    """A small real shard function: personas rows with the configured text, and one reject per odd number."""
    if config.get("slow"):
        time.sleep(0.05)
    rows = [
        {"call_id": f"{payload}{i}", "side": "a", "tone": None, "topic": config["topic"], "facts": [], "name": None,
         "dropped": [], "prompts": [config["topic"]], "labeler": "test", "request_key": None, "status": "ok"}
        for i in range(5)
    ]  # fmt: skip
    rejects = [reject("label", f"{payload}0", "odd", payload, "odd", "even", "none")] if int(payload[-1]) % 2 else []
    return ShardResult({"personas": rows}, rejects, Counter(calls=5))


def crash(payload, config):
    """A shard function whose process dies, as one killed for memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


STAGE = Stage("label", 1, ("personas",), label_rows)


def shards(n=4):
    return [Shard(f"s{i}", [i], f"s{i}") for i in range(n)]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def new_work(path):
    return WorkFolder.create(path, "fisher", [])


def test_a_second_run_does_nothing_and_a_changed_shard_alone_is_done_again(tmp_path):
    work, engine = new_work(tmp_path / "w"), InlineEngine()
    first = run_stage(work, STAGE, shards(), {"topic": "pets"}, engine)
    before = digest(work.path)
    again = run_stage(work, STAGE, shards(), {"topic": "pets"}, engine)
    assert (first.ran, again.ran) == (4, 0) and digest(work.path) == before
    changed = [*shards(3), Shard("s3", ["new"], "s3")]
    assert run_stage(work, STAGE, changed, {"topic": "pets"}, engine).ran == 1
    assert run_stage(work, STAGE, changed, {"topic": "food"}, engine).ran == 4


def test_counts_cover_shards_done_before(tmp_path):
    work = new_work(tmp_path / "w")
    run_stage(work, STAGE, shards(2), {"topic": "pets"}, InlineEngine())
    summary = run_stage(work, STAGE, shards(4), {"topic": "pets"}, InlineEngine())
    assert summary.ran == 2 and summary.counters["calls"] == 20
    assert summary.rows["personas"] == 20 and summary.rejects == Counter(odd=2)


def flip_a_bit(file):
    """Damage that leaves the size as it was, in the first page of values."""
    content = bytearray(file.read_bytes())
    content[40] ^= 4
    file.write_bytes(content)


def test_a_missing_cut_or_damaged_output_is_made_again(tmp_path):
    work = new_work(tmp_path / "w")
    run_stage(work, STAGE, shards(), {"topic": "pets"}, InlineEngine())
    before = digest(work.path)
    (work.path / "personas" / "s1.parquet").unlink()
    with (work.path / "personas" / "s2.parquet").open("r+b") as f:
        f.truncate(10)
    flip_a_bit(work.path / "personas" / "s3.parquet")
    assert run_stage(work, STAGE, shards(), {"topic": "pets"}, InlineEngine()).ran == 3
    assert digest(work.path) == before


def edit(file):
    """What a user does who corrects a prompt in place."""
    table = pq.read_table(file)
    prompts = pa.array([["another"]] * table.num_rows, table.schema.field("prompts").type)
    pq.write_table(table.set_column(table.schema.get_field_index("prompts"), "prompts", prompts), file)


@pytest.mark.parametrize("change", [flip_a_bit, edit, Path.unlink], ids=["damaged", "edited", "deleted"])
def test_a_later_stage_refuses_a_table_that_is_not_what_its_stage_wrote(tmp_path, change):
    work = new_work(tmp_path / "w")
    run_stage(work, STAGE, shards(), {"topic": "pets"}, InlineEngine())
    inputs = upstream(work, "personas")
    change(work.path / "personas" / "s2.parquet")
    with pytest.raises(ValueError, match=r"s2\.parquet: is not what `label` wrote .*run `fisherprep label` again"):
        upstream(work, "personas")
    run_stage(work, STAGE, shards(), {"topic": "pets"}, InlineEngine())
    assert upstream(work, "personas") == inputs


def test_shards_no_longer_planned_are_removed_with_their_rejects(tmp_path):
    work = new_work(tmp_path / "w")
    run_stage(work, STAGE, shards(4), {"topic": "pets"}, InlineEngine())
    summary = run_stage(work, STAGE, shards(1), {"topic": "pets"}, InlineEngine())
    assert summary.removed == 3 and summary.rejects == Counter()
    assert [p.name for p in work.files("personas")] == ["s0.parquet"] and not work.files("rejects")


def test_two_workers_write_the_bytes_of_one(tmp_path):
    one, two = new_work(tmp_path / "1"), new_work(tmp_path / "2")
    run_stage(one, STAGE, shards(), {"topic": "pets"}, InlineEngine())
    run_stage(two, STAGE, shards(), {"topic": "pets"}, LocalEngine(2))
    assert digest(one.path) == digest(two.path)


def test_a_worker_that_dies_is_a_clear_error(tmp_path):
    work = new_work(tmp_path / "w")
    with pytest.raises(WorkerDied, match="run the same command again"):
        run_stage(work, Stage("label", 1, ("personas",), crash), shards(), {"topic": "pets"}, LocalEngine(2))


def test_rejects_of_outside_files_are_tried_again_where_the_stage_says_so(tmp_path):
    work, engine = new_work(tmp_path / "w"), InlineEngine()
    patient = Stage("label", 1, ("personas",), label_rows, retry_rejects=True)
    assert run_stage(work, patient, shards(4), {"topic": "pets"}, engine).ran == 4
    assert run_stage(work, patient, shards(4), {"topic": "pets"}, engine).ran == 2  # those with rejects, and only those


def test_upstream_names_the_stage_that_is_missing(tmp_path):
    work = new_work(tmp_path / "w")
    with pytest.raises(ValueError, match="fisherprep label"):
        upstream(work, "personas")
    run_stage(work, STAGE, shards(2), {"topic": "pets"}, InlineEngine())
    assert list(upstream(work, "personas")) == ["s0", "s1"]
    with pytest.raises(ValueError, match=r"words table lacks 2 of 2 shards.*fisherprep align"):
        upstream(work, "personas", "words")
    with pytest.raises(ValueError, match=r"words table lacks .* `fisherprep align` first, then the later stages again"):
        upstream(work, "words", "personas")  # perhaps align has dropped these shards, and label has not been run since


def test_a_table_of_another_stage_is_not_overwritten(tmp_path):
    work = new_work(tmp_path / "w")
    run_stage(work, STAGE, shards(1), {"topic": "pets"}, InlineEngine())
    with pytest.raises(ValueError, match="written by `label`"):
        run_stage(work, Stage("other", 1, ("personas",), label_rows), shards(1), {"topic": "pets"}, InlineEngine())


_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_stage import STAGE, shards
from fisherprep.engine import LocalEngine
from fisherprep.stage import run_stage
from fisherprep.workfolder import WorkFolder
if __name__ == "__main__":
    work = WorkFolder.create(Path(sys.argv[1]), "fisher", [])
    with work.lock("label"):
        run_stage(work, STAGE, shards(30), {"topic": "pets", "slow": True}, LocalEngine(2))
"""


def test_killed_at_any_moment_and_run_again_gives_the_undisturbed_bytes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(_RUN)
    command = [sys.executable, str(script), str(tmp_path / "killed"), str(Path(__file__).parent)]
    for delay in (0.6, 0.9, 1.2):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    straight = new_work(tmp_path / "straight")
    with straight.lock("label"):
        run_stage(straight, STAGE, shards(30), {"topic": "pets", "slow": True}, LocalEngine(2))
    assert digest(tmp_path / "killed") == digest(straight.path)
