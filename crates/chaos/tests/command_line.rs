//! The program checks its arguments.

use std::process::Command;

#[test]
fn a_missing_program_is_an_error_and_not_a_violation() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_chaos")).args(["--seconds", "1", "--signer", "not/there"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("not/there") && said.contains("cargo run --locked -p packaging"), "{said}");
}
