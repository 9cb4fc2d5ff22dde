//! The definition of a setting: its name, valid values, default and description.

use serde::Serialize;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// A setting. Only the [table](super::table) creates them, so that no other variable can be read.
pub struct Setting<V> {
    /// The environment variable.
    pub name: &'static str,
    /// An alternative name, read if the first is not set.
    pub alias: Option<&'static str>,
    /// The group of the setting.
    pub group: Group,
    /// The valid values.
    pub values: V,
    /// The origin of its value in a deployment by the templates.
    pub in_azure: InAzure,
    /// Whether its value may contain a secret: no message repeats it.
    pub is_secret: bool,
    /// The description, in Markdown.
    pub help: &'static str,
}

impl<V> Setting<V> {
    pub(super) const fn new(group: Group, values: V, in_azure: InAzure, help: &'static str) -> Self {
        Self { name: "", alias: None, group, values, in_azure, is_secret: false, help }
    }

    pub(super) const fn named(mut self, name: &'static str, alias: Option<&'static str>) -> Self {
        self.name = name;
        self.alias = alias;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }
}

/// Settings that belong together, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The HTTP server.
    Requests,
    /// The vault, and which of its keys sign.
    Keys,
    /// The mark store.
    Marks,
    /// Files of the embedded vault and mark store.
    Embedded,
    /// The policy, and who may request signatures.
    Policy,
    /// The head of the chain.
    Head,
    /// The history of signatures.
    Audit,
    /// The relay, a process next to the baker.
    Relay,
    /// The log.
    Log,
    /// Metrics, of the signer and of the relay.
    Metrics,
    /// Traces, of the signer and of the relay.
    Traces,
    /// Variables that a platform or another program sets.
    Environment,
}

impl Group {
    /// The heading of the group.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Keys => "Keys",
            Self::Marks => "High watermarks",
            Self::Embedded => "Embedded vault and mark store",
            Self::Policy => "Policy and authentication",
            Self::Head => "Head of the chain",
            Self::Audit => "Audit",
            Self::Relay => "Relay",
            Self::Log => "Log",
            Self::Metrics => "Metrics",
            Self::Traces => "Traces",
            Self::Environment => "Set by the platform or by other programs",
        }
    }
}

/// The origin of a setting's value in a deployment by the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InAzure {
    /// The operator chooses it, in the parameter `signerSettings`.
    Chosen,
    /// The operator chooses it, in its own parameter.
    Parameter(&'static str),
    /// The template sets it.
    Deployment,
    /// The platform sets it.
    Platform,
    /// It is not set, for this reason.
    Unset(&'static str),
}

/// The valid values of a setting.
pub trait Values {
    /// The form of a valid value, to complete "expected …".
    fn form(&self) -> String;

    /// The default, if any.
    fn default(&self) -> Option<String>;

    /// All valid values, if they can be listed.
    fn choices(&self) -> &'static [&'static str] {
        &[]
    }
}

/// Text of some form.
pub struct Text {
    /// The form of a valid value.
    pub form: &'static str,
    /// The default.
    pub default: Option<&'static str>,
}

/// A comma-separated list.
pub struct List {
    /// The form of an entry.
    pub of: &'static str,
}

/// The path of a file or folder.
pub struct FilePath {
    /// What the path leads to.
    pub of: &'static str,
    /// The default.
    pub default: Option<&'static str>,
}

/// An address and a port.
pub struct Address {
    /// The default.
    pub default: SocketAddr,
}

/// One of a few words.
pub struct Choice {
    /// All of them.
    pub values: &'static [&'static str],
    /// The default.
    pub default: Option<&'static str>,
}

/// A number of levels.
pub struct Levels {
    /// The default.
    pub default: u32,
    /// The valid range.
    pub range: RangeInclusive<u32>,
}

/// A time in milliseconds.
pub struct Milliseconds {
    /// The default.
    pub default: u64,
    /// The valid range.
    pub range: RangeInclusive<u64>,
}

/// A time in seconds.
pub struct Seconds {
    /// The default.
    pub default: u64,
    /// The valid range.
    pub range: RangeInclusive<u64>,
}

impl Values for Text {
    fn form(&self) -> String {
        self.form.to_owned()
    }

    fn default(&self) -> Option<String> {
        self.default.map(str::to_owned)
    }
}

impl Values for List {
    fn form(&self) -> String {
        format!("{}, separated by commas", self.of)
    }

    fn default(&self) -> Option<String> {
        None
    }
}

impl Values for FilePath {
    fn form(&self) -> String {
        format!("a path of {}", self.of)
    }

    fn default(&self) -> Option<String> {
        self.default.map(str::to_owned)
    }
}

impl Values for Address {
    fn form(&self) -> String {
        format!("address:port, such as {}", self.default)
    }

    fn default(&self) -> Option<String> {
        Some(self.default.to_string())
    }
}

impl Values for Choice {
    fn form(&self) -> String {
        match self.values.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn default(&self) -> Option<String> {
        self.default.map(str::to_owned)
    }

    fn choices(&self) -> &'static [&'static str] {
        self.values
    }
}

macro_rules! numbers {
    ($($values:ident: $unit:literal,)*) => {
        $(impl $values {
            /// The unit, in the plural.
            pub(super) const UNIT: &'static str = $unit;
        }

        impl Values for $values {
            fn form(&self) -> String {
                format!("{} to {} {}", self.range.start(), self.range.end(), Self::UNIT)
            }

            fn default(&self) -> Option<String> {
                Some(self.default.to_string())
            }
        })*
    };
}

numbers! {
    Levels: "levels",
    Milliseconds: "milliseconds",
    Seconds: "seconds",
}
