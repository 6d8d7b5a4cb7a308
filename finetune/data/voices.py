"""The bank of voice prompts of one split: a small index of the voices table; codes are read when a window is cut.

A speaker's candidates are those of all the split's calls. Where no other call of the speaker has one, a candidate of
the call itself serves, if it lies outside the trained window: a model that was shown the very frames it has to predict
would learn to copy them.

Legend: V candidates of the split, Tv frames of one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from finetune.data.checks import check_span
from finetune.data.tables import Place, RowGroups, check_columns, check_ids, codes_of, places, read_columns, shards
from fisherprep.schema import FRAME_RATE_HZ, NUM_CODEBOOKS, SIDES, VOICES

MARGIN_FRAMES = 25
"""Frames (2 s) that lie at least between a window and a voice prompt of the same call, so that not even one utterance
is in both."""

_COLUMNS = ("call_id", "side", "speaker", "index", "start_s", "end_s")


@dataclass(frozen=True)
class _Index:
    """Candidates sorted by speaker, call, side and index, ``[V]`` each; ``begin`` and ``end`` in frames of the call."""

    call: np.ndarray
    side: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    num_frames: np.ndarray
    file: np.ndarray
    group: np.ndarray
    row: np.ndarray


class VoiceBank:
    """The candidates of one split. Open with ``open_voices``."""

    def __init__(self, files: list[Path], calls: list[str], speakers: dict[str, range], index: _Index) -> None:
        self._groups = RowGroups(files, ("call_id", "codes"))
        self._calls = calls
        self._number_of = {call: number for number, call in enumerate(calls)}
        self._speakers = speakers
        self._index = index

    def __len__(self) -> int:
        return len(self._index.call)

    @property
    def nbytes(self) -> int:
        """Bytes of the index's arrays."""
        return sum(array.nbytes for array in vars(self._index).values())

    def of_other_calls(self, speaker: str, call_id: str) -> np.ndarray:
        """Numbers of the speaker's candidates in other calls."""
        found = self._of(speaker)
        return found[self._index.call[found] != self._number_of.get(call_id, -1)]

    def of_call(self, speaker: str, call_id: str, side: str) -> np.ndarray:
        """Numbers of the speaker's candidates on one side of one call."""
        found = self._of(speaker)
        own = self._index.call[found] == self._number_of.get(call_id, -1)
        return found[own & (self._index.side[found] == SIDES.index(side))]

    def _of(self, speaker: str) -> np.ndarray:
        span = self._speakers.get(speaker, range(0))
        return np.arange(span.start, span.stop)

    def num_frames(self, voices: int | np.ndarray) -> np.ndarray:
        """Tv of one or several candidates."""
        return self._index.num_frames[voices]

    def may_introduce(self, voice: int, call_id: str, start: int, end: int) -> bool:
        """Whether a candidate may stand before frames ``start`` to ``end`` of a call: it is of another call, or lies
        ``MARGIN_FRAMES`` or more outside of them."""
        if self._calls[self._index.call[voice]] != call_id:
            return True
        begin, finish = self._index.begin[voice], self._index.end[voice]
        return bool(finish + MARGIN_FRAMES <= start or end + MARGIN_FRAMES <= begin)

    def source(self, voice: int) -> tuple[str, str, float, float]:
        """Call, side, first frame and end of a candidate; times in frames of the call."""
        i = self._index
        return self._calls[i.call[voice]], SIDES[i.side[voice]], float(i.begin[voice]), float(i.end[voice])

    def read(self, voice: int) -> np.ndarray:
        """``[8, Tv]`` codes of a candidate.

        Raises:
            ValueError: the file has changed or vanished since it was opened.
        """
        i = self._index
        call_id = self._calls[i.call[voice]]
        place = Place(int(i.file[voice]), int(i.group[voice]), int(i.row[voice]))
        codes = codes_of(self._groups.row(place, call_id)["codes"])
        if codes.shape[1] != i.num_frames[voice]:
            raise ValueError(
                f"{self._groups.files[place.file]}: changed while in use; start again when encode has finished"
            )
        return codes

    def fingerprint(self) -> str:
        """Hash of the index."""
        digest = hashlib.sha256()
        for speaker, span in self._speakers.items():
            digest.update(f"{speaker}\0{span.start}\0".encode())
        for number in self._index.call:
            digest.update(f"{self._calls[number]}\0".encode())
        digest.update(self._groups.fingerprint().encode())
        for array in (self._index.side, self._index.begin, self._index.end, self._index.num_frames):
            digest.update(array.tobytes())
        return digest.hexdigest()


def open_voices(work: Path, calls: list[str], card: int) -> VoiceBank:
    """The bank of the split that consists of ``calls``; empty where there is no voices table.

    Raises:
        ValueError: a file cannot be read, has other columns, or codes that the checkpoint does not know.
    """
    files = shards(work, VOICES)
    number_of = {call: number for number, call in enumerate(calls)}
    speakers, rows = [], []
    for number, file in enumerate(files):
        metadata = check_columns(file, VOICES)
        check_ids(file, metadata, "codes", 0, card, "codes")
        table = read_columns(file, (*_COLUMNS, "codes"))
        lengths = _lengths(file, table["codes"].combine_chunks()).tolist()
        for values, place, length in zip(
            table.select(_COLUMNS).to_pylist(), places(number, metadata), lengths, strict=True
        ):
            call = number_of.get(values["call_id"])
            if call is None:
                continue
            check_span(file, values)
            begin, end = (values[key] * FRAME_RATE_HZ for key in ("start_s", "end_s"))
            if values["side"] not in SIDES:
                raise ValueError(f"{file}: side is {values['side']!r}, expected a or b; run `fisherprep check`")
            speakers.append(values["speaker"])
            where = (place.file, place.group, place.row)
            rows.append((call, SIDES.index(values["side"]), values["index"], begin, end, length, *where))
    return _bank(files, calls, speakers, rows)


def _bank(files: list[Path], calls: list[str], speakers: list[str], rows: list[tuple]) -> VoiceBank:
    order = sorted(range(len(rows)), key=lambda i: (speakers[i], calls[rows[i][0]], *rows[i][1:3]))
    types = (np.int32, np.int8, np.int32, np.float32, np.float32, np.int32, np.int32, np.int32, np.int32)
    columns = zip(*(rows[i] for i in order), strict=True) if rows else [()] * len(types)
    call, side, _, *rest = (np.array(values, dtype) for values, dtype in zip(columns, types, strict=True))
    spans: dict[str, range] = {}
    for position, i in enumerate(order):
        first = spans[speakers[i]].start if speakers[i] in spans else position
        spans[speakers[i]] = range(first, position + 1)
    return VoiceBank(files, calls, spans, _Index(call, side, *rest))


def _lengths(file: Path, codes: pa.FixedSizeListArray) -> np.ndarray:
    """``[rows]`` frames of each candidate's codes.

    Raises:
        ValueError: a candidate has none, or its codebooks are not of one length.
    """
    whole = codes.null_count == 0
    frames = np.diff(codes.flatten().offsets.to_numpy()).reshape(-1, NUM_CODEBOOKS) if len(codes) else np.empty((0, 8))
    if not (whole and (frames == frames[:, :1]).all() and frames.all()):
        raise ValueError(
            f"{file}: a voice without codes, or with codebooks of unlike length; delete the file and run "
            "`fisherprep encode` again"
        )
    return frames[:, 0]
