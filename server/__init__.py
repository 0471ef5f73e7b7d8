"""Reads Catena resource operations and tells an assistant what fails, for whom and why."""

__version__ = "0.3.0"
