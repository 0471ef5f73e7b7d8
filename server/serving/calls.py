"""Each call for its caller: within what they may ask, and from what they may see, and nothing else."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..catena.turns import PARTY
from ..errors import OpsError
from ..runtime import PERSONAL as SHOWN
from ..runtime import Runtime
from ..runtimes import Runtimes
from ..settings import Settings
from ..tenants import Tenants
from .callers import caller
from .quotas import Quotas
from .sign_in import PERSONAL


class Calls:
    """Lends a call the runtime of its caller's tenant."""

    def __init__(self, tenants: Tenants, settings: Settings) -> None:
        self._tenants = tenants
        self._quotas = Quotas(settings)

    @asynccontextmanager
    async def lent(self, runtimes: Runtimes) -> AsyncGenerator[Runtime]:
        """Lend it for one call.

        Raises:
            OpsError: The caller may not ask now, or nobody is known to call.
        """
        known = caller()
        tenant = self._tenants.named(known.tenant) if known else None
        if known is None or tenant is None:
            raise OpsError("Nobody is signed in, so nothing is read.")
        with self._quotas.call((known.tenant, known.subject)) as party:
            whose, shown = PARTY.set(party), SHOWN.set(PERSONAL in known.scopes)
            try:
                async with runtimes.of(tenant) as runtime:
                    yield runtime
            finally:
                PARTY.reset(whose)
                SHOWN.reset(shown)
