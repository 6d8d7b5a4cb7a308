"""Pushes to a hub on loopback: what is sent, and what is refused before anything is."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from dataset_calls import encoded_work
from fake_hub import FakeHub, running

from fisherprep.cli import main
from fisherprep.dataset.card import write_card

REPO = "me/codes"


@pytest.fixture
def hub(monkeypatch):
    hub = FakeHub()
    with running(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)  # read once, at import
        monkeypatch.setenv("HF_TOKEN", hub.token)
        yield hub


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    """Nobody's data but its owner's."""
    work = encoded_work(tmp_path_factory.mktemp("free"), 2)
    write_card(work)
    return work


@pytest.fixture(scope="module")
def ldc(tmp_path_factory):
    return encoded_work(tmp_path_factory.mktemp("ldc"), 2, transcriber="ldc", part=1)


def push(work, *arguments, repo=REPO):
    return CliRunner().invoke(main, ["push", str(work.path), "--repo", repo, *map(str, arguments)])


def manifest(tmp_path, *lines, name="test"):
    file = tmp_path / f"{name}.yaml"
    file.write_text("\n".join([f"name: {name}", "tables: x", *lines, ""]))
    return file


def sent(hub):
    return [path for _, path in hub.requests if "/commit/" in path or "/preupload/" in path]


def test_a_push_makes_a_private_repository_with_tables_and_card(hub, free):
    result = push(free)
    assert result.exit_code == 0, result.output
    assert "(private): 3 files" in result.output and hub.token not in result.output
    held = hub.repos[REPO]
    shard = free.files("codes")[0].name
    assert held["private"] and held["files"].keys() == {"README.md", f"codes/{shard}", f"voices/{shard}"}
    assert held["files"][f"codes/{shard}"] == free.files("codes")[0].read_bytes()
    assert held["files"]["README.md"] == (free.path / "README.md").read_bytes()


def test_a_second_push_deletes_tables_that_are_gone_and_nothing_else(hub, free):
    files = {"codes/old.parquet": b"x", "mine.txt": b"y", "codes/notes.md": b"z"}
    hub.repos[REPO] = {"private": True, "files": files}
    result = push(free)
    assert result.exit_code == 0 and "1 deleted" in result.output
    assert "codes/old.parquet" not in files and {"mine.txt", "codes/notes.md"} < files.keys()


@pytest.mark.parametrize("arguments", [(), ("--private",)])
@pytest.mark.parametrize("data", ["ldc", "free"])
def test_a_public_repository_is_refused_before_anything_is_sent(hub, request, data, arguments):
    hub.repos[REPO] = {"private": False, "files": {}}
    result = push(request.getfixturevalue(data), *arguments)
    assert result.exit_code == 1 and "everybody can read" in result.output
    assert not sent(hub) and not hub.repos[REPO]["files"]


def test_ldc_data_is_never_public_whatever_a_manifest_says(hub, ldc, tmp_path):
    file = manifest(tmp_path, "license: cc-by-4.0", "redistribute: true")
    result = push(ldc, "--public", "--manifest", file)
    assert result.exit_code == 1 and "2 calls derived from LDC data" in result.output
    assert not hub.requests
    result = push(ldc)
    assert result.exit_code == 0 and "warning: this is derived from LDC data" in result.output
    assert b"Do not redistribute" in hub.repos[REPO]["files"]["README.md"]


def drop_codes(work):
    """Somebody takes the LDC's calls out of a folder by hand, and forgets their voices."""
    work.files("codes")[0].unlink()


def drop_marks(work):
    file = work.files("conversations")[0]
    table = pq.read_table(file)
    free = pa.array(["unknown"] * table.num_rows, pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index("transcriber"), "transcriber", free), file)


def add_tables(work):
    """A shard of another folder."""
    for table in ("codes", "voices"):
        shutil.copy(work.files(table)[0], work.path / table / "other.parquet")


@pytest.mark.parametrize(
    ("change", "told"),
    [(drop_codes, "is not what"), (drop_marks, "is not what"), (add_tables, "no stage recorded this file")],
)
def test_tables_that_were_changed_by_hand_are_sent_nowhere(hub, tmp_path, change, told):
    work = encoded_work(tmp_path / "work", 2, transcriber="ldc")
    change(work)
    result = push(work, "--public", "--manifest", manifest(tmp_path, "license: cc-by-4.0", "redistribute: true"))
    assert result.exit_code == 1 and told in result.output
    assert not hub.requests


def test_a_repository_that_turns_public_meanwhile_gets_nothing(hub, ldc):
    hub.at_preupload = lambda: hub.repos[REPO].update(private=False)
    result = push(ldc)
    assert result.exit_code == 1 and "everybody can read" in result.output
    assert not hub.repos[REPO]["files"]


def test_public_needs_a_manifest_that_allows_it(hub, free, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = push(free, "--public")
    assert result.exit_code == 1 and "no manifest of dataset 'test'" in result.output
    (tmp_path / "manifests").mkdir()
    manifest(tmp_path / "manifests")
    result = push(free, "--public")
    assert result.exit_code == 1 and "redistribute: true" in result.output
    other = manifest(tmp_path, "license: mit", "redistribute: true", name="other")
    assert "is of dataset 'other'" in push(free, "--public", "--manifest", other).output
    assert not hub.requests
    manifest(tmp_path / "manifests", "license: cc-by-4.0", "redistribute: true")
    result = push(free, "--public")
    assert result.exit_code == 0 and "(public)" in result.output
    assert b"license: cc-by-4.0" in hub.repos[REPO]["files"]["README.md"]


def test_what_the_hub_or_the_environment_refuses_is_one_message(hub, free, monkeypatch):
    assert "expected USER/NAME" in push(free, repo="codes").output
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    result = push(free)
    assert result.exit_code == 1 and "the hub refused" in result.output and "hf_other" not in result.output
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert "set HF_TOKEN" in push(free).output


def test_a_readme_of_the_users_own_goes_as_it_is(hub, tmp_path):
    work = encoded_work(tmp_path, 1)
    (work.path / "README.md").write_text("mine\n")
    assert push(work).exit_code == 0
    assert hub.repos[REPO]["files"]["README.md"] == b"mine\n"
