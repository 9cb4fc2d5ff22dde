//! A stand-in for the Azure Functions host, for an app whose custom handler is proxied HTTP requests. It starts the handler on a
//! port, forwards requests, retries those that could not be sent, and follows the host's rules when the handler ends. For tests
//! and development only.
//!
//! It has been compared with the real host, version 4.1037, and behaves the same. It differs on purpose in these points:
//!
//! - A stopped host answers 503; the real one is a process that has ended.
//! - There is one key, the host key `default`. Paths that need the master key answer 401. The home page is empty.
//! - A handler that cannot be executed stops the host at once.
//! - [`Options::resend`] retries requests that the real host does not retry.
//! - Only these parts of `host.json` and `function.json` are read: handler, timeouts, routes, methods and authorization level.
//! - Responses are buffered, and so fail as a whole.
//! - The log entry for a handler that ended never contains its last lines; in the real host it sometimes does.
//!
//! ```no_run
//! use functions_host::{FunctionsHost, Options, Package};
//! use std::time::Duration;
//!
//! let package = Package::unpack("app.zip").unwrap();
//! let options = Options { instances: 4, ..Options::with_environment([("KEY_VAULT_URL", "https://…")]) };
//! let host = FunctionsHost::start(package.folder(), options).unwrap();
//! host.wait_until_ready(Duration::from_secs(30)).unwrap();
//! println!("{}/keys?code={}", host.url(), host.keys().default_key());
//! for instance in host.instances() {
//!     host.kill(instance.number);
//! }
//! ```

mod app;
mod front;
mod functions_host;
mod headers;
mod instance;
mod instances;
mod keys;
mod log;
mod options;
mod package;
mod process;
mod proxy;
mod route;
mod supervisor;

pub use app::AppError;
pub use functions_host::{FunctionsHost, NotReady, StartError};
pub use instance::{InstanceInfo, InstanceState};
pub use keys::Keys;
pub use log::{Log, LogEntry, LogLevel, LogSource};
pub use options::Options;
pub use package::{Package, PackageError};
