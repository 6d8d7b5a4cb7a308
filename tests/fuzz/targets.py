"""What is fuzzed: for each parser, the sound files that damage starts from, and how the parser is called."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np

from fisherprep.demo.tables import CALLDATA_HEADER, PINDATA_HEADER


@dataclass(frozen=True)
class Target:
    """``seeds`` makes the sound inputs; ``parse`` is given a damaged one, and raises only ``ValueError``."""

    seeds: Callable[[], tuple[bytes, ...]]
    parse: Callable[[bytes, Random], object]


# -- audio -----------------------------------------------------------------------------------------------------------


def _pcm(num_samples: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(num_samples)
    t = np.arange(num_samples)[:, None]
    tone = 6000 * np.sin(t * np.linspace(0.06, 0.2, channels)) * (t // 700 % 2)
    return (tone + rng.normal(0, 20, tone.shape)).astype(np.int16)


@cache
def _sphere_seeds() -> tuple[bytes, ...]:
    from fisherprep.demo.sphere import sphere_bytes, ulaw_from_pcm

    pcm = _pcm(2400, 2)
    codes = ulaw_from_pcm(pcm)
    return (
        sphere_bytes(codes, 8000, "ulaw", shorten=True),
        sphere_bytes(codes[:700, :1], 8000, "ulaw", shorten=True),
        sphere_bytes(pcm[:1000], 8000, "pcm", shorten=True),
        sphere_bytes(codes[:300], 8000, "ulaw", shorten=False),
        sphere_bytes(codes[:300], 8000, "alaw", shorten=False),
        sphere_bytes(pcm[:300], 8000, "pcm", shorten=False, byte_format="10"),
    )


@cache
def _converted_seeds() -> tuple[bytes, ...]:
    import soundfile

    kinds = (
        ("WAV", "PCM_16"),
        ("WAV", "ULAW"),
        ("WAV", "ALAW"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAVEX", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    )
    seeds = []
    for kind, subtype in kinds:
        file = io.BytesIO()
        soundfile.write(file, _pcm(4000, 2) / 32768, 8000, subtype, format=kind)
        seeds.append(file.getvalue())
    return tuple(seeds)


def _parse_audio(raw: bytes, rng: Random) -> None:
    from fisherprep.corpus.audio import decode_audio

    salvage, verify_checksum = rng.random() < 0.5, rng.random() < 0.5
    decoded = decode_audio(raw, salvage, verify_checksum)
    assert decoded.samples.dtype == np.int16 and decoded.samples.ndim == 2 and decoded.samples.size > 0
    assert 1000 <= decoded.rate_hz <= 384_000
    assert salvage or "salvaged" not in decoded.flags
    assert len(decoded.flags) == len(decoded.notes)


# -- text ------------------------------------------------------------------------------------------------------------

_TRANSCRIPT = """# fe_03_00001.sph
# Transcribed at the LDC

0.40 1.95 A: hello [laughter] this is

1.20 3.04 B: (( oh hi there )) i- i'm t._v. fan

3.10 2.80 A: <german (( ja )) > pot-heads 401k

4.00 4.00 B: [[skip]] mhm
"""
_CALLDATA = f"""{CALLDATA_HEADER}
00001,20021208_17:10:20,ENG01,3.5,4,1007,m.a,abc1,4,3, 2018,f.o,no_BPHNUM,,
00002,20021208_17:20:20,,3,,1007,f.a,abc1,4,3,,,,,
"""
_PINDATA = f"""{PINDATA_HEADER}
1007,M,34,16,English,WA,2,00001_A/m.a;00002_A/f.a
2018,F,NA,NA,"Other, mixed",NA,1,00001_B/f.o
"""
_FILELIST = "fe_03_p1_sph1\t00001\tmf\tldc\nfe_03_p1_sph1\t00002\tfm\tbbn\n"
_FILETABLE = "fe_03_p2_sph1 fe_03_05852.sph ff\nfe_03_p2_sph1 fe_03_05853.sph mf\n"
_TOPICS = """<topic id="ENG01" title="Garden Tools." >
Do you own a spade that costs over <<$5.15 & what for?
</topic>
<topic id="ENG02" title="Bread" >
Which bread?
</topic>
"""


def _texts(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    """The texts in UTF-8, with DOS line ends, and in UTF-16."""
    return lambda: tuple(
        raw for t in texts for raw in (t.encode(), t.replace("\n", "\r\n").encode("cp1252"), t.encode("utf-16"))
    )


def _parse_transcript(raw: bytes, rng: Random) -> None:
    from fisherprep.corpus.transcript import parse_transcript, place_turns

    duration_s = rng.choice((0.01, 3.0, 600.0))
    turns, _ = place_turns(parse_transcript(raw), duration_s)
    assert all(0 <= turn.start_s < turn.end_s <= duration_s for turn in turns)


def _table(name: str) -> Callable[[bytes, Random], None]:
    def parse(raw: bytes, rng: Random) -> None:
        from fisherprep.corpus import tables

        getattr(tables, f"parse_{name}")(raw, "a table", tables.Tables())

    return parse


TARGETS = {
    "sphere": Target(_sphere_seeds, _parse_audio),
    "converted": Target(_converted_seeds, _parse_audio),
    "transcript": Target(_texts(_TRANSCRIPT, _TRANSCRIPT.replace("at the LDC", "by BBN/WordWave")), _parse_transcript),
    "calldata": Target(_texts(_CALLDATA), _table("calldata")),
    "pindata": Target(_texts(_PINDATA), _table("pindata")),
    "filelist": Target(_texts(_FILELIST, _FILETABLE), _table("filelist")),
    "topics": Target(_texts(_TOPICS), _table("topics")),
}

GROUPS = {
    "audio": ("sphere", "converted"),
    "tables": ("calldata", "pindata", "filelist", "topics"),
    "all": tuple(TARGETS),
}
"""Names that stand for several targets."""
