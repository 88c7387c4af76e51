"""The person at the machine: terminal, foot switch, stop device, and the marks that these make."""
