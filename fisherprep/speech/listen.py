"""A listening sheet: calls of a work folder as one HTML page that needs nothing beside it.

Each call has a player (its audio is in the page, as FLAC), the waveform of each channel, and under it the words where
they are said; a click on the waveform plays from there. All that comes from transcripts, scripts and prompts is
escaped, and the page's own policy lets nothing but its own script run and nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.ldc import is_ldc
from fisherprep.schema import SIDES
from fisherprep.sound import sound_bytes
from fisherprep.workfolder import WorkFolder, shard_of

LDC_WARNING = "This page holds LDC audio and transcripts: its licence is theirs. Do not put it where others can get it."
_PX_PER_S = 110
_WAVE_PX = 70
_ROWS = 3
"""Words lie in rows, each in the one after its neighbour's, since short words lie close."""
_ROW_PX = 14

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1d2430;background:#fff}
.warn{background:#fff3cd;border:1px solid #e0c36a;padding:.6rem .9rem}
section{border-top:1px solid #d5dae2;padding:1rem 0}h1{font-size:1.5rem}h2{font-size:1.1rem;margin:.2rem 0}
.meta{color:#5b6675}.prompt{background:#f3f5f8;padding:.5rem .8rem;white-space:pre-wrap}
audio{width:100%;margin:.5rem 0}.time{overflow-x:auto;position:relative;border:1px solid #e3e7ed}
svg{display:block}svg text{font:10px system-ui,sans-serif;fill:#1d2430}path.a{fill:#2f6fb0}path.b{fill:#b0562f}
.now{position:absolute;top:0;bottom:0;width:1px;background:#d11;left:0}
"""
_SCRIPT = """
for (const section of document.querySelectorAll("section")) {
  const audio = section.querySelector("audio"), strip = section.querySelector(".time");
  const now = section.querySelector(".now"), scale = Number(strip.dataset.pxPerS);
  const follow = () => {
    const x = audio.currentTime * scale;
    now.style.left = x + "px";
    if (!audio.paused && (x < strip.scrollLeft || x > strip.scrollLeft + strip.clientWidth * 0.9)) {
      strip.scrollLeft = x - strip.clientWidth * 0.1;
    }
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", follow);
  strip.addEventListener("click", (event) => {
    audio.currentTime = (event.clientX - strip.getBoundingClientRect().left + strip.scrollLeft) / scale;
    audio.play();
  });
}
"""


@dataclass(frozen=True)
class Sheet:
    """A finished page."""

    html: str
    calls: int
    holds_ldc: bool
    left_out: tuple[str, ...]
    """calls whose audio cannot be read, and why"""


def listening_sheet(work: WorkFolder, calls: int, seconds: float, only: Iterable[str] = ()) -> Sheet:
    """The page of some calls of a work folder.

    Args:
        work: a folder with conversations.
        calls: how many, chosen by the hash of their ids: the same at every run.
        seconds: how much of each call, from its start.
        only: ids of the calls, in place of a choice.

    Raises:
        ValueError: there are no conversations, or one of ``only`` is not there.
    """
    rows = {row["call_id"]: row for row in work.read("conversations").to_pylist()}
    if not rows:
        raise ValueError(f"{work.path}: no conversations yet; run `fisherprep ingest` or `fisherprep synthesize` first")
    chosen = list(only) or sorted(rows, key=lambda call_id: hashlib.sha256(call_id.encode()).hexdigest())[:calls]
    if unknown := [call_id for call_id in chosen if call_id not in rows]:
        raise ValueError(f"{work.path}: found no call {unknown[0]!r}, expected one of its {len(rows)} conversations")
    parts, left_out = [], []
    for call_id in sorted(chosen):
        try:
            parts.append(_section(work, rows[call_id], seconds))
        except ValueError as err:
            left_out.append(str(err))
    holds_ldc = any(is_ldc(rows[call_id]) for call_id in chosen)
    return Sheet(_page(work.name, parts, holds_ldc, left_out), len(parts), holds_ldc, tuple(left_out))


def _page(name: str, parts: list[str], holds_ldc: bool, left_out: list[str]) -> str:
    allowed = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    notes = [LDC_WARNING] if holds_ldc else []
    notes += [f"Left out: {problem}" for problem in left_out]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{escape(name)}: listening sheet</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(name)}: {len(parts)} calls</h1>",
            *(f'<p class="warn">{escape(note)}</p>' for note in notes),
            *parts,
            f"<script>{_SCRIPT}</script></body></html>\n",
        ]
    )


def _section(work: WorkFolder, row: dict[str, Any], seconds: float) -> str:
    audio = read_call_audio(work, row)
    samples = audio.samples[:, : round(seconds * audio.rate_hz)]
    length_s = samples.shape[1] / audio.rate_hz
    rows = _rows_of(work, row["call_id"])
    facts = [f"{row['duration_s']:.1f} s", row["split"], row["topic_title"], *row["flags"]]
    if length_s < row["duration_s"]:
        facts.insert(1, f"the first {length_s:.0f} s here")
    prompts = "".join(
        f'<p class="prompt"><b>Prompt of side {escape(side)}:</b> {escape(text)}</p>' for side, text in rows["prompts"]
    )
    return "\n".join(
        [
            f"<section><h2>{escape(row['call_id'])}</h2>",
            f'<p class="meta">{escape(" · ".join(str(fact) for fact in facts if fact))}</p>{prompts}',
            f'<audio controls preload="metadata" src="data:audio/flac;base64,{_flac(samples, audio.rate_hz)}"></audio>',
            f'<div class="time" data-px-per-s="{_PX_PER_S}"><div class="now"></div>',
            *(_channel(side, samples[i], audio.rate_hz, row, rows["said"]) for i, side in enumerate(SIDES)),
            "</div></section>",
        ]
    )


def _rows_of(work: WorkFolder, call_id: str) -> dict[str, list[Any]]:
    """What is said (side, start_s, text), words where there are any and turns otherwise, and (side, prompt)."""

    def of(table: str) -> list[dict[str, Any]]:
        return [r for r in work.read(table, shard_of(call_id)).to_pylist() if r["call_id"] == call_id]

    said = [(r["side"], r["start_s"], r["word"]) for r in of("words")]
    said = said or [(r["side"], r["start_s"], r["text"]) for r in of("turns")]
    prompts = [(r["side"], r["prompts"][-1]) for r in of("personas") if r["prompts"]]
    return {"said": sorted(said, key=lambda item: item[1]), "prompts": prompts}


def _flac(samples: np.ndarray, rate_hz: int) -> str:
    return base64.b64encode(sound_bytes(samples.T, rate_hz, "FLAC")).decode()


def _channel(side: str, samples: np.ndarray, rate_hz: int, row: dict[str, Any], said: list[Any]) -> str:
    length_s = len(samples) / rate_hz
    width = max(1, round(length_s * _PX_PER_S))
    role = "agent" if row["agent_side"] == side else "user" if row["agent_side"] else ""
    own = [(start_s, text) for s, start_s, text in said if s == side and start_s < length_s]
    words = [
        f'<text x="{start_s * _PX_PER_S:.0f}" y="{_WAVE_PX + _ROW_PX * (i % _ROWS + 1)}">{escape(text)}</text>'
        for i, (start_s, text) in enumerate(own)
    ]
    label = f"side {side} {role} {row[f'speaker_{side}'] or ''}"
    return "\n".join(
        [
            f'<svg width="{width}" height="{_WAVE_PX + _ROWS * _ROW_PX + 8}" role="img" aria-label="{escape(label)}">',
            f'<path class="{side}" d="{_outline(samples, width)}"/><text x="4" y="11">{escape(label)}</text>',
            *words,
            "</svg>",
        ]
    )


def _outline(samples: np.ndarray, width: int) -> str:
    """The waveform's upper and lower edge, one point a pixel, scaled to the channel's own peak."""
    edges = np.linspace(0, len(samples), width + 1).astype(int)[:-1]
    scale = (_WAVE_PX / 2 - 2) / max(1, int(np.abs(samples.astype(np.int32)).max(initial=0)))
    middle = _WAVE_PX / 2
    tops = middle - np.maximum.reduceat(samples, edges) * scale
    bottoms = middle - np.minimum.reduceat(samples, edges) * scale + 0.5
    upper = [f"{x},{y:.1f}" for x, y in enumerate(tops)]
    lower = [f"{x},{y:.1f}" for x, y in reversed(list(enumerate(bottoms)))]
    return "M" + "L".join(upper + lower) + "Z"


def write_sheet(sheet: Sheet, target: Path) -> None:
    """Write the page whole or not at all.

    Raises:
        ValueError: it cannot be written there.
    """
    tmp = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        tmp.write_text(sheet.html, encoding="utf-8")
        tmp.replace(target)
    except OSError as err:
        raise ValueError(
            f"{target}: cannot be written ({err.strerror}); give --out a file in a folder that is yours"
        ) from err
