"""The text files of a release besides the transcripts: doc tables, file tables, topics, readmes."""

from __future__ import annotations

from collections.abc import Iterable

from fisherprep.demo.dialogue import topics
from fisherprep.demo.layout import Part, call_id
from fisherprep.demo.plan import CallPlan, CallSide, Plan
from fisherprep.schema import SIDES

CALLDATA_HEADER = (
    "CALL_ID,DATE_TIME,TOPICID,SIG_GRADE,CNV_GRADE,APIN,ASX.DL,APHNUM,APHSET,APHTYP,BPIN,BSX.DL,BPHNUM,BPHSET,BPHTYP"
)
PINDATA_HEADER = "PIN,S_SEX,S_AGE,EDU,NATIVE_LANG,WHERE_RAISED,NUM_SIDES,SIDE_DATA"
"""The name of the seventh column is the demo's own; the real one is not known."""

_README = (
    "This is a made-up release in the layout of the Fisher English corpus.\n"
    "Voices are synthetic and nobody took part in these calls.\n"
)


def release_texts(plan: Plan, part: Part) -> dict[str, str]:
    """Path in the release -> content, for one part: everything but audio and transcripts."""
    calls = [c for c in plan.calls if c.part is part]
    doc = f"{part.tran}/doc/fe_03_"
    texts = {
        f"{part.tran}/index.html": _index(f"fe_03_p{part.number}_tran", ["doc/", "data/trans/", "data/bbn_orig/"]),
        f"{doc}readme.txt": _README,
        f"{doc}p{part.number}_calldata.tbl": _lines([CALLDATA_HEADER, *map(_calldata_row, calls)]),
        f"{doc}pindata.tbl": _lines([PINDATA_HEADER, *_pindata_rows(plan)]),
        f"{doc}p{part.number}_filelist.tbl": _lines("\t".join(_filelist_row(c)) for c in calls),
        f"{doc}topics.sgm": "".join(
            f'<topic id="{t.id}" title="{t.title}" >\n{t.text}\n</topic>\n\n' for t in topics()
        ),
    }
    for volume in sorted({part.volume(c.number) for c in calls}):
        texts |= _volume_texts(part, volume, [c for c in calls if part.volume(c.number) == volume])
    return texts


def _volume_texts(part: Part, volume: int, calls: list[CallPlan]) -> dict[str, str]:
    root = part.volume_root(volume)
    files = _lines(f"{part.volume_label(volume)} {call_id(c.number)}.sph {_sexes(c)}" for c in calls)
    if part.number == 1:
        name = root.rpartition("/")[2]
        return {f"{root}/0readme.txt": _README, f"{root}/filetable.txt": files, f"{root}/volume_id.txt": f"{name}\n"}
    return {f"{root}/index.html": _index(part.volume_label(volume), ["audio/"]), f"{root}/docs/filetable2.txt": files}


def _calldata_row(call: CallPlan) -> str:
    topic = topics()[call.topic].id if call.topic_listed else ""
    # a PIN now and then carries a space, which readers must trim
    padding = " " if call.number % 17 == 0 else ""
    fields = [
        f"{call.number:05d}",
        f"{call.date_time:%Y%m%d_%H:%M:%S}",
        topic,
        call.signal_grade,
        call.conversation_grade,
    ]
    for side in SIDES:
        s = call.sides[side]
        fields += [padding + s.pin, f"{s.sex}.{s.dialect}", s.phone_number, s.phone_set, s.phone_type]
    return ",".join(fields)


def _pindata_rows(plan: Plan) -> Iterable[str]:
    seats: dict[str, list[str]] = {}
    for call in plan.calls:
        for side, s in call.sides.items():
            seats.setdefault(s.pin, []).append(_side_data(call, side, s))
    for p in plan.speakers:
        sides = seats[p.pin]
        yield ",".join(
            (
                p.pin,
                p.sex.upper(),
                p.age,
                p.education,
                p.native_language,
                p.where_raised,
                str(len(sides)),
                ";".join(sides),
            )
        )


def _side_data(call: CallPlan, side: str, s: CallSide) -> str:
    return f"{call.number:05d}_{side.upper()}/{s.sex}.{s.dialect}"


def _filelist_row(call: CallPlan) -> tuple[str, ...]:
    part = call.part
    label = part.volume_label(part.volume(call.number))
    return label, f"{call.number:05d}", _sexes(call), call.transcriber.upper()


def _sexes(call: CallPlan) -> str:
    return "".join(call.sides[side].sex for side in SIDES)


def _index(title: str, entries: list[str]) -> str:
    items = "".join(f'<li><a href="{e}">{e}</a></li>\n' for e in entries)
    return f"<html><head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{items}</ul>\n</body></html>\n"


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
