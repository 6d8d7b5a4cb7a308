"""The release's tables: every column, odd values, lines that do not parse, copies that agree or not."""

from __future__ import annotations

import pytest
from fisher_builder import CALLDATA_HEADER, PINDATA_HEADER, TOPICS
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.corpus.candidates import SourceFile
from fisherprep.corpus.layout import Release
from fisherprep.corpus.tables import (
    MAX_NOTES,
    MAX_TABLE_BYTES,
    Tables,
    parse_calldata,
    parse_filelist,
    parse_pindata,
    parse_topics,
    read_tables,
)

ROW = "00007,20021216_23:05:59,ENG02,3.5,4,2637,f.a,x9,4,1, 1006 ,m.o,no_BPHNUM,,9"


def calldata(*lines: str) -> Tables:
    tables = Tables()
    parse_calldata("\n".join(lines).encode(), "doc/calldata.tbl", tables)
    return tables


def reasons(tables: Tables) -> list[tuple[str, str]]:
    return [(p["place"].split(":")[-1], p["reason"]) for p in tables.problems]


def test_calldata_columns() -> None:
    tables = calldata(CALLDATA_HEADER, ROW, "")
    assert not tables.problems
    assert tables.calls == {
        "fe_03_00007": {
            "date_time": "2002-12-16T23:05:59", "topic_id": "ENG02", "signal_grade": 3.5, "conversation_grade": 4.0,
            "pin_a": "2637", "sex_a": "f", "dialect_a": "a",
            "phone_number_a": "x9", "phone_set_a": "hand-held", "phone_type_a": "cell",
            "pin_b": "1006", "sex_b": "m", "dialect_b": "o",
            "phone_number_b": None, "phone_set_b": None, "phone_type_b": None,
        }
    }  # fmt: skip


def test_calldata_without_header_with_blanks_and_lost_zeros() -> None:
    tables = calldata("7,,,,,,,,,,,,,,")
    record = tables.calls["fe_03_00007"]
    assert set(record.values()) == {None} and not tables.problems


def test_calldata_columns_in_another_order() -> None:
    names = CALLDATA_HEADER.split(",")
    order = [0, *range(14, 0, -1)]
    values = ROW.split(",")
    tables = calldata(",".join(names[i].lower() for i in order), ",".join(values[i] for i in order))
    assert tables.calls == calldata(CALLDATA_HEADER, ROW).calls


@pytest.mark.parametrize(
    ("column", "value"),
    [(1, "yesterday"), (1, "20021301_10:00:00"), (2, "FRN01"), (3, "good"), (5, "26x7"), (6, "female"), (11, "m.x")],
)
def test_an_odd_value_is_left_empty_and_noted_with_its_line(column: int, value: str) -> None:
    cells = ROW.split(",")
    cells[column] = value
    tables = calldata(CALLDATA_HEADER, ",".join(cells))
    assert reasons(tables) == [("2", "odd_value")] and repr(value) in tables.problems[0]["found"]
    assert tables.problems[0]["call_id"] == "fe_03_00007"
    good = calldata(CALLDATA_HEADER, ROW).calls["fe_03_00007"]
    lost = {k for k, v in tables.calls["fe_03_00007"].items() if v != good[k]}
    assert lost and all(tables.calls["fe_03_00007"][k] is None for k in lost)


@pytest.mark.parametrize("line", ["one,two", ROW + ",x", "abc" + ROW[5:], '"open quote', ROW.replace(",", ";")])
def test_a_row_that_does_not_parse_costs_only_itself(line: str) -> None:
    tables = calldata(CALLDATA_HEADER, line, ROW)
    assert reasons(tables) == [("2", "bad_row")] and list(tables.calls) == ["fe_03_00007"]


def test_a_damaged_table_is_not_quoted_whole() -> None:
    tables = calldata(ROW, *["junk"] * (MAX_NOTES + 500))
    assert len(tables.calls) == 1 and len(tables.problems) == MAX_NOTES + 1
    assert "more than 20000" in tables.problems[-1]["found"]


def test_a_table_of_any_size_is_not_read(tmp_path) -> None:
    release = Release([tmp_path])
    file = SourceFile(0, "fe_03_pindata.tbl", str(tmp_path / "nowhere"), MAX_TABLE_BYTES + 1, 0, 0)
    release.tables["pindata"] = [file]
    assert ("too_large", "fe_03_pindata.tbl") in [(p["reason"], p["place"]) for p in read_tables(release).problems]


