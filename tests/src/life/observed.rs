//! What is really on record, read from the files themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::Commit;
use super::disk::{Approval, Breaker, Disk, End, Freeze, Told, Try};
use super::order::started;
use crate::Stage;

const LOG: &str = "state/audit.jsonl";

/// Reads all of it. An error is something that must never be there.
pub(super) fn read(stage: &Stage, shas: &[String]) -> Result<Disk, String> {
    let reader = Reader { stage, shas, starts: BTreeMap::new() };
    reader.disk()
}

/// The process of the last command that was let go.
pub(super) fn last_process(stage: &Stage) -> Option<u32> {
    let lines = stage.dir.read(LOG);
    let started = lines.lines().rev().find(|line| line.contains("\"command_started\""))?;
    let entry: Value = serde_json::from_str(started).ok()?;
    u32::try_from(entry["after"]["pid"].as_u64()?).ok()
}

struct Reader<'a> {
    stage: &'a Stage,
    shas: &'a [String],
    /// The delivery of each start, as the model names it.
    starts: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn disk(mut self) -> Result<Disk, String> {
        let log = self.log()?;
        let release = self.document("release.json")?;
        let approvals = self.document("approvals.json")?;
        let freezes = self.document("freezes.json")?;
        let sha = |key: &str| release[key].as_str().map(|sha| self.commit(sha)).transpose();
        Ok(Disk {
            current: sha("production_sha_current")?,
            previous: sha("production_sha_previous")?,
            tries: self.each(&release["deploy_history"], |one| {
                let end = end(&one["result"])?;
                Ok(Try { commit: self.sha(one)?, at: time(&one["time_iso8601"])?, end })
            })?,
            marks: self
                .each(&release["rolled_back"], |one| {
                    Ok((self.sha(one)?, time(&one["time_iso8601"])?))
                })?
                .into_iter()
                .collect(),
            claims: self.claims()?,
            approvals: self.each(&approvals["approvals"], |one| {
                Ok(Approval {
                    commit: self.sha(one)?,
                    given: time(&one["given_at"])?,
                    until: time(&one["expires_at"])?,
                    revoked: !one["revoked"].is_null(),
                })
            })?,
            freezes: self.each(&freezes["freezes"], |one| {
                Ok(Freeze {
                    id: one["id"].as_u64().ok_or("a freeze without a number")?,
                    declared: time(&one["added_at"])?,
                    from: bound(&one["from"])?,
                    until: bound(&one["until"])?,
                    ended: !one["ended"].is_null(),
                })
            })?,
            breaker: self.breaker()?,
            waits: self.waits(),
            runs: self.runs()?,
            log,
        })
    }

    fn log(&mut self) -> Result<Vec<(i64, Told)>, String> {
        let text = self.stage.dir.read(LOG);
        let mut log = Vec::new();
        // What a kill has torn has no end, and the next line takes its place.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        for line in whole {
            let entry: Value =
                serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            let seq = log.len() as u64 + 1;
            if entry["what"] == "deploy_started" {
                let delivery = entry["after"].as_str().unwrap_or_default().to_owned();
                self.starts.insert(delivery, started(seq));
            }
            let told = self.told(&entry).map_err(|why| format!("{why} in {line}"))?;
            log.push((time(&entry["time"])?, told));
        }
        Ok(log)
    }

    fn told(&self, entry: &Value) -> Result<Told, String> {
        let (before, after) = (&entry["before"], &entry["after"]);
        let number = |value: &Value| value["id"].as_u64().ok_or("no number");
        Ok(match entry["what"].as_str().unwrap_or_default() {
            "deploy_started" => {
                let before = before["delivery_id"].as_str().map(|id| self.delivery(id));
                Told::Started { commit: self.sha(entry)?, before }
            }
            "command_started" => Told::Command(self.sha(entry)?),
            "deploy_finished" if before == "found_afterwards" => {
                Told::Found(self.sha(entry)?, end(after)?)
            }
            "deploy_finished" => Told::Finished(self.sha(entry)?, end(after)?),
            "deploy_taken_back" => {
                let delivery = self.delivery(after.as_str().unwrap_or_default());
                Told::TakenBack { commit: self.sha(entry)?, delivery }
            }
            "rolled_back" => Told::RolledBack(self.sha(entry)?),
            "approved" => {
                Told::Approved { commit: self.sha(entry)?, until: time(&after["expires_at"])? }
            }
            "approval_revoked" => Told::Revoked(self.sha(entry)?),
            "freeze_added" => Told::Frozen {
                id: number(after)?,
                from: bound(&after["from"])?,
                until: bound(&after["until"])?,
            },
            "freeze_ended" => Told::Thawed(number(before)?),
            "recorded" => Told::Recorded(self.sha(entry)?, end(after)?),
            "resolved" => Told::Resolved(self.sha(entry)?, end(after)?),
            "delivery_claimed" => {
                let key = after["key"].as_str().unwrap_or_default();
                let delivery = after["delivery_id"].as_str().unwrap_or_default().to_owned();
                Told::Claimed { commit: self.key(key)?, delivery }
            }
            other => return Err(format!("`{other}`, which nobody ordered,")),
        })
    }

    fn claims(&self) -> Result<BTreeMap<Commit, String>, String> {
        let document = self.document("delivery_ids.json")?;
        let entries = document.as_object().into_iter().flatten();
        let deliveries = entries.filter(|(key, _)| *key != "checksum");
        let claim = |(key, id): (&String, &Value)| {
            Ok((self.key(key)?, self.delivery(id.as_str().unwrap_or_default())))
        };
        deliveries.map(claim).collect()
    }

    fn breaker(&self) -> Result<Breaker, String> {
        let breaker = self.document("breakers/deploy-production.json")?;
        Ok(match breaker["state"].as_str() {
            None | Some("closed") => {
                Breaker::Closed { failures: breaker["failure_count"].as_u64().unwrap_or(0) }
            }
            Some("open") => {
                let retry = breaker["retry_at"].as_f64().ok_or("no retry_at")?;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "whole seconds of this century"
                )]
                Breaker::Open { retry: retry as i64 }
            }
            Some(_) => Breaker::Trial,
        })
    }

    fn waits(&self) -> Option<String> {
        let said = self.stage.dir.read("state/locks/deploy-production.waits");
        // Cut off before it was written, it says nothing.
        (!said.is_empty()).then(|| self.delivery(&said))
    }

    fn runs(&self) -> Result<Vec<(Commit, u64)>, String> {
        let text = self.stage.dir.read("ran");
        let run = |line: &str| {
            let (sha, fence) = line.split_once(' ').ok_or("a start without a fence")?;
            let fence = fence.parse().map_err(|_| format!("the fence `{fence}`"))?;
            Ok((self.commit(sha)?, fence))
        };
        text.lines().map(run).collect()
    }

    fn document(&self, name: &str) -> Result<Value, String> {
        let text = self.stage.dir.read(&format!("state/{name}"));
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| format!("`{name}` is damaged: {error}"))
    }

    fn each<T>(
        &self,
        list: &Value,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        list.as_array().into_iter().flatten().map(read).collect()
    }

    fn sha(&self, of: &Value) -> Result<Commit, String> {
        self.commit(of["sha"].as_str().unwrap_or_default())
    }

    fn key(&self, key: &str) -> Result<Commit, String> {
        self.commit(key.strip_prefix("local/shop:").unwrap_or(key))
    }

    fn commit(&self, sha: &str) -> Result<Commit, String> {
        let known = self.shas.iter().position(|known| known == sha);
        known.ok_or_else(|| format!("`{sha}` is no commit of ours"))
    }

    fn delivery(&self, id: &str) -> String {
        self.starts.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

fn end(word: &Value) -> Result<End, String> {
    Ok(match word.as_str() {
        Some("pending") => End::Open,
        Some("success") => End::Success,
        Some("failure") => End::Failure,
        Some("unknown") => End::Superseded,
        _ => return Err(format!("the result {word}")),
    })
}

fn time(text: &Value) -> Result<i64, String> {
    let parsed: Option<Timestamp> = text.as_str().and_then(|text| text.parse().ok());
    parsed.map(Timestamp::as_second).ok_or_else(|| format!("the time {text}"))
}

fn bound(text: &Value) -> Result<Option<i64>, String> {
    if text.is_null() { Ok(None) } else { time(text).map(Some) }
}
