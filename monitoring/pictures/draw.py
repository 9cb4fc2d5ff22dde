"""Draws the panels of a Grafana dashboard from recorded results of their queries, as a web page.

    draw.py DASHBOARD RECORDING ROW... > page.html

DASHBOARD is the JSON of the dashboard, RECORDING what record.py wrote, and each ROW the title of a row whose panels are drawn. This is
not Grafana: it knows the panels and options that the dashboard in this repository uses, and nothing else.
"""

import html
import json
import math
import re
import sys

WIDTH = 1200
COLUMN = WIDTH / 24
ROW_HEIGHT = 30
GAP = 8
COLORS = ["#0072b2", "#d55e00", "#009e73", "#7b4fa0", "#b8860b", "#6b6b6b", "#c2185b", "#00838f", "#5d4037", "#827717"]
OF_THRESHOLDS = {"green": "#2e7d32", "yellow": "#b8860b", "red": "#c62828", "text": "#333333", "blue": "#0072b2", "transparent": "#333333"}
PLAIN = "#333333"
STYLE = """
body { margin: 0; width: 1200px; background: #f4f5f5; color: #333; font: 13px "DejaVu Sans", sans-serif; position: relative; }
h2 { position: absolute; margin: 0; font-size: 15px; line-height: 30px; }
section { position: absolute; box-sizing: border-box; background: #fff; border: 1px solid #ddd; border-radius: 3px; padding: 6px 8px; overflow: hidden; }
h3 { margin: 0; font-size: 13px; font-weight: 600; }
.legend { font-size: 11px; line-height: 15px; display: flex; flex-wrap: wrap; column-gap: 12px; }
.legend i { display: inline-block; width: 12px; height: 3px; margin-right: 4px; vertical-align: middle; }
.stats { display: flex; flex-wrap: wrap; gap: 2px 18px; margin-top: 8px; }
.stats b { display: block; font-size: 26px; line-height: 32px; }
table { border-collapse: collapse; margin-top: 6px; font-size: 11px; }
td, th { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid #e2e2e2; white-space: nowrap; }
text { font: 11px "DejaVu Sans", sans-serif; fill: #333; }
"""


def shortened(text):
    """A text with public key hashes that fit."""
    return re.sub(r"\b(tz[1-4]\w{4})\w{26}(\w{3})\b", r"\1…\2", text)


def name_of(target, labels):
    """The name of a series in a legend."""
    form = target.get("legendFormat") or ""
    text = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), form)
    return shortened(text.strip() or ", ".join(f"{name}={value}" for name, value in sorted(labels.items())))


def written(value, unit):
    """A value with its unit."""
    if unit == "s":
        for size, name in [(86400, "d"), (3600, "h"), (60, "min")]:
            if abs(value) >= 2 * size:
                return f"{plain(value / size)} {name}"
        return f"{plain(value)} s" if abs(value) >= 1 or value == 0 else f"{plain(value * 1000)} ms"
    if unit == "percentunit":
        return f"{plain(value * 100)} %"
    return plain(value) + ("/s" if unit == "reqps" else "")


def plain(value):
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{int(text):,}".replace(",", " ") if re.fullmatch(r"-?\d{4,}", text) else text


def ticks(low, high, unit=None):
    """Round numbers that span a range, in minutes or hours if that is how they are written."""
    size = next((size for size in [3600, 60] if unit == "s" and high >= 2 * size), None)
    if size:
        return [mark * size for mark in ticks(low / size, high / size)]
    span = (high - low) or abs(high) or 1
    step = 10 ** math.floor(math.log10(span / 4))
    step = next(step * factor for factor in [1, 2, 5, 10] if span / (step * factor) <= 5)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def points_of(series):
    """Time and value; None where there is no number."""
    for time, value in series["values"]:
        value = float(value)
        yield time, value if math.isfinite(value) else None


def thresholds(defaults):
    """The lines of a panel: value and color."""
    if defaults.get("custom", {}).get("thresholdsStyle", {}).get("mode") != "line":
        return []
    return [(step["value"], OF_THRESHOLDS.get(step["color"], "#c62828")) for step in defaults["thresholds"]["steps"] if step["value"] is not None]


def lines_of_legend(names, width):
    lines, left = 1, width
    for name in names:
        needed = 30 + 6.9 * len(name)
        if needed > left and left < width:
            lines, left = lines + 1, width
        left -= needed
    return lines


