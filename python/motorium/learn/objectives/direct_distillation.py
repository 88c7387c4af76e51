"""Direct distillation: a student makes in few steps what its teacher makes of the same noise, in more of them.

    x(0) = noise,   x((k + 1) / K) = x(k / K) + v(x(k / K), k / K) / K,   F_K(noise) = x(1)
    loss = E |F_K^student(noise) - F_N^teacher(noise)|^2,   K < N

(Luhman and Luhman, 2021, "Knowledge distillation in iterative generative models for improved sampling speed",
arXiv:2101.02388.) A teacher without noise in its steps, there DDIM and here Euler's steps of a flow, is a function of
where it starts, so its end is a target that one step can reach. The student begins with the teacher's weights.

docs/training.md, "Distil", has what it was chosen by: after equal training it is nearer to the teacher than consistency
distillation (Song et al., 2023, arXiv:2303.01469), and the teacher's own number of steps is a better target than more.

Committed rows are the same at both ends of both flows (`commitment.keep_committed`): their error is zero by itself.
"""

from __future__ import annotations

from torch import Tensor

from .commitment import keep_committed
from .rectified_flow import Velocity, integrate


def reached(velocity: Velocity, start: Tensor, locked: Tensor, steps: int) -> Tensor:
    """Return the actions (B, n, T, C) to which a network flows, F_K.

    Args:
        velocity: of the network.
        start: (B, n, T, C) noise, with committed rows in their places.
        locked: (B, n, T) bool, true on committed rows, which stay as they are bit by bit.
        steps: K, of Euler.
    """
    return integrate(keep_committed(velocity, start, locked), start, steps)
