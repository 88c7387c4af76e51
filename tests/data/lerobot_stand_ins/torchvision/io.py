"""The reader that `decode_video_frames_torchvision` uses."""

from __future__ import annotations

import av
import torch


class VideoReader:
    def __init__(self, path: str, stream: str) -> None:
        assert stream == "video"
        self.container = av.open(path)
        self._stream = self.container.streams.video[0]

    def seek(self, time_s: float, *, keyframes_only: bool) -> VideoReader:
        assert keyframes_only
        self.container.seek(round(time_s * 1_000_000))  # to the key frame before it
        return self

    def __iter__(self):
        for frame in self.container.decode(self._stream):
            image = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            yield {"data": image, "pts": float(frame.time)}
