"""The verb of `motorium data` that changes formats."""

from __future__ import annotations

from pathlib import Path

import click

from ._data_edit import make_dataset, out_option
from ._print import echo
from ._verb import Verb, count, json_option, print_json


@click.command(cls=Verb, name="convert")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["v3.0", "v2.1", "lerobot-v3", "lerobot-v2.1"]),
    default="v3.0",
    show_default=True,
    help="Version of the format; lerobot-v3 and lerobot-v2.1 are the same by LeRobot's names.",
)
@click.option(
    "--fps",
    type=click.IntRange(1, 1000),
    help="Rows per second of HDF5 files that do not give it; 50 for ALOHA.",
)
@click.option("--task", help="Instruction for HDF5 files.")
@click.option("--robot", help="Robot of HDF5 files.")
@click.option(
    "--units", type=click.Choice(["rad", "deg", "lerobot"]), help="Unit of the joints in HDF5 files."
)
@out_option
@json_option
def convert(
    dataset: Path,
    to: str,
    fps: int | None,
    task: str | None,
    robot: str | None,
    units: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Convert to another version of LeRobot's format, bit for bit and offline; or from HDF5 (ALOHA, robomimic).

    DATASET is a LeRobotDataset, an HDF5 file, or a folder of HDF5 files with one episode each.
    """
    from ..data.edit import hdf5
    from ..data.edit.convert import convert as write

    version = {"lerobot-v3": "v3.0", "lerobot-v2.1": "v2.1"}.get(to, to)
    if not hdf5.is_hdf5(dataset):
        if any(value is not None for value in (fps, task, robot, units)):
            raise click.UsageError(
                "--fps, --task, --robot and --units are for HDF5 files; see also: motorium data units"
            )
        make_dataset(dataset, out, as_json, lambda found, target: write(found, version, target))
        return
    if out is None or version != "v3.0":
        raise click.UsageError("HDF5 becomes v3.0, in a folder of its own: give --out")
    info, left_out = hdf5.import_hdf5(dataset, out, hdf5.Said(fps, task, robot, units))
    columns = [feature.key for feature in info.schema.features]
    value = {
        "dataset": str(out),
        "episodes": info.episodes,
        "frames": info.frames,
        "columns": columns,
        "left_out": left_out,
    }
    if as_json:
        print_json(value)
        return
    echo(f"{out}: {count(info.episodes, 'episode')}, {info.frames} rows")
    echo(f"columns: {', '.join(columns)}")
    for name in left_out:
        echo(f"left out: {name}")


VERBS = (convert,)
