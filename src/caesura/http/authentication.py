"""Who asks: the native door's key in `Authorization: Bearer`, and what it may do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from caesura.domain.errors import Forbidden, Unauthenticated
from caesura.domain.scopes import DESCRIPTIONS, Scope, allows
from caesura.http.context import ApiContext, context_of
from caesura.http.key_forms import NATIVE
from caesura.service import keys
from caesura.store.keys import KeyRow

# For the description only: it accepts anything, `identify` decides.
_SCHEME = HTTPBearer(
    scheme_name="key",
    bearerFormat="cae_<prefix>.<secret>",
    description="An API key, from `caesura key create` or `POST /api/v1/keys`. One for an account (`--account`) opens "
    "every workspace: all but `/api/v1/workspaces` needs the header `Caesura-Workspace: wks_17` then. Scopes:\n\n"
    + "\n".join(f"- `{scope}`: {DESCRIPTIONS[scope]}" for scope in Scope),
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key a request carries. `actor` is how it is named in events and states.

    `campaign_ids` are the only campaigns that it may touch, None for all; an `is_account` key opens every workspace;
    `plan` names its rate limits, None for the usual ones; `expires_at` (UTC) is None for a key that never expires.
    `home_id` is the workspace in which the key was made: another than `workspace_id` where an account key works in it.
    """

    workspace_id: int
    key_id: int
    actor: str
    scopes: Collection[str]
    campaign_ids: frozenset[int] | None = None
    is_account: bool = False
    plan: str | None = None
    expires_at: datetime | None = None
    home_id: int = 0

    @property
    def is_restricted(self) -> bool:
        """Whether the key is for single campaigns: it changes nothing that others see, such as leads that are known."""
        return self.campaign_ids is not None

    @classmethod
    def of(cls, row: KeyRow) -> "Caller":
        """Whoever carries this key."""
        campaign_ids = frozenset(row.campaign_ids) if row.campaign_ids is not None else None
        return cls(
            row.workspace_id,
            row.id,
            f"key:{row.prefix}",
            frozenset(row.scopes),
            campaign_ids,
            row.is_account,
            row.plan,
            row.expires_at,
            row.workspace_id,
        )


async def identify(request: Request) -> Caller:
    """The caller by the key in the Authorization header. Raises Unauthenticated."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise Unauthenticated("key_missing", "this needs a key: send the header Authorization: Bearer cae_...")
    if scheme.lower() != "bearer":
        raise Unauthenticated("key_malformed", "the Authorization header must be: Bearer, a space, the key")
    return await authenticated(context_of(request), presented.strip(" "))


async def authenticated(context: ApiContext, presented: str) -> Caller:
    """The caller by a native key. Raises Unauthenticated."""
    row = await keys.authenticate(context.database, NATIVE, presented, context.secrets.pepper, context.clock())
    return Caller.of(row)


def require(*scopes: Scope) -> Any:
    """A dependency that answers the Caller, whose key must have all `scopes`; it raises Forbidden `scope_missing`."""
    return Security(_permitted, scopes=[scope.value for scope in scopes])


async def _permitted(
    request: Request,
    needed: SecurityScopes,
    _described: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)],
) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    for scope in needed.scopes:
        if not allows(caller.scopes, Scope(scope)):
            raise Forbidden("scope_missing", f"this key lacks the scope {scope}")
    return caller
