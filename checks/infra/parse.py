"""Parses every Bicep file below a folder with the installed version of pycep."""
import sys
from importlib.metadata import version
from pathlib import Path

from pycep import BicepParser

files = sorted(Path(sys.argv[1]).rglob("*.bicep"))
failed = 0
for file in files:
    try:
        BicepParser().parse(text=file.read_text())
    except Exception as error:  # the types depend on the version
        failed += 1
        print(f"{file}: {error}")
print(f"{len(files) - failed} of {len(files)} files parse (pycep {version('pycep-parser')})")
sys.exit(failed or not files)
