"""API keys: `/api/v1/keys`. The model that the other resources of the native API follow."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.api_key import ENTROPY_BYTES, UNMETERED
from caesura.domain.definition_types import Definition, Instant, Name
from caesura.domain.errors import Forbidden, Invalid, NotFound, Problem
from caesura.domain.scopes import Scope
from caesura.http.authentication import Caller, require
from caesura.http.context import context_of
from caesura.http.key_forms import KEY_FORMS, NATIVE
from caesura.http.native.identifiers import CAMPAIGN, KEY
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import keys
from caesura.service.keys import NewKey
from caesura.store.keys import KeyRow

TAG = {"name": "keys", "description": "What opens this API: prefix, scopes, expiry, last use."}

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], route_class=NativeRoute)

NOT_FOUND = NotFound("key_not_found", "there is no such key in this workspace")

OTHER_DOOR = Forbidden("scope_not_held", "a key without the scope * cannot make one for another door")
LONGER = Forbidden("expiry_not_held", "a key cannot make one that outlives it: give an earlier expires_at")
FASTER = Forbidden("plan_not_held", "a key cannot make one that may ask more often than itself")
Dialect = Literal["native", "leadterra", "leadlex", "autosend", "woodpecker"]


class KeyCreate(Definition):
    """A key to be made."""

    label: Name | None = Field(default=None, description="For people.", examples=["nightly import"])
    scopes: Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)] = Field(
        description="What it may do, in the words of its door; you can give only scopes that your own key has.",
        examples=[["campaigns:read", "campaigns:send"]],
    )
    expires_at: Instant | None = Field(
        default=None,
        description="From then on it opens nothing, not later than your own key; null: when your own does, or never.",
        examples=["2030-01-31T09:00:00Z"],
    )
    dialect: Dialect = Field(
        default="native", description="Whose door it opens; for another than this, your key needs the scope *."
    )
    campaign_ids: list[Annotated[int, *CAMPAIGN.reference()]] | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="The only campaigns that it may touch: it opens the operations that name one of them, and no "
        "others. It can enrol any lead or list that it knows the id of, and send from any pool. Null: all.",
        examples=[["cmp_12"]],
    )
    plan: Annotated[str, Field(max_length=50)] | None = Field(
        default=None,
        description="Its rate limits by name, none wider than your own key's; null: the usual ones.",
        examples=["slow"],
    )


class Key(BaseModel):
    """A key, without its secret."""

    id: Annotated[str, KEY.shown()]
    dialect: str = Field(description="Whose door it opens.", examples=["native"])
    prefix: str = Field(description="Its public part, as in the actor of events.", examples=["2f6kq7xw5mz3ahra"])
    label: str | None = Field(examples=["nightly import"])
    scopes: list[str] = Field(examples=[["campaigns:read", "campaigns:send"]])
    campaign_ids: list[Annotated[str, CAMPAIGN.shown()]] | None = Field(
        description="The only campaigns that it may touch; null: all."
    )
    plan: str | None = Field(description="Its rate limits by name; null: the usual ones.", examples=["slow"])
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: never.")
    last_used_at: datetime | None = Field(description="To the minute; null: not used yet.")
    revoked_at: datetime | None = Field(description="Null: it is good until it expires.")


class IssuedKey(Key):
    """A key just made."""

    key: str = Field(
        description="The whole key. It is shown here and never again.", examples=["cae_2f6kq7xw5mz3ahra.…"]
    )


class KeyPage(Page[Key]):
    """A page of keys."""

    model_config = ConfigDict(title="KeyPage")


@router.post(
    "",
    operation_id="create_key",
    summary="Create a key",
    status_code=201,
    responses=answers(
        Forbidden("scope_not_held", "a key without the scope leads:read cannot give it to another"),
        OTHER_DOOR,
        FASTER,
        LONGER,
        Invalid.of(Problem("expiry_past", "a key cannot expire in the past", "/expires_at")),
        Invalid.of(Problem("unknown_scope", "there is no scope 'send'", "/scopes/0")),
        Invalid.of(Problem("unknown_plan", "a plan of native is one of usual, slow, unmetered", "/plan")),
        Invalid.of(Problem("unknown_campaign", "there is no such campaign in this workspace", "/campaign_ids/0")),
    ),
)
async def create_key(
    request: Request, response: Response, body: KeyCreate, caller: Annotated[Caller, require(Scope.KEYS_WRITE)]
) -> IssuedKey:
    """Makes a key in this workspace. The answer is the only place where the whole key is ever shown."""
    context = context_of(request)
    if body.dialect != NATIVE.dialect and Scope.ALL not in caller.scopes:
        raise OTHER_DOOR
    _check_pace(caller, body)
    new = NewKey(KEY_FORMS[body.dialect], body.scopes, body.label, body.expires_at, body.campaign_ids, body.plan)
    issued = await keys.create(
        context.database,
        caller.workspace_id,
        new,
        caller.scopes,
        caller.expires_at,
        context.secrets.pepper,
        context.entropy(ENTROPY_BYTES),
        caller.actor,
        context.clock(),
    )
    response.headers["Location"] = f"{router.prefix}/{KEY.show(issued.row.id)}"
    return IssuedKey(**dict(_shown(issued.row)), key=issued.text)


@router.get("", operation_id="list_keys", summary="List keys")
async def list_keys(
    request: Request,
    caller: Annotated[Caller, require(Scope.KEYS_WRITE)],
    window: Annotated[Window, pages("keys")],
    label: Annotated[
        str | None,
        Query(max_length=200, description="Only those with this in their label, in any case.", examples=["import"]),
    ] = None,
) -> KeyPage:
    """All keys of the workspace, newest first, revoked ones too."""
    place = context_of(request).database, caller.workspace_id
    rows = await keys.list_page(*place, window.position, window.fetch, label)
    shown, cursor = window.shown(rows, lambda row: row.id)
    return KeyPage(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/{key_id}", operation_id="get_key", summary="Read a key", responses=answers(NOT_FOUND))
async def get_key(
    request: Request, key_id: Annotated[str, KEY.path()], caller: Annotated[Caller, require(Scope.KEYS_WRITE)]
) -> Key:
    """One key, revoked or not."""
    return _shown(await keys.get(context_of(request).database, caller.workspace_id, KEY.parse(key_id)))


@router.delete("/{key_id}", operation_id="revoke_key", summary="Revoke a key", responses=answers(NOT_FOUND))
async def revoke_key(
    request: Request, key_id: Annotated[str, KEY.path()], caller: Annotated[Caller, require(Scope.KEYS_WRITE)]
) -> Key:
    """Once this answers, the key opens nothing. Revoking it again changes nothing and answers the same."""
    context = context_of(request)
    return _shown(
        await keys.revoke(context.database, caller.workspace_id, KEY.parse(key_id), caller.actor, context.clock())
    )


def _check_pace(caller: Caller, body: KeyCreate) -> None:
    """Nobody gives a pace that they have not; to take all limits off is for keys that may do everything."""
    usual = next(iter(NATIVE.plans))
    own = caller.plan or usual
    if own == usual:
        held = body.plan != UNMETERED or Scope.ALL in caller.scopes
    else:
        held = own == UNMETERED or (body.dialect == NATIVE.dialect and body.plan == own)
    if not held:
        raise FASTER


def _shown(row: KeyRow) -> Key:
    return Key(
        id=KEY.show(row.id),
        dialect=row.dialect,
        prefix=row.prefix,
        label=row.label,
        scopes=list(row.scopes),
        campaign_ids=None if row.campaign_ids is None else [CAMPAIGN.show(one) for one in row.campaign_ids],
        plan=row.plan,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
