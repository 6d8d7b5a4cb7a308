"""From recipes, flags and saved runs to one checked configuration.

A recipe (``recipes/*.yaml``) is a complete small file of it; flags override single values; the result is saved with the
run as ``RUN/config.json``. Unknown keys, wrong types and contradictions are refused before anything is loaded.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from finetune.config import AGENTS, FULL, LORA, LORA_TARGETS, LOSS_PRESETS, Config, LoraConfig, ModelConfig
from finetune.prompt import prompt_frames

RECIPES = Path(__file__).parent / "recipes"


def load_recipe(name_or_file: str) -> dict[str, Any]:
    """The values of a recipe: a name in ``recipes/`` or the path of a YAML file.

    Raises:
        ValueError: there is no such recipe, or it is not YAML.
    """
    import yaml

    named = RECIPES / f"{name_or_file}.yaml"
    file = named if named.is_file() else Path(name_or_file)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as err:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise ValueError(f"no recipe {name_or_file!r}: expected a YAML file or one of {known}") from err
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise ValueError(f"{file}: cannot be read as YAML ({err})") from err
    if not isinstance(values, dict):
        raise ValueError(f"{file}: expected keys and values, found {values!r}")
    return values


def merge(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with dotted keys (``data.max_frames``) replaced."""
    merged = copy.deepcopy(dict(values))
    for dotted, value in overrides.items():
        *sections, key = dotted.split(".")
        place = merged
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ValueError(f"{dotted}: {section} is a value, not a section")
        place[key] = value
    return merged


def make_config(values: Mapping[str, Any]) -> Config:
    """Build and check the whole tree.

    Raises:
        ValueError: an unknown key, a value of another type, or values that contradict each other.
    """
    config = _build(Config, _with_preset(values), "")
    _validate(config)
    return config


