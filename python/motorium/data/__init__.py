"""Datasets: LeRobotDataset v3.0 on disk, one closed file per episode, with pyarrow and PyAV only."""
