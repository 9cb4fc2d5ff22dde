//! A function: its folder with `function.json`.

use crate::routing::{RouteError, Template};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A function with an HTTP trigger and an HTTP answer, to which the host sends requests as they are.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Who may call it.
    pub auth_level: AuthLevel,
    /// The methods that it takes, in upper case; none is all.
    pub methods: Vec<String>,
    /// Its route, without the prefix of all routes.
    pub route: String,
    pub(crate) template: Template,
}

/// Who may call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// Everybody.
    Anonymous,
    /// Who has a key of the function or of the host.
    Function,
    /// Who has the master key.
    Admin,
}

/// A function that the host leaves out, and why.
#[derive(Debug)]
pub struct FunctionError {
    /// The name of its folder.
    pub function: String,
    /// What is wrong.
    pub reason: FunctionErrorReason,
}

/// What is wrong with a function.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionErrorReason {
    /// The folder has a name that a function cannot have.
    #[error("'{0}' is not a valid function name.")]
    Name(String),
    /// The file cannot be read, or is not JSON.
    #[error("function.json: {0}")]
    Unreadable(String),
    /// A value is missing or is another one.
    #[error("function.json: {0}")]
    Wrong(String),
    /// Requests would not go to the handler as they are.
    #[error("only an httpTrigger in and an http out make a function that gets its requests as they are")]
    Bindings,
    /// A file beside function.json, which the host takes for a script.
    #[error("{0} does not belong into the folder of a function")]
    OtherFile(String),
    /// The route is not one.
    #[error("the route '{route}': {error}")]
    Route {
        /// The route with the prefix of all routes.
        route: String,
        /// What is wrong with it.
        error: RouteError,
    },
    /// The route belongs to the host.
    #[error("The specified route conflicts with one or more built in routes.")]
    ReservedRoute,
    /// Another function has the route, with a method that both have.
    #[error("The route specified conflicts with the route defined by function '{0}'.")]
    Conflict(String),
}

type Reason = FunctionErrorReason;

impl Function {
    /// Reads a function; `None` if the folder is not that of one.
    pub(crate) fn load(folder: &Path, name: &str, route_prefix: &str) -> Option<Result<Self, Reason>> {
        let file = folder.join("function.json");
        file.exists().then(|| Self::read(folder, &file, name, route_prefix))
    }

    fn read(folder: &Path, file: &Path, name: &str, route_prefix: &str) -> Result<Self, Reason> {
        if !is_name(name) {
            return Err(Reason::Name(name.to_owned()));
        }
        let text = fs::read_to_string(file).map_err(|error| Reason::Unreadable(error.to_string()))?;
        let json = serde_json::from_str::<Value>(&text).map_err(|error| Reason::Unreadable(error.to_string()))?;
        let others = fs::read_dir(folder).map_err(|error| Reason::Unreadable(error.to_string()))?;
        for other in others.flatten().map(|entry| entry.file_name()) {
            if other != "function.json" {
                return Err(Reason::OtherFile(other.to_string_lossy().into_owned()));
            }
        }
        for property in ["disabled", "excluded", "scriptFile", "entryPoint", "retry"] {
            if json.get(property).is_some() {
                return Err(Reason::Wrong(format!("{property} is not supported by this host")));
            }
        }
        let trigger = trigger(&json)?;
        let route = optional(trigger, "route", Value::as_str)?.filter(|route| !route.is_empty()).unwrap_or(name);
        let lower = route.to_ascii_lowercase();
        if ["admin", "runtime"].iter().any(|reserved| lower.starts_with(reserved)) {
            return Err(Reason::ReservedRoute);
        }
        let full = if route_prefix.is_empty() { route.to_owned() } else { format!("{route_prefix}/{route}") };
        let template = Template::parse(&full).map_err(|error| Reason::Route { route: full, error })?;
        Ok(Self {
            name: name.to_owned(),
            auth_level: auth_level(trigger)?,
            methods: methods(trigger)?,
            route: route.to_owned(),
            template,
        })
    }

    /// Whether a host would refuse the second one of these two.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        let all = self.methods.is_empty() || other.methods.is_empty();
        let shared = all || self.methods.iter().any(|method| other.methods.contains(method));
        shared && self.route.eq_ignore_ascii_case(&other.route)
    }
}

/// Case does not matter in names of functions.
fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    begins && name.len() <= 128 && name.chars().all(allowed) && !name.eq_ignore_ascii_case("host")
}

/// The trigger of a function that has it and the answer, and nothing else.
fn trigger(json: &Value) -> Result<&Value, Reason> {
    let bindings = json.get("bindings").and_then(Value::as_array);
    let bindings = bindings.ok_or_else(|| Reason::Wrong("bindings must be a list".to_owned()))?;
    let mut names = BTreeSet::new();
    for binding in bindings {
        let name = required(binding, "name")?;
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = name.len() <= 128 && name.chars().all(|character| character.is_ascii_alphanumeric());
        if name != "$return" && !(starts && plain) {
            return Err(Reason::Wrong(format!("the binding name {name:?} is invalid")));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(Reason::Wrong(format!("more than one binding has the name {name:?}")));
        }
    }
    let is = |binding: &Value, kind: &str, direction: &str| -> Result<bool, Reason> {
        let kinds = required(binding, "type")?.eq_ignore_ascii_case(kind);
        Ok(kinds && required(binding, "direction")?.eq_ignore_ascii_case(direction))
    };
    let [one, other] = bindings.as_slice() else { return Err(Reason::Bindings) };
    for (trigger, answer) in [(one, other), (other, one)] {
        if is(trigger, "httpTrigger", "in")? && is(answer, "http", "out")? {
            return Ok(trigger);
        }
    }
    Err(Reason::Bindings)
}

fn required<'a>(binding: &'a Value, name: &str) -> Result<&'a str, Reason> {
    binding
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Reason::Wrong(format!("{name} of a binding must be a string")))
}

fn optional<'a, T>(trigger: &'a Value, name: &str, read: fn(&'a Value) -> Option<T>) -> Result<Option<T>, Reason> {
    let value = trigger.get(name).filter(|value| !value.is_null());
    value.map(|value| read(value).ok_or_else(|| Reason::Wrong(format!("{name} is of the wrong type")))).transpose()
}

fn auth_level(trigger: &Value) -> Result<AuthLevel, Reason> {
    let level = optional(trigger, "authLevel", Value::as_str)?.map(str::to_ascii_lowercase);
    match level.as_deref() {
        Some("anonymous") => Ok(AuthLevel::Anonymous),
        None | Some("function") => Ok(AuthLevel::Function),
        Some("admin") => Ok(AuthLevel::Admin),
        Some(other @ ("user" | "system")) => {
            Err(Reason::Wrong(format!("the authLevel {other} is not supported by this host")))
        }
        Some(other) => Err(Reason::Wrong(format!("there is no authLevel {other:?}"))),
    }
}

fn methods(trigger: &Value) -> Result<Vec<String>, Reason> {
    let methods = optional(trigger, "methods", Value::as_array)?.map(Vec::as_slice).unwrap_or_default();
    let names =
        methods.iter().map(|method| method.as_str().filter(|name| !name.is_empty()).map(str::to_ascii_uppercase));
    names.collect::<Option<_>>().ok_or_else(|| Reason::Wrong("methods must be a list of strings".to_owned()))
}
