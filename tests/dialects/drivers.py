"""The same campaign through each door: create, enrol, start, pause, resume, in that vendor's own calls."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from caesura.http.opaque_ids import hex_of, uuid_of

SUBJECT, HTML = "A question", "<p>Hello</p>"


class Driver(ABC):
    """One vendor's client. `native` looks at the same workspace through our own API.

    `words` are the vendor's for our states; `again` what a second start and a second pause answer; `unknown` and
    `unauthorized` its errors: status and what must be in the body.
    """

    door: str
    words: Mapping[str, str]
    again: Mapping[str, int]
    unknown: tuple[int, str]
    unauthorized: tuple[int, str]

    def __init__(self, client: httpx.Client, native: httpx.Client, domain: str) -> None:
        self.client = client
        self.native = native
        self.domain = domain
        self.number = 0

    def addresses(self, count: int, prefix: str = "lead") -> list[str]:
        return [f"{prefix}{number}@{self.domain}" for number in range(count)]

    def create(self, addresses: Sequence[str]) -> str:
        """A draft with one step for these leads; its id at this door. Notes our own number of it."""
        campaign_id = self._create(addresses)
        [found] = [one for one in self.native_campaigns() if self.shown(number_of(one["id"])) == campaign_id]
        self.number = number_of(found["id"])
        return campaign_id

    def native_campaigns(self) -> list[dict[str, Any]]:
        return list(self.native.get("/api/v1/campaigns").raise_for_status().json()["items"])

    def status(self) -> dict[str, Any]:
        """Where our campaign stands, with its counts, natively."""
        return dict(self.native.get(f"/api/v1/campaigns/cmp_{self.number}/status").raise_for_status().json())

    @abstractmethod
    def shown(self, number: int) -> str:
        """The id at this door of our number of a campaign."""

    @abstractmethod
    def _create(self, addresses: Sequence[str]) -> str: ...

    @abstractmethod
    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        """Adds leads to a campaign that there is."""

    @abstractmethod
    def start(self, campaign_id: str) -> httpx.Response:
        """Starts a draft."""

    @abstractmethod
    def pause(self, campaign_id: str) -> httpx.Response: ...

    @abstractmethod
    def resume(self, campaign_id: str) -> httpx.Response: ...

    @abstractmethod
    def word(self, campaign_id: str) -> str | None:
        """The vendor's word for where it stands; None where no call tells it without changing anything."""

    def post(self, path: str, json: object = None) -> httpx.Response:
        return self.client.post(path, json=json) if json is not None else self.client.post(path)


def number_of(native_id: str) -> int:
    return int(native_id.removeprefix("cmp_"))


class Native(Driver):
    """Our own API is a dialect too."""

    door = "native"
    words = {word: word for word in ("draft", "running", "paused", "completed")}
    again = {"start": 200, "pause": 200}
    unknown = (404, "campaign_not_found")
    unauthorized = (401, "key_malformed")

    def shown(self, number: int) -> str:
        return f"cmp_{number}"

    def _create(self, addresses: Sequence[str]) -> str:
        body = {"name": "shared", "pool": "default", "steps": [{"subject": SUBJECT, "html": HTML}]}
        campaign_id = str(self.post("/api/v1/campaigns", body).raise_for_status().json()["id"])
        self.enrol(campaign_id, addresses)
        return campaign_id

    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        body = {"leads": [{"address": address} for address in addresses]}
        self.post(f"/api/v1/campaigns/{campaign_id}/enrollments", body).raise_for_status()

    def start(self, campaign_id: str) -> httpx.Response:
        return self.post(f"/api/v1/campaigns/{campaign_id}/start")

    def pause(self, campaign_id: str) -> httpx.Response:
        return self.post(f"/api/v1/campaigns/{campaign_id}/pause")

    def resume(self, campaign_id: str) -> httpx.Response:
        return self.post(f"/api/v1/campaigns/{campaign_id}/resume")

    def word(self, campaign_id: str) -> str | None:
        return str(self.client.get(f"/api/v1/campaigns/{campaign_id}").json()["status"])


class Leadterra(Driver):
    """Three states, and no call that reads one."""

    door = "leadterra"
    words = {"draft": "draft", "running": "running", "paused": "paused", "completed": "running"}
    again = {"start": 200, "pause": 200}
    unknown = (404, "campaign_not_found")
    unauthorized = (401, "authentication_failed")
    path = "/leadterra/v1/campaigns"

    def shown(self, number: int) -> str:
        return f"camp_{number}"

    def _create(self, addresses: Sequence[str]) -> str:
        body = {"name": "shared", "sequenceSteps": [{"subject": SUBJECT, "bodyHtml": HTML}]}
        campaign_id = str(self.post(self.path, body).raise_for_status().json()["id"])
        self.enrol(campaign_id, addresses)
        return campaign_id

    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        leads = [{"email": address, "firstName": "Kim"} for address in addresses]
        self.post(f"{self.path}/{campaign_id}/leads/bulk", {"leads": leads}).raise_for_status()

    def start(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.path}/{campaign_id}/start")

    def pause(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.path}/{campaign_id}/pause")

    resume = start

    def word(self, campaign_id: str) -> str | None:
        return None


