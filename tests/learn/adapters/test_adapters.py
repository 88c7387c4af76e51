"""Each way of adapting changes the weights that it says, and no others; what is exported is an ordinary checkpoint."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from nano_samples import SMALL, adapted, descriptor, weights

from motorium.cli.finetune import command
from motorium.errors import DataError, MotoriumError
from motorium.learn.adapters import METHODS, AdapterSpec, Before, adapter_for
from motorium.learn.adapters.lora import LoraLinear
from motorium.learn.adapters.parts import PARTS, part_of
from motorium.learn.examples import Examples
from motorium.learn.export import build
from motorium.learn.learner import Learner, LearnParams, forward
from motorium.learn.process_group import ProcessGroup
from motorium.policies.nano.config import CameraInput
from motorium.policies.nano.weights import nano_tensors

CAMERAS = (CameraInput("front", 24, 24),)
PLAIN = descriptor(SMALL, rows=3, cameras=CAMERAS)
ADAPTED = adapted(SMALL, rows=3, cameras=CAMERAS)
SLOTS = [50, 51, 54]
NEW_WORD = replace(PLAIN, prompt=replace(PLAIN.prompt, vocabulary=(*PLAIN.prompt.vocabulary, "sponge")))


def arm(name: str = "so101", slots: tuple[int, ...] = tuple(SLOTS)) -> SimpleNamespace:
    return SimpleNamespace(name=name, joints=tuple(SimpleNamespace(slot=slot) for slot in slots))


def network(method: str, before=PLAIN, *, freeze=(), rank=None, after=None):
    """An adapter, and a network of random weights; `after`: its descriptor, where it has grown."""
    torch.manual_seed(0)
    adapter = adapter_for(AdapterSpec(method, tuple(freeze), rank), Before(before, (arm(),)))
    new = after or adapter.described()
    tensors = {
        name: torch.from_numpy(values) for name, values in weights(replace(new, slot_adapters=())).items()
    }
    if before.slot_adapters:
        tensors |= {n: torch.from_numpy(v) for n, v in weights(new).items() if n.startswith("slot.")}
    model = build(new)
    model.load_state_dict(adapter.begun(tensors, new))
    adapter.attach(model)
    return adapter, model


def make(method: str, before=PLAIN, **changes) -> Learner:
    adapter, model = network(method, before, **changes)
    params = LearnParams(steps=10, learning_rate=1e-2, bf16=False)
    return Learner(model, params, ProcessGroup(), torch.device("cpu"), adapter)


def batch(d, seed: int = 0, embodiment: int = 0) -> Examples:
    g = torch.Generator().manual_seed(seed)
    b, n, rows, slots = 2, 1, d.chunk.rows, [c.slot for c in d.action]
    mapped = torch.zeros(200)
    mapped[slots] = 1.0
    shape = (b, n, rows, 200)
    tokens = torch.arange(b * d.prompt.max_tokens).reshape(b, -1) % len(d.prompt.vocabulary)
    return Examples(
        images=[torch.randn(b, 3, 24, 24, generator=g)], tokens=tokens, embodiment=torch.full((b,), embodiment),
        state=torch.randn(b, 200, generator=g) * mapped, noisy=torch.randn(shape, generator=g) * mapped,
        time=torch.rand(b, n, rows, generator=g), velocity=torch.randn(shape, generator=g) * mapped,
        weight=torch.ones(b, n, rows, 1), scene=torch.randn(b, 3, generator=g), scene_known=torch.ones(b, 3),
        rows_total=b * n * rows, scene_total=b * 3, observations=b, aside=[], doubt=torch.zeros(b, 3),
    )  # fmt: skip


def after(learner: Learner, steps: int):
    """Take steps; return the tensors before and behind, and check that averages hold still where weights do."""
    begun = {name: values.clone() for name, values in learner.model.state_dict().items()}
    for step in range(steps):
        learner.step([batch(learner.model.descriptor, step)])
    ended, averages = learner.model.state_dict(), learner.averaged.state_dict()
    for name, values in ended.items():
        if same_bytes(values, begun[name]):
            assert same_bytes(averages[name], begun[name]), name
    return begun, ended


def same_bytes(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes()


def changed(begun, ended) -> set[str]:
    return {name for name in ended if not same_bytes(begun[name], ended[name])}


def test_the_verb_knows_all_methods_and_parts():
    options = {option.name: option for option in command.params}
    assert tuple(options["method"].type.choices) == tuple(METHODS)
    assert f"{', '.join(PARTS)}." in options["freeze"].help
    assert {part_of(name) for name in nano_tensors(ADAPTED)} == set(PARTS)


def test_full_changes_every_part():
    begun, ended = after(make("full"), 2)
    assert {part_of(name) for name in changed(begun, ended)} == set(PARTS) - {"slot"}


def test_lora_that_is_merged_equals_lora_that_is_not():
    learner = make("lora", rank=3)
    after(learner, 5)
    tensors = learner.adapter.exported(learner.model.state_dict())
    assert tensors.keys() == nano_tensors(PLAIN).keys()
    merged = build(PLAIN)
    merged.load_state_dict(tensors)
    part = batch(PLAIN, 7)
    with torch.no_grad():
        for one, other in zip(forward(merged, part), forward(learner.model, part), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    fresh = make("lora", rank=3)
    with torch.no_grad():
        assert (forward(fresh.model, part)[0] - forward(merged, part)[0]).abs().max() > 1e-3


def test_fresh_lora_changes_nothing():
    plain, lora = make("full").model, make("lora").model
    assert any(isinstance(module, LoraLinear) for module in lora.modules())
    with torch.no_grad():
        torch.testing.assert_close(forward(plain, batch(PLAIN)), forward(lora, batch(PLAIN)))


def test_lora_trains_its_terms_the_robots_prompt_and_new_words_alone():
    learner = make("lora", after=NEW_WORD)
    begun, ended = after(learner, 2)
    kept = {name for name in changed(begun, ended) if ".lora_" not in name}
    assert kept == {"soft_prompt", "text.embedding.weight"}
    known = len(PLAIN.prompt.vocabulary)
    table = "text.embedding.weight"
    assert same_bytes(begun[table][:known], ended[table][:known])
    assert not same_bytes(begun[table][known:], ended[table][known:])
    assert same_bytes(
        begun["soft_prompt"][1], ended["soft_prompt"][1]
    )  # of the robot that is not in the data


@pytest.mark.parametrize("before", [PLAIN, ADAPTED], ids=["format 1", "format 2"])
def test_slot_adapters_change_the_slots_of_the_robot_byte_for_byte(before):
    learner = make("slot-adapter", before)
    begun, ended = after(learner, 4)
    assert changed(begun, ended) == {"slot.in.weight", "slot.out.weight"}
    others = [slot for slot in range(200) if slot not in SLOTS]
    for name in changed(begun, ended):
        assert same_bytes(begun[name][others], ended[name][others])
        assert all(not same_bytes(begun[name][slot], ended[name][slot]) for slot in SLOTS)


def test_slot_adapters_leave_a_robot_that_is_not_in_the_data_as_it_was():
    learner = make("slot-adapter")
    new = learner.model.descriptor
    assert (new.format_version, new.slot_adapters[0].slots, new.slot_adapters[1].slots) == (
        2,
        tuple(SLOTS),
        (),
    )
    own, other = batch(PLAIN), batch(PLAIN, embodiment=1)
    plain = make("full").model
    with torch.no_grad():
        torch.testing.assert_close(
            forward(learner.model, own), forward(plain, own)
        )  # a fresh one changes nothing
        begun = forward(learner.model, other)
    after(learner, 3)
    with torch.no_grad():
        torch.testing.assert_close(forward(learner.model, other), begun, rtol=0, atol=0)
        assert (forward(learner.model, own)[0] - forward(plain, own)[0]).abs().max() > 1e-3


def test_slot_adapters_take_in_a_new_robot_and_no_new_words():
    koch_too = adapter_for(AdapterSpec("slot-adapter"), Before(ADAPTED, (arm("third", (51, 7)),))).described()
    assert koch_too.embodiments == ("so101", "koch", "third")
    assert [adapters.slots for adapters in koch_too.slot_adapters] == [(50, 51, 54), (18, 51, 54), (51,)]
    with pytest.raises(DataError, match=r"sponge.*--method lora"):
        make("slot-adapter", after=replace(NEW_WORD, format_version=2, slot_adapters=ADAPTED.slot_adapters))


def test_soft_prompts_warm_up_with_the_network_frozen_and_then_train_together():
    learner = make("soft-prompt", after=NEW_WORD)
    begun, ended = after(learner, 2)
    assert changed(begun, ended) == {"soft_prompt", "text.embedding.weight"}
    assert same_bytes(begun["soft_prompt"][1], ended["soft_prompt"][1])
    begun, ended = after(learner, 2)
    assert {part_of(name) for name in changed(begun, ended)} == set(PARTS) - {"slot"}
    assert same_bytes(begun["text.embedding.weight"][:10], ended["text.embedding.weight"][:10])
    rates = {group["group"]: group["lr"] for group in learner.optimiser.param_groups}
    assert rates["network"] == pytest.approx(0.1 * rates["prompt"])


@pytest.mark.parametrize("method", ["full", "lora", "soft-prompt"])
def test_frozen_parts_stay_byte_for_byte(method):
    begun, ended = after(make(method, freeze=("vision", "expert", "soft-prompt"), after=NEW_WORD), 4)
    parts = {part_of(name) for name in changed(begun, ended)}
    assert not parts & {"vision", "expert", "soft-prompt"}
    assert {"prefix", "text", "out"} <= parts


def test_what_is_trained_is_told_as_number_and_share():
    count = sum(values.numel() for values in make("full").model.state_dict().values())
    full = make("full")
    assert full.adapter.told(full.model) == f"full trains {count:,} (100 %) of {count:,} weights"


@pytest.mark.parametrize("method", ["lora", "slot-adapter", "soft-prompt"])
def test_what_is_told_is_what_changes(method):
    learner = make(method)
    begun, ended = after(learner, 2)
    of = sum(values.numel() for values in learner.adapter.exported(ended).values())
    different = sum(int((begun[name] != ended[name]).sum()) for name in ended)
    count = learner.adapter.count(learner.model, 0.0)
    if method == "lora":  # slots that no joint has get no gradient
        different = (
            sum(v.numel() for n, v in ended.items() if ".lora_" in n) + ended["soft_prompt"][0].numel()
        )
    assert different == count
    assert f"trains {count:,} (" in learner.adapter.told(learner.model)
    assert f" of {of:,} weights" in learner.adapter.told(learner.model)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (AdapterSpec("dora"), "--method dora: there is full, lora"),
        (AdapterSpec(freeze=("legs",)), "--freeze legs: no such part; there is soft-prompt, text"),
        (AdapterSpec("soft-prompt", rank=4), "--rank is for --method lora"),
    ],
)
def test_what_there_is_not_is_refused_by_name(spec, message):
    with pytest.raises(MotoriumError, match=message):
        adapter_for(spec, Before(PLAIN, (arm(),)))


def test_nothing_left_to_train_is_refused():
    for method, parts in (("slot-adapter", ["slot"]), ("soft-prompt", ["soft-prompt"]), ("full", PARTS)):
        adapter, model = network(method, freeze=parts)
        with pytest.raises(MotoriumError, match="leaves no weights"):
            adapter.told(model)
    with pytest.raises(MotoriumError, match="adapts a checkpoint"):
        adapter_for(AdapterSpec("slot-adapter"), None).described()
