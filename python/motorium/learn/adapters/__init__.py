"""Ways to adapt a trained network to new recordings, one to a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .adapter import Adapter, AdapterSpec, Before
from .full import Full
from .lora import Lora
from .slot_adapter import SlotAdapter
from .soft_prompt import SoftPrompt

__all__ = ["METHODS", "Adapter", "AdapterSpec", "Before", "Full", "adapter_for"]
METHODS: Mapping[str, type[Adapter]] = MappingProxyType(
    {kind.method: kind for kind in (Full, Lora, SoftPrompt, SlotAdapter)}
)


def adapter_for(spec: AdapterSpec, before: Before | None) -> Adapter:
    """Return the adapter that `spec` names; `before` is None for a network that begins from scratch.

    Raises MotoriumError: no such method, or it cannot do what is asked.
    """
    return METHODS[spec.checked(tuple(METHODS)).method](spec, before)
