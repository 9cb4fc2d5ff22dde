//! A double of the Azure Functions host for apps with a custom handler that gets its requests as they are. It reads an
//! app as the host does and refuses what the host refuses, starts the handler, and stands between it and its clients:
//! with routes, keys, changed headers, repeated requests, SIGKILL, and the rules by which handlers are started again.
//! For development only.
//!
//! ```no_run
//! use functions_host::{FunctionsHost, Options, Package};
//! use std::time::Duration;
//!
//! let package = Package::unpack("app.zip").unwrap();
//! let options = Options { instances: 4, ..Options::with_environment([("KEY_VAULT_URL", "https://…")]) };
//! let host = FunctionsHost::start(package.folder(), options).unwrap();
//! assert!(host.app().function_errors().is_empty());
//! host.wait_until_ready(Duration::from_secs(30)).unwrap();
//! println!("{}/keys?code={}", host.url(), host.keys().default_key());
//! for instance in host.instances() {
//!     host.kill(instance.number);
//! }
//! ```

mod answer_body;
mod app;
mod app_error;
mod body;
mod configuration;
mod executable;
mod front;
mod function;
mod functions_host;
mod headers;
mod host_json;
mod instance;
mod keys;
mod log;
mod options;
mod package;
mod port;
mod process;
mod proxy;
mod random;
mod routing;
mod scale;
mod setup;
mod supervisor;
mod time_span;

pub use app::{App, Match};
pub use app_error::AppError;
pub use function::{AuthLevel, Function, FunctionError, FunctionErrorReason};
pub use functions_host::{FunctionsHost, NotReady, StartError};
pub use host_json::HostJson;
pub use instance::{InstanceInfo, InstanceState};
pub use keys::Keys;
pub use log::{Log, LogEntry, LogLevel, LogSource};
pub use options::{Options, Plan};
pub use package::{Package, PackageError};
pub use routing::RouteError;