class LeadLex(Driver):
    """A campaign takes everyone on its list; a second pause is a conflict."""

    door = "leadlex"
    words = {"draft": "draft", "running": "active", "paused": "paused", "completed": "completed"}
    again = {"start": 400, "pause": 409}
    unknown = (404, "not_found")  # so the page on starting; the others have campaign_not_found
    unauthorized = (401, "invalid_key")
    root = "/leadlex/functions/v1/api-gateway/v1"

    def shown(self, number: int) -> str:
        return uuid_of("campaign", number)

    def _contacts(self, addresses: Sequence[str]) -> list[str]:
        body = {"contacts": [{"full_name": "Kim Doe", "email": address} for address in addresses]}
        made = self.post(f"{self.root}/contacts/bulk", body).raise_for_status().json()["data"]["contacts"]
        return [one["id"] for one in made]

    def _create(self, addresses: Sequence[str]) -> str:
        made = self.post(f"{self.root}/lists", {"name": f"list {addresses[0]}"}).raise_for_status().json()
        list_id = (made["data"].get("list") or made["data"])["id"]
        body = {"contact_ids": self._contacts(addresses)}
        self.post(f"{self.root}/lists/{list_id}/contacts", body).raise_for_status()
        body = {"name": "shared", "list_id": list_id, "template": "Hello {{name}}"}
        made = self.post(f"{self.root}/campaigns", body).raise_for_status().json()["data"]
        return str((made.get("campaign") or made)["id"])

    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        body = {"contact_ids": self._contacts(addresses)}
        self.post(f"{self.root}/campaigns/{campaign_id}/contacts", body).raise_for_status()

    def start(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/campaigns/{campaign_id}/start")

    def pause(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/campaigns/{campaign_id}/pause")

    resume = start

    def word(self, campaign_id: str) -> str | None:
        return str(self.client.get(f"{self.root}/campaigns/{campaign_id}").json()["data"]["campaign"]["status"])


class AutoSend(Driver):
    """One mailing to lists; it is published for a moment that is about to come."""

    door = "autosend"
    words = {"draft": "draft", "running": "sending", "paused": "paused", "completed": "sent"}
    again = {"start": 400, "pause": 200}
    unknown = (404, "CAMPAIGN_NOT_FOUND")
    unauthorized = (401, "UNAUTHORIZED")
    root = "/autosend/v1"

    def shown(self, number: int) -> str:
        return hex_of("campaign", number)

    def _create(self, addresses: Sequence[str]) -> str:
        made = self.post(f"{self.root}/contact-lists", {"name": f"list {addresses[0]}"}).raise_for_status().json()
        data = made["data"]
        self.list_id = (data.get("list") or data)["id"]
        self.enrol("", addresses)
        body = {
            "name": "shared",
            "subject": SUBJECT,
            "htmlTemplate": HTML,
            "from": {"email": "anna@sender.test", "name": "Anna"},
            "toLists": [self.list_id],
        }
        return str(self.post(f"{self.root}/campaigns", body).raise_for_status().json()["data"]["id"])

    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        body = {"contactListId": self.list_id, "emails": list(addresses)}
        self.post(f"{self.root}/contact-lists/contacts/bulk-add", body).raise_for_status()

    def start(self, campaign_id: str) -> httpx.Response:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        body = {"publish": True, "sendMode": "scheduled", "scheduledAt": soon.isoformat(timespec="milliseconds")}
        return self.client.patch(f"{self.root}/campaigns/{campaign_id}", json=body)

    def pause(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/campaigns/{campaign_id}/pause")

    def resume(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/campaigns/{campaign_id}/resume")

    def word(self, campaign_id: str) -> str | None:
        return str(self.client.get(f"{self.root}/campaigns/{campaign_id}").json()["data"]["status"])


class Woodpecker(Driver):
    """Two versions in one API; what changes a campaign's state answers without a body."""

    door = "woodpecker"
    words = {"draft": "DRAFT", "running": "RUNNING", "paused": "PAUSED", "completed": "COMPLETED"}
    again = {"start": 200, "pause": 200}
    unknown = (404, "CAMPAIGN_NOT_EXIST")
    unauthorized = (401, "Invalid api key")
    root = "/woodpecker/rest"
    always = [{"from": "00:00", "to": "23:59"}]

    def shown(self, number: int) -> str:
        return str(number)

    def _create(self, addresses: Sequence[str]) -> str:
        days = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
        step = {
            "type": "EMAIL",
            "delivery_time": dict.fromkeys(days, self.always),
            "body": {"versions": [{"subject": SUBJECT, "message": HTML}]},
            "followup": None,
        }
        [mailbox] = self.client.get(f"{self.root}/v2/mailboxes").raise_for_status().json()[:1]
        mailbox_id = mailbox.get("id") or mailbox["smtp"]["id"]
        body = {
            "name": "shared",
            "email_account_ids": [mailbox_id],
            "settings": {"timezone": "UTC", "daily_enroll": 500},
            "steps": {"type": "START", "followup": step},
        }
        campaign_id = str(self.post(f"{self.root}/v2/campaigns", body).raise_for_status().json()["id"])
        self.enrol(campaign_id, addresses)
        return campaign_id

    def enrol(self, campaign_id: str, addresses: Sequence[str]) -> None:
        body = {
            "campaign": {"campaign_id": int(campaign_id)},
            "prospects": [{"email": address, "first_name": "Kim"} for address in addresses],
        }
        self.post(f"{self.root}/v1/add_prospects_campaign", body).raise_for_status()

    def start(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/v2/campaigns/{campaign_id}/run")

    def pause(self, campaign_id: str) -> httpx.Response:
        return self.post(f"{self.root}/v2/campaigns/{campaign_id}/pause")

    resume = start

    def word(self, campaign_id: str) -> str | None:
        return str(self.client.get(f"{self.root}/v2/campaigns/{campaign_id}").json()["status"])


DRIVERS = (Native, Leadterra, LeadLex, AutoSend, Woodpecker)
