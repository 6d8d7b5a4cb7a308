"""``fisherprep label --model`` with a real vLLM and a real small model on the CPU: ``make test-vllm``.

The model is far too small to understand a call; what counts is that its answers arrive in the schema, that what is
unusable is counted, that nothing is asked twice, and that nothing of the server stays behind.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fisherprep.label.answer import parse_answer
from fisherprep.label.exchange import INVALID_ANSWER, NO_TURNS
from fisherprep.label.personas import NO_FACTS, NO_TOPIC, OK
from fisherprep.llm.cache import NO_ANSWER, REFUSED, TOO_LONG, AnswerFile, Reply
from fisherprep.schema import SIDES
from fisherprep.workfolder import WorkFolder

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
CALLS, SECONDS = 4, 30.0
# Eager mode spares a compilation of a minute or two. A model this small pads for ever where blanks are free.
VLLM_ARGS = (
    "--enforce-eager --dtype bfloat16 --max-num-seqs 8 "
    """--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'"""
)
NO_USABLE_ANSWER = {INVALID_ANSWER, TOO_LONG, REFUSED, NO_ANSWER}
"""Status of sides that have to make do with the topic prompt; each such call has a row in the rejects."""
GONE_WITHIN_S = 60


@dataclass(frozen=True)
class Run:
    """A finished ``fisherprep label``."""

    status: int
    output: str
    server_processes: set[int]
    """all that were seen while it ran"""


@pytest.fixture(scope="module")
def environment() -> Path:
    """The environment with vLLM, as ``make test-vllm`` makes it."""
    folder = ROOT / os.environ.get("VLLM_ENVIRONMENT", ".venv-vllm")
    for needed in (folder / "bin" / "python", folder / "model" / "made.json"):
        if not needed.exists():
            pytest.fail(f"{needed}: is not there; these tests run with: make test-vllm")
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> WorkFolder:
    """A few short calls, ingested and not labelled yet."""
    from fisherprep.corpus.ingest import ingest
    from fisherprep.demo.release import write_release
    from fisherprep.engine import InlineEngine
    from fisherprep.manifest import SplitRule

    root, engine = tmp_path_factory.mktemp("vllm"), InlineEngine()
    write_release(root / "ldc", CALLS, SECONDS, 0, engine)
    ingest([root / "ldc"], root / "fisher", SplitRule(), "fisher", engine)
    return WorkFolder.open(root / "fisher")


class Label:
    """Runs the command as a user would."""

    def __init__(self, work: WorkFolder, environment: Path, checkpoint: Path) -> None:
        self.work, self.environment, self.model = work, environment, str(environment / "model")
        self.command = [
            sys.executable, "-m", "fisherprep", "label", str(work.path), "--model", self.model,
            "--vllm-python", str(environment / "bin" / "python"), "--vllm-args", VLLM_ARGS,
            "--context-length", "8192", "--max-tokens", "2048", "--concurrency", "8", "--retries", "1",
            "--checkpoint", str(checkpoint), "--workers", "1",
        ]  # fmt: skip

    def start(self, output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as file:
            return subprocess.Popen(
                self.command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
                env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
            )  # fmt: skip

    def run(self) -> Run:
        output = self.work.path.parent / "label.out"
        process, seen = self.start(output), set()
        while process.poll() is None:
            seen |= processes_of(self.environment)
            time.sleep(0.5)
        text = output.read_text(encoding="utf-8")
        print(text)
        return Run(process.returncode, text, seen)

    @property
    def replies(self) -> dict[str, Reply]:
        files = sorted((self.work.path / ".label" / "answers").glob("*.jsonl"))
        return {key: reply for file in files for key, reply in AnswerFile(file).read().items()}

    @property
    def log(self) -> Path:
        return self.work.path / ".label" / "vllm.log"


def processes_of(environment: Path) -> set[int]:
    """Processes that run the environment's Python or have a library of it mapped: workers change their names."""
    wanted = f"{environment}/".encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) != os.getpid() and any(wanted in content for content in _contents(process)):
            found.add(int(process.name))
    return found


