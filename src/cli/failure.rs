//! Reports failures to the Functions host, which logs each line of standard error as a separate entry, so the reason must
//! fit on one line.

use azurehsm_signer::log;
use std::any::Any;
use std::io::Write;
use std::panic::{self, Location};
use std::thread;
use std::time::Duration;

/// How long a failing process stays alive after printing the reason. The host reads the pipe in the background, and stops when
/// the process exits: without this delay, the last line may be lost.
const READING_TIME: Duration = Duration::from_secs(1);

/// Prints why the process fails, on one line, and waits until the host has read it.
pub(crate) fn print_failure(reason: &str) {
    print(&one_line(reason));
    thread::sleep(READING_TIME);
}

/// Prints each panic as one line on standard error. A panic of the main thread ends the process, so it also waits for the host.
pub(crate) fn print_panics_on_one_line() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        print(&panic_line(thread.name(), panic.location(), panic.payload()));
        if thread.name() == Some("main") {
            thread::sleep(READING_TIME);
        }
    }));
}

/// Prints in a single write, so that lines of other threads do not interleave.
fn print(line: &str) {
    // An error here cannot be reported.
    drop(std::io::stderr().lock().write_all(&log::error_line(line)));
}

/// Joins the lines of a text.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push_str(if line.ends_with([':', ';']) { " " } else { "; " });
        }
        line.push_str(part);
    }
    line
}

fn panic_line(thread: Option<&str>, location: Option<&Location<'_>>, payload: &(dyn Any + Send)) -> String {
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = location.map(|location| format!(" at {location}")).unwrap_or_default();
    format!(
        "azurehsm-signer: thread '{}' panicked{location}: {}",
        thread.unwrap_or("<unnamed>"),
        one_line(message.unwrap_or("no message"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::process::Command;

    #[test]
    fn a_text_is_put_on_one_line() {
        for (text, expected) in [
            ("in use", "in use"),
            ("wrong settings:\nMARKS: a\nPOLICY: b\n", "wrong settings: MARKS: a; POLICY: b"),
            ("a;\r\n\r\n  b\rc", "a; b; c"),
            ("", ""),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    /// Runs in a child process, since the panic hook applies to all tests of a process.
    #[test]
    fn a_panic_is_one_line() {
        const SWITCH: &str = "PANIC_ON_ONE_LINE";
        if env::var_os(SWITCH).is_some() {
            print_panics_on_one_line();
            panic!("two\nlines of {}", "reason");
        }
        let name = concat!(module_path!(), "::a_panic_is_one_line");
        let name = name.split_once("::").map_or(name, |(_, name)| name);
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(SWITCH, "1")
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let printed = String::from_utf8(child.stderr).unwrap();
        let [line] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
        assert!(line.starts_with("azurehsm-signer: thread '") && line.contains(" panicked at src/"), "{line}");
        assert!(line.ends_with(": two; lines of reason"), "{line}");
    }
}
