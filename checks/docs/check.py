#!/usr/bin/env python3
"""Checks that the documents refer only to things that exist: *.md, docs/*.md, and the README.md of some folders. Prints each finding, and
fails if there is any.

    checks/docs/check.py

Links and anchors, paths of the repository, settings, commands, tests, the template's parameters and alerts, and the sums in docs/costs.md.
"""

import json
import re
import sys
from decimal import ROUND_HALF_UP, Decimal
from math import prod
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OF_PARTS = [ROOT / part / "README.md" for part in ("conformance", "fuzz", "crates/chaos")]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *OF_PARTS]

# Names in capitals that are not settings of the signer, with their owners.
OTHERS_NAMES = {
    "TEZOS_SIGNER_HTTP_HEADERS",  # octez
    "SSL_CERT_FILE",  # TLS libraries
    "RUSTUP_TOOLCHAIN",  # rustup
    "AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID",  # azd
    "FUNCTION_KEY",  # examples for clients other than octez
}  # fmt: skip
# Settings of earlier versions, in the changelog.
FORMER_SETTINGS = {"STORE_TRY_TIMEOUT_MS", "VAULT_TRY_TIMEOUT_MS"}
# Constants of the protocol, which look like names of tests.
PROTOCOL_CONSTANTS = {"smart_rollup_stake_amount"}
# Where tests are.
CODE = ("src", "tests", "crates", "conformance", "fuzz")
# Paths that are created when something runs, or by the reader.
MADE_LATER = ("target/", "data/", "local.settings.json")
# First components of the repository's paths.
TOP_LEVEL = {path.name for path in ROOT.iterdir()} | {"infra", "packaging", "azure.yaml"}

findings: list[str] = []


def finding(document: Path, text: str) -> None:
    findings.append(f"{document.relative_to(ROOT)}: {text}")


def without_code_blocks(text: str) -> str:
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)


def code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", without_code_blocks(text))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub derives from headings."""
    headings = re.findall(r"^#+ +(.*)$", without_code_blocks(text), flags=re.MULTILINE)
    words = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in words}


def tables(text: str) -> list[list[list[str]]]:
    """All tables: rows of cells, with the header first and without the line of dashes."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    rows = ([[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()] for block in blocks)
    return [[row for row in table if not set("".join(row)) <= set("-: ")] for table in rows]


def check_links(document: Path, text: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code_blocks(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        if not linked.exists():
            finding(document, f"the link {target} is broken")
        elif anchor and anchor not in anchors(linked.read_text()):
            finding(document, f"the link {target} has an unknown anchor")


def check_paths(document: Path, text: str) -> None:
    for span in code_spans(text):
        if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)*/?", span) or span.startswith(MADE_LATER):
            continue
        is_path = "/" in span or "." in span
        is_there = any((folder / span).exists() for folder in (ROOT, document.parent))
        if is_path and span.split("/")[0] in TOP_LEVEL and not is_there:
            finding(document, f"{span} does not exist")


def settings() -> set[str]:
    """The names in the tables of the reference page, which a test of the signer compares with its settings."""
    rows = [row for table in tables((ROOT / "docs/reference.md").read_text()) if table[0][0] == "setting" for row in table[1:]]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}


def check_settings(document: Path, text: str, known: set[str]) -> None:
    blocks = re.findall(r"^ *```.*?^ *```", text, flags=re.MULTILINE | re.DOTALL)
    for code in [*code_spans(text), *blocks]:
        for name in re.findall(r"(?<![\w<])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w>])", code):
            if name not in known:
                finding(document, f"{name} is neither a setting nor in OTHERS_NAMES")


def commands() -> dict[str, set[str]]:
    """Commands, each with its subcommands, as src/cli declares them with clap."""

    def variants(path: Path, enum: str) -> set[str]:
        declared = re.search(rf"enum {enum} \{{(.*?)^\}}", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        return {name.lower() for name in re.findall(r"^    ([A-Z]\w+)", declared[1], flags=re.MULTILINE)} if declared else set()

    folder = ROOT / "src/cli"
    root = folder / "mod.rs"

    def subcommands(name: str) -> set[str]:
        """Those of the command's module, and those that mod.rs adds to them, such as `MarksCommand::Bind`."""
        own = {sub for path in (folder / f"{name}.rs", folder / name / "mod.rs") if path.exists() for sub in variants(path, "Command")}
        return own | (variants(root, f"{name.capitalize()}Command") - {name})

    return {name: subcommands(name) for name in variants(root, "Command")}


