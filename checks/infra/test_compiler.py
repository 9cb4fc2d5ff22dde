"""The check of the templates with Microsoft's compiler, run with a stand-in for it: this machine may not have the compiler."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from templates import ROOT

CHECK = ROOT / ".github/templates/check"

# Answers as the compiler does, and with what the test puts into the variables.
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
        if [ "$file" = "${TAKES-}" ]; then exit 0; fi
        if [ "$file" = "${MUTTERS-}" ]; then echo "Warning: not evaluated" >&2; fi
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

    def test_all_that_the_compiler_takes_passes(self):
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("8 sets accepted, 8 refused: 0 findings", done.stdout)

    def test_each_finding_fails_and_names_the_file(self):
        sets = "checks/infra/parameters"
        for variables, told in (
            ({"WARNS": "build infra/modules/vault.bicep"}, "infra/modules/vault.bicep"),
            ({"WARNS": "lint infra/types.bicep"}, "infra/types.bicep"),
            ({"BREAKS": "build infra/main.bicep"}, "infra/main.bicep"),
            ({"LAYOUT": "infra/checks.bicep"}, "infra/checks.bicep: not as the formatter writes it"),
            ({"LAYOUT": f"{sets}/accepted/premium.bicepparam"}, "premium.bicepparam: not as the formatter writes it"),
            ({"REFUSES": f"{sets}/accepted/defaults.bicepparam"}, "accepted/defaults.bicepparam: refused"),
            ({"MUTTERS": f"{sets}/accepted/defaults.bicepparam"}, "accepted/defaults.bicepparam: refused, or evaluated with"),
            ({"TAKES": f"{sets}/refused/operator.bicepparam"}, "refused/operator.bicepparam: accepted"),
            ({"REFUSES": f"{sets}/refused/operator.bicepparam"}, "refused/operator.bicepparam: refused, but not with"),
        ):
            with self.subTest(variables):
                done = self.check(**variables)
                self.assertEqual(done.returncode, 1)
                self.assertIn(told, done.stderr)

    def test_the_public_workflow_runs_it(self):
        (job,) = yaml.safe_load((ROOT / ".github/workflows/templates.yml").read_text())["jobs"].values()
        self.assertEqual([step["run"].split()[0] for step in job["steps"] if "run" in step], ["az", ".github/templates/check"])
