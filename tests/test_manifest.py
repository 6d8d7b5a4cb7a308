"""Manifests: what ships is valid, and what is wrong is said with its place."""

from pathlib import Path

import pytest

from fisherprep.manifest import find_manifest, load_manifest

SHIPPED = Path(__file__).parent.parent / "manifests"


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_manifests_are_valid_and_named_as_their_file(file):
    assert load_manifest(file).name == file.stem


def write(tmp_path, text):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\ntables: x\ncolour: red", "unknown key 'colour'"),
        ("name: x", "tables"),
        ("name: x\ntables: x\nagent: c", "expected a, b or either"),
        ("name: ../x\ntables: x", "a name for files"),
        ("name: x\ntables: ../../x", "below the data root"),
        ("name: x\ntables: /x", "below the data root"),
        ("name: x\ntables: x\nprompt_levels: []", "prompt_levels"),
        ("name: x\ntables: x\nprompt_levels: [0, 0]", "prompt_levels"),
        ("name: x\ntables: x\nprompt_levels: 3", "prompt_levels"),
        ("name: x\ntables: x\nsplit: {valid: 0.7}", "split.valid"),
        ("name: x\ntables: x\nsplit: {by: moon}", "split.by"),
        ("name: x\ntables: x\nsplit: 3", "split"),
        ("name: x\ntables: x\ndomain: {scripts: s, agent_role: A}", "user_role"),
        ("name: x\ntables: x\ndomain: {scripts: s, agent_role: A, user_role: A}", "user_role"),
        ("name: x\ntables: x\ndomain: {scripts: s, agent_role: 'A: B', user_role: A}", "agent_role: found 'A: B'"),
        ("name: x\ntables: x\ndomain: {scripts: s, agent_role: A, user_role: '#1'}", "user_role: found '#1'"),
        ("- a list", "expected keys and values"),
        ("a: [", "YAML"),
        ("", "expected keys and values"),
    ],
)
def test_mistakes_are_named(tmp_path, text, complaint):
    file = write(tmp_path, text)
    with pytest.raises(ValueError) as caught:
        load_manifest(file)
    assert complaint in str(caught.value) and str(file) in str(caught.value)


def test_an_unknown_dataset_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'tea'.*coffee, fisher"):
        find_manifest("tea", SHIPPED)


def test_a_manifest_is_named_as_its_file(tmp_path):
    write(tmp_path, "name: fisher\ntables: x")
    with pytest.raises(ValueError, match="expected 'x', as the file is called"):
        find_manifest("x", tmp_path)


def test_a_name_cannot_leave_the_folder(tmp_path):
    (tmp_path / "outside.yaml").write_text("name: outside\ntables: x")
    (tmp_path / "m").mkdir()
    with pytest.raises(ValueError, match="no manifest"):
        find_manifest("../outside", tmp_path / "m")
