//! What a workflow step says about a decision: outputs, a table, one line beside the run.

use serde_json::Value;

use crate::{
    github::escape::{annotation, markdown},
    view::short,
};

/// The keys of an answer that become outputs of the step, where they are there.
const OUTPUTS: [&str; 15] = [
    "decision",
    "risk_class",
    "reason",
    "sha",
    "base",
    "repo",
    "environment",
    "retry_at",
    "unblock_hints",
    "outcome",
    "delivery_id",
    "exit_code",
    "health",
    "run_id",
    "run_url",
];

/// How many rules and hints a table has at most: a page, not a book.
const ROWS: usize = 40;

/// What is said about one answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Announcement {
    /// Names and values, in order. What there is nothing to say about is empty.
    pub(crate) outputs: Vec<(&'static str, String)>,
    /// Markdown, with an empty line at its end.
    pub(crate) summary: String,
    /// One line for the log.
    pub(crate) annotation: String,
}

impl Announcement {
    /// Says what `answer`, a decision or a deploy in the form of `--json`, says.
    pub(crate) fn of(answer: &Value) -> Announcement {
        let outputs: Vec<_> =
            OUTPUTS.into_iter().filter_map(|key| Some((key, as_text(answer.get(key)?)?))).collect();
        let (level, verdict) = verdict(answer);
        let headline = headline(answer, &verdict);
        let hints = texts(&answer["unblock_hints"]).collect::<Vec<_>>();
        let unblock = match hints.is_empty() {
            true => String::new(),
            false => format!("\nto unblock:\n  {}", hints.join("\n  ")),
        };
        Announcement {
            outputs,
            summary: summary(answer, &verdict, &hints),
            annotation: annotation(level, "govctl", &format!("{headline}{unblock}")),
        }
    }
}

/// How bad it is, as GitHub knows it, and the word for it.
fn verdict(answer: &Value) -> (&'static str, String) {
    let decision = text(answer, "decision");
    match text(answer, "outcome") {
        "success" => ("notice", "DEPLOYED".into()),
        "already_deployed" => ("notice", "ALREADY DEPLOYED".into()),
        "failure" => ("error", "FAILED".into()),
        "unknown" => ("error", "UNKNOWN".into()),
        _ if decision == "ALLOW" => ("notice", decision.into()),
        _ => ("warning", decision.into()),
    }
}

fn headline(answer: &Value, verdict: &str) -> String {
    let (sha, environment) = (short(text(answer, "sha")), text(answer, "environment"));
    let (risk, reason) = (text(answer, "risk_class"), text(answer, "reason"));
    format!("{verdict} {sha} to {environment}, risk {risk}: {reason}")
}

fn summary(answer: &Value, verdict: &str, hints: &[&str]) -> String {
    let mut lines = vec![
        format!("### govctl: {}", markdown(verdict)),
        String::new(),
        "| | |".into(),
        "|---|---|".into(),
    ];
    let facts = [
        ("Commit", "sha"),
        ("Repository", "repo"),
        ("Environment", "environment"),
        ("Risk", "risk_class"),
        ("Reason", "reason"),
        ("Compared with", "base"),
        ("Could change at", "retry_at"),
        ("Run", "run_url"),
    ];
    let row = |name: &str, value: &str| format!("| {name} | {} |", markdown(value));
    lines.extend(facts.into_iter().filter_map(|(name, key)| {
        let value = as_text(answer.get(key)?)?;
        (!value.is_empty()).then(|| row(name, &value))
    }));
    lines.extend(hints.iter().take(ROWS).map(|hint| row("To unblock", hint)));
    let rules: Vec<_> = answer["rules"].as_array().into_iter().flatten().take(ROWS).collect();
    if !rules.is_empty() {
        lines.extend([String::new(), "| rule | | |".into(), "|---|---|---|".into()]);
    }
    for rule in rules {
        let word = if rule["pass"] == true { "ok" } else { "**HOLD**" };
        let (name, detail) = (markdown(text(rule, "rule")), markdown(text(rule, "detail")));
        lines.push(format!("| {name} | {word} | {detail} |"));
    }
    lines.push("\n".into());
    lines.join("\n")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The value of an output: texts one a line, and nothing where nothing is known.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) => Some(texts(value).collect::<Vec<_>>().join("\n")),
        Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hold_says_how_to_unblock_it_and_stays_in_its_place() {
        let said = Announcement::of(&json!({
            "decision": "HOLD", "risk_class": "HIGH", "reason": "high_risk_no_approval",
            "sha": "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f", "base": null,
            "environment": "a|b\n::error::forged", "unblock_hints": ["one", "two"],
            "rules": [{ "rule": "approval", "pass": false, "detail": "<b>|" }],
        }));
        let outputs: Vec<_> = said.outputs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!(outputs[0], ("decision", "HOLD"));
        assert!(
            outputs.contains(&("base", "")) && outputs.contains(&("unblock_hints", "one\ntwo"))
        );
        assert_eq!(
            said.annotation,
            "::warning title=govctl::HOLD 9f2c1ab to a|b%0A::error::forged, risk HIGH: \
             high_risk_no_approval%0Ato unblock:%0A  one%0A  two"
        );
        assert!(said.summary.contains("| Environment | a\\|b\u{fffd}&#58;&#58;error"));
        assert!(said.summary.contains("| approval | **HOLD** | &lt;b&gt;\\| |\n"));
    }

    #[test]
    fn every_end_has_its_level() {
        let table = [
            ("ALLOW", "not_attempted", "::notice title=govctl::ALLOW "),
            ("ALLOW", "success", "::notice title=govctl::DEPLOYED "),
            ("HOLD", "already_deployed", "::notice title=govctl::ALREADY DEPLOYED "),
            ("HOLD", "not_attempted", "::warning title=govctl::HOLD "),
            ("ALLOW", "failure", "::error title=govctl::FAILED "),
            ("HOLD", "unknown", "::error title=govctl::UNKNOWN "),
        ];
        for (decision, outcome, begin) in table {
            let said = Announcement::of(&json!({ "decision": decision, "outcome": outcome }));
            assert!(said.annotation.starts_with(begin), "{}", said.annotation);
        }
    }
}
