//! The program says what it needs.

use std::process::Command;

#[test]
fn a_program_that_is_not_there_is_no_run_and_no_violation() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_chaos")).args(["--seconds", "1", "--signer", "not/there"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("not/there") && said.contains("cargo run --locked -p packaging"), "{said}");
}