def check_commands(document: Path, text: str, known: dict[str, set[str]]) -> None:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    spans = [*code_spans(text), *(line for block in blocks for line in block.splitlines())]
    for span in spans:
        without_variables = re.sub(r"^\s*(?:\w+=\S+\s+)*", "", span)
        words = re.search(r"azurehsm-signer((?: [a-z]+)+)", without_variables)
        if not words:
            continue
        command, *rest = words[1].split()
        if command not in known:
            finding(document, f"unknown command {command!r} ({span})")
        elif rest and known[command] and rest[0] not in known[command]:
            finding(document, f"unknown subcommand {rest[0]!r} of {command} ({span})")


def check_tests(document: Path, text: str, sources: str) -> None:
    """Checks that the tests exist: names with three underscores or more, and the filters of `cargo test`."""
    for span in code_spans(text):
        looks_like_a_test = re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){3,}", span) and span not in PROTOCOL_CONSTANTS
        if looks_like_a_test and not re.search(rf"\bfn {span}\b|\"{span}\"", sources):
            finding(document, f"{span} is neither a test nor a name in a string of the code")
        for arguments in re.findall(r"cargo test\b(.*)", span):
            words = re.sub(r"--(test|manifest-path) \S+|-p \S+|-\S+", "", arguments).split()
            for part in (part for word in words for part in word.split("::") if part):
                if not re.search(rf"\bmod {part}\b|\bfn \w*{part}", sources):
                    finding(document, f"{span} runs no test: there is neither a module nor a test {part}")


def azd_variables() -> dict[str, str]:
    """The parameters of the template, and the azd variables that set them."""
    parameters = json.loads((ROOT / "infra/main.parameters.json").read_text())["parameters"]
    return {name: re.sub(r"^\$\{(\w+).*$", r"\1", given["value"]) for name, given in parameters.items()}


def check_parameters(document: Path, text: str) -> None:
    """Compares the table of parameters with the template."""
    template = ROOT / "infra/main.bicep"
    if not template.exists():
        return finding(document, "infra/main.bicep is missing, so its parameters cannot be compared")
    declared = set(re.findall(r"^param (\w+)", template.read_text(), flags=re.MULTILINE))
    named = {
        name
        for table in tables(text)
        if table[0][0] == "parameter"
        for row in table[1:]
        for name in re.findall(r"`(\w+)`", row[0])
    }
    for name in sorted(declared - named):
        finding(document, f"the parameter {name} of infra/main.bicep is not listed")
    for name in sorted(named - declared):
        finding(document, f"infra/main.bicep has no parameter {name}")
    listed = {row[0].strip("`"): row[1].strip("`") for table in tables(text) if table[0][0] == "parameter" for row in table[1:]}
    if listed != azd_variables():
        differing = dict(listed.items() ^ azd_variables().items())
        finding(document, f"azd variables that differ from infra/main.parameters.json: {sorted(differing)}")


def check_alerts(document: Path, text: str) -> None:
    """Compares the table of alerts with the template."""
    source = "\n".join(path.read_text() for path in sorted((ROOT / "infra/modules").glob("*Alerts.bicep")))
    declared = set(re.findall(r"^ +name: '([a-z-]+)'\n +title:", source, flags=re.MULTILINE))
    declared |= {f"changed-{name}" for name in re.findall(r"^    name: '([a-z-]+)'\n    description:", source, flags=re.MULTILINE)}
    declared |= set(re.findall(r"^  name: '\$\{namePrefix\}-([a-z-]+)(?:\$\{nameSuffix\})?'", source, flags=re.MULTILINE))
    cells = [row[0] for table in tables(text) if table[0][0] == "alert" for row in table[1:]]
    named = set(re.findall(r"`([a-z-]+)`", " ".join(cells)))
    for name in sorted(declared ^ named):
        finding(document, f"the alert {name} is only {'in the template' if name in declared else 'here'}")


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").strip("* $"))


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def dollars(amount: Decimal) -> str:
    return f"${amount.quantize(Decimal(1), rounding=ROUND_HALF_UP):,}"


