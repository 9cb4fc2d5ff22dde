#!/usr/bin/env python3
"""Checks that .github/dependabot.yml covers every file that pins versions, and lists no folder without one."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Files that pin versions, by ecosystem as in dependabot.yml.
ECOSYSTEMS = {
    "cargo": re.compile(r"(^|/)Cargo\.lock$"),
    "github-actions": re.compile(r"^\.github/workflows/[^/]+\.yml$"),
    "gomod": re.compile(r"(^|/)go\.mod$"),
    "npm": re.compile(r"(^|/)package-lock\.json$"),
    "pip": re.compile(r"(^|/)requirements[^/]*\.txt$"),
}


def folder(ecosystem, path):
    """The folder of a file as in dependabot.yml: the root for workflows."""
    parent = "" if ecosystem == "github-actions" else str(pathlib.PurePosixPath(path).parent)
    return "/" if parent in ("", ".") else f"/{parent}"


def pinned():
    # Including new files that are not yet committed.
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    paths = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {
        (ecosystem, folder(ecosystem, path))
        for path in paths
        for ecosystem, pattern in ECOSYSTEMS.items()
        if pattern.search(path) and (ROOT / path).is_file()
    }


def covered():
    """The entries of dependabot.yml, each of which must have `directory: X` or `directories: [X, Y]`."""
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
        print(f"dependabot.yml: no entry for the {ecosystem} versions pinned in {name}", file=sys.stderr)
    for ecosystem, name in sorted(updates - pins):
        print(f"dependabot.yml: {name} pins no {ecosystem} versions", file=sys.stderr)
    print(f"dependabot: {len(pins)} folders with pinned versions")
    sys.exit(0 if pins and pins == updates else 1)


if __name__ == "__main__":
    main()
