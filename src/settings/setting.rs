//! What a setting is: its name, the values that it takes, its default, and what it is for.

use serde::Serialize;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// A setting. Only the [table](super::table) makes them, so that no other variable can be read.
pub struct Setting<V> {
    /// The environment variable.
    pub name: &'static str,
    /// A second name, which counts where the first is not set.
    pub alias: Option<&'static str>,
    /// Which settings it belongs with.
    pub group: Group,
    /// The values that it takes.
    pub values: V,
    /// Where its value comes from in a deployment by the templates.
    pub in_azure: InAzure,
    /// Whether its value may hold a secret: no message repeats it.
    pub is_secret: bool,
    /// What it is for, as Markdown.
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
    /// Where and how requests are answered.
    Requests,
    /// Where keys are, and which of them sign.
    Keys,
    /// Where high watermarks are.
    Marks,
    /// Files of the embedded vault and mark store.
    Embedded,
    /// What each key signs, and for whom.
    Policy,
    /// The head of the chain.
    Head,
    /// The log.
    Log,
    /// What a platform or another program sets.
    Environment,
}

impl Group {
    /// The heading over its settings.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Keys => "Keys",
            Self::Marks => "High watermarks",
            Self::Embedded => "Embedded vault and mark store",
            Self::Policy => "Policy and authentication",
            Self::Head => "Head of the chain",
            Self::Log => "Log",
            Self::Environment => "Set by the platform or by other programs",
        }
    }
}

/// Where the value of a setting comes from in a deployment by the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InAzure {
    /// The operator chooses it, in the parameter `signerSettings`.
    Chosen,
    /// The operator chooses it, in its own parameter.
    Parameter(&'static str),
    /// It follows from the deployment.
    Deployment,
    /// The platform sets it.
    Platform,
    /// It is not set, for this reason.
    Unset(&'static str),
}

/// Values that a setting takes.
pub trait Values {
    /// What is expected, as in "expected …".
    fn form(&self) -> String;

    /// The value where the setting is not set, if there is one.
    fn default(&self) -> Option<String>;

    /// All values, where they can be listed.
    fn choices(&self) -> &'static [&'static str] {
        &[]
    }
}

/// Text of some form.
pub struct Text {
    /// What is expected.
    pub form: &'static str,
    /// The default.
    pub default: Option<&'static str>,
}

/// Entries separated by commas.
pub struct List {
    /// What each of them is.
    pub of: &'static str,
}

/// A path of a file or folder.
pub struct FilePath {
    /// What is at the path.
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
    /// The numbers that are accepted.
    pub range: RangeInclusive<u32>,
}

/// A time in milliseconds.
pub struct Milliseconds {
    /// The default.
    pub default: u64,
    /// The numbers that are accepted.
    pub range: RangeInclusive<u64>,
}

/// A time in seconds.
pub struct Seconds {
    /// The default.
    pub default: u64,
    /// The numbers that are accepted.
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
