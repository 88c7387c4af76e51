"""Open the denoisers of `denoiser_samples`, run them, compare."""

from __future__ import annotations

import denoiser_samples as samples
import numpy as np

from motorium import _core


def open_denoiser(config, tensors, given, isa=""):
    denoiser = _core.Denoiser(config, tensors, isa)
    if "positions" in given:
        denoiser.set_positions(given["positions"])
    for layer in range(config["layers"]):
        denoiser.set_prefix(layer, given["keys"][layer], given["values"][layer])
    denoiser.set_lead(given["lead"])
    denoiser.set_tail(given["tail"])
    return denoiser


def run(config, given, steps=4, domain=0, isa="", seed=0):
    denoiser = open_denoiser(config, samples.weights(config, seed), given, isa)
    return denoiser.run(
        given["noise"], steps, given["committed"], given["context"], domain, given["directions"]
    )


def assert_close(actual, expected, tolerance=2e-5):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * max(1.0, np.abs(expected).max())
