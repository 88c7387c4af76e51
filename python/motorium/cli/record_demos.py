"""Gone: `motorium record sim:so101 --leader script --lockstep` records demonstrations."""

from __future__ import annotations

import click

from ..errors import MotoriumError
from ..moved import PICK
from ._verb import Verb, json_option


@click.command(cls=Verb, name="record-demos", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@json_option
def command(arguments: tuple[str, ...], as_json: bool) -> None:
    """Say what records demonstrations now: datasets, in `motorium record sim:so101 --leader script --lockstep`."""
    del arguments, as_json
    raise MotoriumError(
        "record-demos is gone: `motorium record sim:so101 --leader script --lockstep --dataset DIR` records "
        f"demonstrations, for `motorium train --data DIR`; shards are recorded by {PICK}"
    )