def check_break_even(document: Path, text: str, prices: dict[str, Decimal]) -> None:
    """Checks the table of the cost of computing by number of keys."""

    def flex(gigabytes: str, requests: int, keys: int, overlaps: bool) -> str:
        executions = requests * (1 if overlaps else keys)
        memory = Decimal(gigabytes)
        baseline = 2_628_000 * memory * prices["flex-baseline"]
        return dollars(baseline + executions * memory * prices["flex-execution"] + requests * keys * prices["flex-request"])

    (table,) = (table for table in tables(text) if table[0][0] == "keys")
    for keys, *amounts in table[1:]:
        n = int(keys)
        right = [
            flex("0.5", 1_752_000, n, False),
            flex("0.5", 1_752_000, n, True),
            flex("0.5", 876_000, n, False),
            flex("2", 1_752_000, n, False),
            flex("2", 876_000, n, False),
            dollars(prices["ep1"]),
        ]
        if amounts != right:
            finding(document, f"{keys} keys: {amounts}, expected {right}")


def check_costs(document: Path, text: str) -> None:
    """Checks that each line is units × price, each total is the sum of its lines, and the summary has the totals in whole dollars."""
    prices = {row[0]: number(row[1]) for table in tables(text) if table[0][0] == "price" for row in table[1:]}
    totals = []
    for table in tables(text):
        if table[0] != ["item", "units", "price", "a month"]:
            continue
        *lines, total = table[1:]
        for item, units, price, amount in lines:
            if price not in prices:
                finding(document, f"{item}: unknown price {price}")
                continue
            right = cents(prod(map(number, units.split("×")), start=prices[price]))
            if number(amount) != right:
                finding(document, f"{item}: {amount}, expected {right}")
        right = sum(number(line[3]) for line in lines)
        if number(total[3]) != right:
            finding(document, f"the total is {total[3]}, expected {right}")
        totals.append(f"${right.quantize(Decimal(1), rounding=ROUND_HALF_UP)}")
    check_break_even(document, text, prices)
    summary = [row[1] for row in tables(text)[0][1:]]
    if not prices or not totals or summary != totals:
        finding(document, f"the summary has {summary}, but the totals are {totals}")


def main() -> None:
    outputs = (path.read_text() for path in (ROOT / "infra").glob("*.bicep"))
    template_names = {name for text in outputs for name in re.findall(r"^output (\w+)", text, flags=re.MULTILINE)}
    template_names |= set(azd_variables().values())
    known_names, known_commands = settings() | OTHERS_NAMES | template_names, commands()
    code = (path for folder in CODE for path in sorted((ROOT / folder).rglob("*.rs")) if "target" not in path.relative_to(ROOT).parts)
    sources = "\n".join(path.read_text() for path in code)
    for document in DOCUMENTS:
        text = document.read_text()
        check_links(document, text)
        check_paths(document, text)
        former = FORMER_SETTINGS if document.name == "CHANGELOG.md" else set()
        check_settings(document, text, known_names | former)
        check_commands(document, text, known_commands)
        check_tests(document, text, sources)
    check_parameters(ROOT / "docs/deploy.md", (ROOT / "docs/deploy.md").read_text())
    check_alerts(ROOT / "docs/operations.md", (ROOT / "docs/operations.md").read_text())
    check_costs(ROOT / "docs/costs.md", (ROOT / "docs/costs.md").read_text())
    print("\n".join(findings) or f"{len(DOCUMENTS)} documents: no findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
