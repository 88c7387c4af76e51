"""How models/so101-pick was made; see README.md."""
