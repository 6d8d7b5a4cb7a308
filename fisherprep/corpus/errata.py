"""Known errors of the transcripts and recordings: ``errata.yaml`` holds them with their sources, this applies them.

An erratum names a line by call, side and stated times. Where no line matches, the copy is either mended already, or not
the file that the erratum speaks of: the first is counted, the second becomes a row of the rejects table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.problems import BadInput, quoted
from fisherprep.corpus.transcript import Transcript, Utterance

START_TOLERANCE_S = 0.011
"""Starts have two decimals, and peers that truncate them print 10 ms less."""
END_TOLERANCE_S = 0.021
"""Peers that publish the same erratum differ by 10 ms in its end."""


@dataclass(frozen=True)
class Erratum:
    """One known error of a line (``do`` is drop, text or start), or of a recording (``do`` is flag)."""

    call_id: str
    do: str
    sources: tuple[str, ...]
    side: str | None = None
    start_s: float = 0.0
    end_s: float = 0.0
    text: str = ""
    new_start_s: float = 0.0

    @property
    def key(self) -> str:
        """How summaries name it: call, side, start and what is done."""
        return f"{self.call_id} {self.side} {self.start_s:.2f} {self.do}" if self.side else f"{self.call_id} {self.do}"

    def named(self, u: Utterance) -> bool:
        """Whether it speaks of this line."""
        return self._at(u, self.start_s) and abs(u.end_s - self.end_s) <= END_TOLERANCE_S

    def mended(self, u: Utterance) -> bool:
        """Whether this line is the erratum's, mended already."""
        if self.do == "start":
            return self._at(u, self.new_start_s) and abs(u.end_s - self.end_s) <= END_TOLERANCE_S
        return self.do == "text" and self.named(u) and normalize(u.text) == normalize(self.text)

    def _at(self, u: Utterance, start_s: float) -> bool:
        return u.side == self.side and abs(u.start_s - start_s) <= START_TOLERANCE_S

    @property
    def mark(self) -> list[Any]:
        """What a shard depends on."""
        return [self.key, self.text, self.new_start_s, self.end_s, list(self.sources)]


@cache
def load_errata() -> dict[str, tuple[Erratum, ...]]:
    """All errata by call id."""
    import yaml

    content = yaml.safe_load(resources.files(__package__).joinpath("errata.yaml").read_text(encoding="utf-8"))
    sources = content["sources"]
    by_call: dict[str, list[Erratum]] = defaultdict(list)
    for entry in content["lines"] + [{"do": "flag"} | entry for entry in content["calls"]]:
        fields = entry | {"sources": tuple(sources[name] for name in entry["sources"]), "call_id": entry["call"]}
        del fields["call"]
        by_call[entry["call"]].append(Erratum(**fields))
    return {call_id: tuple(errata) for call_id, errata in by_call.items()}


def apply_errata(transcript: Transcript, errata: tuple[Erratum, ...]) -> Counter[str]:
    """Mend the lines of a call's transcript in place.

    A dropped line, and an erratum without its line (as line 0), are added to ``transcript.odd``. A line whose words are
    replaced keeps its text; its words go to ``transcript.corrected``.

    Returns:
        What was done, for the summary: ``erratum applied: KEY``, ``erratum already mended: KEY``,
        ``erratum without its line: KEY``.
    """
    done: Counter[str] = Counter()
    for erratum in errata:
        if erratum.do == "flag":
            done[f"erratum applied: {erratum.key}"] += 1
        elif any(erratum.mended(u) for u in transcript.utterances):
            done[f"erratum already mended: {erratum.key}"] += 1
        elif lines := [i for i, u in enumerate(transcript.utterances) if erratum.named(u)]:
            done[f"erratum applied: {erratum.key}"] += 1
            for i in reversed(lines):
                _mend(transcript, i, erratum)
        else:
            done[f"erratum without its line: {erratum.key}"] += 1
            transcript.odd.append((0, _without_line(transcript, erratum)))
    return done


def _mend(transcript: Transcript, index: int, erratum: Erratum) -> None:
    u = transcript.utterances[index]
    if erratum.do == "drop":
        del transcript.utterances[index]
        found, expected = f"{_stated(u)} {quoted(u.text)}", f"left out by a known erratum ({erratum.sources[0]})"
        transcript.odd.append((u.line, BadInput("erratum", found, expected, "nothing to do; --no-errata keeps it")))
        return
    if erratum.do == "start":
        transcript.utterances[index] = u._replace(start_s=erratum.new_start_s)
    transcript.corrected[u.line] = erratum.text or u.text


def _without_line(transcript: Transcript, erratum: Erratum) -> BadInput:
    side = [u for u in transcript.utterances if u.side == erratum.side]
    near = min(side, key=lambda u: abs(u.start_s - erratum.start_s), default=None)
    found = f"no such line; the nearest is {_stated(near)} {quoted(near.text)}" if near else "no line of that side"
    expected = f"{erratum.start_s:.2f} {erratum.end_s:.2f} {str(erratum.side).upper()}, known to be wrong"
    return BadInput("erratum_without_line", found, expected, "compare with LDC's file; nothing was changed")


def _stated(u: Utterance) -> str:
    return f"{u.start_s:.2f} {u.end_s:.2f} {u.side.upper()}"
