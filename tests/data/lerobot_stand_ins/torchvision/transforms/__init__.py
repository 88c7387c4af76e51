"""Imported by LeRobot; its datasets use none of it unless asked to."""
