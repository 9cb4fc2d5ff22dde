//! The single definition of every setting: name, values, default, origin in Azure, and description.
//!
//! A new setting is added to one of the modules here and read in [`Settings::read`](super::Settings::read) or its counterpart for the
//! relay. Tests fail until the rest follows: the reference page (`azurehsm-signer settings --markdown` prints its tables) and, if an
//! operator chooses it in Azure, `infra/types.bicep`.

use super::entry::Entry;
use super::setting::{Choice, InAzure, Text};
use std::sync::LazyLock;

macro_rules! settings {
    ($($name:ident $(or $alias:ident)?: $values:ty = $setting:expr;)*) => {
        $(
            #[doc = concat!("The setting `", stringify!($name), "`.")]
            pub const $name: Setting<$values> = $setting.named(stringify!($name), settings!(@alias $($alias)?));
        )*

        /// The settings of this module, in the order in which they are listed.
        pub(super) fn entries() -> Vec<crate::settings::Entry> {
            vec![$(crate::settings::Entry::of(&$name)),*]
        }
    };
    (@alias) => { None };
    (@alias $alias:ident) => { Some(stringify!($alias)) };
}

mod environment;
mod relay;
mod signer;
mod telemetry;

pub use environment::*;
pub use relay::*;
pub use signer::*;
pub use telemetry::*;

/// All settings, in the order in which they are listed.
pub fn entries() -> Vec<Entry> {
    [signer::entries(), relay::entries(), telemetry::entries(), environment::entries()].concat()
}

/// The names of all variables that are read.
pub static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| entries().into_iter().flat_map(|entry| [Some(entry.name), entry.alias]).flatten().collect());

/// Variables of earlier versions that no longer have an effect. A warning is logged for each at startup.
pub const NO_LONGER_READ: [&str; 2] = ["STORE_TRY_TIMEOUT_MS", "VAULT_TRY_TIMEOUT_MS"];

const BOOLEAN: Choice = Choice { values: &["true", "false"], default: Some("false") };

const AT_THE_BAKER: InAzure = InAzure::Unset("the relay runs next to the baker");

const fn text(form: &'static str) -> Text {
    Text { form, default: None }
}
