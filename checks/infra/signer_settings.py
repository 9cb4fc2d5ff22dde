"""The signer's settings, as listed by the signer in $SIGNER_BIN, or by the one built in this repository."""
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    # The origin of its value in Azure: chosen, parameter, deployment, platform or unset; with the parameter or the reason.
    source: str
    detail: str
    default: str
    choices: tuple[str, ...]


def binary() -> Path:
    candidates = [ROOT / "target/debug/azurehsm-signer", ROOT / "target/release/azurehsm-signer"]
    if given := os.environ.get("SIGNER_BIN"):
        candidates = [Path(given)]
    for candidate in candidates:
        if candidate.exists():
            return candidate.resolve()
    raise SystemExit(f"no signer at {candidates[0]}: run `cargo build` first, or set SIGNER_BIN")


def read() -> dict[str, Setting]:
    settings = {}
    for entry in json.loads(subprocess.check_output([binary(), "settings", "--json"])):
        where = entry["in_azure"]
        source, detail = next(iter(where.items())) if isinstance(where, dict) else (where, "")
        settings[entry["name"]] = Setting(source, detail, entry["default"] or "", tuple(entry["choices"]))
    return settings


SETTINGS = read()
