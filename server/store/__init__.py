"""What was read lately, so that asking again costs nothing."""

from .memory import MemoryStore

__all__ = ["MemoryStore"]
