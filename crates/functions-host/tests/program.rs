//! The program.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use support::{Connection, TestApp};

struct Program {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(app: &TestApp, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_functions-host"));
        command.arg("--app").arg(app.root()).args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.env("PRINT", "hello").stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// All lines until one has this, and that one.
    fn read_until(&mut self, wanted: &str) -> String {
        let mut read = String::new();
        while self.lines.read_line(&mut read).unwrap() > 0 {
            if read.lines().last().is_some_and(|line| line.contains(wanted)) {
                return read;
            }
        }
        panic!("{wanted} is not in {read}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn it_serves_an_app_until_it_is_terminated() {
    for signal in ["TERM", "INT"] {
        let app = TestApp::new();
        let mut program = Program::start(&app, &["--key", "secret", "--instances", "2"]);
        let announced = program.read_until("listening http://");
        for line in ["Functions:", "all: [all methods] http://127.0.0.1:", "guarded: [GET,POST] http://127.0.0.1:"] {
            assert!(announced.contains(line), "{announced}");
        }
        program.read_until("[handler 0] Information: hello");
        let address = announced.trim().rsplit("http://").next().unwrap().parse().unwrap();
        let mut connection = Connection::open(address);
        connection.write("GET /guarded HTTP/1.1\r\nHost: a\r\nx-functions-key: secret\r\n\r\n");
        let answer = connection.read_answer().json();
        let kill = Command::new("kill").args([&format!("-{signal}"), &program.process.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert!(program.process.wait().unwrap().success());
        let handler = format!("/proc/{}", answer.get("process").unwrap());
        assert!(!std::path::Path::new(&handler).exists());
        let mut rest = String::new();
        program.lines.read_to_string(&mut rest).unwrap();
    }
}

#[test]
fn it_tells_what_is_wrong() {
    let app = TestApp::with_host_json(&support::host_json("gone"));
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_functions-host")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = run(&["--app", &support::text(&app.root()), "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("gone is not in the app, nor on PATH"), "{error}");
    for arguments in [&[][..], &["--app", "a", "--package", "b"]] {
        assert_eq!(run(arguments).0, Some(2));
    }
}