def chart(panel, recorded, width, height, start, end):
    """A chart with its legend, both within `height`."""
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults.get("unit")
    named = [(name_of(target, series["metric"]), list(points_of(series)))
             for target, results in zip(panel["targets"], recorded) for series in results]
    height -= 15 * lines_of_legend([name for name, _ in named], width)
    lines = thresholds(defaults)
    values = [value for _, points in named for _, value in points if value is not None] + [value for value, _ in lines]
    low, high = min(values, default=0), max(values, default=1)
    if defaults.get("min") is not None:
        low = min(low, defaults["min"])
    marks = ticks(low, high, unit)
    low, high = marks[0], marks[-1]
    left, right, top, bottom = 62, 10, 8, 22
    x = lambda time: left + (time - start) / (end - start) * (width - left - right)
    y = lambda value: top + (high - value) / (high - low) * (height - top - bottom)
    parts = []
    for mark in marks:
        parts.append(f'<path d="M{left} {y(mark):.1f}H{width - right}" stroke="#e2e2e2"/>'
                     f'<text x="{left - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{written(mark, unit)}</text>')
    for second in ticks(0, end - start):
        if second <= end - start:
            parts.append(f'<path d="M{x(start + second):.1f} {top}V{height - bottom}" stroke="#f0f0f0"/>'
                         f'<text x="{x(start + second):.1f}" y="{height - 6}" text-anchor="middle">{plain(second)} s</text>')
    for value, color in lines:
        parts.append(f'<path d="M{left} {y(value):.1f}H{width - right}" stroke="{color}" stroke-dasharray="6 4"/>'
                     f'<text x="{width - right}" y="{y(value) - 4:.1f}" text-anchor="end" style="fill:{color}">{written(value, unit)}</text>')
    legend = []
    for (name, points), color in zip(named, COLORS * (len(named) // len(COLORS) + 1)):
        path, is_open = "", False
        for time, value in points:
            if value is not None:
                path += f"{'L' if is_open else 'M'}{x(time):.1f} {y(value):.1f}"
            is_open = value is not None
        parts.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.6" stroke-linecap="round"/>')
        legend.append(f'<span><i style="background:{color}"></i>{html.escape(name)}</span>')
    return f'<svg width="{width}" height="{height}">{"".join(parts)}</svg><div class="legend">{"".join(legend)}</div>'


def stats(panel, recorded):
    """The last value of each series."""
    defaults = panel["fieldConfig"]["defaults"]
    shown = []
    for target, results in zip(panel["targets"], recorded):
        for series in results:
            values = [value for _, value in points_of(series) if value is not None]
            if values:
                passed = [step["color"] for step in defaults["thresholds"]["steps"] if step["value"] is None or values[-1] >= step["value"]]
                color = OF_THRESHOLDS.get(passed[-1], PLAIN) if passed else PLAIN
                shown.append(f'<span><b style="color:{color}">{written(values[-1], defaults.get("unit"))}</b>{html.escape(name_of(target, series["metric"]))}</span>')
    return f'<div class="stats">{"".join(shown)}</div>'


def table(recorded):
    """The labels of each series."""
    rows = [series["metric"] for results in recorded for series in results]
    names = sorted({name for row in rows for name in row})
    cells = lambda kind, texts: "<tr>" + "".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in texts) + "</tr>"
    body = sorted(cells("td", [row.get(name, "") for name in names]) for row in rows)
    return f"<table>{cells('th', names)}{''.join(body)}</table>"


def drawn(panel, recorded, top, start, end):
    grid = panel["gridPos"]
    width, height = grid["w"] * COLUMN - GAP, grid["h"] * (ROW_HEIGHT + GAP) - GAP
    if panel["type"] == "timeseries":
        inside = chart(panel, recorded, width - 18, height - 36, start, end)
    else:
        inside = {"stat": lambda: stats(panel, recorded), "table": lambda: table(recorded)}[panel["type"]]()
    return (f'<section style="left:{grid["x"] * COLUMN + GAP / 2}px;top:{top}px;width:{width}px;height:{height}px">'
            f'<h3>{html.escape(panel["title"])}</h3>{inside}</section>')


def page(dashboard, recording, rows):
    """A page with the panels of some rows."""
    parts, top, is_shown = [], 0, False
    first = None
    for panel in sorted(dashboard["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"])):
        grid = panel["gridPos"]
        if panel["type"] == "row":
            if is_shown:
                top += (grid["y"] - first) * (ROW_HEIGHT + GAP)
            is_shown, first = panel["title"] in rows, grid["y"]
            if is_shown:
                parts.append(f'<h2 style="left:8px;top:{top}px">{html.escape(panel["title"])}</h2>')
        elif is_shown:
            recorded = recording["panels"][str(panel["id"])]
            parts.append(drawn(panel, recorded, top + (grid["y"] - first) * (ROW_HEIGHT + GAP), recording["start"], recording["end"]))
            last = grid["y"] + grid["h"]
    if is_shown:
        top += (last - first) * (ROW_HEIGHT + GAP)
    return f'<!doctype html><meta charset="utf-8"><title>{html.escape(dashboard["title"])}</title><style>{STYLE}body{{height:{top + 4}px}}</style>{"".join(parts)}'


def main():
    dashboard, recording, *rows = sys.argv[1:]
    with open(dashboard) as of_dashboard, open(recording) as of_recording:
        print(page(json.load(of_dashboard), json.load(of_recording), rows))


if __name__ == "__main__":
    main()
