"""The links that install the server in a client by one click, as they stand in the README; run to print them."""

import base64
import json
from urllib.parse import urlencode

NAME = "catena-ops"
RUN = {"command": "uvx", "args": ["catena-ops-mcp"]}
INPUTS = [
    {"type": "promptString", "id": "catena-id", "description": "Catena client id"},
    {"type": "promptString", "id": "catena-secret", "description": "Catena client secret", "password": True},
]
ASKED = {"CATENA_CLIENT_ID": "${input:catena-id}", "CATENA_CLIENT_SECRET": "${input:catena-secret}"}
WRITTEN = {"CATENA_CLIENT_ID": "your-client-id", "CATENA_CLIENT_SECRET_FILE": "/path/to/the/secret"}


def links() -> dict[str, str]:
    """Return the links by client. The https forms: GitHub takes cursor: and vscode: out of a page."""
    cursor = base64.b64encode(json.dumps({**RUN, "env": WRITTEN}, separators=(",", ":")).encode()).decode()
    vscode = json.dumps({"type": "stdio", **RUN, "env": ASKED}, separators=(",", ":"))
    return {
        "Cursor": "https://cursor.com/install-mcp?" + urlencode({"name": NAME, "config": cursor}),
        "VS Code": "https://insiders.vscode.dev/redirect/mcp/install?"
        + urlencode({"name": NAME, "inputs": json.dumps(INPUTS, separators=(",", ":")), "config": vscode}),
    }


if __name__ == "__main__":
    for client, link in links().items():
        print(f"[{client}]({link})")
