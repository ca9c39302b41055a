//! Approvals by label and by comment, given by people who may write.
//!
//! Facts: <https://docs.github.com/en/rest/issues/events>,
//! <https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user>.

use booty_state::Sha;
use release_policy::{Approval, ApprovalKind, ApprovalMode, Policy};
use serde_json::Value;

use crate::github::{
    failure::Failure,
    hub::{Hub, escaped},
};

/// Who has approved `sha`, as the policy asks for it.
pub(crate) fn approvals(hub: &Hub, policy: &Policy, sha: &Sha) -> Result<Vec<Approval>, Failure> {
    let (kind, wanted) = match policy.approval_mode {
        ApprovalMode::Label => (ApprovalKind::Label, &policy.approval_label),
        ApprovalMode::Comment => (ApprovalKind::Comment, &policy.approval_command),
        _ => return Ok(Vec::new()),
    };
    let Some(wanted) = wanted else { return Ok(Vec::new()) };
    let mut approvals = Vec::new();
    for number in pull_requests(hub, &policy.deploy_workflow_ref, sha)? {
        let people = match kind {
            ApprovalKind::Label => Vec::from_iter(labelled_by(&hub.list(&events(number))?, wanted)),
            _ => commented_by(&hub.list(&comments(number))?, wanted, sha),
        };
        for person in people {
            if may_write(hub, &person)? {
                let detail = format!("`{wanted}` on pull request {number}");
                approvals.push(Approval { kind, by: Some(person), detail, given_at: None });
            }
        }
    }
    Ok(approvals)
}

fn events(number: u64) -> String {
    format!("issues/{number}/events?per_page=100")
}

fn comments(number: u64) -> String {
    format!("issues/{number}/comments?per_page=100")
}

/// The pull requests to `branch` of which `sha` is all: merged as it, or its last commit.
fn pull_requests(hub: &Hub, branch: &str, sha: &Sha) -> Result<Vec<u64>, Failure> {
    let list = hub.list(&format!("commits/{sha}/pulls?per_page=100"))?;
    let is_all = |pull: &&Value| {
        let is_sha = |value: &Value| value.as_str() == Some(sha.as_str());
        // One that merely contains the commit was approved for something else.
        pull["base"]["ref"].as_str() == Some(branch)
            && (is_sha(&pull["merge_commit_sha"]) || is_sha(&pull["head"]["sha"]))
    };
    Ok(list.iter().filter(is_all).filter_map(|pull| pull["number"].as_u64()).collect())
}

/// Who set the label, if it is set still.
fn labelled_by(events: &[Value], label: &str) -> Option<String> {
    let ours = events.iter().filter(|event| event["label"]["name"].as_str() == Some(label));
    let mut set_by = None;
    for event in ours {
        match event["event"].as_str() {
            Some("labeled") => set_by = person(&event["actor"]),
            Some("unlabeled") => set_by = None,
            _ => {}
        }
    }
    set_by
}

/// Who wrote the command as the first line of a comment, alone or with the commit it is for.
fn commented_by(comments: &[Value], command: &str, sha: &Sha) -> Vec<String> {
    let approves = |comment: &&Value| {
        let line = comment["body"].as_str().and_then(|body| body.lines().next());
        let rest = line.and_then(|line| line.trim().strip_prefix(command.trim()));
        rest.is_some_and(|rest| {
            let named = rest.trim_start();
            let is_word = rest.is_empty() || rest.len() > named.len();
            let is_it = named.is_empty() || named.len() >= 7 && sha.as_str().starts_with(named);
            is_word && is_it
        })
    };
    let mut people: Vec<String> =
        comments.iter().filter(approves).filter_map(|comment| person(&comment["user"])).collect();
    people.dedup();
    people
}

/// The name of a person. What a program writes is no approval.
fn person(user: &Value) -> Option<String> {
    let is_person = user["type"].as_str() == Some("User");
    user["login"].as_str().filter(|_| is_person).map(str::to_owned)
}

/// Whether a person may push to the repository. Somebody GitHub does not know may not.
fn may_write(hub: &Hub, person: &str) -> Result<bool, Failure> {
    let path = hub.path(&format!("collaborators/{}/permission", escaped(person)));
    match hub.client().get::<Value>(&path) {
        Ok(found) => Ok(matches!(found["permission"].as_str(), Some("admin" | "write"))),
        Err(failure) if failure.status() == Some(404) => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_counts_for_who_set_it_last_and_only_while_it_is_set() {
        let event = |what: &str, label: &str, who: &str| {
            json!({ "event": what, "label": { "name": label },
                    "actor": { "login": who, "type": "User" } })
        };
        let set = event("labeled", "ok", "ana");
        let table = [
            (vec![set.clone()], Some("ana")),
            (vec![set.clone(), event("unlabeled", "ok", "bob")], None),
            (
                vec![set.clone(), event("unlabeled", "ok", "bob"), event("labeled", "ok", "eve")],
                Some("eve"),
            ),
            (vec![event("labeled", "other", "ana")], None),
            (
                vec![json!({ "event": "labeled", "label": { "name": "ok" },
                          "actor": { "login": "bot", "type": "Bot" } })],
                None,
            ),
        ];
        for (events, expected) in table {
            assert_eq!(labelled_by(&events, "ok").as_deref(), expected, "{events:?}");
        }
    }

    #[test]
    fn a_comment_counts_if_its_first_line_is_the_command() {
        let sha: Sha = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f".parse().unwrap();
        let people = |body: &str| {
            let comment = json!({ "body": body, "user": { "login": "ana", "type": "User" } });
            commented_by(&[comment], "/approve", &sha).len()
        };
        for body in
            ["/approve", "  /approve \r\nbecause", "/approve 9f2c1ab", "/approve  9f2c1ab3d2c7"]
        {
            assert_eq!(people(body), 1, "{body:?}");
        }
        let no = [
            "I would /approve",
            "> /approve",
            "x\n/approve",
            "/approved",
            "/approve 41be77c",
            "/approve 9f2c1",
            "/approve it",
            "",
        ];
        for body in no {
            assert_eq!(people(body), 0, "{body:?}");
        }
    }
}
