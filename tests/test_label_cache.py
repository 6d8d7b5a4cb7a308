"""Answers on disk: whole or not at all, whatever happens to the file."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fisherprep.llm.cache import AnswerFile, Reply

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates too


@given(st.lists(st.tuples(st.text(max_size=3), st.builds(Reply, text=ANY_TEXT, detail=ANY_TEXT)), max_size=8))
def test_what_was_appended_is_read_the_last_of_a_key_winning(tmp_path_factory, entries):
    file = AnswerFile(tmp_path_factory.mktemp("cache") / "s.jsonl")
    for key, reply in entries:
        file.append(key, reply)
    assert file.read() == dict(entries)


@pytest.fixture
def three(tmp_path):
    file = AnswerFile(tmp_path / "deep" / "s.jsonl")
    for i in range(3):
        file.append(f"key{i}", Reply(f"line one\nline two {i}\u2028", tokens_in=i))
    return file


def test_a_tail_cut_anywhere_loses_the_last_reply_only_and_the_next_is_whole(three):
    content = three.path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    for cut in range(last, len(content)):
        three.path.write_bytes(content[:cut])
        whole = {"key0", "key1"} | ({"key2"} if cut == len(content) - 1 else set())
        assert set(three.read()) == whole
        three.append("key9", Reply("new"))
        assert set(three.read()) == whole | {"key9"}


@pytest.mark.parametrize(
    "junk",
    [b"\0" * 4096, b"null\n", b"[]\n", b'{"key": "x"\n', b'{"key": 7}\n', b'{"key": "x", "text": 1}\n',
     b'{"key": "x", "odd": 1}\n', b'{"text": "no key"}\n', b"\xff\xfe\n", b"[" * 50_000 + b"\n", b'{"key": []}\n'],
)  # fmt: skip
def test_damaged_lines_are_as_if_not_there(three, junk):
    before = three.read()
    lines = three.path.read_bytes().splitlines(keepends=True)
    three.path.write_bytes(lines[0] + junk + (b"" if junk.endswith(b"\n") else b"\n") + b"".join(lines[1:]))
    assert three.read() == before and len(before) == 3


def test_passing_failures_are_no_answers(three):
    three.append("busy", Reply(failure="no_answer"))
    three.append("refused", Reply(failure="refused"))
    three.append("long", Reply(failure="too_long"))
    assert set(three.answered()) == {"key0", "key1", "key2", "long"}
    three.append("busy", Reply("at last"))
    assert three.answered()["busy"].text == "at last"


def test_no_file_holds_nothing(tmp_path):
    assert AnswerFile(tmp_path / "none.jsonl").read() == {}


def test_each_reply_is_one_write(three, monkeypatch):
    sizes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: sizes.append(len(data)) or write(handle, data))
    three.append("big", Reply("x" * 1_000_000))
    assert len(sizes) == 1 and three.read()["big"].text == "x" * 1_000_000
