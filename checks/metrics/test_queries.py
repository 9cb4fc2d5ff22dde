"""The dashboard and the alerts without a signer: they are valid, their unit tests pass, and they name nothing that does not exist."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
DASHBOARD = MONITORING / "grafana/signer.json"
ALERTS = MONITORING / "prometheus/alerts.yml"
UNIT_TESTS = MONITORING / "prometheus/alerts_test.yml"
GUIDE = (ROOT / "docs/monitoring.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
OF_SCRAPE = {"job", "instance"}
OF_RESOURCE = {"service_name", "service_version", "service_instance_id"}


def metrics():
    """The labels of each metric, by its name in Prometheus."""
    found = {"target_info": OF_RESOURCE}
    rows = re.findall(r"^\| `((?:signer|relay)\.[a-z._]+)` \| (\w+) \| (\S+) \|([^|]*)\|", GUIDE, re.MULTILINE)
    for name, kind, unit, labels in rows:
        name = name.replace(".", "_") + ("_seconds" if unit == "s" else "")
        labels = set(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_count": labels, f"{name}_sum": labels}
        else:
            found[name + ("_total" if kind == "counter" else "")] = labels
    return found


def values():
    """The values of labels with a closed set of them."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", GUIDE.split("| label | values |")[1], re.MULTILINE)
    found = {label: set(re.findall(r"`([a-z_ ]+)`", text)) for label, text in rows}
    causes = OPERATIONS.split("| verdict | `cause` | |")[1].split("\n\n")[0]
    return {label: found[label] for label in ["kind", "result", "service", "stage", "state", "source"]} | {
        "reason": set(re.findall(r"^\| \w* ?\| `(\w+)` \|", causes, re.MULTILINE))
    }


def queries():
    """All queries, by the panel, variable or rule that has them."""
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]
    for name, rule in re.findall(r"^      - (?:record|alert): (\S+)\n((?:        .*\n|\n(?=        ))+)", ALERTS.read_text(), re.MULTILINE):
        yield name, re.search(r"expr: (.*?)(?=\n        \w|\Z)", rule, re.DOTALL)[1]


def promtool(folder):
    done = subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=folder, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


class Queries(unittest.TestCase):
    def test_queries_name_only_metrics_labels_and_values_that_exist(self):
        known, closed = metrics(), values()
        every_label = set().union(*known.values(), OF_SCRAPE)
        records = set(re.findall(r"record: (\S+)", ALERTS.read_text()))
        self.assertGreater(len(list(queries())), 40)
        for where, query in queries():
            with self.subTest(where):
                # Names with colons are those of recorded rules.
                named = re.findall(r"\w+(?::\w+)+|\b(?:signer|relay)_\w+|\btarget_info\b", query)
                self.assertLessEqual(set(named), set(known) | records)
                for name, matchers in re.findall(r"\b([a-z]\w+)\s*\{([^}]*)\}", query):
                    labels = known[name] | OF_SCRAPE if name in known else every_label
                    for label, text in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', matchers):
                        self.assertIn(label, labels, name)
                        self.assertLessEqual(set(text.split("|")), closed.get(label, set(text.split("|"))), label)
                for labels in re.findall(r"\b(?:by|on|group_left|group_right) \(([^()]*)\)", query):
                    self.assertLessEqual(set(re.findall(r"\w+", labels)), every_label | OF_RESOURCE | {"le"})

    def test_grafanas_own_types_have_every_field_of_the_dashboard(self):
        checked = subprocess.run([os.environ["DASHBOARD_CHECK"]], input=DASHBOARD.read_text(), text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        dashboard = json.loads(DASHBOARD.read_text())
        types = {panel["type"] for panel in dashboard["panels"]}
        self.assertEqual(types, {"row", "stat", "table", "timeseries"}, "the check knows the options of these")
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_each_panel_takes_its_data_from_the_source_that_the_user_selects(self):
        dashboard = json.loads(DASHBOARD.read_text())
        with_data = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        targets = [target for panel in with_data for target in panel["targets"]]
        variables = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
        for has_source in with_data + targets + variables:
            self.assertEqual(has_source["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    def test_each_alert_fires_in_a_unit_test_and_not_in_another(self):
        self.assertEqual(promtool(ALERTS.parent)[0], 0, promtool(ALERTS.parent)[1])
        alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
        tests = UNIT_TESTS.read_text()
        self.assertEqual(set(re.findall(r"alertname: (\w+)\n +exp_alerts:", tests)), alerts)
        self.assertEqual(set(re.findall(r"\{eval_time: \w+, alertname: (\w+)\}", tests)), alerts)

    def test_a_refused_block_is_no_alert_if_two_bakers_are_expected(self):
        one, two = ("record: signer:bakers:expected\n        expr: vector({})".format(number) for number in [1, 2])
        self.assertEqual(ALERTS.read_text().count(one), 1)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "alerts.yml").write_text(ALERTS.read_text().replace(one, two))
            (folder / "alerts_test.yml").write_text(UNIT_TESTS.read_text())
            status, output = promtool(folder)
        self.assertEqual(status, 1)
        self.assertEqual(set(re.findall(r"alertname: ?(\w+)", output)), {"SignerBlockRefused"}, output)

    def test_the_guide_lists_each_alert_with_its_severity(self):
        rules = re.findall(r"- alert: (\w+)\n.*?severity: (\w+)", ALERTS.read_text(), re.DOTALL)
        self.assertEqual(re.findall(r"^\| `(Signer\w+)` \| (\w+) \|", GUIDE, re.MULTILINE), rules)


if __name__ == "__main__":
    unittest.main()
