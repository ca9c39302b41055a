//! The keys of a decision, in their order: a contract with scripts.

use release_policy::{Facts, Field, Governor, Policy, decide};
use serde_json::Value;

use crate::support::{ago, approved, high, ready};

fn json(facts: &Facts) -> Value {
    serde_json::to_value(decide(facts, &Policy::default())).unwrap()
}

#[test]
fn the_keys_are_those_of_the_command_line() {
    let value = json(&Facts { changes: high(), base_live_since: Some(ago(3600)), ..ready() });
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "decision",
            "risk_class",
            "reason",
            "sha",
            "base",
            "base_live_since",
            "repo",
            "environment",
            "unblock_hints",
            "retry_at",
            "risk_notes",
            "paths",
            "path_matches",
            "rules",
            "evaluated_at",
        ]
    );
    assert_eq!(value["decision"], "HOLD");
    assert_eq!(value["risk_class"], "HIGH");
    assert_eq!(value["reason"], "high_risk_no_approval");
    assert_eq!(value["retry_at"], Value::Null);
    assert_eq!(value["base_live_since"], "2026-11-20T17:00:00Z");
    assert_eq!(value["evaluated_at"], "2026-11-20T18:00:00Z");
    assert_eq!(
        value["path_matches"][0],
        serde_json::json!({
            "path": "db/migrations/0007_drop.sql",
            "status": "M",
            "pattern": "**/migrations/**",
            "list": "high_risk_paths",
        })
    );
}

#[test]
fn every_rule_is_there_with_its_inputs() {
    let value = json(&Facts { approvals: approved(), recent_deploys: vec![ago(10); 2], ..ready() });
    let rules = value["rules"].as_array().unwrap();
    let names: Vec<&str> = rules.iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "governor",
            "live",
            "in_progress",
            "outcome",
            "verification",
            "breaker",
            "freeze",
            "configured",
            "first_deploy",
            "degraded",
            "cooldown",
            "rate",
            "rolled_back",
            "redeploy",
            "descendant",
            "degraded_medium",
            "approval",
        ]
    );
    let rate = rules.iter().find(|rule| rule["rule"] == "rate").unwrap();
    assert_eq!(
        rate.to_string(),
        r#"{"rule":"rate","pass":true,"reason":null,"detail":"2 of 6 in the last hour","retry_at":null,"inputs":{"used":2,"limit":6}}"#
    );
}

#[test]
fn settings_tell_their_origin() {
    let variables = [("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "5")];
    let governor = Governor::Enabled(Policy::default()).overridden_by(variables).unwrap().governor;
    let settings = governor.settings();
    let setting = settings.iter().find(|setting| setting.field == Field::CooldownMinutes).unwrap();
    assert_eq!(
        serde_json::to_string(setting).unwrap(),
        r#"{"field":"cooldown_minutes","value":5,"origin":{"from":"variable","name":"RELEASE_GOVERNOR_COOLDOWN_MINUTES"}}"#
    );
}