def test_copies_fill_gaps_and_differences_are_noted() -> None:
    tables = calldata(ROW.replace("ENG02", ""), ROW, ROW.replace("2637", "2638"))
    assert tables.calls["fe_03_00007"]["topic_id"] == "ENG02" and tables.calls["fe_03_00007"]["pin_a"] == "2637"
    assert reasons(tables) == [("3", "table_conflict")]


def pindata(*lines: str) -> Tables:
    tables = Tables()
    parse_pindata("\n".join(lines).encode(), "pindata.tbl", tables)
    return tables


def test_pindata_columns_and_side_data() -> None:
    tables = pindata(PINDATA_HEADER, "2637,F,54,16,English,WA,2,06972_A/m.a;08175_B/f.o", "9,NA,NA,NA,NA,NA,0,")
    assert not tables.problems
    assert tables.speakers["2637"] == {
        "pin_sex": "f", "age": 54, "education": 16, "native_language": "English", "where_raised": "WA",
        "sides_listed": 2,
    }  # fmt: skip
    assert set(tables.speakers["9"].values()) == {None, 0}
    assert tables.sides["fe_03_06972"] == {"pin_a": "2637", "sex_a": "m", "dialect_a": "a"}
    assert tables.sides["fe_03_08175"] == {"pin_b": "2637", "sex_b": "f", "dialect_b": "o"}


def test_pindata_odd_rows() -> None:
    tables = pindata("1,F,540,16,,,1,06972_C/m.a", "x,F,54,16,,,1,", ",F,54,16,,,1,", "2,F,54,16,,1")
    assert reasons(tables) == [
        ("1", "odd_value"), ("1", "odd_value"), ("2", "odd_value"), ("2", "bad_row"), ("3", "bad_row"), ("4", "bad_row")
    ]  # fmt: skip
    assert list(tables.speakers) == ["1"] and tables.speakers["1"]["age"] is None


def test_two_speakers_on_one_side_are_noted() -> None:
    tables = pindata("1,F,54,16,,,1,00001_A/f.a", "2,F,54,16,,,1,00001_A/f.a")
    assert reasons(tables) == [("2", "table_conflict")]


def test_file_lists_in_both_forms() -> None:
    tables = Tables()
    raw = b"fe_03_p1_sph1\t00001\tmf\tBBN\nfe_03_p2_sph1 fe_03_05852.sph ff\n"
    raw += b"00003\tfe_03_p1_sph1\tfm\tx\n\nnothing here\n"
    parse_filelist(raw, "filelist.tbl", tables)
    assert tables.listed == {
        "fe_03_00001": {"sex_a": "m", "sex_b": "f", "transcriber": "bbn", "volume": "fe_03_p1_sph1"},
        "fe_03_05852": {"sex_a": "f", "sex_b": "f", "transcriber": None, "volume": "fe_03_p2_sph1"},
        "fe_03_00003": {"sex_a": "f", "sex_b": "m", "transcriber": None, "volume": "fe_03_p1_sph1"},
    }
    assert reasons(tables) == [("5", "bad_row")]


def test_topics_are_no_xml() -> None:
    tables = Tables()
    parse_topics(TOPICS.encode(), "topics.sgm", tables)
    assert tables.topics == {
        "ENG01": {
            "topic_title": "Garden Tools.",
            "topic_text": "Do you own a spade that costs over <<$5.15 & what for?",
        },
        "ENG02": {"topic_title": "Bread", "topic_text": "Which bread do you bake?"},
    }
    assert not tables.problems


def test_topics_with_gaps() -> None:
    tables = Tables()
    parse_topics(
        b'<topic id="ENG01" title="A">one\n<topic id="?" title="B">two</topic>\n<TOPIC title="" ID="eng3">', "t", tables
    )
    assert tables.topics == {
        "ENG01": {"topic_title": "A", "topic_text": "one"},
        "ENG3": {"topic_title": None, "topic_text": None},
    }
    assert reasons(tables) == [("2", "bad_row")]
    empty = Tables()
    parse_topics(b"no topics at all", "t", empty)
    assert [p["reason"] for p in empty.problems] == ["bad_row"]


CELLS = st.lists(st.text(alphabet="0129mfa.o_/;ENG\"', \x00\u00e9", max_size=8), max_size=16).map(",".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(CELLS | st.text(max_size=30), max_size=5), st.binary(max_size=30))
@pytest.mark.parametrize("parse", [parse_calldata, parse_pindata, parse_filelist, parse_topics])
def test_no_bytes_make_a_parser_fail(parse, lines: list[str], junk: bytes) -> None:
    tables = Tables()
    parse("\n".join(lines).encode("utf-8", "replace") + junk, "t", tables)
    assert all(key.startswith("fe_03_") for key in (*tables.calls, *tables.listed, *tables.sides))
