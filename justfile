# Every command of this repository, for https://just.systems; each line also works without it.

# Lists the commands
default:
    @just --list --unsorted

# Starts a signer with a key of its own in ./data
serve:
    cargo run

# Formatting, lints, and the tests that take seconds: before every commit
fast:
    .ci/run --fast

# All that must hold: before every change lands
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

# This signer, measured with the conformance suite
conformance *OPTIONS:
    conformance/run {{OPTIONS}}

# Every order of events in a model of the protocol; --thorough for larger ones
model *OPTIONS:
    cargo run --release -p model -- {{OPTIONS}}

# Random faults for two minutes; --minutes N for longer
chaos *OPTIONS:
    crates/chaos/run {{OPTIONS}}

# Fuzzing, 20 seconds a target; --seconds N for longer
fuzz *OPTIONS:
    fuzz/run {{OPTIONS}}

# Mutation testing of the rules: about an hour
mutants *OPTIONS:
    tests/mutants/run {{OPTIONS}}

# Real clients: Taquito, octez.js, tzgo and pytezos
clients:
    cargo build --release
    checks/clients/run

# A Key Vault and a Cosmos DB that others wrote
foreign:
    checks/foreign/run

# The package in the real Functions host, that of Azure Functions Core Tools
functions-host:
    cargo run -p packaging
    cargo build --workspace
    STAND_INS=target/debug/stand-ins checks/functions-host/run

# All of Azure again, with the package behind a stand-in of the Functions host
functions:
    tests/functions/run

# The decoder compared with Taquito's
differential:
    fuzz/differential/run

# The Bicep templates and the monitoring's queries
infra:
    checks/infra/run

# The documents, the workflows, and what is depended on
documents:
    checks/docs/check.py
    checks/workflows/run
    checks/dependencies/run

# Known vulnerabilities in dependencies; needs the network
advisories:
    checks/dependencies/run --advisories

# What docs/performance.md quotes
bench:
    cargo bench
