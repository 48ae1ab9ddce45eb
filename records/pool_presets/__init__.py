"""Presets: under which names the pools of well-known libraries and servers show themselves.

A family is a file of names, with a link to the documentation that they come from.
"""

import functools
import tomllib
from importlib import resources

from pydantic import Field

from dress_rehearsal.plans.sections.metrics import PoolNames
from dress_rehearsal.plans.types import Section


class PoolPreset(Section):
    """One family: the names it uses, one table a spelling; several may be in one text."""

    documentation: tuple[str, ...] = Field(min_length=1)
    """Where the names come from."""
    says: str
    """What the family is, in a few words."""
    pools: tuple[PoolNames, ...] = Field(min_length=1)


@functools.cache
def read_preset(name: str) -> PoolPreset:
    """Return a preset by its name (`plans.metrics.Preset`)."""
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return PoolPreset.model_validate(tomllib.loads(text))
