"""`python -m motorium`, for where the script is not on the PATH."""

from .children import forget_current_folder

forget_current_folder()

from .cli.main import main  # noqa: E402

main(prog_name="motorium")
