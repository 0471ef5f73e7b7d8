"""MCP over HTTP: who is let in, what a request may cost, and an end that cuts no call."""
