//! The Azure Functions host, where it runs the signer as its custom handler.

mod parent;

pub use parent::{ParentProcess, WATCH_INTERVAL};

use crate::settings::table::{FUNCTIONS_CUSTOMHANDLER_PORT, WEBSITE_HOSTNAME};
use std::time::Duration;

/// The variable with the loopback port that the host calls. The host sets it for its handler, and nothing else does.
pub const PORT: &str = FUNCTIONS_CUSTOMHANDLER_PORT.name;

/// The exit status of every planned end. The host starts the handler again at once, and counts no error. After 0 it would never
/// start it again; after any other status it counts an error, and stops itself at the third.
pub const PLANNED_END_STATUS: u8 = 200;

/// How long after a signal the process ends, whatever it does. The host repeats what it cannot send for 1.9 s, and the next
/// process has to answer within that time.
pub const MAX_SHUTDOWN: Duration = Duration::from_secs(1);

/// How long requests in flight may take to end after a signal: the rest of [`MAX_SHUTDOWN`] is for the last log lines.
pub const MAX_DRAIN: Duration = Duration::from_millis(900);

/// How long after a signal the host may still send a request over a connection that it has kept open. A connection that is in
/// steady use is closed after its next answer, and never under a request that is on its way: the host does not repeat one
/// whose body it has sent.
pub const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// Whether the host started this process. `variable` gives the value of an environment variable.
pub fn is_present(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(PORT).is_some_and(|port| !port.is_empty())
}

/// The variable with the name, and maybe the port, at which the host is reached: its public name in Azure, `localhost:7071` with
/// `func start`.
pub const HOSTNAME: &str = WEBSITE_HOSTNAME.name;

/// The address that clients of the host use, without a slash at the end, if the host has named it. `variable` gives the value of
/// an environment variable.
pub fn public_address(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let name = variable(HOSTNAME)?;
    let name = name.trim();
    let is_on_this_machine = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"]
        .iter()
        .any(|host| name.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    let scheme = if is_on_this_machine { "http" } else { "https" };
    (!name.is_empty()).then(|| format!("{scheme}://{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reach_an_app_in_azure_over_https_and_a_host_on_a_laptop_over_http() {
        for (name, expected) in [
            (Some("signer.azurewebsites.net"), Some("https://signer.azurewebsites.net")),
            (Some("localhost:7071"), Some("http://localhost:7071")),
            (Some("localhost"), Some("http://localhost")),
            (Some("127.0.0.1:80"), Some("http://127.0.0.1:80")),
            (Some("localhost.example"), Some("https://localhost.example")),
            (Some(" "), None),
            (None, None),
        ] {
            let variable = |asked: &str| name.filter(|_| asked == HOSTNAME).map(str::to_owned);
            assert_eq!(public_address(variable).as_deref(), expected, "{name:?}");
        }
    }
}
