"""Reading a vLLM server's log: its last lines as plain text, and what to do about an end that they explain."""

from __future__ import annotations

import re
import signal
from pathlib import Path

LINES_SHOWN = 15
_LINES_SEARCHED = 400
_TAIL_BYTES = 64 * 1024
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Terminal sequences (ECMA-48, CSI) and control characters, which a log may not send to our user's terminal."""

_ADVICE = (
    (r"No module named '?vllm",
     "{python} has no vLLM: install it there (pip install 'fisherprep[label]'), or name the interpreter of an "
     "environment that has it with --vllm-python"),
    (r"unrecognized arguments|error: argument",
     "this version of vLLM does not know one of the arguments: see --vllm-args, and `{python} -m "
     "vllm.entrypoints.openai.api_server --help`"),
    (r"out of memory|OutOfMemoryError|No available memory for the cache|Free memory on device|Cannot allocate memory"
     r"|bad_alloc|Not enough memory|Available memory on node",
     "the model does not fit in memory: use a smaller model, a shorter --context-length, more GPUs "
     "(--tensor-parallel), or --vllm-args '--gpu-memory-utilization ...'"),
    (r"KV cache is needed, which is larger|is greater than the derived max_model_len"
     r"|larger than the maximum number of tokens that can be stored",
     "the context does not fit: give a shorter --context-length"),
    (r"World size .* is larger than|must be divisible by|divisible by tensor",
     "the model cannot be split like this: give another --tensor-parallel"),
    (r"GatedRepoError|gated repo|401 Client Error|403 Client Error",
     "the hub refuses {model}: accept its licence there, and log in (hf auth login)"),
    (r"not a valid model identifier|RepositoryNotFound|404 Client Error|Repo id must|Invalid repository ID"
     r"|does not appear to have a file named|Can't load the configuration",
     "{model} is no model that vLLM can find: give a hub repository or a local folder with config.json, the weights "
     "(safetensors) and the tokenizer"),
    (r"ConnectionError|ConnectError|Max retries exceeded|Name or service not known|Temporary failure in name"
     r"|LocalEntryNotFound|couldn't connect|outgoing traffic has been disabled",
     "the hub cannot be reached from here: download the model elsewhere and give its folder as --model"),
    (r"libcuda|libcudart|Failed to infer device type|NVIDIA driver|No CUDA GPUs",
     "vLLM finds no accelerator that it was built for: check the driver, or use a build of vLLM for this machine "
     "(--vllm-python)"),
)  # fmt: skip
"""Messages of vLLM, torch, transformers and huggingface_hub, most telling first."""


def last_lines(log: Path, count: int = LINES_SHOWN) -> list[str]:
    """The last lines that say something, without terminal sequences; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    # A progress bar rewrites its line after a carriage return: the last state is a line of its own.
    lines = (_ESCAPES.sub("", line).rstrip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line.strip()][-count:]


def last_line(log: Path) -> str:
    """The last line that says something, or an empty string."""
    return "".join(last_lines(log, 1))


def diagnosis(log: Path, status: int, python: Path, model: str) -> tuple[str | None, str]:
    """The line that tells why a server ended with ``status`` (128 + N for signal N), if one does, and what to do.

    The cause of a failed start stands well above the end of the log, which is the traceback of a process that waited
    for another.
    """
    lines = last_lines(log, _LINES_SEARCHED)
    for pattern, what in _ADVICE:
        cause = next((line.strip() for line in lines if re.search(pattern, line, re.IGNORECASE)), None)
        if cause:
            return cause, what.format(python=python, model=model)
    if status == 128 + signal.SIGKILL:
        return None, (
            "SIGKILL mostly comes from the kernel when memory is short: use a smaller model or a shorter "
            "--context-length, or give the job more memory"
        )
    return None, "read the whole log for the cause"
