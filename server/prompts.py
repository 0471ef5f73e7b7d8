"""MCP prompts from Markdown files: TOML front matter declares the arguments, `string.Template` fills them in."""

import tomllib
from collections.abc import Callable, Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument, UserMessage
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import BaseModel, ConfigDict

from .catena.outside import Outside, said_back
from .catena.vocabulary import OPERATION_TYPES, RESOURCES, SOURCES, STATUSES
from .errors import did_you_mean, plain_word
from .runtime import Runtime

MOST_COMPLETIONS = 100
"""The protocol's limit."""

KNOWN_VALUES: dict[str, tuple[str, ...]] = {
    "source_name": SOURCES,
    "resource": RESOURCES,
    "operation": OPERATION_TYPES,
    "status": STATUSES,
    "window": ("1h", "4h", "12h", "24h", "3d", "7d", "30d"),
    "shift": ("8h", "10h", "12h", "24h"),
}


class Argument(BaseModel):
    """A declared argument; each has a default, so a prompt always renders."""

    model_config = ConfigDict(extra="forbid")
    description: str
    default: str


class FrontMatter(BaseModel):
    """What a prompt file declares."""

    model_config = ConfigDict(extra="forbid")
    title: str
    description: str
    arguments: dict[str, Argument] = {}


class PromptFile(BaseModel):
    """One prompt: its name is the file's."""

    name: str
    front: FrontMatter
    text: str

    def render(self, given: dict[str, str]) -> str:
        """Fill the arguments in; an empty one counts as not given.

        Raises:
            MCPError: An argument is not declared.
        """
        for name in given:
            if name not in self.front.arguments:
                known = ", ".join(self.front.arguments) or "none"
                meant = did_you_mean(name, self.front.arguments)
                raise MCPError(
                    INVALID_PARAMS,
                    f"Prompt {self.name} has no argument {said_back(name, 60)}.{meant} Arguments: {known}.",
                )
        values = {name: _told(given.get(name, "")) or arg.default for name, arg in self.front.arguments.items()}
        return Template(self.text).substitute(values)


def _told(value: str) -> str:
    """Quote what somebody filled in, unless it can only be data; it is theirs, so nothing personal is hidden."""
    filled = Outside(value, personal=True)
    return str(filled) if filled else ""


def load_prompts() -> list[PromptFile]:
    """Read the prompt files, from the installed package or from the checkout."""
    folder: Traversable = files(__package__) / "_prompts"
    if not folder.is_dir():
        folder = Path(__file__).parent.parent / "prompts"
    return [_parse(file) for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".md")]


def _parse(file: Traversable) -> PromptFile:
    _, front, text = file.read_text(encoding="utf-8").split("+++\n", 2)
    return PromptFile(name=file.name.removesuffix(".md"), front=FrontMatter(**tomllib.loads(front)), text=text.strip())


def add_prompts(server: MCPServer[Runtime]) -> None:
    """Register every prompt and the completion of their arguments."""
    for prompt in load_prompts():
        arguments = [
            PromptArgument(name=name, description=f"{arg.description} Default: {arg.default}", required=False)
            for name, arg in prompt.front.arguments.items()
        ]
        server.add_prompt(
            Prompt(
                name=prompt.name,
                title=prompt.front.title,
                description=prompt.front.description,
                arguments=arguments,
                fn=_renderer(prompt),
                context_kwarg=None,
            )
        )
    server.completion()(_complete)  # type: ignore[no-untyped-call]  # the SDK leaves this decorator untyped


def _renderer(prompt: PromptFile) -> Callable[..., UserMessage]:
    def render(**given: str) -> UserMessage:
        return UserMessage(prompt.render(given))

    return render


async def _complete(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: CompletionContext | None
) -> Completion:
    """Complete arguments that have known values, wherever the typed part stands in them."""
    found = list(_matching(argument.value, KNOWN_VALUES.get(argument.name, ())))
    return Completion(values=found[:MOST_COMPLETIONS], total=len(found), has_more=len(found) > MOST_COMPLETIONS)


def _matching(typed: str, known: Iterable[str]) -> Iterable[str]:
    plain = plain_word(typed)
    starts = [value for value in known if plain_word(value).startswith(plain)]
    return starts + [value for value in known if plain in plain_word(value) and value not in starts]
