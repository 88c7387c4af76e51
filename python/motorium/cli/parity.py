"""Run one recorded case of another implementation and write what this engine computes for it."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import MotoriumError
from ..files import check_file
from ._verb import Verb, json_option, print_json, print_table


@click.command(cls=Verb)
@click.argument("case_dir", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Output file (.safetensors).",
)
@click.option("--isa", default="", help="Force an instruction set; default: the best one.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    default="float32",
    show_default=True,
    help="Precision of the engine's weights.",
)
@json_option
def command(case_dir: Path, out: Path, isa: str, precision: str, as_json: bool) -> None:
    """Run the case in CASE_DIR: case.json and inputs.safetensors.

    Model and config are there, in its parent, or beside it in the folder that case.json names as its checkpoint.
    The outputs have the names and shapes of the case's expected values, which are never read.
    """
    from .._core import kernels
    from ..containers import write_tensors
    from ..parity.run import run_case

    check_file(out, "the outputs")
    try:
        used = kernels.describe(isa).isa
    except RuntimeError as error:
        raise MotoriumError(str(error)) from error
    outputs = run_case(case_dir, isa, precision)
    try:
        write_tensors(out, outputs)
    except OSError as error:
        raise MotoriumError(f"{out} cannot be written: {error.strerror or error}") from error
    if as_json:
        shapes = {name: list(array.shape) for name, array in outputs.items()}
        print_json(
            {"case": case_dir.name, "isa": used, "precision": precision, "out": str(out), "outputs": shapes}
        )
        return
    print_table(["output", "shape"], [(name, array.shape) for name, array in sorted(outputs.items())])
