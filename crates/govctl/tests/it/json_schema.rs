//! As much of JSON Schema 2020-12 as `schema/` uses; another keyword is a panic, not a pass.

use regex_lite::Regex;
use serde_json::{Value, json};

/// Every place at which `value` is not what the schema says; empty if it fits.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    Root(schema).faults(schema, value, "answer")
}

/// A whole document, in which a part of it can refer to another one.
struct Root<'a>(&'a Value);

impl Root<'_> {
    fn faults(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let keywords = schema.as_object();
        assert!(keywords.is_some() || *schema == true, "{schema} is not understood here");
        for (keyword, rule) in keywords.into_iter().flatten() {
            let fits = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "examples" => true,
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    faults.extend(self.faults(self.0.pointer(pointer).unwrap(), value, at));
                    true
                }
                "properties" => {
                    for (key, schema) in rule.as_object().unwrap() {
                        let inner = value.get(key);
                        faults.extend(inner.map_or(Vec::new(), |inner| {
                            self.faults(schema, inner, &format!("{at}.{key}"))
                        }));
                    }
                    true
                }
                "additionalProperties" => {
                    let others = value.as_object().into_iter().flatten();
                    let others = others.filter(|(key, _)| schema["properties"].get(key).is_none());
                    faults.extend(
                        others.flat_map(|(key, inner)| {
                            self.faults(rule, inner, &format!("{at}.{key}"))
                        }),
                    );
                    true
                }
                "items" => {
                    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                        faults.extend(self.faults(rule, inner, &format!("{at}[{index}]")));
                    }
                    true
                }
                "anyOf" => self.fitting(rule, value) >= 1,
                "oneOf" => self.fitting(rule, value) == 1,
                _ => fits(keyword, rule, value),
            };
            if !fits {
                faults.push(format!("{at} is {value}, but {keyword} is {rule}"));
            }
        }
        faults
    }

    /// How many of the schemas fit.
    fn fitting(&self, schemas: &Value, value: &Value) -> usize {
        let fits = |schema: &&Value| self.faults(schema, value, "").is_empty();
        schemas.as_array().unwrap().iter().filter(fits).count()
    }
}

/// Whether a keyword that looks at nothing but the value itself is content with it. A keyword
/// about texts is content with whatever is no text, and so on.
fn fits(keyword: &str, rule: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let length = text.map(|text| text.chars().count() as u64);
    match keyword {
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| has_type(value, one.as_str().unwrap())),
            one => has_type(value, one.as_str().unwrap()),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "required" => {
            let there = |key: &Value| value.get(key.as_str().unwrap()).is_some();
            !value.is_object() || rule.as_array().unwrap().iter().all(there)
        }
        "pattern" => {
            let pattern = Regex::new(rule.as_str().unwrap()).unwrap();
            text.is_none_or(|text| pattern.is_match(text))
        }
        "format" if rule == "date-time" => text.is_none_or(is_moment),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minLength" => length.is_none_or(|length| length >= rule.as_u64().unwrap()),
        "maxLength" => length.is_none_or(|length| length <= rule.as_u64().unwrap()),
        _ => panic!("{keyword}: {rule} is not understood here"),
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("the type {name} is not understood here"),
    }
}

/// RFC 3339 allows more than we promise: a time ends with `Z`.
fn is_moment(text: &str) -> bool {
    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[test]
fn what_does_not_fit_is_found_at_its_place() {
    let table = [
        (json!({ "type": "integer" }), json!(7), json!("7")),
        (json!({ "type": "number" }), json!(0.5), json!("0.5")),
        (json!({ "type": ["string", "null"] }), json!(null), json!(false)),
        (json!({ "const": "a" }), json!("a"), json!("b")),
        (json!({ "enum": ["a", "b"] }), json!("b"), json!("c")),
        (json!({ "required": ["a"] }), json!({ "a": null, "more": 1 }), json!({ "b": 1 })),
        (json!({ "properties": { "a": { "const": 1 } } }), json!({ "b": 2 }), json!({ "a": 2 })),
        (
            json!({ "properties": { "a": {} }, "additionalProperties": { "const": 1 } }),
            json!({ "a": 2, "b": 1 }),
            json!({ "a": 2, "b": 2 }),
        ),
        (
            json!({ "properties": { "a": { "const": 1 } }, "additionalProperties": true }),
            json!({ "a": 1, "b": 2 }),
            json!({ "a": 2, "b": 2 }),
        ),
        (json!({ "items": { "type": "string" } }), json!(["a"]), json!(["a", 1])),
        (json!({ "pattern": "^[0-9a-f]{2}$" }), json!("0f"), json!("0f0")),
        (json!({ "format": "date-time" }), json!("2026-11-20T10:00:00Z"), json!("2026-11-20")),
        (json!({ "minimum": 0 }), json!(0), json!(-1)),
        (json!({ "maximum": 255 }), json!(255), json!(256)),
        (json!({ "minLength": 1 }), json!("\u{e9}"), json!("")),
        (json!({ "maxLength": 1 }), json!("\u{e9}"), json!("ab")),
        (json!({ "anyOf": [{ "const": 1 }, { "minimum": 1 }] }), json!(1), json!(0)),
        (json!({ "oneOf": [{ "const": 1 }, { "minimum": 1 }] }), json!(2), json!(1)),
        (json!({ "$ref": "#/$defs/A", "$defs": { "A": { "const": 1 } } }), json!(1), json!(2)),
    ];
    for (schema, good, bad) in table {
        assert_eq!(faults(&schema, &good), [""; 0], "{schema}");
        assert_eq!(faults(&schema, &bad).len(), 1, "{schema}: {bad}");
    }
    let schema = json!({ "properties": { "a": { "items": { "required": ["b"] } } } });
    let expected = r#"answer.a[1] is {}, but required is ["b"]"#;
    assert_eq!(faults(&schema, &json!({ "a": [{ "b": 1 }, {}] })), [expected]);
}
