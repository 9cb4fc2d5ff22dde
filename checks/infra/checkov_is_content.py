"""Checks checkov's report: no failed check, no unparsed file, and a reason for each suppression."""
import json
import sys

report = json.load(sys.stdin)
summary = report["summary"]
for check in report["results"]["failed_checks"]:
    print(f"{check['check_id']} {check['check_name']}: {check['file_path']} {check['resource']}")
for file in report["results"]["parsing_errors"]:
    print(f"cannot parse {file}")
unexplained = [c for c in report["results"]["skipped_checks"] if len(c["check_result"].get("suppress_comment", "").strip()) < 20]
for check in unexplained:
    print(f"{check['check_id']} is suppressed without a reason: {check['file_path']}")
print(f"{summary['passed']} checks passed, {summary['failed']} failed, {summary['skipped']} suppressed, {summary['parsing_errors']} files unparsed")
sys.exit(bool(summary["failed"] or summary["parsing_errors"] or unexplained or not summary["passed"]))
