"""The release's tables: calls (calldata), speakers (pindata), file lists, topics.

Every parser takes bytes and gives records keyed as the conversations table names them, besides rows for the rejects
table with line numbers: a line that does not parse is left out, an odd value in a good line is left empty, and both
are said. Copies of a table, and the two parts' tables, are merged: an empty value is filled from a later copy, a value
that differs is kept as it was first read and noted as ``table_conflict``.
"""

from __future__ import annotations

import csv
import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.corpus import cell
from fisherprep.corpus.candidates import SourceFile
from fisherprep.corpus.layout import Release
from fisherprep.corpus.problems import problem, quoted, text_lines

Record = dict[str, Any]

CALLDATA = (
    "CALL_ID", "DATE_TIME", "TOPICID", "SIG_GRADE", "CNV_GRADE",
    "APIN", "ASX.DL", "APHNUM", "APHSET", "APHTYP", "BPIN", "BSX.DL", "BPHNUM", "BPHSET", "BPHTYP",
)  # fmt: skip
"""Columns of ``*calldata.tbl`` (LDC README; Kaldi ``egs/sre08/v1/local/make_fisher.pl`` insists on 15)."""
PINDATA = ("PIN", "S_SEX", "S_AGE", "EDU", "NATIVE_LANG", "WHERE_RAISED", "COUNT", "SIDE_DATA")
"""Fields of ``fe_03_pindata.tbl``; the name of the seventh is ours."""

MAX_TABLE_BYTES = 32 << 20
"""The largest, calldata, has 11,699 lines of about a hundred bytes."""

MAX_NOTES = 20_000
"""Of one file; a file with more is damaged as a whole."""

_NOTHING = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
"""What a file may hold and still be empty: blanks and byte order marks."""
_CALL = re.compile(r"(?:fe_03_)?0*([0-9]{1,5})(?:\.sph)?", re.IGNORECASE | re.ASCII)
_FULL_CALL = re.compile(r"(?:fe_03_)?([0-9]{5})(?:\.sph)?", re.IGNORECASE | re.ASCII)
_VOLUME = re.compile(r"fe_03_p[12]_sph[0-9]{1,2}|fisher_eng_tr_sp_d[0-9]{1,2}", re.IGNORECASE | re.ASCII)
_SIDE_DATA = re.compile(r"0*([0-9]{1,5})_([AB])(?:/([mf]?)\.?([ao]?))?", re.IGNORECASE | re.ASCII)
_TOPIC_TAG = re.compile(r'<topic\b((?:[^<>"]|"[^"]{0,500}"){0,500})>', re.IGNORECASE)
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')
_TOPIC_END = re.compile(r"</topic\s*>|<topic\b", re.IGNORECASE)


@dataclass
class Tables:
    """Merged tables. ``calls`` by call id, ``speakers`` by PIN, ``topics`` by id."""

    calls: dict[str, Record] = field(default_factory=dict)
    sides: dict[str, Record] = field(default_factory=dict)
    """by call id: PINs, sexes and dialects that pindata's SIDE_DATA gives"""
    speakers: dict[str, Record] = field(default_factory=dict)
    listed: dict[str, Record] = field(default_factory=dict)
    """by call id: sexes, transcriber and volume of the file lists"""
    topics: dict[str, Record] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)
    """rows of `problems` by file"""

    def note(self, place: str, reason: str, found: str, expected: str, call_id: str | None = None) -> None:
        """Add a row for the rejects table; after `MAX_NOTES` of a file, one that says that there are more."""
        file = place.rpartition(":")[0] or place
        self.noted[file] += 1
        if self.noted[file] > MAX_NOTES:
            if self.noted[file] > MAX_NOTES + 1:
                return
            found, call_id = f"more than {MAX_NOTES} odd rows or values; from here on they are not named", None
        self.problems.append(problem(call_id, reason, place, found, expected, "mend the table, or leave it so"))

    def merge(self, target: dict[str, Record], key: str, record: Record, place: str) -> None:
        """Put a record in, filling gaps of an earlier one and noting differences."""
        known = target.setdefault(key, dict(record))
        for name, value in record.items():
            if known.get(name) is None:
                known[name] = value
            elif value is not None and known[name] != value:
                self.note(place, "table_conflict", f"{key}: {name} {value!r}", f"{known[name]!r}, as read before")


