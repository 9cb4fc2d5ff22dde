//! Requests to the shipped binary, and what becomes of them in the vault and in the mark store.

mod accounts;
mod bind;
mod binding;
mod commands;
mod keys;
mod marks;
mod marks_export;
mod outages;
mod unusable_keys;

/// Operations carry no level, so they are signed without a mark.
const ANY_OPERATION: (&str, &str) = ("POLICY", r#"{"default": {"operations": ["any"]}}"#);
