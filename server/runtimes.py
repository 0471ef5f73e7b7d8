"""What one server holds of each tenant: rows, causes and words of one never meet those of another.

Tenants with the same credentials share the way to the API and its pace, and nothing that was read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from .accounts import Account
from .errors import OpsError
from .runtime import Runtime, running
from .settings import Settings
from .tenants import Credentials, Tenant

if TYPE_CHECKING:
    import httpx

    from .catena.client import Retries

MOST_OPEN = 32
"""Tenants whose rows are held at a time; who was idle for longest makes room."""


class Busy(OpsError):
    """No more at the moment. `wait_s`: seconds after which to come back."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass
class _Part:
    """The runtime of one tenant, and how many calls use it."""

    runtime: Runtime
    users: int = 0
    ready: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)


class Runtimes:
    """Opens the runtime of a tenant when it is first asked for, and closes it when others need the room."""

    def __init__(
        self, make: Callable[[Tenant, Account], Runtime], account_of: Callable[[Tenant], Account], tasks: TaskGroup
    ) -> None:
        self._make = make
        self._account_of = account_of
        self._tasks = tasks
        self._parts: dict[Tenant, _Part] = {}
        self._accounts: dict[Credentials | None, Account] = {}

    @asynccontextmanager
    async def of(self, tenant: Tenant) -> AsyncGenerator[Runtime]:
        """Lend the runtime of a tenant for one call.

        Raises:
            Busy: So many other tenants are asking that there is no room for one more.
        """
        part = self._parts.pop(tenant, None) or self._begun(tenant)
        self._parts[tenant] = part  # the last one is the one used last
        part.users += 1
        try:
            await part.ready.wait()
            yield part.runtime
        finally:
            part.users -= 1

    def _begun(self, tenant: Tenant) -> _Part:
        if len(self._parts) >= MOST_OPEN:
            idle = next((name for name, part in self._parts.items() if not part.users), None)
            if idle is None:
                raise Busy("Too many tenants ask at the same time. Try again in a few seconds.", 5)
            self._parts.pop(idle).over.set()
        account = self._accounts.setdefault(tenant.credentials, self._account_of(tenant))
        part = _Part(self._make(tenant, account))
        self._tasks.start_soon(self._live, part)
        return part

    async def _live(self, part: _Part) -> None:
        async with running(part.runtime):
            part.ready.set()
            await part.over.wait()

    @property
    def rows_held(self) -> int:
        """How many rows are held in this process, of all tenants."""
        return sum(part.runtime.rows_held for part in self._parts.values() if part.ready.is_set())

    async def aclose(self) -> None:
        """Close the ways to the API."""
        for account in self._accounts.values():
            await account.aclose()


@asynccontextmanager
async def all_running(
    settings: Settings,
    clock: Callable[[], datetime],
    open_http: Callable[[], httpx.AsyncClient] | None,
    retries: Retries | None,
) -> AsyncGenerator[Runtimes]:
    """Give the runtimes a place to live, and close them when the server ends."""

    def made(tenant: Tenant, account: Account) -> Runtime:
        return Runtime(account.settings, clock, open_http, retries, account, tenant.allowance, tenant.name)

    async with AsyncExitStack() as exits, anyio.create_task_group() as tasks:
        runtimes = Runtimes(made, lambda tenant: Account(tenant.settings(settings), open_http), tasks)
        exits.push_async_callback(runtimes.aclose)
        yield runtimes
        tasks.cancel_scope.cancel()
