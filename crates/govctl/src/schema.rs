//! What `--json` promises, as files: `schema/` says what the types say.
//!
//! A new report needs `#[cfg_attr(test, derive(schemars::JsonSchema))]`, words on each of its
//! fields and a line in [`REPORTS`]; then run the command in [`REWRITE`].

use std::{collections::BTreeMap, env, fs, path::Path};

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value, json};

use crate::{
    commands::{
        approve, breaker, breaker_run, completions, config, delivery, demo, deploy_report, doctor,
        event, explain, freeze_report, health, history, ids, init, lock, lock_break, lock_run,
        rollback, serve, session, state, status, verify,
    },
    exit, view,
};

/// What the key `schema` says, which answer that is, and what makes a schema of its type.
type Report = (&'static str, &'static str, fn(SchemaGenerator) -> Schema);

const REPORTS: &[Report] = &[
    (
        "govctl.approval/1",
        "Answer of `approve`, one entry of `approvals list` and `approvals revoke`",
        of::<approve::Report>,
    ),
    ("govctl.breaker-run/1", "Answer of `breaker run`", of::<breaker_run::Ran>),
    (
        "govctl.breaker/1",
        "Answer of the other `breaker` commands, one entry of `breaker list`",
        of::<breaker::Report>,
    ),
    ("govctl.config/1", "Answer of `config check` and `show`", of::<config::Report>),
    ("govctl.decision/1", "Answer of `check SHA` and `explain SHA`", of::<view::DecisionView>),
    ("govctl.delivery-claim/1", "Answer of `delivery claim`", of::<delivery::Claimed>),
    ("govctl.delivery-has/1", "Answer of `delivery has`", of::<delivery::Has>),
    ("govctl.delivery-prune/1", "Answer of `delivery prune`", of::<delivery::Pruned>),
    ("govctl.delivery-record/1", "Answer of `delivery record`", of::<delivery::Recorded>),
    ("govctl.delivery/1", "One entry of `delivery list`", of::<delivery::Entry>),
    ("govctl.demo/1", "Answer of `demo`", of::<demo::Report>),
    ("govctl.deploy/1", "Answer of `deploy`", of::<deploy_report::Report>),
    ("govctl.doctor/1", "Answer of `doctor`", of::<doctor::Report>),
    ("govctl.error/1", "Answer of a command that could not answer", of::<exit::ErrorReport<'_>>),
    (
        "govctl.freeze/1",
        "Answer of `freeze add`, one entry of `freeze list` and `freeze end`",
        of::<freeze_report::Report>,
    ),
    ("govctl.health/1", "Answer of `health`", of::<health::Report>),
    ("govctl.event/1", "Answer of `event`", of::<event::Report>),
    ("govctl.history/1", "One entry of `history`", of::<history::Line>),
    ("govctl.id-next/1", "Answer of `ids next`", of::<ids::Next>),
    (
        "govctl.id/1",
        "Answer of `ids map` and `link`, one entry of `ids find`, `show` and `list`",
        of::<ids::Mapped>,
    ),
    ("govctl.init/1", "Answer of `init`", of::<init::Report>),
    ("govctl.lock-run/1", "Answer of `lock run`", of::<lock_run::Ran>),
    ("govctl.lock-break/1", "Answer of `lock break`", of::<lock_break::Report>),
    (
        "govctl.lock/1",
        "Answer of `lock status NAME`, one entry of `lock status`",
        of::<lock::Report>,
    ),
    ("govctl.reason/1", "Answer of `explain REASON`", of::<explain::Meaning>),
    ("govctl.rollback/1", "Answer of `rollback`", of::<rollback::Report>),
    ("govctl.serve/1", "Answer of `serve`, once it listens", of::<serve::Report>),
    (
        "govctl.session-change/1",
        "Answer of `session append`, `touch` and `delete`, and of `show` without a session",
        of::<session::Done>,
    ),
    (
        "govctl.session/1",
        "Answer of `session create`, one entry of `session list`",
        of::<session::Created>,
    ),
    ("govctl.state-accept/1", "Answer of `state accept`", of::<state::Accepted>),
    ("govctl.state-check/1", "One entry of `state check`", of::<state::Line>),
    ("govctl.state-edit/1", "Answer of `state edit`", of::<state::Edited>),
    ("govctl.state-export/1", "Answer of `state export`", of::<state::Bundle>),
    ("govctl.state-import/1", "Answer of `state import`", of::<state::Imported>),
    ("govctl.state-path/1", "Answer of `state path`", of::<state::Report>),
    ("govctl.state-restore/1", "Answer of `state restore`", of::<state::Restored>),
    ("govctl.state-sweep/1", "Answer of `state sweep`", of::<state::Swept>),
    ("govctl.completions/1", "Answer of `completions`", of::<completions::Report>),
    ("govctl.verify/1", "Answer of `verify`", of::<verify::Report>),
    ("govctl.status/1", "Answer of `status`, `record`, `resolve` and `wait`", of::<status::Report>),
];

const REWRITE: &str = "GOVCTL_WRITE_SCHEMAS=1 cargo test -p govctl schema";

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema");

#[test]
fn the_files_are_what_the_types_say() {
    let said: BTreeMap<String, String> = REPORTS.iter().map(file).collect();
    #[expect(clippy::disallowed_methods, reason = "no answer of the program depends on it")]
    let rewrite = env::var_os("GOVCTL_WRITE_SCHEMAS").is_some();
    for (name, text) in said.iter().filter(|_| rewrite) {
        atomic_file::replace(Path::new(DIRECTORY).join(name), text.as_bytes()).unwrap();
    }
    for (name, text) in &said {
        let found = fs::read_to_string(Path::new(DIRECTORY).join(name)).unwrap_or_default();
        assert!(found == *text, "schema/{name} is not what the type says: run `{REWRITE}`");
    }
    for entry in fs::read_dir(DIRECTORY).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(said.contains_key(&name), "nothing answers with schema/{name}: remove it");
    }
}

