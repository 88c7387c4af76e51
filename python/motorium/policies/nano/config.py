"""Descriptor: everything about a checkpoint but its weights, read from and written to `config.json`.

Units: slots carry raw magnitudes (radians, opening 0..1); times in seconds; images uint8 RGB.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from ..._core import MAX_CHUNK_ROWS, MAX_ROW_S, MIN_ROW_S, Precision
from ...containers import FORMAT
from ...errors import CheckpointError
from ...types import SLOTS
from .. import schema
from ..channels import ActionChannel, CameraInput, StateChannel
from ..options import PRECISIONS
from ..schema import Rules, one_of, within

FORMAT_VERSION = 6
ADAPTED_VERSION = 2
"""The first format that has slot-wise adapters; everything else means the same in all of them."""
POINTS_VERSION = 3
"""The first format in which a view may become points."""
REGRESSION_VERSION = 4
"""The first format in which chunks may begin with zeros instead of noise."""
PIECES_VERSION = 5
"""The first format in which words that were never taught are read by their pieces (`sub_words`)."""
STATISTICS_VERSION = 6
"""The first format that keeps what the pictures of training looked like (`picture_statistics`)."""
MOST_PIECES = 512
SHORTEST_PIECE, LONGEST_PIECE = 3, 64
"""Letters of one."""
PAD, UNKNOWN = "<pad>", "<unk>"
NORMAL, NO_NOISE = "normal", "none"
"""What chunks are made of."""
FLOAT32 = Precision.FLOAT32.value


@dataclass(frozen=True)
class Chunk:
    """T rows, `dt_s` apart; a new plan after `execution_horizon` rows."""

    rows: Annotated[int, within(1, MAX_CHUNK_ROWS)]
    dt_s: Annotated[float, within(MIN_ROW_S, MAX_ROW_S)]
    execution_horizon: Annotated[int, within(1, MAX_CHUNK_ROWS)]


@dataclass(frozen=True)
class Flow:
    """Rectified flow: x_t = (1-t) noise + t data; `steps` Euler steps of the predicted velocity.

    Without noise every chunk begins with zeros and is made in one step: regression.
    """

    time: Annotated[str, one_of("noise_at_0")]
    prediction: Annotated[str, one_of("velocity")]
    steps: Annotated[int, within(1, 64)]
    noise: Annotated[str, one_of(NORMAL, NO_NOISE)] = NORMAL


@dataclass(frozen=True)
class PrefixLock:
    """How committed rows are kept: `hard` = overwritten before every step and after the last."""

    rule: Annotated[str, one_of("hard")]
    max_delay: Annotated[int, within(0, MAX_CHUNK_ROWS - 1)]


@dataclass(frozen=True)
class Mask:
    """Attention masks of the two streams."""

    prefix: Annotated[str, one_of("full")]
    suffix: Annotated[str, one_of("causal")]


@dataclass(frozen=True)
class ImageNormalisation:
    """x = (u8 / 255 - mean) / std, per RGB channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ActionNormalisation:
    """Per row and channel: normalised = (raw - relative * state - mean) / std; both (T, A)."""

    mean: tuple[tuple[float, ...], ...]
    std: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Prompt:
    """Word-level vocabulary; entry 0 is `<pad>`, entry 1 `<unk>`."""

    vocabulary: tuple[str, ...]
    max_tokens: Annotated[int, within(1, 128)]
    lowercase: bool
    pieces: Annotated[tuple[str, ...], Rules(length=MOST_PIECES)] = ()
    """Of words, by which others are read (`sub_words`); empty: those are unknown."""


