"""The command line: quick help, documented commands, usage errors with status 2, data errors with status 1."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fisherprep.cli import main
from fisherprep.schema import SCHEMA_VERSION

HEAVY = (
    "torch", "moshi", "pyarrow", "pandas", "numpy", "librosa", "datasets", "pocketsphinx", "rich", "numba", "httpx",
    "pydantic",
)  # fmt: skip
STAGES = [("align",), ("label", "--labeler", "topic"), ("label", "--model", "x"), ("encode",), ("check",)]


def run(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom fisherprep.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "HEAVY []" in out and "ingest" in out


@pytest.mark.parametrize("command", main.commands.values(), ids=main.commands)
def test_every_command_and_option_has_help_and_an_example(command):
    assert "Example" in command.help
    assert all(p.help for p in command.params if p.param_type_name == "option"), command.name


@pytest.mark.parametrize(
    "args",
    [
        ("label",),
        ("label", "--labeler", "topic", "--model", "openai/gpt-oss-120b"),
        ("label", "--server", "127.0.0.1:8000"),
        ("label", "--labeler", "nobody"),
        ("ingest",),
        ("ingest", "/no/such/release"),
        ("demo-corpus", "x", "--calls", "0"),
        ("demo-corpus", "x", "--seconds", "nan"),
        ("align", "--workers", "-1"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_without_a_traceback(args):
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert "Error" in result.output and "Traceback" not in result.output


@pytest.mark.parametrize("command", STAGES, ids=" ".join)
def test_a_folder_without_tables_is_status_1_and_names_the_next_step(tmp_path, command):
    result = run(*command, tmp_path)
    assert result.exit_code == 1 and "fisherprep ingest" in result.output


@pytest.mark.parametrize("command", STAGES, ids=" ".join)
def test_a_folder_of_another_schema_version_is_refused(tmp_path, command):
    meta = {"name": "fisher", "schema_version": SCHEMA_VERSION + 7, "roots": []}
    (tmp_path / "work.json").write_text(json.dumps(meta))
    result = run(*command, tmp_path)
    assert result.exit_code == 1 and f"schema version {SCHEMA_VERSION + 7}" in result.output


def test_work_defaults_to_the_data_root(tmp_path):
    result = run("check", "--data-root", tmp_path / "elsewhere")
    assert str(tmp_path / "elsewhere" / "fisher") in result.output.replace("\n", "")
