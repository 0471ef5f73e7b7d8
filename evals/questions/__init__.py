"""All questions, in the order in which they are asked."""

from ..truth import Truth
from .causes import causes
from .places import places
from .question import Call, Question, call
from .records import records
from .traps import traps

__all__ = ["Call", "Question", "call", "questions_of"]


def questions_of(truth: Truth) -> list[Question]:
    """Put the questions of a world, with their answers."""
    return [*traps(truth), *places(truth), *causes(truth), *records(truth)]
