"""Progress of a read, told to the client that asked for it."""

from mcp.server.mcpserver import Context

from ..runtime import Runtime


class _Told:
    """Tells how much of the window was read; more each time, as the protocol wants it."""

    def __init__(self, ctx: Context[Runtime]) -> None:
        self._ctx = ctx
        self._most = 0.0

    async def __call__(self, operations: int, share: float) -> None:
        if share > self._most:
            self._most = share
            await self._ctx.report_progress(share, 1.0, f"{operations:,} operations read")


def progress_to(ctx: Context[Runtime]) -> _Told:
    """Return what a read calls after each page."""
    return _Told(ctx)