#[test]
fn every_key_is_described() {
    for report in REPORTS {
        let nameless = undescribed(&schema(report));
        assert_eq!(nameless, [""; 0], "{}: write what these keys say at the field", report.0);
    }
}

/// The name of the file and what belongs into it.
fn file(report: &Report) -> (String, String) {
    let text = serde_json::to_string_pretty(&schema(report)).unwrap();
    (format!("{}.json", report.0.replace('/', "-")), format!("{text}\n"))
}

fn schema(&(name, title, of): &Report) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with_transform(RecursiveTransform(shorten));
    let mut generated = of(settings.into_generator()).to_value();
    generated["title"] = title.into();
    generated["properties"]["schema"] =
        json!({ "description": "What this is, and its version.", "const": name });
    // What a reader looks for first.
    let first = ["$schema", "title", "description"];
    let first_of = first.iter().map(|key| (key.to_string(), generated[key].take()));
    let mut schema: Map<String, Value> = first_of.filter(|(_, text)| text.is_string()).collect();
    let Value::Object(generated) = generated else { panic!("{name} is not an object") };
    schema.extend(generated.into_iter().filter(|(key, _)| !first.contains(&key.as_str())));
    schema.into()
}

/// Turns the generator `of` a type into its schema.
fn of<T: schemars::JsonSchema>(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<T>()
}

/// Keeps of a doc comment the promise, and of a number how large it is, not its type.
fn shorten(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let promise = description.split("\n\n").next().unwrap_or_default();
        *description = promise.replace('\n', " ");
    }
    if schema.get("format").is_some_and(|format| format != "date-time") {
        schema.remove("format");
    }
    // What a reader of the files assumes for a missing key. In an answer it is there.
    schema.remove("default");
}

/// The keys that say neither what they are for nor have only one value.
fn undescribed(schema: &Value) -> Vec<String> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let here = properties
        .filter(|(_, property)| property.get("description").or(property.get("const")).is_none())
        .map(|(key, _)| key.clone());
    let inner: Vec<&Value> = match schema {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    };
    here.chain(inner.into_iter().flat_map(undescribed)).collect()
}
