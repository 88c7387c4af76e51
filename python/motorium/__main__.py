"""`python -m motorium`, for where the script is not on the PATH."""

from .cli.main import main

main(prog_name="motorium")
