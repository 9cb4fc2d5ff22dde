//! `host.json` and what overrides it.

use crate::app_error::AppError;
use crate::configuration::Configuration;
use crate::time_span;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What `host.json` says, with the defaults of the host, and where environment variables do not override it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostJson {
    /// What the routes of all functions begin with.
    pub route_prefix: String,
    /// How long a function may take; `None` is for ever.
    pub function_timeout: Option<Duration>,
    /// How long the handler may take until it answers.
    pub initialization_timeout: Duration,
    /// The executable of the handler, as it is written there.
    pub default_executable_path: String,
    /// The arguments of the handler, as they are written there.
    pub arguments: Vec<String>,
    /// The working directory of the handler, as it is written there.
    pub working_directory: Option<String>,
    /// What the host accepts and an author would want to know.
    pub warnings: Vec<String>,
}

const DESCRIPTION: &str = "customHandler:description";

/// A name, what it has to be, and whether a value is that.
type Type = (&'static str, &'static str, fn(&Value) -> bool);

/// The types of what the host reads of host.json.
const TYPES: [Type; 17] = [
    ("functionTimeout", "a string", Value::is_string),
    ("extensions", "an object", Value::is_object),
    ("extensions.http", "an object", Value::is_object),
    ("extensions.http.routePrefix", "a string", Value::is_string),
    ("extensionBundle", "an object", Value::is_object),
    ("logging", "an object", Value::is_object),
    ("logging.logLevel", "an object", Value::is_object),
    ("customHandler", "an object", Value::is_object),
    ("customHandler.description", "an object", Value::is_object),
    ("customHandler.description.defaultExecutablePath", "a string", Value::is_string),
    ("customHandler.description.workingDirectory", "a string", Value::is_string),
    ("customHandler.description.arguments", "a list of strings", is_list_of_strings),
    ("customHandler.enableProxyingHttpRequest", "true or false", Value::is_boolean),
    ("customHandler.enableForwardingHttpRequest", "true or false", Value::is_boolean),
    ("customHandler.initializationTimeout", "a string", Value::is_string),
    ("customHandler.port", "a number", Value::is_u64),
    ("customHandler.http", "an object", Value::is_object),
];

/// What the section customHandler can have, as far as this host knows it.
const CUSTOM_HANDLER: [&str; 6] = [
    "description:defaultexecutablepath",
    "description:workingdirectory",
    "description:arguments",
    "enableproxyinghttprequest",
    "enableforwardinghttprequest",
    "initializationtimeout",
];

/// What it can have with a real host only.
const NOT_SUPPORTED: [&str; 6] = [
    "customHandler:port",
    "customHandler:http",
    "customHandler:description:defaultWorkerPath",
    "customHandler:description:workerArguments",
    "configurationProfile",
    "httpWorker",
];

impl HostJson {
    pub(crate) fn parse(text: &str, environment: &BTreeMap<String, String>) -> Result<Self, AppError> {
        let json = serde_json::from_str::<Value>(text).map_err(|error| AppError::NotJson(error.to_string()))?;
        if !json.is_object() {
            return Err(AppError::NotJson("it is not an object".to_owned()));
        }
        if json.get("version").and_then(Value::as_str) != Some("2.0") {
            return Err(AppError::Version);
        }
        for (name, expected, is_right) in TYPES {
            let value = name.split('.').try_fold(&json, |value, part| value.get(part));
            if value.is_some_and(|value| !value.is_null() && !is_right(value)) {
                return Err(AppError::WrongType { name, expected });
            }
        }
        Self::read(&Configuration::new(&json, environment))
    }

    fn read(configuration: &Configuration) -> Result<Self, AppError> {
        for name in NOT_SUPPORTED {
            if configuration.text(name).is_some() || configuration.has_section(name) {
                return Err(AppError::NotSupported(name));
            }
        }
        if !configuration.has_section("customHandler") {
            return Err(AppError::NoCustomHandler);
        }
        if !configuration.has_section(DESCRIPTION) {
            return Err(AppError::NoDescription);
        }
        let path = configuration.text("customHandler:description:defaultExecutablePath").map(str::trim);
        let default_executable_path = path.filter(|path| !path.is_empty()).ok_or(AppError::NoExecutablePath)?;
        let proxying = flag(configuration, "customHandler:enableProxyingHttpRequest")?;
        // It may be set too; proxying wins.
        flag(configuration, "customHandler:enableForwardingHttpRequest")?;
        if !proxying {
            return Err(AppError::NotProxying);
        }
        let initialization_timeout = configuration
            .read("customHandler:initializationTimeout", "a duration such as 00:00:30", time_span::parse)?
            .unwrap_or(Duration::from_secs(30));
        let for_ever = configuration.text("functionTimeout") == Some("-1");
        let function_timeout = if for_ever { None } else { Some(function_timeout(configuration)?) };
        let arguments = configuration
            .read("customHandler:description:arguments", "a list of strings in JSON", |text| {
                serde_json::from_str(text).ok()
            })?
            .unwrap_or_default();
        let prefix = configuration.text_or_empty("extensions:http:routePrefix").unwrap_or("api");
        Ok(Self {
            route_prefix: prefix.trim_matches('/').to_owned(),
            function_timeout,
            initialization_timeout,
            default_executable_path: default_executable_path.to_owned(),
            arguments,
            working_directory: configuration.text("customHandler:description:workingDirectory").map(str::to_owned),
            warnings: warnings(configuration),
        })
    }
}

fn is_list_of_strings(value: &Value) -> bool {
    value.as_array().is_some_and(|values| values.iter().all(Value::is_string))
}

fn flag(configuration: &Configuration, name: &'static str) -> Result<bool, AppError> {
    let flag = configuration.read(name, "true or false", |text| text.to_ascii_lowercase().parse().ok())?;
    Ok(flag.unwrap_or(false))
}

fn function_timeout(configuration: &Configuration) -> Result<Duration, AppError> {
    let read = |text: &str| time_span::parse(text).filter(|timeout| *timeout >= Duration::from_secs(1));
    let timeout = configuration.read("functionTimeout", "a duration such as 00:05:00, or -1", read)?;
    Ok(timeout.unwrap_or(Duration::from_mins(30)))
}

fn warnings(configuration: &Configuration) -> Vec<String> {
    let unknown = configuration.names_below("customHandler").filter(|name| !CUSTOM_HANDLER.contains(name));
    let mut warnings = unknown.map(|name| format!("customHandler:{name} has no meaning")).collect::<Vec<_>>();
    if configuration.has_section("extensionBundle") {
        warnings.push("extensionBundle: functions with HTTP only start faster without it".to_owned());
    }
    warnings
}
