"""The run's report: RUN/loss.png and RUN/report.md, written when a run ends, and by

\b
    python -m finetune.report RUN

at any time, also while it runs. Everything comes from the run's own files.
"""

from __future__ import annotations

import json
import os
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.heldout import HELD_OUT
from finetune.loss import STREAMS
from finetune.metrics import METRICS, TIMINGS
from finetune.watch import Start, Watcher
from finetune.watchers.samples import FOLDER as SAMPLES

REPORT = "report.md"
PICTURE = "loss.png"
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|!])")


class Report(Watcher):
    """Writes the report when the run ends, however it does."""

    _run: Path | None = None

    def on_start(self, start: Start) -> None:
        self._run = start.run

    def close(self) -> None:
        if self._run is not None and rows(self._run / METRICS):
            write_report(self._run)


def rows(file: Path) -> list[dict[str, Any]]:
    """A log's whole lines; a torn last one is left out."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def write_report(run: Path) -> Path:
    """Write both files and return the report's.

    Raises:
        ValueError: the folder is no run, or has taken no step yet.
    """
    from finetune.run_folder import saved_config

    config = saved_config(run, {})
    metrics, heldout = rows(run / METRICS), rows(run / HELD_OUT)
    if not metrics:
        raise ValueError(f"{run}: no step has been logged yet, so there is nothing to report")
    draw(run / PICTURE, metrics, heldout)
    lines = [
        f"# Run {_plain(run.resolve().name)}",
        "",
        *_outline(run, config, metrics),
        "",
        f"![loss by step]({PICTURE})",
        "",
        *_held_out(heldout),
        *_streams(metrics),
        *_machine(rows(run / TIMINGS)),
        *_evaluations(run),
        *_samples(run),
        "## Configuration",
        "",
        "```json",
        (run / "config.json").read_text(encoding="utf-8").strip(),
        "```",
    ]
    tmp = run / f".tmp-{REPORT}"
    tmp.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(tmp, run / REPORT)
    return run / REPORT


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); delete it, or write it again") from err


def _plain(text: str) -> str:
    """Text of others (prompts, words of a model) that Markdown and HTML leave as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split())).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _outline(run: Path, config: Any, metrics: list[dict[str, Any]]) -> Iterator[str]:
    summary = _read(run / "summary.json") if (run / "summary.json").exists() else {}
    base = summary.get("base", config.model.checkpoint)
    yield f"- base model: {_plain(base)}; training: {config.model.train}"
    if summary.get("toy"):
        yield "- **toy weights**: the figures show that the program works, nothing else"
    yield f"- steps: {metrics[-1]['step']} of {config.steps}; loss {metrics[0]['loss']:.4f} → {metrics[-1]['loss']:.4f}"
    frames = metrics[-1]["frames"]
    total = sum(frames.values()) or 1
    shares = ", ".join(f"{_plain(n)} {f} ({f / total:.1%})" for n, f in frames.items())
    yield f"- dialogue frames trained on: {shares}"


def _held_out(heldout: list[dict[str, Any]]) -> Iterator[str]:
    if not heldout:
        return
    first, last = heldout[0], heldout[-1]
    known = [row for row in heldout if row["loss"] is not None]
    yield "## Held-out loss (valid), nats per target"
    yield ""
    if known:
        best = min(known, key=lambda row: row["loss"])
        yield f"Best after step {best['step']}: {best['loss']:.4f}."
        yield ""
    yield from _head("dataset", "stream", f"step {first['step']}", f"step {last['step']}", "change")
    for name, values in last["datasets"].items():
        for stream in ("loss", *STREAMS):
            old, new = first["datasets"][name][stream], values[stream]
            if old is not None and new is not None:
                yield f"| {_plain(name)} | {stream} | {old:.4f} | {new:.4f} | {new - old:+.4f} |"
    yield ""


def _streams(metrics: list[dict[str, Any]]) -> Iterator[str]:
    tail = metrics[-min(len(metrics), 50) :]
    yield f"## Training loss by stream, mean of the last {len(tail)} steps"
    yield ""
    yield from _head("dataset", *STREAMS)
    for name in tail[-1]["streams"]:
        cells = []
        for stream in STREAMS:
            values = [v for row in tail if (v := row["streams"][name][stream]) is not None]
            cells.append(f"{statistics.fmean(values):.4f}" if values else "-")
        yield f"| {_plain(name)} | {' | '.join(cells)} |"
    yield ""


