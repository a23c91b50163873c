"""Files and copies of single mailings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caesura.domain.enclosures import Attachment, Copy
from caesura.store.database import Connection
from caesura.store.queries import load

SQL = load("enclosures")


@dataclass(frozen=True, slots=True)
class Barred:
    """Why somebody gets no copy, by the key of an address."""

    key: str
    suppressed: bool
    domain_held: bool
    lead_held: bool


async def add_files(tx: Connection, workspace_id: int, campaign_id: int, files: Sequence[Attachment]) -> None:
    """Keeps the files of a mailing."""
    for place, one in enumerate(files):
        about = one.name, one.content_type, one.content, one.content_id
        await tx.execute(SQL["add_file"], workspace_id, campaign_id, place, *about)


async def files(tx: Connection, workspace_id: int, campaign_id: int) -> list[Attachment]:
    """The files of a mailing, in their order."""
    return [Attachment(*row) for row in await tx.fetch(SQL["files"], workspace_id, campaign_id)]


async def size_of_files(tx: Connection, workspace_id: int, campaign_id: int) -> tuple[int, int]:
    """How many files a mailing has, and their bytes together, before base64."""
    [(count, total)] = await tx.fetch(SQL["size_of_files"], workspace_id, campaign_id)
    return count, total


async def add_copies(tx: Connection, workspace_id: int, campaign_id: int, copies: Mapping[int, Sequence[Copy]]) -> None:
    """Keeps who else gets messages, by enrollment."""
    rows = [
        (enrollment_id, place, one.address, one.key, one.domain, one.name, one.is_hidden)
        for enrollment_id, several in copies.items()
        for place, one in enumerate(several)
    ]
    if rows:
        await tx.execute(SQL["add_copies"], workspace_id, campaign_id, *map(list, zip(*rows, strict=True)))


async def copies(tx: Connection, workspace_id: int, campaign_id: int) -> dict[int, tuple[Copy, ...]]:
    """Who else gets the messages of a mailing, by enrollment."""
    found: dict[int, tuple[Copy, ...]] = {}
    for enrollment_id, *rest in await tx.fetch(SQL["copies"], workspace_id, campaign_id):
        found[enrollment_id] = (*found.get(enrollment_id, ()), Copy(*rest))
    return found


async def barred(tx: Connection, workspace_id: int, campaign_id: int, asked: Sequence[Copy]) -> list[Barred]:
    """What keeps these back. To be asked behind the gate only."""
    keys, domains = [one.key for one in asked], [one.domain for one in asked]
    return [Barred(*row) for row in await tx.fetch(SQL["barred"], workspace_id, campaign_id, keys, domains)]


async def leave_out(
    tx: Connection, workspace_id: int, campaign_id: int, marked: Sequence[int], left_out: Sequence[tuple[int, str]]
) -> None:
    """Writes down which copies the gate has left out of the messages to `marked`, each as (enrollment, address)."""
    enrollments, addresses = [one for one, _ in left_out], [address for _, address in left_out]
    await tx.execute(SQL["leave_out"], workspace_id, campaign_id, list(marked), enrollments, addresses)


async def settle(
    tx: Connection,
    workspace_id: int,
    campaign_id: int,
    sent: Sequence[int],
    refused: Sequence[tuple[int, str, int, str]],
) -> dict[int, dict[str, list[str]]]:
    """The messages to `sent` were taken, but not the copies `refused`, each as (enrollment, address, code, text).

    Answers the addresses by outcome, for each enrollment that has copies.
    """
    columns = [[row[place] for row in refused] for place in range(4)]
    await tx.execute(SQL["settle"], workspace_id, campaign_id, list(sent), *columns)
    told: dict[int, dict[str, list[str]]] = {}
    for enrollment_id, address, outcome in await tx.fetch(SQL["outcomes"], workspace_id, campaign_id, list(sent)):
        told.setdefault(enrollment_id, {}).setdefault(outcome, []).append(address)
    return told


async def is_copy(tx: Connection, workspace_id: int, campaign_id: int, enrollment_id: int, key: str) -> bool:
    """Whether the address of this key was to have a copy of a message."""
    answer: bool = await tx.fetchval(SQL["copy_of"], workspace_id, campaign_id, enrollment_id, key)
    return answer
