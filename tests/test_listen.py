"""The listening sheet: what is in it, and that nothing in the tables can be more than text there."""

from __future__ import annotations

import base64
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner
from test_synthesize import domain, run, table

from fisherprep.cli import main
from fisherprep.speech.listen import LDC_WARNING, listening_sheet
from fisherprep.workfolder import WorkFolder

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "text":
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    run(domain(folder, dialogues=3), folder / "work")
    return folder / "work"


def test_the_page_plays_each_call_and_shows_its_words(work):
    sheet = listening_sheet(WorkFolder.open(work), 2, 600)
    page = Page(sheet.html)
    players = [attrs for tag, attrs in page.tags if tag == "audio"]
    assert sheet.calls == len(players) == 2
    calls = table(work, "conversations").set_index("call_id")
    words = table(work, "words")
    shown = re.findall(r"<h2>(.*?)</h2>", sheet.html)
    for call_id, player in zip(shown, players, strict=True):
        kind, content = (player["src"] or "").split(",")
        assert kind == "data:audio/flac;base64"
        samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="int16")
        original, _ = soundfile.read(WorkFolder.open(work).audio_path(calls.loc[call_id].to_dict()), dtype="int16")
        assert rate_hz == 24_000 and np.array_equal(samples, original)
        assert set(words[words.call_id == call_id].word) <= set(page.words)
        assert call_id in sheet.html and calls.role_prompt[call_id].split("Information")[0].strip() in sheet.html
    first = words[words.call_id == shown[0]].sort_values("start_s").iloc[0]
    x = round(first.start_s * 110)
    assert re.search(rf'<text x="{x}" y="\d+">{re.escape(first.word)}</text>', unescape(sheet.html))
    assert not sheet.holds_ldc and LDC_WARNING not in sheet.html


def test_only_the_start_of_a_long_call_is_there(work):
    sheet = listening_sheet(WorkFolder.open(work), 1, 2.0)
    content = re.search(r"base64,([^\"]*)", sheet.html)[1]
    assert soundfile.info(io.BytesIO(base64.b64decode(content))).frames == 48_000
    assert "the first 2 s here" in sheet.html
    places = [float(x) for x in re.findall(r'<text x="(\d+)" y="(?:8|9|1)\d+"', sheet.html)]
    assert places and max(places) < 220


def test_text_of_the_tables_is_never_markup(tmp_path):
    manifest = domain(tmp_path, scripts=1, dialogues=1)
    script = tmp_path / "scripts" / "s0.txt"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("Thanks.", "a<b>&amp;'\""), "utf-8")
    run(manifest, tmp_path / "work")
    for file in (tmp_path / "work" / "personas").glob("*.parquet"):  # such a prompt comes from elsewhere
        table = pq.read_table(file)
        held = json.dumps(table.to_pylist()).replace("Information:", f"Information: {EVIL}'onload='x")
        pq.write_table(pa.Table.from_pylist(json.loads(held), schema=table.schema), file)
    sheet = listening_sheet(WorkFolder.open(tmp_path / "work"), 1, 600)
    assert EVIL not in sheet.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in sheet.html
    page = Page(sheet.html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not re.search(r"(src|href)=\"(?!data:)", sheet.html), "nothing is loaded"
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "content" in a)
    assert (
        policy.startswith("default-src 'none'")
        and "script-src 'sha256-" in policy
        and "script-src 'unsafe" not in policy
    )


def test_the_command_writes_the_page_and_warns_of_ldc_audio(tmp_path):
    runner = CliRunner()
    release = tmp_path / "release"
    made = ["demo-corpus", str(release), "--calls", "2", "--seconds", "10", "--workers", "1"]
    assert runner.invoke(main, made, catch_exceptions=False).exit_code == 0
    fisher = tmp_path / "fisher"
    ingested = runner.invoke(main, ["ingest", str(release), "--out", str(fisher), "--workers", "1"])
    assert ingested.exit_code == 0, ingested.output
    out = tmp_path / "pages" / "sheet.html"
    shown = runner.invoke(main, ["listen", str(fisher), "--calls", "1", "--out", str(out)], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert "1 calls" in shown.output and LDC_WARNING in shown.output
    page = out.read_text(encoding="utf-8")
    assert LDC_WARNING in page and "<text" in page, "turns stand in for words that are not aligned yet"
    wrong = runner.invoke(main, ["listen", str(fisher), "--call", "nobody"])
    assert wrong.exit_code == 1 and "found no call 'nobody'" in wrong.output


@pytest.mark.parametrize("folder", ["/proc", "file"])
def test_a_page_that_cannot_be_written_says_where_and_what_to_do(work, tmp_path, folder):
    (tmp_path / "file").touch()
    page = tmp_path / folder / "x.html"
    shown = CliRunner().invoke(main, ["listen", str(work), "--calls", "1", "--out", str(page)])
    assert shown.exit_code == 1 and len(shown.output.splitlines()) == 1
    assert f"{page}: cannot be written (" in shown.output and "give --out a file" in shown.output


def test_a_call_without_its_audio_is_left_out_with_a_reason(tmp_path):
    run(domain(tmp_path, dialogues=2), tmp_path / "work")
    (tmp_path / "work/audio/kiosk_0000.flac").unlink()
    sheet = listening_sheet(WorkFolder.open(tmp_path / "work"), 5, 60)
    assert sheet.calls == 1
    assert len(sheet.left_out) == 1 and "kiosk_0000.flac" in sheet.left_out[0]
