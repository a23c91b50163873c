"""The vendor's own Node client, unchanged, against a real server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from autosend_client import FORM

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / ".cache" / "autosendjs"


@pytest.fixture(scope="module")
def package() -> Path:
    """The client, fetched once."""
    if not (CLIENT / "package").exists() and not (CLIENT / "why-not").exists():
        subprocess.run([ROOT / "scripts" / "fetch-autosendjs"], check=True, timeout=120)
    if (CLIENT / "why-not").exists():
        pytest.skip((CLIENT / "why-not").read_text().strip())
    return CLIENT / "package"


def test_the_vendors_own_client_works_after_changing_its_base_url(served: Any, package: Path) -> None:
    workspace = "autosendjs"
    native = served.bearing("*", workspace=workspace)
    transport = {"host": "localhost", "port": 2525, "tls": "none"}
    mailbox = {"name": "team", "address": "team@sender.test", "transport": transport}
    assert served.client.post("/api/v1/mailboxes", json=mailbox, headers=native).status_code == 201
    environment = {
        **os.environ,
        "AUTOSEND_BASE_URL": f"{served.url}/autosend/v1",
        "AUTOSEND_KEY": served.mint("*", form=FORM, workspace=workspace).text,
        "AUTOSENDJS": str(package),
    }
    ran = subprocess.run(
        ["node", Path(__file__).with_name("autosendjs_run.cjs")],
        env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(ran.stdout)
    assert told["created"]["success"], told
    assert told["created"]["data"]["email"] == "kim@example.com"
    assert told["seen"]["data"]["customFields"] == {"plan": "pro"}
    assert (told["changed"]["data"]["firstName"], told["changed"]["data"]["lastName"]) == ("Kim", "Lee")
    assert len(told["sent"]["data"]["emailId"]) == 24
    counts = {name: told["bulk"]["data"][name] for name in ("totalRecipients", "successCount", "failedCount")}
    assert counts == {"totalRecipients": 2, "successCount": 2, "failedCount": 0}
    assert (told["unknown"]["success"], told["unknown"]["statusCode"]) == (False, 400)
    assert told["unknown"]["error"]["code"] == "DOMAIN_NOT_VERIFIED"
    assert told["deleted"] == {"success": True}
    assert told["gone"]["error"]["code"] == "CONTACT_NOT_FOUND"
    assert told["refused"]["error"]["code"] == "UNAUTHORIZED"
    assert told["inbox"]["statusCode"] == 400
