"""Runs the queries on a small history, and checks their results.

    node queries.mjs | evaluate.py

The rows are stored in DuckDB, and duckdb-kql translates the queries. It is not Kusto, but it catches queries with wrong results.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

import duckdb_kql

# These use prev and take_anyif, which duckdb-kql does not support.
UNSUPPORTED = {
    "workbook/instances.kql",
    "workbook/marks_gaps.kql",
}
TYPES = {
    "string": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "real": "DOUBLE", "bool": "BOOLEAN", "dynamic": "JSON",
    "datetime": "TIMESTAMP",
}  # fmt: skip
NOW = datetime.now(timezone.utc).replace(tzinfo=None)
SIGNER, OTHER = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"
SECOND_SIGNER = "22222222-2222-2222-2222-222222222222"
ACTIVE, SILENT = "tz3ActiveActiveActiveActiveActiveActiv", "tz2SilentSilentSilentSilentSilentSilen"

given = json.load(sys.stdin)
database = duckdb_kql.connect()
for table, columns in given["tables"].items():
    pairs = [column.strip().split(": ") for column in " ".join(columns.split()).split(",")]
    database.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {TYPES[kind]}' for name, kind in pairs)})")


def row(table, minutes_ago=2.0, **values):
    values = {"TimeGenerated": NOW - timedelta(minutes=minutes_ago), "AppRoleName": "app", "AppRoleInstance": "one"} | values
    names, places = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(values.values()))


def audited(operation, caller, address, result="OK"):
    """A line of the vault's audit log."""
    identity = json.dumps({"claim": {"oid": caller}}) if caller else None
    values = {"TimeGenerated": NOW - timedelta(minutes=2), "OperationName": operation, "ResultSignature": result}
    names = ", ".join([*values, "Identity", "Id", "CallerIpAddress"])
    database.execute(
        f"INSERT INTO AZKVAuditLogs ({names}) VALUES (?, ?, ?, ?, ?, ?)",
        [*values.values(), identity, "https://v.vault.azure.net/keys/active/abc", address],
    )


