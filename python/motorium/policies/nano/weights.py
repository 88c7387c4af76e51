"""Names and shapes of every weight of the nano family; all float32, Linear weights are [out, in]."""

from __future__ import annotations

from ...containers import Shape
from ...types import SLOTS
from ..channels import CameraInput
from .config import Descriptor

STRIDE = 8
"""Pixels from one feature of a view to the next."""


def feature_size(pixels: int) -> int:
    """Return the size of a view's features along one side: convolutions k6 s4 p1, k3 s2 p1."""
    first = (pixels + 2 - 6) // 4 + 1
    return (first + 2 - 3) // 2 + 1


def view_tokens(camera: CameraInput) -> int:
    """Count the patches of one view: one more convolution, k3 s2 p1."""
    height, width = ((feature_size(side) + 2 - 3) // 2 + 1 for side in (camera.height, camera.width))
    return height * width


def nano_tensors(descriptor: Descriptor) -> dict[str, Shape]:
    """Return tensor name -> shape of all that `model.safetensors` must contain."""
    d, dims = descriptor, descriptor.dims
    u, a, s = dims.prefix_width, dims.expert_width, len(d.scene.names)
    shapes: dict[str, Shape] = {
        "text.embedding.weight": (len(d.prompt.vocabulary), u),
        "text.position": (d.prompt.max_tokens, u),
        "soft_prompt": (len(d.embodiments), dims.soft_tokens, u),
        "readout": (1, u),
        "scene.norm.weight": (u,),
        "action.position": (d.chunk.rows, a),
        "out.norm.weight": (a,),
    }
    _linear(shapes, "scene.head", s, u)
    _linear(shapes, "scene.embed", a, s)
    _linear(shapes, "state.fc1", a, SLOTS)
    _linear(shapes, "state.fc2", a, a)
    _linear(shapes, "action.w1", a, SLOTS)
    _linear(shapes, "action.w2", a, 2 * a)
    _linear(shapes, "action.w3", a, a)
    _linear(shapes, "out.fc1", a, a)
    _linear(shapes, "out.fc2", SLOTS, a)
    if (
        d.slot_adapters
    ):  # (slots, outputs, inputs): one matrix per slot, shared by the embodiments that use it
        shapes["slot.in.weight"] = (SLOTS, a, 1)
        shapes["slot.out.weight"] = (SLOTS, 1, a)
    for camera in d.cameras:
        _vision(shapes, d, camera)
    for layer in range(dims.layers):
        _layer(shapes, d, layer)
    return shapes


def _linear(shapes: dict[str, Shape], name: str, rows: int, columns: int) -> None:
    shapes[f"{name}.weight"] = (rows, columns)
    shapes[f"{name}.bias"] = (rows,)


def picture_tensors(channels: tuple[int, ...], prefix_width: int, points: int) -> dict[str, Shape]:
    """Return what a view is looked at with, up to patches or points and the tokens of them; names without the view.

    Args:
        channels: of the convolutions.
        prefix_width: of the words that steer them.
        points: K, or 0 for patches.
    """
    c1, c2, c3 = channels
    shapes: dict[str, Shape] = {}
    kernels = [(c1, 3, 6), (c2, c1, 3), (c2, c2, 3)]
    if points:
        shapes["points.weight"] = (points, c2)
    else:
        kernels.append((c3, c2, 3))
    for index, (out, inputs, size) in enumerate(kernels, start=1):
        shapes[f"conv{index}.weight"] = (out, inputs, size, size)
        for name in (f"conv{index}.bias", f"norm{index}.weight", f"norm{index}.bias"):
            shapes[name] = (out,)
    _linear(shapes, "film", 2 * c2, prefix_width)
    return shapes


def _vision(shapes: dict[str, Shape], d: Descriptor, camera: CameraInput) -> None:
    dims, here = d.dims, f"vision.{camera.role}"
    found = picture_tensors(dims.vision_channels, dims.prefix_width, dims.points)
    shapes |= {f"{here}.{name}": shape for name, shape in found.items()}
    if dims.points:
        _linear(shapes, f"{here}.tokens", dims.point_tokens * dims.vision_channels[2], 2 * dims.points)
    else:
        shapes[f"{here}.position"] = (view_tokens(camera), dims.vision_channels[2])


def _layer(shapes: dict[str, Shape], d: Descriptor, layer: int) -> None:
    dims = d.dims
    inner = dims.heads * dims.head_dim
    for stream, width in (("prefix", dims.prefix_width), ("expert", dims.expert_width)):
        here = f"layers.{layer}.{stream}"
        for name in ("norm1", "norm2"):
            shapes[f"{here}.{name}.weight"] = (width,)
        for name in ("q", "k", "v"):
            shapes[f"{here}.{name}.weight"] = (inner, width)
        for name in ("q_norm", "k_norm"):
            shapes[f"{here}.{name}.weight"] = (dims.head_dim,)
        shapes[f"{here}.o.weight"] = (width, inner)
    _mlp(shapes, f"layers.{layer}.prefix", (dims.prefix_width, dims.prefix_mlp))
    if layer < dims.shared_layers:
        _mlp(shapes, f"layers.{layer}.expert", (dims.expert_width, dims.expert_mlp))
        return
    here, a = f"layers.{layer}.expert", dims.expert_width
    shapes[f"{here}.router.weight"] = (dims.experts, a)
    shapes[f"{here}.experts.gate.weight"] = (dims.experts, dims.routed_mlp, a)
    shapes[f"{here}.experts.up.weight"] = (dims.experts, dims.routed_mlp, a)
    shapes[f"{here}.experts.down.weight"] = (dims.experts, a, dims.routed_mlp)


def _mlp(shapes: dict[str, Shape], here: str, widths: tuple[int, int]) -> None:
    width, inner = widths
    shapes[f"{here}.gate.weight"] = (inner, width)
    shapes[f"{here}.up.weight"] = (inner, width)
    shapes[f"{here}.down.weight"] = (width, inner)
