//! The configuration of a host as .NET sees it: a flat list of names and values, in which later sources win.

use crate::app_error::AppError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Values by their names in lower case, with a colon between the parts of a name.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    values: BTreeMap<String, String>,
    sections: BTreeSet<String>,
}

/// An environment variable with this beginning overrides a value of host.json.
const OVERRIDE: &str = "azurefunctionsjobhost__";

impl Configuration {
    /// What host.json says, where the environment does not override it.
    pub(crate) fn new(host_json: &Value, environment: &BTreeMap<String, String>) -> Self {
        let mut configuration = Self::default();
        configuration.add(String::new(), host_json);
        for (name, value) in environment {
            if let Some(name) = name.to_ascii_lowercase().strip_prefix(OVERRIDE) {
                configuration.values.insert(name.replace("__", ":"), value.clone());
            }
        }
        configuration
    }

    fn add(&mut self, name: String, value: &Value) {
        let text = match value {
            Value::Object(members) => {
                for (member, value) in members {
                    let member = member.to_ascii_lowercase();
                    self.add(if name.is_empty() { member } else { format!("{name}:{member}") }, value);
                }
                self.sections.insert(name);
                return;
            }
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            // A list is one value, in JSON.
            other => other.to_string(),
        };
        self.values.insert(name, text);
    }

    /// The value of this name, unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(&name.to_ascii_lowercase()).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of this name, empty or not.
    pub(crate) fn text_or_empty(&self, name: &str) -> Option<&str> {
        self.values.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    pub(crate) fn has_section(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let prefix = format!("{name}:");
        self.sections.contains(&name) || self.values.keys().any(|key| key.starts_with(&prefix))
    }

    /// The names of values below this one, in lower case and without it.
    pub(crate) fn names_below(&self, name: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{}:", name.to_ascii_lowercase());
        self.values.keys().filter_map(move |key| key.strip_prefix(&prefix))
    }

    /// The value of this name as `read` understands it.
    pub(crate) fn read<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, AppError> {
        self.text(name)
            .map(|value| read(value).ok_or_else(|| AppError::WrongValue { name, expected, value: value.to_owned() }))
            .transpose()
    }
}