def stored(operation, path, caller, address, status="201", category="StorageWrite", authentication="OAuth"):
    """A line of the blob service's log."""
    values = {
        "TimeGenerated": NOW - timedelta(minutes=2), "Category": category, "OperationName": operation, "ObjectKey": path,
        "StatusCode": status, "RequesterObjectId": caller, "AuthenticationType": authentication, "CallerIpAddress": address,
    }  # fmt: skip
    database.execute(f"INSERT INTO StorageBlobLogs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def line(severity, event, minutes_ago=2.0, **fields):
    fields = {"message": "a sentence for people", "event": event} | fields
    entry = {"timestamp": "2026-01-01T00:00:00Z", "level": severity, "fields": fields}
    row("AppTraces", minutes_ago, Message=json.dumps(entry, separators=(",", ":")))


def requested(verdict, minutes_ago, invocation, **fields):
    """A request: a line of the signer."""
    severity = {"signed": "INFO", "refused": "WARN", "failed": "ERROR"}[verdict]
    fields = {"chain": "NetXdQprcVkpaWU", "round": 0, "verdict": verdict, "invocation": invocation, "ms": 10.0} | fields
    line(severity, verdict, minutes_ago, **fields)


def failed_at_the_host(minutes_ago, invocation, status, ms):
    """The host's record of a request that failed there, or on its way to the signer. The host keeps no others (host.json)."""
    properties = json.dumps({"InvocationId": invocation})
    row("AppRequests", minutes_ago, Name="sign", ResultCode=status, DurationMs=ms, Properties=properties)


line("INFO", "started", 90, version="1.2.3")
line("INFO", "key_added", 90, key=ACTIVE, name="active", version="abc")
for level in range(100, 130):
    requested("signed", 130 - level, f"a{level}", key=ACTIVE, kind="attestation", level=level)
requested("signed", 80, "s1", key=SILENT, kind="preattestation", level=99)
requested("signed", 80, "s2", key=SILENT, kind="operation", operations="transfer")
requested("refused", 5, "r1", key=ACTIVE, kind="attestation", level=129, cause="different_data", reason="other data")
requested("refused", 5, "r2", key=ACTIVE, kind="attestation", level=1, cause="below_mark", reason="below")
requested("refused", 5, "r3", key=ACTIVE, kind="block", level=10**7, cause="too_far", reason="too far")
requested("failed", 4, "f1", key=ACTIVE, kind="block", level=131, cause="vault", reason="throttled", ms=1500.0)
failed_at_the_host(3, "h1", "502", 7.0)
failed_at_the_host(4, "f1", "500", 1520.0)
# Outside the windows of the alerts.
requested("failed", 45, "f0", key=ACTIVE, kind="block", level=120, cause="vault", reason="throttled")
requested("refused", 45, "r0", key=ACTIVE, kind="block", level=10**7, cause="too_far", reason="too far")
failed_at_the_host(45, "h0", "502", 7.0)
line("INFO", "started", 30, version="1.2.3")
line("INFO", "started", 20, version="1.2.3")
requested("refused", 6, "r4", key=ACTIVE, kind="attestation", level=2, cause="below_mark", reason="below")
line("ERROR", "background_task_restarted", task="tokens", how="panicked")
line("ERROR", "account_unsuitable", reason="session consistency")
line("ERROR", "foreign_signature", key=ACTIVE, level=100, round=0)
line("WARN", "key_lost", key=SILENT, name="silent", version="def")
line("WARN", "lines_dropped", lines=3)
audited("KeySign", SIGNER, "192.0.2.1")
audited("KeySign", OTHER, "192.0.2.2")
audited("KeySign", OTHER, "192.0.2.3", result="Forbidden")
audited("KeySign", None, "192.0.2.4")
audited("KeySign", SECOND_SIGNER, "192.0.2.7")
audited("KeyGet", OTHER, "192.0.2.5")
for caller, address, result in (
    (SIGNER, "192.0.2.20", "OK"), (SECOND_SIGNER, "192.0.2.21", "OK"), (OTHER, "192.0.2.22", "OK"), (OTHER, "192.0.2.23", "Forbidden"),
    (None, "192.0.2.24", "OK"),
):  # fmt: skip
    audited("KeyUnwrap", caller, address, result)
audited("KeyDecrypt", OTHER, "192.0.2.25")
audited("KeyRelease", OTHER, "192.0.2.26")
audited("KeyWrap", OTHER, "192.0.2.27")
audited("KeyRotate", OTHER, "192.0.2.6")
stored("PutBlockList", "/store/package/released-package.zip", SIGNER, "192.0.2.10")
stored("PutBlob", "/store/package/azurehsm-signer.zip", OTHER, "192.0.2.11")
stored("DeleteContainer", "/store/package", OTHER, "192.0.2.12", status="202", category="StorageDelete")
stored("PutBlob", "/store/package/azurehsm-signer.zip", "", "192.0.2.13", authentication="AccountKey")
stored("PutBlob", "/store/package/azurehsm-signer.zip", OTHER, "192.0.2.14", status="403")
stored("PutBlob", "/store2/package/azurehsm-signer.zip", OTHER, "192.0.2.15")
stored("PutBlob", "/store2/azure-webjobs-hosts/lock", OTHER, "192.0.2.16")
stored("LeaseBlob", "/store/azure-webjobs-hosts/locks/app/host", SIGNER, "192.0.2.15")
row("AppTraces", Message="Host lock lease acquired by instance one.")
row("AppTraces", Message="Exceeded http worker restart retry count. Shutting down Functions Host")
row("AppTraces", Message="thread 'main' panicked at src/main.rs:1:1:")
row("AppTraces", Message='{"not": "ours"}')
row("AppExceptions", OuterMessage="azurehsm-signer exited with code 1", InnermostMessage="azurehsm-signer exited with code 1")

# The expected values of one column of each query's result.
EXPECTED = {
    "alerts/failed.kql": ("Subject", ["vault"]),
    "alerts/host_errors.kql": ("Invocation", ["h1"]),
    "alerts/different_data.kql": ("Invocation", ["r1"]),
    "alerts/marks_need_care.kql": ("Subject", [f"too_far {ACTIVE}"]),
    "alerts/many_refusals.kql": ("Subject", ["below_mark"]),
    "alerts/latency.kql": ("Subject", ["app"]),
    "alerts/no_signature.kql": ("Subject", [SILENT]),
    "alerts/crashes.kql": ("What", [
        "Exceeded http worker restart retry count. Shutting down Functions Host",
        "azurehsm-signer exited with code 1",
        "thread 'main' panicked at src/main.rs:1:1:",
    ]),
    "alerts/signed_by_others.kql": ("CallerIpAddress", ["192.0.2.2"]),
    "alerts/unwrapped_by_others.kql": ("CallerIpAddress", ["192.0.2.22", "192.0.2.25", "192.0.2.26"]),
    "alerts/package_written.kql": ("CallerIpAddress", ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.15"]),
    "alerts/vault_keys_changed.kql": ("CallerIpAddress", ["192.0.2.6"]),
    "alerts/starts.kql": ("Subject", ["1.2.3"]),
    "alerts/background_task.kql": ("Subject", ["one"]),
    "alerts/signed_elsewhere.kql": ("Key", [ACTIVE]),
    "alerts/unsuitable_account.kql": ("Reason", ["session consistency"]),
    "alerts/keys_missing.kql": ("KeyName", ["silent"]),
    "alerts/lines_dropped.kql": ("Subject", ["one"]),
    "workbook/keys.kql": ("Key", [SILENT, ACTIVE]),
    "workbook/kinds.kql": ("Kind", ["attestation", "block", "operation", "preattestation"]),
    "workbook/verdicts.kql": ("Value", ["2", "32", "5", "94.118 %"]),
    "workbook/last_signatures.kql": ("HighestLevel", [None, 99, 129]),
    "workbook/latency_by_kind.kql": ("Slowest", [10.0, 10.0, 10.0]),
    "workbook/failures_of_the_vault.kql": ("LastReason", ["throttled", "throttled"]),
    "workbook/failures_of_the_store.kql": ("LastReason", []),
    "workbook/refusals_latest.kql": ("Cause", ["below_mark", "below_mark", "different_data", "too_far", "too_far", "vault", "vault"]),
    "workbook/errors_at_the_host.kql": ("ResultCode", ["500", "502"]),
    "workbook/key_events.kql": ("KeyName", ["active", "silent"]),
    "workbook/warnings.kql": ("Severity", ["ERROR", "ERROR", "ERROR", "WARN", "WARN"]),
}  # fmt: skip

# What each rule finds: the problem, and its subject.
FOUND = {
    "rule-log-0": {
        ("signed-by-others", "https://v.vault.azure.net/keys/active/abc"),
        ("unwrapped-by-others", "https://v.vault.azure.net/keys/active/abc"), ("unsuitable-account", "account_unsuitable"),
        ("signed-elsewhere", f"foreign_signature {ACTIVE}"),
    },
    "rule-vault": {("unwrapped-by-others", "https://v.vault.azure.net/keys/active/abc"), ("vault-keys-changed", "KeyRotate")},
    "rule-log-1": {
        ("failed", "vault"), ("host-errors", "502"), ("no-signature", SILENT), ("crashes", "app"), ("keys-missing", f"key_lost {SILENT}"),
        ("vault-keys-changed", "KeyRotate"), ("package-written", SIGNER), ("package-written", OTHER),
        ("package-written", "not named: AccountKey"),
    },
    "rule-log-2": {
        ("different-data", f"{ACTIVE} attestation"), ("marks-need-care", f"too_far {ACTIVE}"), ("many-refusals", "below_mark"),
        ("latency", "app"), ("starts", "1.2.3"), ("background-task", "one"), ("lines-dropped", "one"),
    },
}  # fmt: skip
# The problems that are not found without a table: all others still are.
LOST = {
    # crashes would still read AppExceptions, but duckdb-kql leaves out a union whose first table is missing.
    "AppTraces": {problem for found in FOUND.values() for problem, _ in found}
    - {"signed-by-others", "unwrapped-by-others", "vault-keys-changed", "package-written"},
    "AppRequests": {"host-errors"},
    "AppExceptions": set(),
    "AZKVAuditLogs": {"signed-by-others", "unwrapped-by-others", "vault-keys-changed"},
    "StorageBlobLogs": {"package-written"},
}

wrong = []


def check_rules(where, lost):
    for name, query in given["rules"].items():
        try:
            result = duckdb_kql.query(database, query)
        except duckdb_kql.KqlError as error:
            wrong.append(f"{name} {where}: {error}")
            continue
        columns = [result.columns.index(column) for column in ("Problem", "Subject", "Advice")]
        found = {tuple(r[i] for i in columns) for r in result.fetchall()}
        expected = {pair for pair in FOUND.get(name, set()) if pair[0] not in lost}
        if {pair[:2] for pair in found} != expected:
            wrong.append(f"{name} {where}: found {sorted(pair[:2] for pair in found)}, expected {sorted(expected)}")
        wrong.extend(f"{name}: {problem} has no first step" for problem, _, advice in found if " First: " not in advice)


check_rules("with all tables", set())
for table, lost in LOST.items():
    database.execute(f"ALTER TABLE {table} RENAME TO absent")
    check_rules(f"without {table}", lost)
    database.execute(f"ALTER TABLE absent RENAME TO {table}")
if set(given["rules"]) != set(FOUND):
    wrong.append(f"the rules are {sorted(given['rules'])}, expected {sorted(FOUND)}")
for path, query in given["queries"].items():
    if path in UNSUPPORTED:
        continue
    try:
        result = duckdb_kql.query(database, query)
        rows = result.fetchall()
    except duckdb_kql.KqlError as error:
        wrong.append(f"{path}: {error}")
        continue
    if path not in EXPECTED:
        if not rows:
            wrong.append(f"{path}: no rows")
        continue
    column, expected = EXPECTED[path]
    found = sorted((r[result.columns.index(column)] for r in rows), key=lambda value: (value is not None, value))
    if found != sorted(expected, key=lambda value: (value is not None, value)):
        wrong.append(f"{path}: {column} is {found}, expected {expected}")
for path in [*EXPECTED, *UNSUPPORTED]:
    if path not in given["queries"]:
        wrong.append(f"{path}: no such query")
print("\n".join(wrong) or f"{len(given['queries']) - len(UNSUPPORTED)} queries have the expected results")
sys.exit(bool(wrong))
