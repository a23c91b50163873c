"""Server, worker and sink as real processes: ready, in use, and gone when they are told to end."""

import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from caesura.runtime.postgres.layout import Layout

Starter = Callable[..., Any]


def processes_of(data_directory: Path) -> list[str]:
    """The command lines of what runs on this data directory: the database, and whoever was started with it."""
    layout = Layout.of(data_directory)
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            is_ours = folder.name == str(os.getpid()) or b"\0guard\0" in line
            if os.fsencode(layout.data_directory) in line and not is_ours:
                found.append((folder / "cmdline").read_text())
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_a_server_serves_while_keys_are_made_and_leaves_nothing_behind(running: Starter, data_directory: Path) -> None:
    server = running("serve", "--port", "0", "--data-dir", data_directory)
    ready = server.line()
    assert ready.startswith("ready http://127.0.0.1:")
    url = ready.removeprefix("ready ")
    maker = running("key", "create", "--data-dir", data_directory)
    key = maker.line()
    assert maker.process.wait(60) == 0
    request = urllib.request.Request(f"{url}/api/v1/keys", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    assert processes_of(data_directory)
    ended = server.stop()
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.startswith("First start: ") and "caesura key create" in ended.err
    assert processes_of(data_directory) == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_a_server_whose_data_directory_is_deleted_ends_and_makes_no_new_one(
    running: Starter, data_directory: Path
) -> None:
    place = data_directory / "var"
    server = running("serve", "--port", "0", "--data-dir", place)
    assert server.line().startswith("ready ")
    shutil.rmtree(place)
    out, err = server.process.communicate(timeout=60)
    assert (server.process.returncode, out) == (1, "")
    assert "[database_gone]" in err and "Traceback" not in err
    assert not place.exists()
    assert processes_of(place) == []


def test_a_worker_of_its_own_joins_the_server_and_leaves_in_order(running: Starter, data_directory: Path) -> None:
    server = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory, CAESURA_SLOT="5")
    url = server.line().removeprefix("ready ")

    def workers() -> float:
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            [line] = [line for line in answer.read().decode().splitlines() if line.startswith("caesura_workers ")]
        return float(line.split()[1])

    worker = running("worker", "--data-dir", data_directory, CAESURA_SLOT="5")
    deadline = time.monotonic() + 60
    while workers() != 1:
        assert worker.process.poll() is None and time.monotonic() < deadline
    for one, number in ((worker, signal.SIGTERM), (server, signal.SIGINT)):
        ended = one.stop(number)
        assert ended.status == 0
        assert ended.err.count("CAESURA_SLOT in the environment is no setting") == 1
        assert "did you mean CAESURA_SLOTS?" in ended.err


def test_a_port_in_use_is_told_before_anything_starts(running: Starter, data_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = running("serve", "--port", port, "--data-dir", data_directory / "new")
        assert server.process.wait(60) == 1
    told = server.process.communicate()[1]
    assert "[address_in_use]" in told and "--port" in told
    assert "First start" not in told
    assert not (data_directory / "new").exists()


def test_a_host_name_of_the_settings_leads_to_its_door(running: Starter, data_directory: Path) -> None:
    settings = {"CAESURA_DOORS": "vendor.test=woodpecker"}
    server = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory, **settings)
    url = server.line().removeprefix("ready ")
    found = {}
    for host in ("vendor.test", "127.0.0.1"):
        path = f"{url}/rest/v2/campaigns/1/pause"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(path, method="POST", headers={"Host": host}), timeout=30)
        found[host] = caught.value.code
    assert found == {"vendor.test": 401, "127.0.0.1": 404}
    assert server.stop().status == 0


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_an_address_that_is_none_of_this_machine_is_told_as_such(
    running: Starter, data_directory: Path, host: str
) -> None:
    server = running("serve", "--host", host, "--port", "0", "--data-dir", data_directory / "new")
    assert server.process.wait(60) == 1
    assert "[address_unusable]" in server.process.communicate()[1]


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
@pytest.mark.parametrize(("name", "value"), [("ca_file", "none.pem"), ("helo_name", "no host name")])
def test_a_setting_that_would_break_every_connection_is_told_before_anything_starts(
    running: Starter, data_directory: Path, tmp_path: Path, command: tuple[str, ...], name: str, value: str
) -> None:
    (tmp_path / "caesura.toml").write_text(f'{name} = "{value}"\n')
    server = running(*command, "--data-dir", data_directory / "new")
    assert server.process.wait(60) == 1
    told = server.process.communicate()[1]
    assert f"{name}: " in told and "[bad_setting]" in told and "Traceback" not in told
    assert not (data_directory / "new").exists()


def test_of_two_servers_that_start_at_once_on_one_port_one_is_told(running: Starter, data_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    servers = [running("serve", "--port", port, "--workers", "0", "--data-dir", data_directory / name) for name in "ab"]
    [served] = [server for server in servers if server.line().startswith("ready ")]
    [refused] = [server for server in servers if server is not served]
    assert "[address_in_use]" in refused.process.communicate(timeout=60)[1]
    assert served.stop().status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_stops_a_server_again_and_again_does_not_cut_its_stop_short(
    running: Starter, data_directory: Path, number: signal.Signals
) -> None:
    server = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory)
    assert server.line().startswith("ready ")
    while server.process.poll() is None:
        server.process.send_signal(number)
        time.sleep(0.005)
    assert server.process.returncode == 0
    assert processes_of(data_directory) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sink_keeps_what_it_is_sent_until_it_is_told_to_end(
    running: Starter, tmp_path: Path, number: signal.Signals
) -> None:
    sink = running("sink", "--port", "0", "--out", tmp_path / "kept")
    ready = sink.line()
    assert ready.startswith("ready smtp://127.0.0.1:")
    with smtplib.SMTP("127.0.0.1", int(ready.rpartition(":")[2])) as client:
        client.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\nHello\r\n")
    ended = sink.stop(number)
    assert (ended.status, ended.err) == (0, f"1 message is in {tmp_path / 'kept'}\n")
    assert len(list((tmp_path / "kept").glob("*.eml"))) == 1


