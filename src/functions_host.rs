//! The Azure Functions host, where it runs the signer as its custom handler.

/// The variable with the loopback port that the host calls. The host sets it for its handler, and nothing else does.
pub const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// Whether the host started this process. `variable` gives the value of an environment variable.
pub fn is_present(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(PORT).is_some_and(|port| !port.is_empty())
}

/// The variable with the name, and maybe the port, at which the host is reached: its public name in Azure, `localhost:7071` with
/// `func start`.
pub const HOSTNAME: &str = "WEBSITE_HOSTNAME";

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
