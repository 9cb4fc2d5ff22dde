"""The check of the templates with Microsoft's compiler, run with a stand-in, since the compiler may not be installed."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from templates import ROOT

CHECK = ROOT / ".github/templates/check"

# Behaves like the compiler, except for the files in the variables.
STAND_IN = r"""#!/usr/bin/env bash
file=${*: -1}
case $1 in
    build | lint)
        if [ "$1 $file" = "${WARNS-}" ]; then echo "$file(1,1) : Warning no-unused-params: x" >&2; fi
        if [ "$1 $file" = "${BREAKS-}" ]; then exit 1; fi ;;
    format)
        if [ "$file" = "${LAYOUT-}" ]; then echo "// other"; fi
        cat "$file" ;;
    snapshot)
        reason=$(sed -n 's,^// Refused: ,,p' "$file")
        if [ "$file" = "${ACCEPTS-}" ]; then exit 0; fi
        if [ "$file" = "${DIAGNOSES-}" ]; then echo "Warning: not evaluated" >&2; fi
        if [ "$file" = "${REFUSES-}" ]; then echo "Error: something else" >&2; exit 1; fi
        if [ -n "$reason" ]; then echo "Error $reason." >&2; exit 1; fi ;;
esac
"""


class Compiler(unittest.TestCase):
    def check(self, **variables):
        with tempfile.TemporaryDirectory() as folder:
            stand_in = Path(folder) / "bicep"
            stand_in.write_text(STAND_IN)
            stand_in.chmod(0o755)
            return subprocess.run([CHECK, stand_in], env=os.environ | variables, capture_output=True, text=True)

    def test_templates_without_findings_pass(self):
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("11 sets accepted, 16 refused: 0 findings", done.stdout)

    def test_each_finding_fails_the_check_and_names_the_file(self):
        sets = "checks/infra/parameters"
        for variables, expected in (
            ({"WARNS": "build infra/modules/vault.bicep"}, "infra/modules/vault.bicep"),
            ({"WARNS": "lint infra/types.bicep"}, "infra/types.bicep"),
            ({"BREAKS": "build infra/main.bicep"}, "infra/main.bicep"),
            ({"LAYOUT": "infra/checks.bicep"}, "infra/checks.bicep: not formatted"),
            ({"LAYOUT": f"{sets}/accepted/premium.bicepparam"}, "premium.bicepparam: not formatted"),
            ({"REFUSES": f"{sets}/accepted/defaults.bicepparam"}, "accepted/defaults.bicepparam: refused"),
            ({"DIAGNOSES": f"{sets}/accepted/defaults.bicepparam"}, "accepted/defaults.bicepparam: refused, or evaluated with"),
            ({"ACCEPTS": f"{sets}/refused/operator.bicepparam"}, "refused/operator.bicepparam: accepted"),
            ({"REFUSES": f"{sets}/refused/operator.bicepparam"}, "refused/operator.bicepparam: refused, but not with"),
        ):
            with self.subTest(variables):
                done = self.check(**variables)
                self.assertEqual(done.returncode, 1)
                self.assertIn(expected, done.stderr)

    def test_the_public_workflow_runs_it(self):
        (job,) = yaml.safe_load((ROOT / ".github/workflows/templates.yml").read_text())["jobs"].values()
        self.assertEqual([step["run"].split()[0] for step in job["steps"] if "run" in step], ["az", ".github/templates/check"])