@dataclass(frozen=True)
class SceneReadout:
    """What the prefix says about the scene: names and the statistics that turn outputs into units."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Dims:
    """Widths of the nano network."""

    prefix_width: Annotated[int, within(4, 1024)]
    expert_width: Annotated[int, within(4, 1024)]
    heads: Annotated[int, within(1, 32)]
    head_dim: Annotated[int, within(2, 256)]
    layers: Annotated[int, within(1, 64)]
    shared_layers: Annotated[int, within(0, 64)]
    prefix_mlp: Annotated[int, within(1, 4096)]
    expert_mlp: Annotated[int, within(1, 4096)]
    experts: Annotated[int, within(1, 64)]
    top_k: Annotated[int, within(1, 64)]
    routed_mlp: Annotated[int, within(1, 4096)]
    soft_tokens: Annotated[int, within(1, 64)]
    vision_channels: Annotated[tuple[int, ...], Rules(low=1, high=1024, length=3)]
    groups: Annotated[int, within(1, 256)]
    rms_eps: Annotated[float, within(1e-12, 1.0)]
    norm_eps: Annotated[float, within(1e-12, 1.0)]
    points: Annotated[int, within(0, 256)] = 0
    """K points that a view becomes (spatial softmax); 0: it becomes patches."""
    point_tokens: Annotated[int, within(0, 64)] = 0
    """P tokens that the points of a view become."""


@dataclass(frozen=True)
class SlotAdapters:
    """Slots whose matrices an embodiment uses: its active slots I_e in eq. 12 of Being-H0.5."""

    embodiment: str
    slots: Annotated[tuple[int, ...], Rules(low=0, high=SLOTS - 1, length=SLOTS)]


@dataclass(frozen=True)
class Descriptor:
    """`config.json` of a motorium checkpoint; building one checks it (CheckpointError)."""

    format: Annotated[str, one_of(FORMAT)]
    format_version: Annotated[int, within(1, FORMAT_VERSION)]
    family: Annotated[str, one_of("nano")]
    name: str
    embodiments: Annotated[tuple[str, ...], Rules(length=64)]
    chunk: Chunk
    flow: Flow
    prefix_lock: PrefixLock
    mask: Mask
    cameras: Annotated[tuple[CameraInput, ...], Rules(length=8)]
    image: ImageNormalisation
    state: Annotated[tuple[StateChannel, ...], Rules(length=SLOTS)]
    action: Annotated[tuple[ActionChannel, ...], Rules(length=SLOTS)]
    action_normalisation: ActionNormalisation
    prompt: Prompt
    scene: SceneReadout
    dims: Dims
    slot_adapters: Annotated[tuple[SlotAdapters, ...], Rules(length=64)] = ()
    """Of every embodiment, in their order; empty: the network has none."""
    precision: Annotated[str, one_of(*PRECISIONS)] = FLOAT32
    """What the engine computes in where the caller names none. Readers that do not know the key take float32, of which
    the others are an approximation."""
    picture_statistics: bool = False
    """Whether the weights come with what the pictures of training looked like to the network."""

    def __post_init__(self) -> None:
        problems = _contradictions(self)
        if problems:
            raise CheckpointError(f"descriptor {self.name!r} contradicts itself: {'; '.join(problems)}")

    @classmethod
    def from_json(cls, text: str) -> Descriptor:
        """Read `config.json`. Raises CheckpointError naming missing keys, wrong types and contradictions."""
        try:
            document = schema.parse_json(text)
            _check_header(document)
            return schema.build(cls, document)
        except schema.SchemaError as error:
            raise CheckpointError(str(error)) from error

    def to_json(self) -> str:
        """Return the text of `config.json`."""
        document = schema.to_plain(self)
        if not self.slot_adapters:
            del document["slot_adapters"]  # a file that any version can read looks as it always did
        if self.precision == FLOAT32:
            del document["precision"]
        if not self.picture_statistics:
            del document["picture_statistics"]
        if self.flow.noise == NORMAL:
            del document["flow"]["noise"]
        if not self.prompt.pieces:
            del document["prompt"]["pieces"]
        if not self.dims.points:
            del document["dims"]["points"], document["dims"]["point_tokens"]
        return json.dumps(document, indent=1, allow_nan=False) + "\n"

    @property
    def rows(self) -> int:
        """T."""
        return self.chunk.rows


def _check_header(document: object) -> None:
    """Say 'another format' or 'too new' before complaining about the keys such a file may lack."""
    if not isinstance(document, dict):
        raise CheckpointError("the document must be a JSON object")
    if document.get("format", FORMAT) != FORMAT:
        raise CheckpointError(f"format is {document['format']!r}, not {FORMAT!r}: not a motorium checkpoint")
    version = document.get("format_version", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise CheckpointError(
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest known here; update motorium"
        )


def _repeated(values: list[Any], what: str) -> list[str]:
    return [f"{what} {v!r} appears twice" for v in sorted({v for v in values if values.count(v) > 1})]


def _contradictions(d: Descriptor) -> list[str]:
    return _channel_problems(d) + _input_problems(d) + _dims_problems(d.dims) + _version_problems(d)


def _channel_problems(d: Descriptor) -> list[str]:
    found: list[str] = []
    for what, channels in (("state", d.state), ("action", d.action)):
        if not channels:
            found.append(f"{what} is empty")
        found += _repeated([c.slot for c in channels], f"{what} slot")
        found += _repeated([c.joint for c in channels], f"{what} joint")
        found += [f"{what} {c.joint!r}: min is not below max" for c in channels if not c.min < c.max]
    measured = {c.slot for c in d.state}
    found += [
        f"action {c.joint!r} is relative but its slot {c.slot} is not a state input"
        for c in d.action
        if c.relative and c.slot not in measured
    ]
    shape = (d.chunk.rows, len(d.action))
    for name in ("mean", "std"):
        table = getattr(d.action_normalisation, name)
        if len(table) != shape[0] or any(len(row) != shape[1] for row in table):
            found.append(f"action_normalisation.{name} must be {shape[0]} rows of {shape[1]}")
    if any(not 1e-9 <= value <= 1e9 for row in d.action_normalisation.std for value in row):
        found.append("action_normalisation.std must be positive")
    return found


def _input_problems(d: Descriptor) -> list[str]:
    found = _repeated([c.role for c in d.cameras], "camera role")
    found += _repeated(list(d.embodiments), "embodiment")
    if not d.cameras or not d.embodiments:
        found.append("at least one camera and one embodiment are needed")
    if len(d.image.mean) != 3 or len(d.image.std) != 3 or any(not 1e-6 <= s <= 1e6 for s in d.image.std):
        found.append("image.mean and image.std need 3 values, std positive")
    found += _prompt_problems(d.prompt)
    if not len(d.scene.names) == len(d.scene.mean) == len(d.scene.std) or not d.scene.names:
        found.append("scene.names, mean and std need one equal, non-zero length")
    if any(not 1e-9 <= s <= 1e9 for s in d.scene.std):
        found.append("scene.std must be positive")
    if d.chunk.execution_horizon > d.chunk.rows:
        found.append("chunk.execution_horizon exceeds chunk.rows")
    if d.prefix_lock.max_delay >= d.chunk.rows:
        found.append("prefix_lock.max_delay must be below chunk.rows")
    return found


def _prompt_problems(prompt: Prompt) -> list[str]:
    found = []
    if prompt.vocabulary[:2] != (PAD, UNKNOWN):
        found.append(f"prompt.vocabulary must begin with {PAD!r}, {UNKNOWN!r}")
    if len(set(prompt.vocabulary)) != len(prompt.vocabulary):
        found.append("prompt.vocabulary repeats a word")
    found += _repeated(list(prompt.pieces), "prompt.pieces:")
    if any(not SHORTEST_PIECE <= len(piece) <= LONGEST_PIECE or " " in piece for piece in prompt.pieces):
        found.append(
            f"prompt.pieces must have {SHORTEST_PIECE} to {LONGEST_PIECE} letters each, and no space"
        )
    return found


def _version_problems(d: Descriptor) -> list[str]:
    found = _adapter_problems(d)
    if d.dims.points and d.format_version < POINTS_VERSION:
        found.append(f"dims.points need format_version {POINTS_VERSION}")
    if d.flow.noise == NO_NOISE:
        if d.format_version < REGRESSION_VERSION:
            found.append(f"a flow without noise needs format_version {REGRESSION_VERSION}")
        if d.flow.steps != 1:
            found.append("a flow without noise is made in 1 step")
    if d.prompt.pieces and d.format_version < PIECES_VERSION:
        found.append(f"prompt.pieces need format_version {PIECES_VERSION}")
    if d.picture_statistics and d.format_version < STATISTICS_VERSION:
        found.append(f"picture_statistics need format_version {STATISTICS_VERSION}")
    return found


def _adapter_problems(d: Descriptor) -> list[str]:
    if not d.slot_adapters:
        return []
    found: list[str] = []
    if d.format_version < ADAPTED_VERSION:
        found.append(f"slot_adapters need format_version {ADAPTED_VERSION}")
    if tuple(adapters.embodiment for adapters in d.slot_adapters) != d.embodiments:
        found.append("slot_adapters must name every embodiment, in the order of embodiments")
    commanded = {channel.slot for channel in d.action}
    for adapters in d.slot_adapters:
        found += _repeated(list(adapters.slots), f"slot_adapters of {adapters.embodiment!r}: slot")
        strange = sorted(set(adapters.slots) - commanded)
        if strange:
            found.append(f"slot_adapters of {adapters.embodiment!r}: slot {strange[0]} is not an action")
    return found


def _dims_problems(dims: Dims) -> list[str]:
    found = []
    if len(dims.vision_channels) != 3 or dims.vision_channels[2] != dims.prefix_width:
        found.append("dims.vision_channels needs 3 values, the last equal to prefix_width")
    if bool(dims.points) != bool(dims.point_tokens):
        found.append("dims.points and dims.point_tokens go together: both 0, or neither")
    if any(c % dims.groups for c in dims.vision_channels):
        found.append("dims.vision_channels must be multiples of groups")
    if dims.expert_width % 2:
        found.append("dims.expert_width must be even (sine and cosine halves)")
    if dims.top_k > dims.experts:
        found.append("dims.top_k exceeds experts")
    if dims.shared_layers > dims.layers:
        found.append("dims.shared_layers exceeds layers")
    return found
