"""Stands in for the wheel's package in an editable install: the same modules, from the folder `server`."""

from server import __path__, __version__

__all__ = ["__path__", "__version__"]
