"""The person beside the arm: one owner of the terminal's keyboard, for every verb that moves an arm."""
