"""UAC: delays by the table that deployment reads, committed rows unchanged and free of loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from motorium import _core
from motorium.errors import SpecError
from motorium.learn.objectives.commitment import (
    DelayTable,
    commit,
    flow_time,
    keep_committed,
    locked_rows,
    loss_weight,
)
from motorium.learn.objectives.rectified_flow import flow_state, integrate, masked_mse, velocity_target
from motorium.runtime.schedule import Bridge, Scheduler
from motorium.specs.latency import LatencySpec
from motorium.specs.robot import RobotSpec, names

B, N, T, C = 3, 4, 9, 6
DT_S = 0.05


def drawn(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    noise, clean = torch.randn(2, B, N, T, C, generator=generator)
    delay = torch.arange(B * N).reshape(B, N) % T
    base = torch.rand(B, N, generator=generator)
    return {"noise": noise, "clean": clean, "delay": delay, "base": base, "locked": locked_rows(delay, T)}


@pytest.mark.parametrize("name", names())
def test_training_and_deployment_read_the_same_table(name):
    robot = RobotSpec.load(name)
    if robot.latency is None:
        with pytest.raises(SpecError, match=rf"{name} declares no \[latency\]"):
            DelayTable.of_robot(robot, DT_S)
        return
    table = DelayTable.of_robot(robot, DT_S)
    pace = _core.Pace.checked(16, DT_S, 8, 15)
    bridge = Bridge.of(pace, robot)
    assert table.chances[bridge.needed] > 0.05  # the delay that `doctor` and the first plans reckon with
    for seconds in robot.latency.seconds:
        scheduler = Scheduler(pace)
        for _ in range(Scheduler.MEMORY):
            scheduler.record(round(seconds * 1e9))
        assert scheduler.delay(bridge.age_ns) < table.d_max
    assert scheduler.delay(bridge.age_ns) == table.d_max - 1  # the slowest latency of the table, and no more


def test_another_latency_makes_another_table():
    robot = RobotSpec.load("so101")
    slow = replace(robot, latency=LatencySpec((0.4,), (1.0,)))
    assert DelayTable.of_robot(slow, DT_S).d_max > DelayTable.of_robot(robot, DT_S).d_max
    assert DelayTable.of_robot(robot, DT_S / 2).d_max > DelayTable.of_robot(robot, DT_S).d_max


def test_chances_are_those_of_the_latencies():
    # ceil(L / dt) and one row to spare
    table = DelayTable.of(LatencySpec((0.01, 0.05, 0.11), (1.0, 1.0, 2.0)), DT_S, even_share=0.0)
    assert table.chances == pytest.approx((0.0, 0.0, 0.5, 0.0, 0.5))
    mixed = DelayTable.of(LatencySpec((0.01, 0.05, 0.11), (1.0, 1.0, 2.0)), DT_S, even_share=0.1)
    assert mixed.chances == pytest.approx((0.02, 0.02, 0.47, 0.02, 0.47))


def test_a_policy_that_accepts_fewer_rows_is_trained_with_its_most():
    table = DelayTable((0.1, 0.2, 0.3, 0.4))
    assert table.capped(1).chances == pytest.approx((0.1, 0.9))
    assert table.capped(3) == table.capped(9) == table
    assert table.capped(0).chances == pytest.approx((1.0,))


def test_delays_are_drawn_as_often_as_the_table_says():
    table = DelayTable((0.1, 0.2, 0.0, 0.7))
    delays = table.draw((100, 100), np.random.default_rng(5))
    assert delays.dtype == torch.int64
    shares = torch.bincount(delays.flatten(), minlength=4) / delays.numel()
    assert shares.tolist() == pytest.approx(table.chances, abs=0.02)
    assert torch.equal(delays, table.draw((100, 100), np.random.default_rng(5)))


def test_committed_rows_are_finished_and_the_others_share_one_time():
    d = drawn()
    time = flow_time(d["base"], d["locked"])
    for b, n in np.ndindex(B, N):
        delay = int(d["delay"][b, n])
        assert (time[b, n, :delay] == 1.0).all()
        assert (time[b, n, delay:] == d["base"][b, n]).all()


def test_committed_rows_enter_the_network_bit_for_bit():
    d = drawn()
    time = flow_time(d["base"], d["locked"])
    noise = torch.where(
        d["locked"][..., None], torch.tensor(torch.nan), d["noise"]
    )  # whatever was drawn there
    state = commit(flow_state(noise, d["clean"], time), d["clean"], d["locked"])
    assert torch.equal(state[d["locked"]], d["clean"][d["locked"]])
    assert torch.equal(state[~d["locked"]], flow_state(d["noise"], d["clean"], time)[~d["locked"]])


def test_committed_rows_have_exactly_no_loss_and_no_gradient():
    d = drawn()
    weight = loss_weight(torch.ones(B, T, dtype=torch.bool), d["locked"])
    predicted = torch.randn(B, N, T, C, generator=torch.Generator().manual_seed(9)).requires_grad_()
    target = velocity_target(d["noise"], d["clean"])
    loss = masked_mse(predicted, target, weight)
    loss.backward()
    assert (predicted.grad[d["locked"]] == 0.0).all()
    assert (predicted.grad[~d["locked"]] != 0.0).all()
    elsewhere = torch.where(d["locked"][..., None], torch.tensor(1e30), predicted.detach())
    assert masked_mse(elsewhere, target, weight) == loss
    free = (predicted - target)[~d["locked"]]
    torch.testing.assert_close(loss, free.square().mean())


def test_a_chunk_that_is_committed_as_a_whole_has_no_loss():
    weight = loss_weight(torch.ones(1, T, dtype=torch.bool), locked_rows(torch.tensor([[T]]), T))
    assert masked_mse(torch.full((1, 1, T, C), 7.0), torch.zeros(1, 1, T, C), weight) == 0.0


def test_unknown_rows_do_not_count_either():
    valid = torch.ones(B, T, dtype=torch.bool)
    valid[1, 5:] = False
    weight = loss_weight(valid, drawn()["locked"])
    assert weight.shape == (B, N, T, 1)
    assert (weight[1, :, 5:] == 0).all()
    assert (weight[0, 0] == 1).all()


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_committed_rows_leave_the_network_bit_for_bit(steps):
    d = drawn()
    given = d["clean"]

    def velocity(state, time):
        assert torch.equal(state[d["locked"]], given[d["locked"]])
        assert (time[d["locked"]] == 1.0).all()
        assert (time[~d["locked"]] < 1.0).all()
        return torch.sin(37.0 * state) + state.mean()

    start = commit(d["noise"], given, d["locked"])
    out = integrate(keep_committed(velocity, given, d["locked"]), start, steps)
    assert torch.equal(out[d["locked"]], given[d["locked"]])
    assert (out[~d["locked"]] != start[~d["locked"]]).all()
