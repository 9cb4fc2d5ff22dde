//! A stand-in of the Azure Functions host for an app whose custom handler gets its requests by proxy. It starts the handler on a
//! port, passes requests on, repeats those that could not be sent, and follows the host's rules when the handler ends. For tests
//! and development only.
//!
//! It has been compared with the real host, version 4.1037, and is to do what that does. What differs is on purpose:
//!
//! - A host that has stopped answers 503; the real one is a process that has ended.
//! - There is one key, the host key `default`. What needs the master key is answered 401. The home page is empty.
//! - A handler that cannot be executed stops the host at once.
//! - [`Options::resend`] repeats requests that the real host does not repeat.
//! - Of `host.json` and `function.json` only what follows is read: handler, timeouts, routes, methods and who may call.
//! - Answers are collected before they are passed on, and so fail as a whole.
//! - The log entry for a handler that ended never holds its last lines; in the real host it sometimes does.
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
