//! Output that nobody reads: `keys list | head -0`.

use crate::support::process::{command, run};
use std::io::pipe;
use std::process::Stdio;

#[test]
fn a_command_whose_reader_is_gone_ends_silently() {
    /// The status that a shell reports for a program ended by SIGPIPE.
    const BROKEN_PIPE: i32 = 141;
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["keys", "generate", "baker"], "").status.success());
    let raise = ["marks", "raise", "NetXdQprcVkpaWU", "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "5"];
    let stop = ["marks", "stop", raise[3], "--reason", "a drill"];
    let end = |arguments: &[&str], status| {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let ended = command(folder.path(), &[]).args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{arguments:?}");
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}");
    };
    for (arguments, status) in [
        (&["keys", "list"][..], BROKEN_PIPE),
        (&["keys", "generate", "other"], BROKEN_PIPE),
        (&raise, BROKEN_PIPE),
        (&stop, BROKEN_PIPE),
        (&["marks", "list"], BROKEN_PIPE),
        (&["marks", "export"], BROKEN_PIPE),
        (&["doctor"], BROKEN_PIPE),
        (&["doctor", "--json"], BROKEN_PIPE),
        (&["version"], BROKEN_PIPE),
        (&["--help"], 0),
    ] {
        end(arguments, status);
    }
    let done = |arguments: &[&str]| String::from_utf8(run(folder.path(), arguments, "").stdout).unwrap();
    assert_eq!(done(&["keys", "list"]).matches("octez-client").count(), 2);
    let marks = done(&["marks", "list"]);
    assert_eq!((marks.matches("level 5").count(), marks.matches("stopped by").count()), (3, 3), "{marks}");
    end(&["marks", "resume", raise[3], "--nothing-signed-elsewhere"], BROKEN_PIPE);
    let marks = done(&["marks", "list"]);
    assert_eq!((marks.matches("level 5").count(), marks.matches("stopped by").count()), (3, 0), "{marks}");
    assert!(done(&["marks", "resume", raise[3]]).contains("is not stopped"));
}

#[test]
fn an_error_that_nobody_reads_is_still_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let settings = [("SIGNER_LISTEN", "nowhere")];
    let ended = command(folder.path(), &settings).stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}