def read_tables(release: Release) -> Tables:
    """Read and merge all tables of a release. Tables that are missing are noted, not fatal."""
    tables = Tables()
    for kind, parse in _PARSERS.items():
        files = release.tables.get(kind, [])
        if not files and kind != "filelist":
            tables.note("the release", "missing_table", f"no *{kind} table", f"a *{kind} table in the doc folder")
        seen: set[bytes] = set()
        for file in files:
            raw = _read(file, tables)
            if not raw.strip(_NOTHING):
                tables.note(file.relative, "empty_table", f"{len(raw)} bytes without a row", f"the *{kind} table")
            elif raw not in seen:
                parse(raw, file.relative, tables)
            seen.add(raw)
    return tables


def _read(file: SourceFile, tables: Tables) -> bytes:
    if file.size > MAX_TABLE_BYTES:
        tables.note(file.relative, "too_large", f"{file.size} bytes", f"a table of at most {MAX_TABLE_BYTES}")
        return b""
    try:
        return Path(file.path).read_bytes()
    except OSError as err:
        tables.note(file.relative, "unreadable", err.strerror or str(err), "a readable table")
        return b""


def _value(
    tables: Tables, place: str, name: str, text: str, parse: Callable[[str], Any], call_id: str | None = None
) -> Any:
    try:
        return parse(text)
    except cell.Odd as err:
        tables.note(place, "odd_value", f"{name} {quoted(text)}", f"{err}, or nothing", call_id)
        return None


def call_of(text: str) -> str | None:
    """``fe_03_NNNNN`` from a table's call number, also one that lost its leading zeros."""
    match = _CALL.fullmatch(text.strip())
    return f"fe_03_{match[1]:0>5}" if match else None


# -- comma-separated tables --------------------------------------------------------------------------------------------


