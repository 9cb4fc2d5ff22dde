//! The Azure Functions host, where it runs the signer as its custom handler.

/// The variable with the loopback port that the host calls. The host sets it for its handler, and nothing else does.
pub const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// Whether the host started this process. `variable` gives the value of an environment variable.
pub fn is_present(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(PORT).is_some_and(|port| !port.is_empty())
}