def test_help_and_version_need_no_database(running: Starter) -> None:
    for arguments in (("--help",), ("--version",), ("hold", "--help"), ("serve", "-h")):
        answer = running(*arguments)
        out, err = answer.process.communicate(timeout=60)
        assert (answer.process.returncode, err) == (0, "")
        assert out
    answer = running()
    assert "Usage: caesura" in answer.process.communicate(timeout=60)[1]
    assert answer.process.returncode == 2


def test_an_argument_that_is_no_text_is_told_before_anything_starts(running: Starter, data_directory: Path) -> None:
    started = running("start", os.fsdecode(b"caf\xe9"), "--data-dir", data_directory / "new")
    assert started.process.wait(60) == 1
    assert "[argument_not_text]" in started.process.communicate()[1]
    assert not (data_directory / "new").exists()


def test_a_reader_who_has_seen_enough_is_no_error(running: Starter) -> None:
    answer = running("--help")
    answer.process.stdout.close()
    assert "Traceback" not in answer.process.stderr.read()


def test_the_doctor_finds_a_server_at_the_port_that_it_really_has(running: Starter, data_directory: Path) -> None:
    server = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory)
    address = server.line().removeprefix("ready ")
    out, _ = running("doctor", "--data-dir", data_directory).process.communicate(timeout=60)
    assert f"ok    server: answers at {address}" in out
    assert server.stop().status == 0
    assert not (data_directory / "server.address").exists()


def test_an_empty_data_directory_is_refused_and_nothing_is_made_here(running: Starter, tmp_path: Path) -> None:
    started = running("serve", "--port", "0", "--data-dir", "")
    _, err = started.process.communicate(timeout=60)
    assert started.process.returncode == 2
    assert "--data-dir" in err and "empty" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_output_leads_nowhere_and_is_no_error(data_directory: Path, closed: str) -> None:
    for command in ("--version", f"doctor --data-dir {data_directory / 'new'}"):
        script = f'exec "{sys.executable}" -m caesura {command} {closed}'
        answer = subprocess.run(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        assert (answer.returncode, answer.stderr) == (0, b"")
        assert bool(answer.stdout) == (">&-" not in closed.replace("2>&-", ""))


def test_a_server_whose_output_is_closed_serves(data_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = (
        f'exec "{sys.executable}" -m caesura serve --port {port} --workers 1 --data-dir {data_directory} >&- 2>&- <&-'
    )
    server = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert server.poll() is None and time.monotonic() < deadline
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
                    assert answer.status == 200
                break
            except OSError:
                time.sleep(0.05)
    finally:
        server.terminate()
        assert server.wait(60) == 0


def test_who_has_another_secret_key_than_the_database_does_not_start_until_told_that_the_old_one_is_lost(
    running: Starter, data_directory: Path
) -> None:
    first = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory)
    assert first.line().startswith("ready ")
    assert first.stop().status == 0
    other = {"CAESURA_SECRET_KEY": "ab" * 32}
    for command in (("serve", "--port", "0"), ("worker",), ("key", "create")):
        refused = running(*command, "--data-dir", data_directory, **other)
        out, err = refused.process.communicate(timeout=60)
        assert (refused.process.returncode, out) == (1, "")
        assert "[secret_key_differs]" in err and "copy secret.key" in err and "adopt-secret-key" in err
    doctor = running("doctor", "--data-dir", data_directory, **other)
    out, _ = doctor.process.communicate(timeout=60)
    assert doctor.process.returncode == 1 and "fail  secret key: " in out and "[secret_key_differs]" in out
    assert running("campaigns", "--data-dir", data_directory, **other).process.wait(60) == 0
    assert running("adopt-secret-key", "--data-dir", data_directory, **other).process.wait(60) == 0
    server = running("serve", "--port", "0", "--workers", "0", "--data-dir", data_directory, **other)
    assert server.line().startswith("ready ")
    assert server.stop().status == 0


def test_a_server_tells_webhooks_and_listeners_what_happens_and_stops_in_time(
    running: Starter, data_directory: Path
) -> None:
    told: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    def ask(path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=30)

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    server = running(
        "serve", "--port", "0", "--workers", "0", "--data-dir", data_directory, CAESURA_WEBHOOK_HOSTS="127.0.0.1"
    )
    url = server.line().removeprefix("ready ")
    maker = running("key", "create", "--data-dir", data_directory)
    key = maker.line()
    assert maker.process.wait(60) == 0
    hook = {"url": f"http://127.0.0.1:{receiver.server_port}/", "events": ["list.created"]}
    ask("/api/v1/webhooks", hook).close()
    stream = ask("/api/v1/events/stream")
    ask("/api/v1/lists", {"name": "told"}).close()
    while b"list.created" not in stream.readline():
        pass
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [json.loads(body)["type"] for body in told] == ["list.created"]
    began = time.monotonic()
    assert server.stop().status == 0
    assert time.monotonic() - began < 20
    stream.close()
    receiver.shutdown()
    receiver.server_close()
