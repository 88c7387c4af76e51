"""What two formats of a denoiser's config mean, and what a run takes beside noise and committed rows."""

from __future__ import annotations

import denoiser_samples as samples
import numpy as np
import pytest
from denoiser_runs import assert_close, open_denoiser, run
from reference_denoiser import ReferenceDenoiser

from motorium import _core


class TestFormats:
    """What a config without `format` means stays; format 2 has the papers' meanings."""

    @pytest.mark.parametrize("committed", [0, 2])
    def test_an_older_window_counts_the_row_itself(self, committed):
        base = {"mask": "lambda", "rope_theta": 1e4}
        given = samples.inputs(samples.BASE, committed=committed)
        old = [run(samples.config(**base, window=n + 1), given) for n in range(4)]
        new = [run(samples.config(**base, window=n, format=2), given) for n in range(4)]
        for one, other in zip(old, new, strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(old[2], run(samples.config(**base, window=3, format=1), given))
        assert np.abs(new[2] - new[3]).max() > 1e-4

    @pytest.mark.parametrize("window", [0, 1, 4])
    def test_the_window_is_the_rows_before(self, window):
        """Seen from outside: the mask that the run itself reports."""
        config = samples.config(format=2, mask="lambda", window=window)
        given, recorder = samples.inputs(config), _core.Recorder()
        denoiser = open_denoiser(config, samples.weights(config), given)
        denoiser.run(given["noise"], 1, recorder=recorder)
        visible = next(array for _, what, _, array in recorder.take() if what == "visible")
        first = config["prefix"] + config["lead"]
        assert (visible[:, :first].sum(1)[config["lead"] :] == first).all(), "prefix and lead are always seen"
        rows = visible[config["lead"] :, first:]
        assert rows.sum(1).tolist() == [min(row, window) + 1 for row in range(config["rows"])]
        assert (np.diag(rows) == 1).all()
        assert not np.triu(rows, 1).any()

    @pytest.mark.parametrize("ends", [{}, {"embedding": "untimed", "time": {"width": 0}}])
    def test_embodiments_that_share_a_slot_share_its_matrix(self, ends):
        """One change in the bank moves exactly the embodiments whose active channels include the slot."""
        config = samples.config(format=2, adapters=[[0, 2], [2, 3], [1]], **ends)
        given, weights = samples.inputs(config), samples.weights(config)

        def all_three(tensors):
            denoiser = open_denoiser(config, tensors, given)
            return [denoiser.run(given["noise"], 4, domain=domain) for domain in range(3)]

        before = all_three(weights)
        users = {0: [True, False, False], 2: [True, True, False], 4: [False, False, False]}
        for name in ("slot.in.weight", "slot.out.weight"):
            for slot, expected in users.items():
                changed = {**weights, name: weights[name].copy()}
                changed[name][slot] += 0.5
                after = all_three(changed)
                moved = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
                assert moved == expected, (name, slot)

    def test_embodiments_with_the_same_slots_are_the_same(self):
        config = samples.config(format=2, adapters=[[0, 1, 4], [4, 1, 0], []])
        given, weights = samples.inputs(config), samples.weights(config)
        results = [run(config, given, domain=domain) for domain in range(3)]
        assert np.array_equal(results[0], results[1])
        bare = {name: array for name, array in weights.items() if not name.startswith("slot.")}
        plain = open_denoiser(samples.BASE, bare, given).run(given["noise"], 4)
        assert np.array_equal(results[2], plain), "without active slots nothing is adapted"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"format": 3}, "format 3 is unknown"),
            ({"format": 0}, "format 0 is unknown"),
            ({"format": 2, "mask": "lambda"}, "needs a window"),
            ({"format": 1, "mask": "lambda", "window": 0}, "needs a window"),
            ({"format": 2, "window": 2}, "only the lambda mask"),
            ({"format": 2, "adapters": 3}, "a list of channels per embodiment"),
            ({"format": 1, "adapters": [[0]]}, "a number of embodiments"),
            ({"format": 2, "adapters": [[5]]}, "channels of the action"),
            ({"format": 2, "adapters": [[1, 1]]}, "each once"),
        ],
    )
    def test_what_a_format_does_not_mean_is_refused(self, changes, message):
        with pytest.raises(ValueError, match=message):
            _core.Denoiser({**samples.BASE, **changes}, {})


class TestInputs:
    """What a run takes beside noise and committed rows."""

    @pytest.mark.parametrize("committed", [0, 2])
    @pytest.mark.parametrize("name", ["causal", "xiaomi", "gate", "domains"])
    def test_a_mask_hides_channels_from_the_network_alone(self, name, committed):
        config = samples.OPTIONS[name]
        given = samples.inputs(config, committed=committed, passes=1 + ("gate" in config), steps=3)
        mask = (np.random.default_rng(5).random((config["rows"], config["channels"])) < 0.6).astype(
            np.float32
        )
        expected = ReferenceDenoiser(config, samples.weights(config)).run({**given, "mask": mask}, 3)
        denoiser = open_denoiser(config, samples.weights(config), given)
        kept = ("noise", "committed", "context", "directions")
        actual = denoiser.run(steps=3, mask=mask, **{key: given[key] for key in kept})
        assert_close(actual, expected)
        assert np.abs(actual - denoiser.run(steps=3, **{key: given[key] for key in kept})).max() > 1e-4
        with pytest.raises(ValueError, match="size"):
            denoiser.run(given["noise"], 3, mask=mask[:-1], context=given["context"])

    def test_positions_of_every_axis(self):
        """Far ones too, which no table holds; and the same on all axes is one axis."""
        config = samples.config({"head_dim": 12}, rope_theta=1e4, rope_gap=2, positions=5000)
        sections = {**config, "rope_sections": [3, 2, 1]}
        given, weights = samples.inputs(config, committed=2), samples.weights(config)
        for positions in ([4900, 7, 1234], [0, 0, 1]):
            now = {**given, "positions": positions}
            expected = ReferenceDenoiser(sections, weights).run(now, 4)
            assert_close(
                open_denoiser(sections, weights, now).run(given["noise"], 4, given["committed"]), expected
            )
        same = {**given, "positions": [40, 40, 40]}
        results = [open_denoiser(c, weights, same).run(given["noise"], 4) for c in (config, sections)]
        assert np.array_equal(*results)
        for wrong, positions in ((config, [1, 2, 3]), (sections, [4999, 0, 0])):
            with pytest.raises(ValueError, match="beyond"):
                open_denoiser(wrong, weights, {**given, "positions": positions})
