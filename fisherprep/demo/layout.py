"""Where things lie in the four Fisher releases: parts, volumes, folders and file names.

The ranges are LDC's; which folders a volume holds is known from public guides to the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One part of the corpus: a speech release and a transcript release."""

    number: int
    first_call: int
    last_call: int
    speech: str
    """catalog number of the speech release"""
    transcripts: str
    """catalog number of the transcript release"""
    volume_folder: str
    """name of a volume's folder; ``{}`` is the volume's number"""
    last_folders: tuple[int, ...]
    """last folder (first three digits of the call number) of each volume"""

    @property
    def tran(self) -> str:
        """Folder of the transcript release."""
        return f"{self.transcripts}/fe_03_p{self.number}_tran"

    def volume(self, call: int) -> int:
        """The volume, from 1, that holds a call."""
        return next(n for n, last in enumerate(self.last_folders, start=1) if call // 100 <= last)

    def volume_root(self, volume: int) -> str:
        """Folder of a volume."""
        return f"{self.speech}/{self.volume_folder.format(volume)}"

    def volume_label(self, volume: int) -> str:
        """A volume's name in the tables, the same scheme in both parts."""
        return f"fe_03_p{self.number}_sph{volume}"

    def audio(self, call: int) -> str:
        """The audio file of a call."""
        return f"{self.volume_root(self.volume(call))}/audio/{call // 100:03d}/{call_id(call)}.sph"

    def transcript(self, call: int) -> str:
        """The transcript of a call."""
        return f"{self.tran}/data/trans/{call // 100:03d}/{call_id(call)}.txt"

    def bbn(self, call: int, kind: str, suffix: str) -> str:
        """One of the files as BBN delivered them; ``kind`` is auto-segmented, originals or rejected."""
        return f"{self.tran}/data/bbn_orig/{call // 100:03d}/{kind}/{call_id(call)}.{suffix}"


PARTS = (
    Part(1, 1, 5850, "LDC2004S13", "LDC2004T19", "fisher_eng_tr_sp_d{}", (7, 16, 25, 34, 43, 52, 58)),
    Part(2, 5851, 11699, "LDC2005S13", "LDC2005T19", "fe_03_p2_sph{}", (66, 75, 83, 91, 99, 108, 116)),
)
SHARED_FOLDER = 58
"""The folder that both parts have."""
LDC_ONLY_FROM = 11400
"""Folders 114 to 116 were transcribed at the LDC throughout: bbn_orig lacks them."""


def part_of(call: int) -> Part:
    """The part that a call belongs to."""
    return PARTS[call > PARTS[0].last_call]


def call_id(call: int) -> str:
    """A call's id: ``fe_03_NNNNN``."""
    return f"fe_03_{call:05d}"
