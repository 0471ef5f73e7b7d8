"""Draw docs/terminal.svg: what a person sees who asks the demo what fails; of the first example in docs/tools.md."""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parents[1] / "docs"
WIDTH, LINES = 118, 26
ASKED = "$ uvx catena-ops-mcp call summarize_failures --demo\n"


def picture(answer: str) -> str:
    """Return a terminal with an answer as SVG that fetches nothing, fonts neither."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    shown = (Text(ASKED, "bold green") + Text(answer)).wrap(console, WIDTH)
    console.print(Text("\n").join(shown[:LINES]))
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="catena-ops-mcp"), flags=re.S)


def first_answer() -> str:
    """Return the first example that the tools printed."""
    found = re.search(r"<!-- example: .*?```text\n(.*?)\n```", (DOCS / "tools.md").read_text(), re.S)
    assert found
    return found[1]


if __name__ == "__main__":
    (DOCS / "terminal.svg").write_text(picture(first_answer()))
