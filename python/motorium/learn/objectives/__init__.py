"""Objectives of training, a paper's claim in each file: pure functions of tensors, without data and without a network.

Shapes are those of `learn/examples.py`: B observations, n samples each, T rows, 200 slots. Flow states, velocities and
actions are (B, n, T, 200), a flow time is (B, n, T), and what counts is a weight that broadcasts against the actions,
usually (B, n, T, 1). Flow time is 0 at noise and 1 at data. Draws take a numpy Generator, so that a batch follows from
its seed and step alone.
"""
