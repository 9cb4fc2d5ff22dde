# All commands of this repository, for https://just.systems. Each also works without it.

# Lists the commands
default:
    @just --list --unsorted

# Starts a signer with an embedded vault in ./data
serve:
    cargo run

# Formatting, lints and fast tests: before every commit
fast:
    .ci/run --fast

# All checks: before every change lands
gate:
    .ci/run

# All tests, or those whose names contain FILTER
test *FILTER:
    cargo test --workspace {{FILTER}}

# Formats everything
format:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Lints
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The package that Azure Functions runs, in target/package
package:
    cargo run -p packaging

# The container image, in target/package/image, and its checks
image:
    cargo run -p packaging -- --oci
    cargo build --workspace
    checks/image/run

# The conformance suite, with this signer
conformance *OPTIONS:
    conformance/run {{OPTIONS}}

# Explores every order of events in a model of the protocol; --thorough for larger ones
model *OPTIONS:
    cargo run --release -p model -- {{OPTIONS}}

# Random faults for two minutes; --minutes N for longer
chaos *OPTIONS:
    crates/chaos/run {{OPTIONS}}

# The last release and this source tree side by side, under random faults
upgrade *OPTIONS:
    checks/upgrade/run {{OPTIONS}}

# Fuzzing, 20 seconds per target; --seconds N for longer
fuzz *OPTIONS:
    fuzz/run {{OPTIONS}}

# Mutation testing of the rules (about an hour)
mutants *OPTIONS:
    tests/mutants/run {{OPTIONS}}

# Real clients: Taquito, octez.js, tzgo and pytezos
clients:
    cargo build --release
    checks/clients/run

# Third-party servers for Key Vault and Cosmos DB
foreign:
    checks/foreign/run

# The test vectors and the cases of sealed keys
sealed:
    node checks/sealed/vectors.mjs
    node checks/sealed/cases.mjs

# The package in the real Functions host of Azure Functions Core Tools
functions-host:
    cargo run -p packaging
    cargo build --workspace
    STAND_INS=target/debug/stand-ins checks/functions-host/run

# The tests of Azure, with the package behind a stand-in of the Functions host
functions:
    tests/functions/run

# The decoder compared with Taquito's
differential:
    fuzz/differential/run

# Metrics, received by OpenTelemetry's Python package and by a real Prometheus
metrics:
    cargo build --release
    checks/metrics/run

# The Bicep templates, and the queries of alerts and workbook
infra:
    checks/infra/run

# Documents, workflows and dependencies
documents:
    checks/docs/check.py
    checks/workflows/run
    checks/dependencies/run

# Known vulnerabilities in dependencies; needs the network
advisories:
    checks/dependencies/run --advisories

# The measurements in docs/performance.md
bench:
    cargo bench
