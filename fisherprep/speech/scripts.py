"""Domain scripts: a role prompt and the lines of two people, as text that anyone can write.

::

    # a comment
    Prompt: You work for Corner Cup which is a coffee shop and your name is Ida. Information: ...

    Customer: Hi, can I get a small latte,
      please?
    Barista: Sure, that's $4.50.
    Customer (backchannel): mm-hm
    Barista (interrupts): Oh, and ...

The first paragraph is the prompt of the agent's role, usually in PersonaPlex's service form (``You work for <Company>
which is a <business> and your name is <Name>. Information: <facts>.``; NVIDIA/personaplex, README.md). A line without a
role goes on with the line above it; a blank line ends that. Words in brackets (``[sighs]``, ``(pause)``, ``*laughs*``)
are directions: they stay in the text and are not spoken. ``(pause)`` after the role: its line comes after a long
silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from fisherprep.speech.lexicon import spoken_units

_MARKS = {
    "": "turn",
    "backchannel": "backchannel",
    "interrupts": "interruption",
    "interrupting": "interruption",
    "interruption": "interruption",
    "pause": "pause",
}
_PROMPT = re.compile(r"prompt\s*:\s*(.*)", re.IGNORECASE)
_SOME_ROLE = re.compile(r"[^\W\d_][\w'.-]*(?: [\w'.-]+){0,2}\s*(?:\([^()]*\))?\s*:(?:\s.*)?")
"""What looks like the start of an utterance, whoever speaks; a continued line that looks so has to be indented."""
_DIRECTION = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\*[^*]*\*|<[^<>]*>")
SERVICE_FORM = re.compile(
    r"You work for (?P<company>.+?) which is (?:an? )?(?P<business>.+?) and your name is (?P<name>[^.]+?)\.(?: |$)"
)
"""The start of a service prompt."""
_HOLE = re.compile(r"\{[^{}]*\}")
_FOLDERS = ("train", "valid", "test")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class ScriptLine:
    """One utterance of a script."""

    number: int
    """line of the file where it starts, from 1"""
    role: str
    kind: str
    """turn, backchannel, interruption or pause (a turn after a long silence)"""
    text: str
    """as it is written, on one line"""
    words: tuple[str, ...]
    """the words that are spoken, with their case and punctuation"""


@dataclass(frozen=True)
class Script:
    """A prompt for the agent's role and the utterances of both roles, in order."""

    name: str
    prompt: str
    lines: tuple[ScriptLine, ...]
    file: str = ""
    """where it was read from, relative to its folder"""
    split: str | None = None
    """the split that its folder stands for"""

    @property
    def own_names(self) -> tuple[str, ...]:
        """Company and agent, where the prompt has the service form."""
        found = SERVICE_FORM.match(self.prompt)
        return (found["company"], found["name"]) if found else ()


@dataclass(frozen=True)
class Problem:
    """Why a script cannot be used: where, what was found, what was expected."""

    place: str
    found: str
    expected: str
    fix: str


