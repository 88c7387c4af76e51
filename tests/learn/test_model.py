"""The network: its tensors are the checkpoint's, its prefix may be cached, its mask is causal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from nano_samples import SMALL, adapted, descriptor, inputs, weights

from motorium.learn.export import build, load_network, save_network
from motorium.learn.model import causal_mask, time_features
from motorium.learn.torch_policy import TorchPolicy
from motorium.policies.nano.config import ADAPTED_VERSION, SlotAdapters
from motorium.policies.nano.weights import nano_tensors
from motorium.types import Observation


@pytest.fixture(scope="module")
def model():
    sample = descriptor(SMALL)
    network = build(sample).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights(sample).items()})
    return network


def with_slot_adapters(model):
    """Return the network with slot-wise adapters for all its actions; they are zeros, so it computes what it did."""
    d = model.descriptor
    slots = tuple(channel.slot for channel in d.action)
    adapters = tuple(SlotAdapters(name, slots) for name in d.embodiments)
    new = build(replace(d, format_version=ADAPTED_VERSION, slot_adapters=adapters))
    new.load_state_dict(model.state_dict(), strict=False)
    return new


def encode(model, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = {role: torch.randn(batch, 3, 96, 96, generator=generator) for role in model.roles}
    words = torch.randint(0, 10, (batch, 8), generator=generator)
    return model.encode(images, words, torch.zeros(batch, dtype=torch.long))


def flow_inputs(model, batch=2, samples=3):
    generator = torch.Generator().manual_seed(1)
    shape = (batch, samples, model.descriptor.rows)
    noisy = torch.randn(*shape, 200, generator=generator)
    return torch.randn(batch, 200, generator=generator), noisy, torch.rand(shape, generator=generator)


@pytest.mark.parametrize("dims", [SMALL, descriptor().dims])
def test_tensor_names_and_shapes_are_those_of_the_checkpoint(dims):
    sample = descriptor(dims)
    found = {name: tuple(value.shape) for name, value in build(sample).state_dict().items()}
    assert found == nano_tensors(sample)


@torch.no_grad()
def test_one_prefix_serves_many_samples_as_if_each_were_alone(model):
    prefix, (state, noisy, time) = encode(model), flow_inputs(model)
    together, _ = model.velocity(prefix, state, noisy, time)
    for i in range(noisy.shape[1]):
        alone, _ = model.velocity(encode(model), state, noisy[:, i : i + 1], time[:, i : i + 1])
        torch.testing.assert_close(together[:, i : i + 1], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_row_is_blind_to_later_rows_and_sees_earlier_ones(model):
    prefix, (state, noisy, time) = encode(model), flow_inputs(model)
    before, _ = model.velocity(prefix, state, noisy, time)
    changed = noisy.clone()
    changed[:, :, 9] += 1.0
    after, _ = model.velocity(prefix, state, changed, time)
    torch.testing.assert_close(before[:, :, :9], after[:, :, :9], atol=1e-6, rtol=0)
    assert (before[:, :, 9:] - after[:, :, 9:]).abs().amax(dim=(0, 1, 3)).min() > 1e-4


def test_mask_counts():
    mask = causal_mask(5, 3)
    assert mask.tolist() == [[True] * 5 + [i <= row for i in range(3)] for row in range(3)]


@torch.no_grad()
def test_every_input_matters(model):
    prefix, (state, noisy, time) = encode(model), flow_inputs(model)
    before, _ = model.velocity(prefix, state, noisy, time)
    others = [
        model.velocity(encode(model, seed=5), state, noisy, time)[0],
        model.velocity(prefix, state + 1.0, noisy, time)[0],
        model.velocity(prefix, state, noisy, time * 0.5)[0],
    ]
    assert all((before - other).abs().max() > 1e-3 for other in others)


def test_scene_loss_alone_trains_the_head_and_the_flow_does_not_reach_it(model):
    prefix, (state, noisy, time) = encode(model), flow_inputs(model)
    velocity, _ = model.velocity(prefix, state, noisy, time)
    model.zero_grad()
    velocity.square().mean().backward(retain_graph=True)
    assert model.scene["head"].weight.grad is None
    prefix.scene.square().mean().backward()
    assert model.scene["head"].weight.grad.abs().max() > 0
    model.zero_grad()


@torch.no_grad()
def test_routed_block_equals_the_sum_over_its_chosen_experts(model):
    block = model.layers[-1].expert
    x = torch.randn(5, model.dims.expert_width, generator=torch.Generator().manual_seed(3))
    n = block.norm2(x)
    gate, up, down = (block.experts.get_parameter(f"{k}.weight") for k in ("gate", "up", "down"))
    expected = torch.zeros_like(x)
    for token in range(len(x)):
        logits = block.router.weight @ n[token]
        order = sorted(range(len(logits)), key=lambda e: (-float(logits[e]), e))[: model.dims.top_k]
        share = torch.softmax(logits[order], dim=0)
        for e, w in zip(order, share, strict=True):
            hidden = torch.nn.functional.silu(gate[e] @ n[token]) * (up[e] @ n[token])
            expected[token] += w * (down[e] @ hidden)
    torch.testing.assert_close(block.feed_forward(x)[0], expected, atol=1e-5, rtol=1e-5)


def test_time_features_are_sines_then_cosines():
    found = time_features(torch.tensor([0.25]), 6)[0]
    angles = [250.0 * 10000 ** (-j / 3) for j in range(3)]
    np.testing.assert_allclose(found, [*np.sin(angles), *np.cos(angles)], atol=1e-4)


def observation(sample, values):
    images = {c.role: image for c, image in zip(sample.cameras, values["images"], strict=True)}
    return Observation(0, values["state"], images, "Put the red cube in the tray.")


def test_promised_rows_come_back_exactly_and_steer_the_rest(model):
    sample = model.descriptor
    values = inputs(sample)
    policy = TorchPolicy(model)
    free = policy.denoise(observation(sample, values), values["noise"], np.zeros((0, 200), np.float32))
    committed = free[:3] + 0.05
    held = policy.denoise(observation(sample, values), values["noise"], committed)
    slots = [channel.slot for channel in sample.action]
    np.testing.assert_array_equal(held[:3, slots], committed[:, slots])
    assert np.abs(held[3:, slots] - free[3:, slots]).max() > 1e-4
    others = np.setdiff1d(np.arange(200), slots)
    assert not held[:, others].any()


def test_noise_on_promised_rows_and_unmapped_slots_is_ignored(model):
    sample = model.descriptor
    values = inputs(sample)
    policy = TorchPolicy(model)
    committed = np.zeros((2, 200), np.float32)
    first = policy.denoise(observation(sample, values), values["noise"], committed)
    noise = values["noise"].copy()
    noise[:2] = 9.0
    np.testing.assert_allclose(
        policy.denoise(observation(sample, values), noise, committed), first, atol=1e-6
    )


class TestSlotAdapters:
    """Being-H0.5, eq. 12: one matrix per slot, and a step on a robot changes only those of its active slots."""

    def network(self):
        sample = adapted(SMALL)
        network = build(sample)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights(sample).items()})
        return network

    def step(self, network, embodiments):
        """Slots whose matrices got a gradient, per bank."""
        network.zero_grad()
        generator = torch.Generator().manual_seed(0)
        images = {
            role: torch.randn(len(embodiments), 3, 96, 96, generator=generator) for role in network.roles
        }
        words = torch.randint(0, 10, (len(embodiments), 8), generator=generator)
        prefix = network.encode(images, words, torch.tensor(embodiments))
        velocity, _ = network.velocity(prefix, *flow_inputs(network, batch=len(embodiments)))
        velocity.square().sum().backward()
        banks = (network.slot[end].weight.grad for end in ("in", "out"))
        return [set(torch.nonzero(bank.abs().amax((1, 2)))[:, 0].tolist()) for bank in banks]

    @pytest.mark.parametrize(
        ("embodiments", "slots"),
        [([0], {50, 51, 54}), ([1], {54, 51, 18}), ([1, 0, 1], {50, 51, 54, 18})],
    )
    def test_only_active_slots_get_a_gradient(self, embodiments, slots):
        assert self.step(self.network(), embodiments) == [slots, slots]

    def test_an_optimiser_leaves_the_other_matrices_alone(self):
        network = self.network()
        before = [network.slot[end].weight.detach().clone() for end in ("in", "out")]
        optimiser = torch.optim.AdamW(network.slot.parameters(), lr=0.1, weight_decay=0.0)
        self.step(network, [0])
        optimiser.step()
        for end, old in zip(("in", "out"), before, strict=True):
            moved = (network.slot[end].weight != old).any(2).any(1)
            assert torch.nonzero(moved)[:, 0].tolist() == [50, 51, 54]

    def test_fresh_adapters_change_nothing_and_export_in_their_form(self, model, tmp_path):
        given = (encode(model), *flow_inputs(model))
        plain, _ = model.velocity(*given)
        new = with_slot_adapters(model).eval()
        again, _ = new.velocity(encode(new), *given[1:])
        assert torch.equal(plain, again)
        torch.nn.init.normal_(new.slot["in"].weight)
        save_network(tmp_path / "new", new.descriptor, new.state_dict())
        read = load_network(tmp_path / "new").eval()
        assert read.descriptor.format_version == 2
        assert [a.slots for a in read.descriptor.slot_adapters] == [(50, 51, 52, 53, 54, 18)] * 2
        assert torch.equal(read.slot["in"].weight, new.slot["in"].weight)
        trained, _ = new.velocity(encode(new), *given[1:])
        assert torch.equal(read.velocity(encode(read), *given[1:])[0], trained)
        assert not torch.allclose(trained, plain)

    def test_an_older_form_is_read(self, model, tmp_path):
        save_network(tmp_path / "old", model.descriptor, model.state_dict())
        old = load_network(tmp_path / "old")
        assert not hasattr(old, "slot")
        assert old.descriptor.format_version == 1
