//! The schema of a policy file: the constraints on values that its types do not express.

use super::{File, RulesInFile, Value, known_operations};
use crate::tezos::payload::Kind;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator, json_schema};

/// The whole schema, as it is published.
pub(super) fn published() -> Schema {
    let tidy = |schema: &mut Schema| {
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ").replace('`', "");
        }
        if schema.get("default") == Some(&Value::Null) {
            schema.remove("default");
        }
    };
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(tidy));
    settings.into_generator().into_root_schema_for::<File>()
}

pub(super) fn keys(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^tz[1-4][1-9A-HJ-NP-Za-km-z]{33}$"},
        "additionalProperties": generator.subschema_for::<RulesInFile>(),
    })
}

pub(super) fn kinds(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"enum": Kind::ALL.map(Kind::name)}})
}

pub(super) fn operations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"enum": known_operations()}})
}

pub(super) fn chains(_: &mut SchemaGenerator) -> Schema {
    texts("^Net[1-9A-HJ-NP-Za-km-z]{12}$")
}

pub(super) fn destinations(_: &mut SchemaGenerator) -> Schema {
    texts("^(tz[1-5]|KT1)[1-9A-HJ-NP-Za-km-z]{33}$")
}

fn texts(pattern: &str) -> Schema {
    json_schema!({"type": ["array", "null"], "items": {"type": "string", "pattern": pattern}})
}