def _with_preset(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The weights of the loss from its preset, where they are not given themselves."""
    loss = values.get("loss") if isinstance(values, Mapping) else None
    if not isinstance(loss, Mapping) or "preset" not in loss:
        return values
    preset = loss["preset"]
    if not isinstance(preset, str) or preset not in LOSS_PRESETS:
        raise ValueError(f"config loss.preset: found {preset!r}, expected one of {', '.join(LOSS_PRESETS)}")
    return {**values, "loss": {**LOSS_PRESETS[preset], **loss}}


def as_dict(config: Config) -> dict[str, Any]:
    """The tree as plain JSON-able values; ``make_config`` reads it back."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def differences(old: Config, new: Config) -> list[str]:
    """Where two configurations differ: ``data.max_frames: 256 -> 512``."""
    a, b = flat(as_dict(old)), flat(as_dict(new))
    return [
        f"{key}: {a.get(key)!r} -> {b.get(key)!r}" for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)
    ]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a tree by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def _build(cls: Any, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"config {where or 'file'}: expected keys and values, found {values!r}")
    hints = typing.get_type_hints(cls)
    if unknown := sorted(str(k) for k in values if k not in hints):
        raise ValueError(f"config {where}{unknown[0]}: unknown key; known here: {', '.join(sorted(hints))}")
    return cls(**{key: _convert(hints[key], value, f"{where}{key}") for key, value in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{where}.")
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"config {where}: expected names and numbers, found {value!r}")
        return {str(k): _convert(float, v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:
        if not isinstance(value, list | tuple) or len(value) != len(hint.__args__):
            raise ValueError(f"config {where}: expected {len(hint.__args__)} numbers, found {value!r}")
        return tuple(_convert(h, v, where) for h, v in zip(hint.__args__, value, strict=True))
    if hint is float and isinstance(value, str):
        value = _number(value)  # YAML 1.1 reads 2e-6 (no dot) as a text
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"config {where}: expected {_NAMES[hint]}, found {value!r}")
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _validate(c: Config) -> None:
    def need(ok: bool, key: str, found: Any, expected: str) -> None:
        if not ok:
            raise ValueError(f"config {key}: found {found!r}, expected {expected}")

    for key, value in flat(as_dict(c)).items():
        need(not isinstance(value, float) or math.isfinite(value), key, value, "a finite number")
    for key in ("data.batch_size", "data.micro_batch_size"):
        value = getattr(c.data, key.split(".")[1])
        need(value >= 1, key, value, "1 or more")
    for key, count in (("steps", c.steps), ("save.every", c.save.every), ("save.keep", c.save.keep)):
        need(count >= 1, key, count, "1 or more")
    need(c.seed >= 0, "seed", c.seed, "0 or more")
    for key, count in (("heldout.windows", c.heldout.windows), ("heldout.every", c.heldout.every)):
        need(count >= 0, key, count, "0 or more")
    need(c.samples.every >= 0, "samples.every", c.samples.every, "0 or more")
    need(c.samples.count >= 1, "samples.count", c.samples.count, "1 or more")
    need(0 < c.samples.seconds <= 120, "samples.seconds", c.samples.seconds, "a number above 0, at most 120")
    need(len(c.data.mix) > 0, "data.mix", c.data.mix, "at least one dataset, as in --mix fisher:0.7,coffee:0.3")
    for name, weight in c.data.mix.items():
        need(weight > 0, f"data.mix.{name}", weight, "a number above 0")
    need(
        c.data.batch_size % c.data.micro_batch_size == 0,
        "data.micro_batch_size",
        c.data.micro_batch_size,
        f"a divisor of data.batch_size ({c.data.batch_size})",
    )
    need(c.data.agent in AGENTS, "data.agent", c.data.agent, " or ".join(AGENTS))
    for key in ("drop_text_prompt", "drop_voice_prompt"):
        value = getattr(c.data, key)
        need(0 <= value <= 1, f"data.{key}", value, "a probability from 0 to 1")
    need(c.data.workers >= 0, "data.workers", c.data.workers, "0 or more")
    need(c.data.prefetch >= 1, "data.prefetch", c.data.prefetch, "1 or more")
    share = c.data.max_prompt_share
    need(0 < share < 1, "data.max_prompt_share", share, "a share between 0 and 1")
    shortest = math.ceil(prompt_frames(0, 0) / share)
    need(c.data.max_frames >= shortest, "data.max_frames", c.data.max_frames,
         f"{shortest} or more: a prompt without any words takes {prompt_frames(0, 0)} frames")  # fmt: skip
    _validate_model(c.model, need)
    weights = (c.loss.text_pad, c.loss.semantic, c.loss.acoustic)
    need(min(weights) >= 0, "loss", weights, "weights of 0 or more")
    need(c.loss.semantic + c.loss.acoustic > 0, "loss", weights, "semantic or acoustic above 0")
    for key in ("depth_lr", "temporal_lr"):
        need(getattr(c.optim, key) > 0, f"optim.{key}", getattr(c.optim, key), "a number above 0")
    need(all(0 <= b < 1 for b in c.optim.betas), "optim.betas", c.optim.betas, "two numbers from 0 to below 1")
    need(c.optim.weight_decay >= 0, "optim.weight_decay", c.optim.weight_decay, "0 or more")
    need(c.optim.clip_norm >= 0, "optim.clip_norm", c.optim.clip_norm, "0 or more")
    need(0 <= c.optim.final_lr_share <= 1, "optim.final_lr_share", c.optim.final_lr_share, "a share from 0 to 1")
    need(0 <= c.optim.warmup_share < 1, "optim.warmup_share", c.optim.warmup_share, "a share from 0 to below 1")


def _validate_model(c: ModelConfig, need: Callable[[bool, str, Any, str], None]) -> None:
    need(c.train in (FULL, LORA), "model.train", c.train, f"{FULL} or {LORA}")
    need(c.lora.targets in LORA_TARGETS, "model.lora.targets", c.lora.targets, f"one of {', '.join(LORA_TARGETS)}")
    if c.train == FULL:
        for key, value in dataclasses.asdict(c.lora).items():
            default = getattr(LoraConfig(), key)
            need(value == default, f"model.lora.{key}", value, f"nothing, as model.train is {FULL}; set it to {LORA}?")
    else:
        need(c.lora.rank >= 1, "model.lora.rank", c.lora.rank, f"1 or more with model.train: {LORA}, 128 say")
        need(c.lora.scaling > 0, "model.lora.scaling", c.lora.scaling, "a number above 0")
