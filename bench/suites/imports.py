"""A CSV file of 1,000,000 leads into a campaign by `caesura leads import`: rows a second, and the most memory."""

from bench import letter
from bench.report import Bar, Report
from bench.scene import Scene, measured_import

MORE = 100_000
"""Rows of each of the further files, for the spread."""

ROWS_PER_SECOND, PEAK_MB = 40_000.0, 200.0


def measure(scene: Scene) -> Report:
    """The million that other suites use, then five smaller files of other people into campaigns of their own."""
    report = Report("import")
    million = scene.million
    server = million.server
    enrolled = server.counts(million.campaign)["enrolled"]
    report.expect(f"{enrolled} of {million.leads} rows are enrolled", enrolled == million.leads)
    rates, peaks, rows = [], [], scene.sized(MORE)
    for number in range(scene.rounds):
        path = letter.write_leads(scene.folder / "more.csv", 0, rows, f"more{number}.example.org")
        campaign = server.add_campaign(f"more {number}")
        seconds, peak = measured_import(server, campaign, path)
        rates.append(rows / seconds)
        peaks.append(peak)
        enrolled = server.counts(campaign)["enrolled"]
        report.expect(f"{enrolled} of {rows} rows are enrolled", enrolled == rows)
    rate = million.leads / million.import_seconds
    report.add(f"rows a second, {million.leads:,} rows", "/s", rate)
    report.add(f"rows a second, {rows:,} rows more", "/s", *rates)
    report.add(f"most memory of the process, {million.leads:,} rows", "MB", million.import_peak_mb)
    report.add(f"most memory of the process, {rows:,} rows", "MB", *peaks)
    report.bars += [
        Bar("rows a second", rate, "/s", least=ROWS_PER_SECOND),
        Bar("most memory of the process", million.import_peak_mb, "MB", most=PEAK_MB),
    ]
    return report
