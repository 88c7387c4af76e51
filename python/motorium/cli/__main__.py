"""`python -m motorium.cli`, for where the script is not on the PATH."""

from .main import main

main(prog_name="motorium")