def read_script(path: Path, roles: tuple[str, str]) -> Script | list[Problem]:
    """A script file, or everything that is wrong with it. A file that cannot be read is a problem, not an error."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        return [Problem(path.name, str(err), "a text file in UTF-8", "save the file as UTF-8 text")]
    return parse_script(text, path.name, roles)


def read_scripts(folder: Path, roles: tuple[str, str]) -> tuple[list[Script], list[Problem]]:
    """The scripts of a folder, and what is wrong with the others.

    Files lie in the folder itself or in its subfolders ``train``, ``valid`` and ``test``, which are then their splits.

    Raises:
        ValueError: there is no file.
    """
    files: list[tuple[str | None, Path]] = [(None, file) for file in sorted(folder.glob("*.txt"))]
    files += [(split, file) for split in _FOLDERS for file in sorted((folder / split).glob("*.txt"))]
    if not files:
        raise ValueError(f"{folder}: found no script, expected files *.txt with 'Prompt:' and lines of both roles")
    scripts: list[Script] = []
    problems: list[Problem] = []
    for split, file in files:
        parsed = read_script(file, roles)
        if isinstance(parsed, Script):
            scripts.append(replace(parsed, file=file.relative_to(folder).as_posix(), split=split))
        else:
            inside = file.parent.relative_to(folder)
            problems += [replace(problem, place=(inside / problem.place).as_posix()) for problem in parsed]
    return scripts, problems


def parse_script(text: str, name: str, roles: tuple[str, str]) -> Script | list[Problem]:
    """Parse a script.

    Args:
        text: the file's content.
        name: the file's name, for messages; without its suffix it is the script's name.
        roles: the two names that utterances begin with, in any case.

    Returns:
        The script, or its problems: one bad line makes the whole dialogue unusable, since the next one answers it.
    """
    parser = _Parser(name, roles)
    for number, line in enumerate(text.splitlines(), start=1):
        parser.take(number, line)
    lines = parser.finish()
    if parser.problems:
        return parser.problems
    return Script(Path(name).stem, parser.prompt, tuple(lines))


def spoken_words(text: str) -> tuple[str, ...]:
    """The words of a line that are spoken: all but directions and marks that stand alone."""
    return tuple(w for w in _DIRECTION.sub(" ", text).split() if spoken_units(w))


@dataclass
class _Paragraph:
    number: int
    role: str
    """empty for the prompt"""
    kind: str
    text: str


class _Parser:
    """Takes a script line by line; ``problems`` gathers what is wrong."""

    def __init__(self, name: str, roles: tuple[str, str]) -> None:
        self.name = name
        self.roles = {role.lower(): role for role in roles}
        self.problems: list[Problem] = []
        self.prompt = ""
        self._role_line = re.compile(
            rf"\s*({'|'.join(map(re.escape, roles))})\s*(?:\(([^()]*)\))?\s*:(.*)", re.IGNORECASE
        )
        self._paragraphs: list[_Paragraph] = []
        self._open = False

    def take(self, number: int, line: str) -> None:
        """One line of the file."""
        if line.startswith("#"):
            return
        if not line.strip():
            self._open = False
        elif _CONTROL.search(line):
            self._refuse(number, line, "printable text", "remove the control characters")
        elif not self._paragraphs:
            self._begin_prompt(number, line)
        elif spoken := self._role_line.fullmatch(line):
            self._begin_line(number, line, *spoken.groups())
        elif self._open and (len(self._paragraphs) == 1 or not _SOME_ROLE.fullmatch(line)):
            self._paragraphs[-1].text += " " + line.strip()
        else:
            self._refuse(
                number, line, self._a_role_line(), "begin it with a role, or indent it below the line it goes on"
            )

    def _begin_prompt(self, number: int, line: str) -> None:
        match = _PROMPT.fullmatch(line.strip())
        if not match:
            expected = "the role prompt first: 'Prompt: You work for ...'"
            self._refuse(number, line, expected, "write the prompt above the first utterance")
        self._paragraphs.append(_Paragraph(number, "", "prompt", match[1] if match else ""))
        self._open = True

    def _begin_line(self, number: int, line: str, role: str, mark: str | None, text: str) -> None:
        kind = _MARKS.get((mark or "").strip().lower())
        if kind is None:
            marks = ", ".join(f"({mark})" for mark in _MARKS if mark)
            self._refuse(number, line, f"after the role nothing, or one of {marks}", "put directions into the text")
        self._paragraphs.append(_Paragraph(number, self.roles[role.lower()], kind or "turn", text.strip()))
        self._open = True

    def finish(self) -> list[ScriptLine]:
        """The utterances, once all lines are taken; notes what is missing."""
        prompt, *utterances = self._paragraphs or [_Paragraph(1, "", "prompt", "")]
        self.prompt = " ".join(prompt.text.split())
        if not self.prompt and not self.problems:
            self._refuse(prompt.number, "no prompt", "'Prompt: You work for ...'", "write the role prompt first")
        self._check_prompt(prompt.number)
        lines = [self._line(u) for u in utterances]
        missing = sorted(set(self.roles.values()) - {line.role for line in lines})
        if missing and not self.problems:
            self._refuse(prompt.number, f"no line of {missing[0]}", "lines of both roles", "write both sides")
        return lines

    def _check_prompt(self, number: int) -> None:
        """As a recording's prompt; and no place is left open."""
        from fisherprep.corpus.problems import BadInput
        from fisherprep.corpus.recordings.about import prompt_text

        if not self.prompt:
            return
        if hole := _HOLE.search(self.prompt):
            self._refuse(number, hole[0], "a prompt that is filled in", "write the value in its place")
            return
        try:
            prompt_text(self.prompt)
        except BadInput as err:
            self._refuse(number, err.found, err.expected, err.fix)

    def _line(self, utterance: _Paragraph) -> ScriptLine:
        text = " ".join(utterance.text.split())
        words = spoken_words(text)
        if not words:
            self._refuse(utterance.number, text, "at least one word that can be spoken", "write what is said")
        return ScriptLine(utterance.number, utterance.role, utterance.kind, text, words)

    def _a_role_line(self) -> str:
        return " or ".join(f"'{role}: ...'" for role in self.roles.values())

    def _refuse(self, number: int, found: str, expected: str, fix: str) -> None:
        found = found.strip()
        self.problems.append(Problem(f"{self.name}:{number}", found[:120] or "nothing", expected, fix))
