#!/usr/bin/env python3
"""Checks that .github/dependabot.yml covers every file that pins versions, and names no folder without one."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What pins versions, by the name of its ecosystem in dependabot.yml.
ECOSYSTEMS = {
    "cargo": re.compile(r"(^|/)Cargo\.lock$"),
    "github-actions": re.compile(r"^\.github/workflows/[^/]+\.yml$"),
    "gomod": re.compile(r"(^|/)go\.mod$"),
    "npm": re.compile(r"(^|/)package-lock\.json$"),
    "pip": re.compile(r"(^|/)requirements[^/]*\.txt$"),
}


def folder(ecosystem, path):
    """As dependabot names it. Workflows belong to the root."""
    parent = "" if ecosystem == "github-actions" else str(pathlib.PurePosixPath(path).parent)
    return "/" if parent in ("", ".") else f"/{parent}"


def pinned():
    # Files that are new and not yet committed count too.
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    paths = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {
        (ecosystem, folder(ecosystem, path))
        for path in paths
        for ecosystem, pattern in ECOSYSTEMS.items()
        if pattern.search(path) and (ROOT / path).is_file()
    }


def covered():
    """Every update in dependabot.yml, which is written with one `directory: X` or `directories: [X, Y]` each."""
    text = (ROOT / ".github/dependabot.yml").read_text(encoding="utf8")
    found = set()
    for update in re.split(r"^  - package-ecosystem: ", text, flags=re.MULTILINE)[1:]:
        ecosystem = update.split("\n", 1)[0].strip()
        folders = re.search(r"^    director(?:y: (\S+)|ies:\s*\[([^\]]+)\])", update, flags=re.MULTILINE)
        if not folders:
            sys.exit(f"dependabot.yml: {ecosystem} has neither `directory: X` nor `directories: [X, Y]`")
        found |= {(ecosystem, name.strip()) for name in (folders[1] or folders[2]).split(",")}
    return found


def main():
    pins, updates = pinned(), covered()
    for ecosystem, name in sorted(pins - updates):
        print(f"dependabot.yml: nothing updates the {ecosystem} versions that are pinned in {name}", file=sys.stderr)
    for ecosystem, name in sorted(updates - pins):
        print(f"dependabot.yml: no {ecosystem} versions are pinned in {name}", file=sys.stderr)
    print(f"dependabot: {len(pins)} places with pinned versions")
    sys.exit(0 if pins and pins == updates else 1)


if __name__ == "__main__":
    main()