def _machine(timings: list[dict[str, Any]]) -> Iterator[str]:
    if not timings:
        return
    yield "## Speed"
    yield ""
    yield from _head("", "median", "worst")
    for name, key, worst in (
        ("seconds a step", "step_s", max),
        ("share of it waiting for data", "data_share", max),
        ("dialogue frames per second", "frames_per_s", min),
        ("MFU", "mfu", min),
    ):
        values = [row[key] for row in timings if row.get(key) is not None]
        if values:
            yield f"| {name} | {statistics.median(values):.4g} | {worst(values):.4g} |"
    peak = max(row["peak_memory_bytes"] for row in timings)
    yield f"| peak memory, GiB | {peak / 2**30:.1f} | |"
    yield ""


def _evaluations(run: Path) -> Iterator[str]:
    for file in sorted(run.glob("evaluate-*.json")):
        result = _read(file)
        yield f"## Evaluation on {_plain(result['split'])}, {_plain(result['checkpoint'])}"
        yield ""
        yield from _head("dataset", "figure", "base", "fine-tuned")
        for name, after in result["losses"]["fine_tuned"].items():
            before = result["losses"]["base"][name]
            yield f"| {_plain(name)} | held-out loss | {before['loss']:.4f} | {after['loss']:.4f} |"
        for name, after in (result.get("prompts") or {}).get("fine_tuned", {}).items():
            before = result["prompts"]["base"][name]
            if after and before:
                rises = f"{before['rise']['loss']:+.4f} | {after['rise']['loss']:+.4f}"
                yield f"| {_plain(name)} | rise with another prompt | {rises} |"
        yield from _turns(result)
        yield ""


def _turns(result: dict[str, Any]) -> Iterator[str]:
    turns = result.get("turns") or {"base": {}, "fine_tuned": {}}
    for name, after in turns["fine_tuned"].items():
        for ear, values in after.items():
            for kind, metrics in values["model"].items():
                for metric, new in metrics.items():
                    old = turns["base"][name][ear]["model"].get(kind, {}).get(metric)
                    if metric != "moments" and (old, new) != (None, None):
                        before, tuned = ("-" if value is None else f"{value:.3f}" for value in (old, new))
                        yield f"| {_plain(name)} | {kind} {metric} ({ear}) | {before} | {tuned} |"


def _samples(run: Path) -> Iterator[str]:
    folders = sorted((run / SAMPLES).glob("step-*"))
    if not folders:
        return
    yield "## What it says"
    yield ""
    yield from _head("step", "call", "prompt", "said")
    for folder in (folders[0], folders[-1])[: len(folders)]:
        for file in sorted(folder.glob("*.json")):
            row = _read(file)
            sound = f"[{_plain(row['call_id'])}]({SAMPLES}/{folder.name}/{file.stem}.wav)"
            prompt, said = (_plain(row[key])[:300] for key in ("prompt", "said"))
            yield f"| {int(folder.name.split('-')[1])} | {sound} | {prompt} | {said} |"
    yield ""


def _head(*columns: str) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"


def draw(file: Path, metrics: list[dict[str, Any]], heldout: list[dict[str, Any]]) -> None:
    """Loss by step: training, its running mean, held-out; beside it each stream's held-out loss."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in metrics]
    losses = [row["loss"] for row in metrics]
    window = max(1, len(losses) // 50)
    means = [statistics.fmean(losses[max(0, i - window + 1) : i + 1]) for i in range(len(losses))]
    left.plot(steps, losses, color="0.8", linewidth=0.8, label="training")
    left.plot(steps, means, color="C0", label=f"mean of {window} steps")
    known = [(row["step"], row["loss"]) for row in heldout if row["loss"] is not None]
    if known:
        left.plot(*zip(*known, strict=True), color="C1", marker="o", markersize=3, label="held-out")
    left.set(xlabel="step", ylabel="loss")
    left.legend()
    for name in heldout[-1]["datasets"] if heldout else []:
        for stream in STREAMS:
            points = [(r["step"], v) for r in heldout if (v := r["datasets"][name][stream]) is not None]
            if points:
                right.plot(*zip(*points, strict=True), marker="o", markersize=3, label=f"{name} {stream}")
    right.set(xlabel="step", ylabel="held-out nats per target")
    if right.lines:
        right.legend(fontsize=7)
    tmp = file.with_name(f".tmp-{file.name}")
    figure.savefig(tmp, format="png", dpi=110, metadata={"Software": None})
    os.replace(tmp, file)
