"""How much of a server's speed labelling uses: `fisherprep label` against the same requests sent flat out.

Generates a work folder of calls, labels it through a server, and then sends the very same requests to the same server
with nothing around them: plain httpx, the same number in flight. The server is a scripted one with a realistic
latency, in a process of its own, or a real one (``--server URL``; then each side is asked with another seed, so that
nothing but the prefix comes from its cache). Requests per second count from the first request to the last reply. Both
ways are taken in turn, ``--rounds`` times; the best of each counts.

The default, 16 in flight at 500 ms, is 32 answers a second, which two cores that serve, ask, check and write at once
can do; with a shorter latency the figure is one of the processor more than of the client. The last line is JSON:

    ratio_vs_flat_out        requests/s of `fisherprep label` over requests/s flat out
    label_requests_per_s     of `fisherprep label`, with reading, caching, checking and writing
    flat_out_requests_per_s  of the same requests alone
    whole_run_s              of `fisherprep label`, start-up and writing of the last shard included

Run: python benchmarks/bench_label.py [--calls 400] [--concurrency 16] [--latency-ms 500] [--server URL --model NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fake_openai import MODEL  # noqa: E402
from label_calls import make_work  # noqa: E402

from fisherprep.engine import local_engine  # noqa: E402
from fisherprep.label.asking import read_calls  # noqa: E402
from fisherprep.label.exchange import Exchange, Pending  # noqa: E402
from fisherprep.label.llm import Labelled, label_calls  # noqa: E402
from fisherprep.llm.endpoint import Endpoint  # noqa: E402
from fisherprep.llm.servers import joined  # noqa: E402
from fisherprep.llm.settings import Limits, Plan  # noqa: E402
from fisherprep.workfolder import WorkFolder  # noqa: E402


@contextmanager
def fake_server(latency_ms: float) -> Iterator[str]:
    """The address of a scripted server in a process of its own."""
    command = [sys.executable, str(ROOT / "tests" / "fake_openai.py"), "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.write("end\n")
        server.stdin.close()


def label(work: WorkFolder, plan: Plan, endpoint: Endpoint, concurrency: int, workers: int) -> tuple[Labelled, float]:
    """Label the folder, and how long the whole took in seconds."""
    began = time.perf_counter()
    limits, engine = Limits(concurrency=concurrency), local_engine(workers)
    labelled = label_calls(work, plan, None, limits, lambda: joined([endpoint], plan), engine)
    return labelled, time.perf_counter() - began


def bodies_of(work: WorkFolder, plan: Plan) -> list[dict]:
    """The first request about every call."""
    shards = [file.stem for file in work.files("conversations")]
    steps = [Exchange(*rows, plan).step({}) for shard in shards for rows in read_calls(work, shard)]
    return [step.body for step in steps if isinstance(step, Pending)]


async def flat_out(bodies: list[dict], endpoint: Endpoint, concurrency: int) -> float:
    """Seconds for all the requests with so many in flight."""
    left = iter([json.dumps(body).encode() for body in bodies])
    headers = {"content-type": "application/json"}

    async def send(http: httpx.AsyncClient) -> None:
        for content in left:
            response = await http.post(f"{endpoint.url}/chat/completions", content=content, headers=headers)
            response.raise_for_status()

    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, **endpoint.http_options(600.0)) as http:
        began = time.perf_counter()
        await asyncio.gather(*(send(http) for _ in range(concurrency)))
        return time.perf_counter() - began


def measure(options: argparse.Namespace, url: str) -> dict[str, float]:
    """Both ways in turn; the best of each."""
    endpoint, label_s, flat_s, whole_s = Endpoint.of(url), [], [], []
    plan = Plan(options.model, context_length=options.context_length, max_tokens=options.max_tokens, retries=0)
    with tempfile.TemporaryDirectory() as folder:
        for n in range(options.rounds):
            work = make_work(Path(folder) / str(n), options.calls, options.turns)
            labelled, whole = label(work, replace(plan, seed=2 * n), endpoint, options.concurrency, options.workers)
            assert labelled.traffic.answers == options.calls, labelled.traffic
            label_s.append(labelled.asked_s)
            whole_s.append(whole)
            bodies = bodies_of(work, replace(plan, seed=2 * n + 1 if options.server else 2 * n))
            flat_s.append(asyncio.run(flat_out(bodies, endpoint, options.concurrency)))
            print(f"round {n}: label {label_s[-1]:.2f} s (whole run {whole:.2f} s), flat out {flat_s[-1]:.2f} s")
    return {
        "ratio_vs_flat_out": round(min(flat_s) / min(label_s), 4),
        "label_requests_per_s": round(options.calls / min(label_s), 2),
        "flat_out_requests_per_s": round(options.calls / min(flat_s), 2),
        "whole_run_s": round(min(whole_s), 2),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--turns", type=int, default=190, help="of a call (Fisher has about 190)")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--latency-ms", type=float, default=500.0, help="of the scripted server")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--workers", type=int, default=1, help="that write shards; 1 is this process, the command's default"
    )
    parser.add_argument("--server", help="address of a real server")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--context-length", type=int, default=Plan.context_length)
    parser.add_argument("--max-tokens", type=int, default=Plan.max_tokens)
    options = parser.parse_args()
    if options.server:
        result = measure(options, options.server)
    else:
        with fake_server(options.latency_ms) as url:
            result = measure(options, url)
    print(json.dumps({"calls": options.calls, "concurrency": options.concurrency, **result}))


if __name__ == "__main__":
    main()
