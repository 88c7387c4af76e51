"""How well a policy does: episodes in the simulator, in lock-step. The room that knows both learning and simulator."""
