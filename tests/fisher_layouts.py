"""The layouts in which copies of Fisher are found, each made from the canonical one (`fisher_builder.write_release`).

Every function rearranges a release in place and returns the roots to give. What a copy of that kind leads to besides
its tables (notes of duplicates, of lossy audio) stands in `NOTES` and `FLAGS`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from fisher_builder import write

from fisherprep.corpus.sphere import TABLES as G711

HEADER_BYTES = 1024


def _audio(root: Path) -> list[Path]:
    return sorted(root.rglob("*.sph"))


def _codes(path: Path) -> np.ndarray:
    """mu-law codes [N, 2] of a plain SPHERE file."""
    return np.frombuffer(path.read_bytes()[HEADER_BYTES:], np.uint8).reshape(-1, 2)


def _volumes(root: Path) -> Iterator[tuple[int, Path]]:
    yield from enumerate((root / "fisher_eng_tr_sp_d1", root / "fe_03_p2_sph1"), start=1)


def with_tran_level(root: Path) -> list[Path]:
    """Kaldi, DeepSpeech, SpeechBrain: LDC2004S13/<volume>/audio, LDC2004T19/fe_03_p1_tran."""
    for part, volume in _volumes(root):
        shutil.move(volume, root / f"LDC200{3 + part}S13" / volume.name)
        shutil.move(root / f"fe_03_p{part}_tran", root / f"LDC200{3 + part}T19" / f"fe_03_p{part}_tran")
    return [root]


def without_tran_level(root: Path) -> list[Path]:
    """lhotse: LDC2004T19/data/trans and LDC2004T19/doc."""
    for part, volume in _volumes(root):
        shutil.move(volume, root / f"LDC200{3 + part}S13" / volume.name)
        shutil.move(root / f"fe_03_p{part}_tran", root / f"LDC200{3 + part}T19")
    return [root]


def mixed_tran_levels(root: Path) -> list[Path]:
    """Part 1 with that level, Part 2 without."""
    shutil.move(root / "fe_03_p1_tran", root / "LDC2004T19" / "fe_03_p1_tran")
    shutil.move(root / "fe_03_p2_tran", root / "LDC2005T19")
    return [root]


def both_trees(root: Path) -> list[Path]:
    """LDC2005T19/{data,doc} and LDC2005T19/fe_03_p2_tran side by side."""
    shutil.copytree(root / "fe_03_p2_tran", root / "LDC2005T19")
    shutil.move(root / "fe_03_p2_tran", root / "LDC2005T19" / "fe_03_p2_tran")
    return [root]


def nemo(root: Path) -> list[Path]:
    """LDC2004S13-Part1/{fe_03_p1_transcripts,fisher_eng_tr_sp_d*}."""
    for part, volume in _volumes(root):
        outer = root / f"LDC200{3 + part}S13-Part{part}"
        shutil.move(volume, outer / volume.name)
        shutil.move(root / f"fe_03_p{part}_tran", outer / f"fe_03_p{part}_transcripts")
    return [root]


def merged_audio(root: Path) -> list[Path]:
    """One LDC2004S13/audio for all."""
    for path in _audio(root):
        _move(path, root / "LDC2004S13" / "audio" / path.name)
    return [root]


def no_volumes(root: Path) -> list[Path]:
    """000/*.wav that are SPHERE still, and some of them in a folder Missing."""
    for i, path in enumerate(_audio(root)):
        _move(path, root / ("Missing" if i == 1 else path.parent.name) / f"{path.stem}.wav")
    return [root]


def flattened_transcripts(root: Path) -> list[Path]:
    """data/trans/all_trans."""
    for path in sorted(root.rglob("fe_03_?????.txt")):
        _move(path, path.parents[1] / "all_trans" / path.name)
    return [root]


def double_nesting(root: Path) -> list[Path]:
    """What unzipping into a folder of the archive's name gives."""
    for _, volume in _volumes(root):
        shutil.move(volume, root / "moving")
        shutil.move(root / "moving", volume / volume.name / volume.name)
    return [root]


def spaces(root: Path) -> list[Path]:
    """training speech 1/d1/audio/000."""
    for part, volume in _volumes(root):
        shutil.move(volume, root / f"training speech {part}" / "d 1")
        shutil.move(root / f"fe_03_p{part}_tran", root / f"transcripts ({part})")
    return [root]


def moved_tables(root: Path) -> list[Path]:
    """doc/part1 and doc/part2, or fisher_metadata."""
    shutil.move(root / "fe_03_p1_tran" / "doc", root / "doc" / "part1")
    shutil.move(root / "fe_03_p2_tran" / "doc", root / "fisher_metadata")
    return [root]


def upper_case(root: Path) -> list[Path]:
    """ISO-9660 mounts, some of which show versions too."""
    for path in sorted(root.rglob("*"), key=lambda p: -len(p.parts)):
        path.rename(path.parent / (path.name.upper() + (";1" if path.suffix == ".sph" else "")))
    return [root]


def prefixed_tables(root: Path) -> list[Path]:
    """doc/*fe_03_p1_filelist.tbl."""
    for path in [*root.rglob("*.tbl"), *root.rglob("*.sgm")]:
        path.rename(path.with_name(f"2004t19_{path.name}"))
    return [root]


def wav_in_place(root: Path) -> list[Path]:
    """sph2pipe -p -f wav, the original deleted."""
    return _converted(root, lambda path, pcm: soundfile.write(path.with_suffix(".wav"), pcm, 8000, "PCM_16"))


def mulaw_wav(root: Path) -> list[Path]:
    """sph2pipe -f wav without -p: RIFF format 7."""
    return _converted(root, lambda path, pcm: soundfile.write(path.with_suffix(".wav"), pcm, 8000, "ULAW"))


def flac(root: Path) -> list[Path]:
    """FLAC in place."""
    return _converted(root, lambda path, pcm: soundfile.write(path.with_suffix(".flac"), pcm, 8000))


def doubled_ending(root: Path) -> list[Path]:
    """fe_03_NNNNN.sph.wav."""
    return _converted(root, lambda path, pcm: soundfile.write(path.with_suffix(".sph.wav"), pcm, 8000))


def wav_beside(root: Path) -> list[Path]:
    """NeMo: audio_wav/fe_03_NNNNN.wav beside the originals."""
    for path in _audio(root):
        target = root / "audio_wav" / f"{path.stem}.wav"
        target.parent.mkdir(exist_ok=True)
        soundfile.write(target, G711["ulaw"][_codes(path)], 8000)
    return [root]


def sides_as(pattern: str, names: str = "AB") -> Callable[[Path], list[Path]]:
    """A file for each side, named by a pattern of number and side."""

    def rearrange(root: Path) -> list[Path]:
        def write_sides(path: Path, pcm: np.ndarray) -> None:
            for channel, side in enumerate(names):
                name = pattern.format(n=int(path.stem[-5:]), side=side)
                (path.parent / name).parent.mkdir(exist_ok=True)
                soundfile.write(path.parent / name, pcm[:, channel], 8000)

        return _converted(root, write_sides)

    return rearrange


def sides_beside(root: Path) -> list[Path]:
    """DeepSpeech: _c1 and _c2 beside the originals."""
    for path in _audio(root):
        for channel in (0, 1):
            pcm = G711["ulaw"][_codes(path)[:, channel]]
            soundfile.write(path.with_name(f"{path.stem}_c{channel + 1}.wav"), pcm, 8000)
    return [root]


def several_roots(root: Path) -> list[Path]:
    """The four releases in four places."""
    roots = []
    for part, volume in _volumes(root):
        roots += [root.parent / f"speech {part}", root.parent / f"text {part}"]
        shutil.move(volume, roots[-2])
        shutil.move(root / f"fe_03_p{part}_tran", roots[-1])
    return roots[::-1]


def links_and_loops(root: Path) -> list[Path]:
    """Folders and files that are links, to one another too."""
    shutil.move(root / "fisher_eng_tr_sp_d1", root.parent / "elsewhere")
    (root / "audio link").symlink_to(root.parent / "elsewhere")
    (root / "zz again").symlink_to(root.parent / "elsewhere")
    (root.parent / "elsewhere" / "back").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    for path in _audio(root / "fe_03_p2_sph1"):
        (root / path.name).symlink_to(path)
    return [root]


def strays(root: Path) -> list[Path]:
    """Archives, indexes, hidden copies and BBN's originals lying about."""
    write(root / "fe_03_p1_tran/data/bbn_orig/000/originals/fe_03_00001.txt", b"not this one")
    write(root / "fe_03_p1_tran/data/bbn_orig/000/auto-segmented/fe_03_00001.trn", b"NOT THIS ONE")
    write(root / ".Trash/fe_03_00001.sph", b"not this one")
    write(root / "__MACOSX/._fe_03_00002.sph", b"not this one")
    for name in ("fisher_eng_tr_sp_LDC2004S13.zip.001", "LDC2004T19.tgz", "fe_03_p1_sph1", "volume_id.txt"):
        write(root / name, b"PK")
    for name in ("index.html", "0readme.txt", "fisher_eng_tr_sp_d1/audio/000/index.html"):
        write(root / name, b"<html>")
    write(root / "fisher_eng_tr_sp_d1/filetable.txt", b"fe_03_p1_sph1 fe_03_00001.sph fm\n")
    return [root]


def _converted(root: Path, convert: Callable[[Path, np.ndarray], None]) -> list[Path]:
    for path in _audio(root):
        convert(path, G711["ulaw"][_codes(path)])
        path.unlink()
    return [root]


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)


LAYOUTS: dict[str, Callable[[Path], list[Path]]] = {
    re.sub("_", " ", layout.__name__): layout
    for layout in (
        with_tran_level, without_tran_level, mixed_tran_levels, both_trees, nemo, merged_audio, no_volumes,
        flattened_transcripts, double_nesting, spaces, moved_tables, upper_case, prefixed_tables, wav_in_place,
        mulaw_wav, flac, doubled_ending, wav_beside, sides_beside, several_roots, links_and_loops, strays,
    )
} | {
    "A and B": sides_as("fe_03_{n:05d}{side}.wav"),
    "c1 and c2": sides_as("fe_03_{n:05d}_c{side}.wav", "12"),
    "dot A and dot B": sides_as("fe_03_{n:05d}.{side}.flac"),
    "ch1 and ch2, upper case": sides_as("FE_03_{n:05d}-CH{side}.WAV", "12"),
    "numbers that lost their zeros": sides_as("{n}.{side}.wav"),
    "a folder for each side": sides_as("{side}/fe_03_{n:05d}_{side}.wav"),
}  # fmt: skip
NOTES = {"both trees": "duplicate", "wav beside": "duplicate", "sides beside": "duplicate"}
"""Layouts that hold something twice, which is said."""