def _contents(process: Path) -> Iterator[bytes]:
    try:
        command = (process / "cmdline").read_bytes()
        if b"fisherprep\0label" not in command:  # our own command names the environment too
            yield command
        yield (process / "maps").read_bytes()
    except OSError:  # it has ended meanwhile
        return


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    return bool(condition())


@pytest.fixture(scope="module")
def label(environment, work, toy_checkpoint) -> Iterator[Label]:
    yield Label(work, environment, toy_checkpoint)
    assert processes_of(environment) == set()


def test_nothing_is_left_of_a_server_when_the_command_is_killed(label):
    process = label.start(label.work.path.parent / "killed.out")
    assert wait_until(lambda: len(processes_of(label.environment)) >= 3 or process.poll() is not None, 240)
    assert process.poll() is None, (label.work.path.parent / "killed.out").read_text()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_until(lambda: not processes_of(label.environment), GONE_WITHIN_S)


@pytest.fixture(scope="module")
def labelled(label) -> Run:
    """The first whole run."""
    return label.run()


def test_every_side_is_labelled_or_counted(label, labelled):
    assert labelled.status == 0, labelled.output
    rows = label.work.read("personas").to_pylist()
    calls = {row["call_id"] for row in rows}
    assert len(calls) == CALLS and len(rows) == CALLS * len(SIDES)
    for row in rows:
        assert row["status"] in {OK, NO_FACTS, NO_TOPIC, NO_TURNS, *NO_USABLE_ANSWER}
        assert row["request_key"] in label.replies
        assert row["labeler"] == label.model or row["status"] in NO_USABLE_ANSWER
        assert len(row["prompts"]) == 3 if row["status"] == OK else 1 <= len(row["prompts"]) <= 2
        assert all(re.fullmatch(r"You enjoy having a good conversation\.[^\n<>]*", prompt) for prompt in row["prompts"])
    rejects = {(row["call_id"], row["reason"]) for row in label.work.read("rejects").to_pylist()}
    assert rejects == {(row["call_id"], row["status"]) for row in rows if row["status"] in NO_USABLE_ANSWER}
    for status, count in Counter(row["status"] for row in rows).items():
        assert re.search(rf"status: {status}\W+{count}\b", labelled.output)


def test_facts_cite_turns_of_their_own_side(label, labelled):
    side_of = {(turn["call_id"], turn["turn"]): turn["side"] for turn in label.work.read("turns").to_pylist()}
    for row in label.work.read("personas").to_pylist():
        cited = {side_of[row["call_id"], turn] for fact in row["facts"] for turn in fact["turns"]}
        assert cited <= {row["side"]}


def test_answers_are_json_in_the_schema(label, labelled):
    whole = [reply for reply in label.replies.values() if not reply.failure and not reply.cut_off]
    assert whole, "no answer came to its end"
    for reply in whole:
        assert set(json.loads(reply.text)) == set(SIDES)
        parse_answer(reply.text)


def test_server_was_there_and_is_gone(label, labelled):
    assert len(labelled.server_processes) >= 3, "server, engine core, worker: nothing was seen of them"
    assert wait_until(lambda: not processes_of(label.environment), 0)
    log = label.log.read_text(encoding="utf-8", errors="replace")
    assert "Application startup complete" in log and "POST /v1/chat/completions" in log
    assert "ready after" in labelled.output


def test_second_run_asks_nothing(label, labelled):
    def state():
        return {
            file: (file.stat().st_mtime_ns, file.read_bytes())
            for folder in (".label", "personas")
            for file in (label.work.path / folder).rglob("*")
            if file.is_file()
        }

    before = state()
    again = label.run()
    assert again.status == 0, again.output
    assert again.server_processes == set() and "ready after" not in again.output
    assert state() == before
