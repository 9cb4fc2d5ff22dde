//! A function app: the folder with `host.json`, the functions and the handler. The app is only read here: validating it is up to
//! the real host.

use crate::route::Route;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why an app cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A file or folder cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Unreadable {
        /// Path of the file or folder.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// A file lacks something that this host requires.
    #[error("{path}: {reason}", path = path.display())]
    Wrong {
        /// Path of the file.
        path: PathBuf,
        /// The requirement, and what was found.
        reason: String,
    },
}

/// A loaded app.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) root: PathBuf,
    pub(crate) executable: PathBuf,
    /// How long a request may take. After that, the handler is replaced.
    pub(crate) function_timeout: Duration,
    /// How long a handler may take to answer after its start.
    pub(crate) initialization_timeout: Duration,
    pub(crate) functions: Vec<Function>,
}

/// A function with an HTTP trigger.
#[derive(Debug)]
pub(crate) struct Function {
    /// Name of its folder.
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
}

/// The HTTP trigger in `function.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    pub(crate) auth_level: AuthLevel,
    methods: Vec<String>,
    route: Route,
}

/// The key that a function requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AuthLevel {
    /// None.
    Anonymous,
    /// The host key.
    Function,
}

#[derive(Deserialize)]
struct FunctionJson {
    bindings: (Trigger, Value),
}

impl App {
    /// Loads an app. The environment may override the executable and the function timeout.
    pub(crate) fn load(folder: &Path, environment: &BTreeMap<String, String>) -> Result<Self, AppError> {
        let root = folder.canonicalize().map_err(unreadable(folder))?;
        let file = root.join("host.json");
        let host_json = read::<Value>(&file)?;
        let text = |place: &str| host_json.pointer(place).and_then(Value::as_str);
        let setting = |name: &str| {
            let variable = format!("AzureFunctionsJobHost__{}", name.replace('/', "__"));
            environment.get(&variable).map(String::as_str).or_else(|| text(&format!("/{name}")))
        };
        let wrong = |reason| AppError::Wrong { path: file.clone(), reason };
        let proxies = host_json.pointer("/customHandler/enableProxyingHttpRequest") == Some(&Value::Bool(true));
        if !proxies || text("/extensions/http/routePrefix") != Some("") {
            return Err(wrong("expected enableProxyingHttpRequest to be true and routePrefix to be empty".to_owned()));
        }
        let timeout = |name: &str, default| {
            let expected = |text| wrong(format!("{name}: expected a duration such as 00:05:00, not {text:?}"));
            setting(name).map_or(Ok(default), |text| duration(text).ok_or_else(|| expected(text)))
        };
        let executable = root.join(setting("customHandler/description/defaultExecutablePath").unwrap_or_default());
        fs::File::open(&executable).map_err(unreadable(&executable))?;
        let mut functions = Vec::new();
        for entry in fs::read_dir(&root).map_err(unreadable(&root))? {
            let entry = entry.map_err(unreadable(&root))?;
            let file = entry.path().join("function.json");
            if file.is_file() {
                let FunctionJson { bindings: (trigger, _) } = read(&file)?;
                functions.push(Function { name: entry.file_name().to_string_lossy().into_owned(), trigger });
            }
        }
        Ok(Self {
            executable,
            function_timeout: timeout("functionTimeout", Duration::from_mins(30))?,
            initialization_timeout: timeout("customHandler/initializationTimeout", Duration::from_secs(30))?,
            functions,
            root,
        })
    }
}

impl Trigger {
    /// Whether a request is routed to this function.
    pub(crate) fn takes(&self, method: &str, path: &str) -> bool {
        self.methods.iter().any(|listed| listed.eq_ignore_ascii_case(method)) && self.route.matches(path)
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, AppError> {
    let text = fs::read_to_string(path).map_err(unreadable(path))?;
    serde_json::from_str(&text).map_err(|error| AppError::Wrong { path: path.to_owned(), reason: error.to_string() })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> AppError {
    |error| AppError::Unreadable { path: path.to_owned(), error }
}

/// Parses `hh:mm:ss`, with an optional fraction of the seconds.
fn duration(text: &str) -> Option<Duration> {
    let parts = text.split(':').map(|part| part.parse::<f64>().ok()).collect::<Option<Vec<_>>>()?;
    let [hours, minutes, seconds] = parts.try_into().ok()?;
    Duration::try_from_secs_f64((hours * 60.0 + minutes) * 60.0 + seconds).ok()
}
