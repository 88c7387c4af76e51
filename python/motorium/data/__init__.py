"""Read, record, edit, check and view datasets (LeRobotDataset v3.0, one closed file per episode).

Rooms, each of which imports only those below it: view, check, edit, record, format. Needs pyarrow and PyAV only.
"""
