"""A stranger's driver, the vendor's own package, drives the virtual arm."""

from __future__ import annotations

import pytest

scservo_sdk = pytest.importorskip("scservo_sdk")


@pytest.fixture
def servos(sim):
    port = scservo_sdk.PortHandler(sim.port)
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    yield scservo_sdk.sms_sts(port)
    port.closePort()


def test_vendor_driver_finds_all_servos(servos):
    for id_ in range(1, 7):
        model, result, error = servos.ping(id_)
        assert (model, result, error) == (777, scservo_sdk.COMM_SUCCESS, 0)
    assert servos.ping(9)[1] != scservo_sdk.COMM_SUCCESS


def test_vendor_driver_moves_a_joint_and_reads_it_back(servos, wait_until):
    start, result, _ = servos.ReadPos(1)
    assert result == scservo_sdk.COMM_SUCCESS
    assert servos.write1ByteTxRx(1, 40, 1)[0] == scservo_sdk.COMM_SUCCESS
    assert servos.WritePosEx(1, start + 250, 800, 50)[0] == scservo_sdk.COMM_SUCCESS
    assert wait_until(lambda: servos.ReadMoving(1)[0] == 1)
    assert wait_until(lambda: abs(servos.ReadPos(1)[0] - start - 250) <= 8)
    assert wait_until(lambda: servos.ReadMoving(1)[0] == 0)
    assert servos.write1ByteTxRx(1, 40, 0)[0] == scservo_sdk.COMM_SUCCESS


def test_vendor_sync_write_moves_two_joints(servos, wait_until):
    starts = {id_: servos.ReadPos(id_)[0] for id_ in (1, 5)}
    for id_, start in starts.items():
        servos.write1ByteTxRx(id_, 40, 1)
        assert servos.SyncWritePosEx(id_, start + 150, 1000, 0)
    assert servos.groupSyncWrite.txPacket() == scservo_sdk.COMM_SUCCESS
    servos.groupSyncWrite.clearParam()
    assert wait_until(lambda: all(abs(servos.ReadPos(i)[0] - s - 150) <= 8 for i, s in starts.items()))