def _rows(raw: bytes, place: str, columns: tuple[str, ...], tables: Tables) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a comma-separated table: (place with line number, cells by column). A header line may reorder columns."""
    order = columns
    for number, line in enumerate(text_lines(raw), start=1):
        if not line.strip():
            continue
        where = f"{place}:{number}"
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
        except csv.Error as err:
            tables.note(where, "bad_row", f"{err}: {quoted(line)}", f"{len(columns)} comma-separated values")
            continue
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        upper = tuple(cell.upper() for cell in cells)
        if upper[:1] == columns[:1]:
            order = upper if sorted(upper) == sorted(columns) else columns
        elif len(cells) != len(columns):
            found = f"{len(cells)} values: {quoted(line)}"
            tables.note(where, "bad_row", found, f"{len(columns)} values: {', '.join(columns)}")
        else:
            yield where, dict(zip(order, cells, strict=True))


def parse_calldata(raw: bytes, place: str, tables: Tables) -> None:
    """Add the rows of a ``*calldata.tbl`` to ``tables.calls``."""
    for where, cells in _rows(raw, place, CALLDATA, tables):
        call_id = call_of(cells["CALL_ID"])
        if call_id is None:
            tables.note(where, "bad_row", f"CALL_ID {quoted(cells['CALL_ID'])}", "a call number such as 00001")
            continue

        def value(column: str, parse: Callable[[str], Any], cells=cells, where=where, call_id=call_id) -> Any:
            return _value(tables, where, column, cells[column], parse, call_id)

        record: Record = {
            "date_time": value("DATE_TIME", cell.date),
            "topic_id": value("TOPICID", cell.topic),
            "signal_grade": value("SIG_GRADE", cell.grade),
            "conversation_grade": value("CNV_GRADE", cell.grade),
        }
        for side in "ab":
            s = side.upper()
            sex_dialect = value(f"{s}SX.DL", cell.sex_dialect) or ""
            record[f"pin_{side}"] = value(f"{s}PIN", cell.pin)
            record[f"sex_{side}"] = _letter(sex_dialect, "mf")
            record[f"dialect_{side}"] = _letter(sex_dialect, "ao")
            record[f"phone_number_{side}"] = cell.text(cells[f"{s}PHNUM"])
            record[f"phone_set_{side}"] = cell.PHONE_SETS.get(cells[f"{s}PHSET"])
            record[f"phone_type_{side}"] = cell.PHONE_TYPES.get(cells[f"{s}PHTYP"])
        tables.merge(tables.calls, call_id, record, where)


def _letter(text: str, of: str) -> str | None:
    return next((c for c in text.lower() if c in of), None)


def parse_pindata(raw: bytes, place: str, tables: Tables) -> None:
    """Add the rows of a ``*pindata.tbl`` to ``tables.speakers``, and their SIDE_DATA to ``tables.sides``."""
    for where, cells in _rows(raw, place, PINDATA, tables):
        pin = _value(tables, where, "PIN", cells["PIN"], cell.pin)
        if pin is None:
            tables.note(where, "bad_row", f"PIN {quoted(cells['PIN'])}", "a number")
            continue
        record = {
            "pin_sex": _value(tables, where, "S_SEX", cells["S_SEX"], cell.sex),
            "age": _value(tables, where, "S_AGE", cells["S_AGE"], cell.age),
            "education": _value(tables, where, "EDU", cells["EDU"], cell.education),
            "native_language": cell.text(cells["NATIVE_LANG"]),
            "where_raised": cell.text(cells["WHERE_RAISED"]),
            "sides_listed": _value(tables, where, "COUNT", cells["COUNT"], cell.sides_listed),
        }
        tables.merge(tables.speakers, pin, record, where)
        for entry in filter(None, (e.strip() for e in cells["SIDE_DATA"].split(";"))):
            if match := _SIDE_DATA.fullmatch(entry):
                side = match[2].lower()
                facts = {"pin": pin, "sex": (match[3] or "").lower(), "dialect": (match[4] or "").lower()}
                facts = {f"{name}_{side}": value or None for name, value in facts.items()}
                tables.merge(tables.sides, f"fe_03_{match[1]:0>5}", facts, where)
            else:
                tables.note(where, "odd_value", f"SIDE_DATA {quoted(entry)}", "CALL_SIDE/sex.dialect")


# -- file lists and topics ------------------------------------------------------------------------------------------


def parse_filelist(raw: bytes, place: str, tables: Tables) -> None:
    """Add a file list's lines to ``tables.listed``: a call, two sex letters, perhaps a transcriber, in any order."""
    for number, line in enumerate(text_lines(raw), start=1):
        tokens = re.split(r"[\s,]+", line.strip())
        call = next((match[1] for token in tokens if (match := _FULL_CALL.fullmatch(token))), None)
        if call is None:
            if line.strip():
                tables.note(f"{place}:{number}", "bad_row", quoted(line), "volume, call, two sex letters, transcriber")
            continue
        sexes = next((t.lower() for t in tokens if re.fullmatch("[mf]{2}", t, re.IGNORECASE)), None)
        who = next((w for t in tokens for w in ("bbn", "ldc") if w in t.lower()), None)
        record = {"sex_a": sexes and sexes[0], "sex_b": sexes and sexes[1], "transcriber": who}
        tables.merge(tables.listed, f"fe_03_{call}", record, f"{place}:{number}")
        if volume := next(filter(_VOLUME.fullmatch, tokens), None):
            # The lists need not agree: the same disc has one name in the era of DVDs and another as a download.
            tables.listed[f"fe_03_{call}"].setdefault("volume", volume.lower())


def parse_topics(raw: bytes, place: str, tables: Tables) -> None:
    """Add the entries of a ``*topics.sgm`` to ``tables.topics``, by pattern: it is no XML (raw ``<``, no root)."""
    text = "\n".join(text_lines(raw))
    found, line, at = 0, 1, 0
    for tag in _TOPIC_TAG.finditer(text):
        line, at = line + text.count("\n", at, tag.start()), tag.start()
        where = f"{place}:{line}"
        attributes = {name.lower(): _tidy(value) for name, value in _ATTRIBUTE.findall(tag[1])}
        topic_id = attributes.get("id", "").upper()
        if not re.fullmatch("ENG[0-9]{1,4}", topic_id):
            tables.note(where, "bad_row", f"topic {quoted(tag[1])}", 'id="ENGnn" title="..."')
            continue
        end = _TOPIC_END.search(text, tag.end())
        body = text[tag.end() : end.start() if end else len(text)]
        found += 1
        record = {"topic_title": attributes.get("title") or None, "topic_text": _tidy(body) or None}
        tables.merge(tables.topics, topic_id, record, where)
    if not found and text.strip():
        tables.note(place, "bad_row", quoted(text), '<topic id="ENGnn" title="..."> text </topic>')


def _tidy(text: str) -> str:
    return " ".join(html.unescape(text).split())


_PARSERS: dict[str, Callable[[bytes, str, Tables], None]] = {
    "calldata": parse_calldata,
    "pindata": parse_pindata,
    "filelist": parse_filelist,
    "topics": parse_topics,
}
