"""Grow a trained network by what new recordings bring: words, another robot with the same joints, wider motions.

Everything that it has learned stays where it was; new rows are appended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..policies.channels import ActionChannel, StateChannel
from ..policies.nano.config import PIECES_VERSION, Descriptor, Prompt
from ..policies.nano.sub_words import learn_pieces
from ..policies.nano.tokenizer import words_of
from ..types import Float32
from .data import Recordings
from .describe import check_joints
from .normalise import short_floats


def grown(descriptor: Descriptor, name: str, recordings: Recordings) -> Descriptor:
    """Return the descriptor of a network that is trained further on recordings.

    Args:
        descriptor: of the checkpoint.
        name: of the new one.
        recordings: to learn from.

    Raises DataError: other joints. CheckpointError: another robot, and the network has adapters of its robots' slots.
    """
    check_joints(descriptor, recordings)
    robots = [robot.name for robot in recordings.robots]
    strange = [robot for robot in robots if robot not in descriptor.embodiments]
    if strange and descriptor.slot_adapters:
        raise CheckpointError(
            f"checkpoint {descriptor.name!r} has slot adapters for {', '.join(descriptor.embodiments)} and none for "
            f"{strange[0]}"
        )
    column = {slot: place for place, slot in enumerate(recordings.slots)}
    index = recordings.training
    state, valid = recordings.column("state")[index], recordings.column("valid")[index]
    rows = recordings.column("rows")[index][valid]

    def range_of(channel: StateChannel | ActionChannel, values: Float32) -> tuple[float, float]:
        seen = values[:, column[channel.slot]]
        low, high = short_floats((seen.min(), seen.max()))
        return min(channel.min, low), max(channel.max, high)

    states = [(channel, *range_of(channel, state)) for channel in descriptor.state]
    actions = [(channel, *range_of(channel, rows)) for channel in descriptor.action]
    return replace(
        descriptor,
        format_version=max(PIECES_VERSION, descriptor.format_version),
        name=name,
        embodiments=(*descriptor.embodiments, *strange),
        state=tuple(replace(channel, min=low, max=high) for channel, low, high in states),
        action=tuple(replace(channel, min=low, max=high) for channel, low, high in actions),
        prompt=_with_words(descriptor.prompt, recordings.tasks),
    )


def grown_tensors(
    tensors: Mapping[str, Tensor], before: Descriptor, after: Descriptor, seed: int
) -> dict[str, Tensor]:
    """Return a checkpoint's tensors with rows for new words and robots.

    A new word begins as unlike the others as they are to each other, a new robot as the mean of those that are there,
    and the place of a word in a longer instruction as nothing.
    """
    out = dict(tensors)
    words = len(after.prompt.vocabulary) - len(before.prompt.vocabulary)
    if words:
        known = tensors["text.embedding.weight"]
        noise = torch.randn(words, known.shape[1], generator=torch.Generator().manual_seed(seed))
        out["text.embedding.weight"] = torch.cat([known, noise * known.std(dim=0) + known.mean(dim=0)])
    places = after.prompt.max_tokens - before.prompt.max_tokens
    if places:
        known = tensors["text.position"]
        out["text.position"] = torch.cat([known, known.new_zeros(places, known.shape[1])])
    robots = len(after.embodiments) - len(before.embodiments)
    if robots:
        prompts = tensors["soft_prompt"]
        mean = prompts.mean(dim=0, keepdim=True).expand(robots, -1, -1)
        out["soft_prompt"] = torch.cat([prompts, mean])
    return out


def _with_words(prompt: Prompt, tasks: tuple[str, ...]) -> Prompt:
    told = {word for task in tasks for word in words_of(task, lowercase=prompt.lowercase)}
    vocabulary = (*prompt.vocabulary, *sorted(told - set(prompt.vocabulary)))
    longest = max(len(words_of(task, lowercase=prompt.lowercase)) for task in tasks)
    tokens, pieces = max(prompt.max_tokens, longest), learn_pieces(vocabulary[2:])
    return replace(prompt, vocabulary=vocabulary, max_tokens=tokens, pieces=pieces)
