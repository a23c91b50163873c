"""What suites share in one run: a folder, a sink, and servers with their leads, each made when first asked for."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import letter
from bench.machine import peak_memory_mb
from bench.stage import Failed, Server, Sink

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Million:
    """A server with a campaign of a million leads that have fifty steps each, and what their import took."""

    server: Server
    campaign: str
    leads: int
    import_seconds: float
    import_peak_mb: float

    @contextmanager
    def sending(self) -> Iterator[None]:
        """It sends for the length of the block, at full pace from its beginning, and is paused after it."""
        api, path = self.server.api, f"/campaigns/{self.campaign}"
        is_draft = api.get(f"{path}/status")["status"] == "draft"
        sent = self.server.counts(self.campaign)["sent"]
        api.post(f"{path}/{'start' if is_draft else 'resume'}")
        self.server.wait_until_sent(self.campaign, sent + 1_000)
        try:
            yield
        finally:
            api.post(f"{path}/pause")


@dataclass(slots=True)
class Scene:
    """One run. `scale` makes everything smaller, for trying a suite out; figures are worth something at 1 only."""

    folder: Path
    stack: ExitStack
    scale: float = 1.0
    rounds: int = 5
    _sink: Sink | None = field(default=None, init=False)
    _million: Million | None = field(default=None, init=False)

    def sized(self, count: int) -> int:
        """A number of leads at this scale."""
        return max(50, round(count * self.scale))

    @property
    def sink(self) -> Sink:
        """The sink that most suites send to."""
        if self._sink is None:
            self._sink = Sink(self.folder)
            self.stack.callback(self._sink.stop)
        return self._sink

    def server(self, name: str, workers: int = 1, **settings: str) -> Server:
        """A new server with an empty database, until the end of the run unless it is stopped before."""
        server = Server(self.folder / name, workers, **settings)
        self.stack.callback(server.stop)
        return server

    @property
    def million(self) -> Million:
        """The million leads, imported once in a run. The campaign is a draft, or paused by who used it last."""
        if self._million is None:
            leads = self.sized(MILLION)
            path = letter.write_leads(self.folder / "million.csv", 0, leads)
            server = self.server("million")
            server.add_relay(self.sink.port)
            campaign = server.add_campaign("million", letter.MANY_STEPS)
            self._million = Million(server, campaign, leads, *measured_import(server, campaign, path))
        return self._million


def measured_import(server: Server, campaign: str, path: Path) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of `caesura leads import` as a process beside the server."""
    began = time.perf_counter()
    process = server.spawn(("leads", "import", campaign, str(path), "--json"), {"CAESURA_DATA_DIR": str(server.data)})
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, peak_memory_mb(process.pid))
        time.sleep(0.02)
    took = time.perf_counter() - began
    if process.returncode != 0:
        raise Failed(f"caesura leads import ended with {process.returncode}")
    return took, peak
