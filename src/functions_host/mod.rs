//! The Azure Functions host, which runs the signer as its custom handler: detection, address, and shutdown rules.

mod parent;

pub use parent::{ParentProcess, WATCH_INTERVAL};

use crate::settings::table::{FUNCTIONS_CUSTOMHANDLER_PORT, WEBSITE_HOSTNAME};
use std::time::Duration;

/// The variable with the loopback port for requests from the host. Only the host sets it.
pub const PORT: &str = FUNCTIONS_CUSTOMHANDLER_PORT.name;

/// The exit status of every planned exit: the host restarts the handler immediately, and counts no error. It would not restart
/// the handler after status 0, and counts any other status as an error, of which the third stops the host.
pub const PLANNED_END_STATUS: u8 = 200;

/// When the process exits after a signal, even with requests in flight. The host retries for 1.9 s, within which the next
/// process has to answer.
pub const MAX_SHUTDOWN: Duration = Duration::from_secs(1);

/// How long requests in flight may run after a signal. The rest of [`MAX_SHUTDOWN`] is for the last log lines.
pub const MAX_DRAIN: Duration = Duration::from_millis(900);

/// How long after a signal a kept-alive connection accepts another request. A connection in steady use is then closed after its
/// next response and not while a request is being sent, since the host does not repeat a request whose body it has sent.
pub const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// Whether the host started this process. `variable` returns the value of an environment variable.
pub fn is_present(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(PORT).is_some_and(|port| !port.is_empty())
}

/// The variable with the host name, and optionally the port, of the Functions host: its public name in Azure, `localhost:7071`
/// with `func start`.
pub const HOSTNAME: &str = WEBSITE_HOSTNAME.name;

/// The base address for clients of the Functions host, without a trailing slash; `None` if [`HOSTNAME`] is not set. `variable`
/// returns the value of an environment variable.
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
    fn the_public_address_is_https_in_azure_and_http_on_this_machine() {
        for (name, expected) in [
            (Some("signer.azurewebsites.net"), Some("https://signer.azurewebsites.net")),
            (Some("localhost:7071"), Some("http://localhost:7071")),
            (Some("localhost"), Some("http://localhost")),
            (Some("127.0.0.1:80"), Some("http://127.0.0.1:80")),
            (Some("localhost.example"), Some("https://localhost.example")),
            (Some(" "), None),
            (None, None),
        ] {
            let variable = |requested: &str| name.filter(|_| requested == HOSTNAME).map(str::to_owned);
            assert_eq!(public_address(variable).as_deref(), expected, "{name:?}");
        }
    }
}
