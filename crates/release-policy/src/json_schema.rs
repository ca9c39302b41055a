//! Feature `schema`: what the hand-written `Serialize` impls write, as JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::change::ChangeStatus;
use crate::decision::Outcome;
use crate::field::Field;
use crate::reason::Reason;
use crate::risk::RiskClass;
use crate::value::Value;

macro_rules! json_schema_of {
    ($type:ident => $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

json_schema_of!(Outcome => words(
    "Whether a release may go out.",
    [Outcome::Allow, Outcome::Hold].map(Outcome::word),
));

json_schema_of!(RiskClass => words(
    "How much could go wrong.",
    [RiskClass::Low, RiskClass::Medium, RiskClass::High].map(RiskClass::word),
));

json_schema_of!(Reason => words("Why a decision is what it is.", Reason::all().map(Reason::word)));

json_schema_of!(Field => words(
    "A field of the block `release_governor`.",
    Field::ALL.map(Field::key),
));

json_schema_of!(ChangeStatus => json_schema!({
    "description": "What happened to a path, as the letter of `git diff --name-status`.",
    "type": "string",
    "minLength": 1,
    "maxLength": 1,
}));

json_schema_of!(Value => json_schema!({
    "description": "A value with its type; `null` is none, and a moment is RFC 3339 in UTC.",
    "type": ["null", "boolean", "integer", "string", "array"],
    "minimum": 0,
    "items": { "type": "string" },
}));

fn words(description: &str, words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<&str> = words.into_iter().collect();
    json_schema!({ "description": description, "type": "string", "enum": words })
}
