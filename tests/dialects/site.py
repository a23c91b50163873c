"""The server under test, and how to get a key for each of its doors."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx


class Site:
    """A running server. `sink` has the mail that it sent."""

    def __init__(self, url: str, data_directory: Path, sink: Any) -> None:
        self.url = url
        self.data_directory = data_directory
        self.sink = sink

    def key(self, dialect: str, workspace: str, *options: str) -> str:
        """A new key, as a person makes it."""
        command = [sys.executable, "-m", "caesura", "key", "create", "--data-dir", str(self.data_directory)]
        command += ["--workspace", workspace, "--dialect", dialect, *options]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def client(self, dialect: str, workspace: str, *options: str) -> httpx.Client:
        """A client with a new key that has no rate limits."""
        key = self.key(dialect, workspace, "--plan", "unmetered", *options)
        headers = {"x-api-key": key} if dialect == "woodpecker" else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def can_send(self, native: httpx.Client) -> None:
        """Gives a workspace a mailbox, in a pool, that sends to the sink."""
        mailbox = {
            "name": "anna",
            "address": "anna@sender.test",
            "transport": {"host": "127.0.0.1", "port": self.sink.port, "tls": "none"},
            "limits": {"connections": 4},
        }
        native.post("/api/v1/mailboxes", json=mailbox).raise_for_status()
        native.post("/api/v1/pools", json={"name": "default", "mailboxes": ["anna"]}).raise_for_status()
