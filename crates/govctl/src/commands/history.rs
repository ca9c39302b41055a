//! `govctl history`

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, SystemTime},
};

use booty_state::Entry;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::{
    context::{Context, rfc3339},
    duration,
    exit::{CliError, Exit},
    output::{Output, clean},
    project::Project,
    view::short,
};

/// Show everything that changed the state: who, when, what, why
///
/// With --verify it proves that no line was changed, removed or put elsewhere: each line
/// carries the hash of the one before, and a mark beside the log says which was the last. Exits 3
/// if the proof fails.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Only the newest N
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what is younger than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
    /// Only what is about this commit
    #[arg(long, value_name = "SHA")]
    sha: Option<String>,
    /// Prove that the log is whole
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(args: &HistoryArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let audit = context.audit();
    if args.verify {
        let verified = audit.verify()?;
        let entries = if verified.entries == 1 { "entry" } else { "entries" };
        out.note(&format!("the log is whole: {} {entries}", verified.entries));
        if verified.entries > 0 && !verified.is_end_known {
            out.note(&"note: no mark says which line was the last, as after a crash; the next line leaves one");
        }
    }
    let sha = match &args.sha {
        Some(revision) => Some(Project::open(context, out)?.recorded_commit(revision)?),
        None => None,
    };
    let since = args.since.and_then(|since| context.now().checked_sub(since));
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut list = VecDeque::new();
    let mut entries = audit.entries()?;
    for entry in entries.by_ref() {
        let entry = entry?;
        let young = since.is_none_or(|since| SystemTime::from(entry.time) >= since);
        if young && (sha.is_none() || entry.sha == sha) {
            list.push_back(Line { schema: "govctl.history/1", entry });
            // What is not shown is not kept: a log is never pruned.
            if list.len() > limit {
                list.pop_front();
            }
        }
    }
    if entries.skipped() > 0 {
        let skipped = entries.skipped();
        let what = if skipped == 1 { "line is no entry" } else { "lines are no entries" };
        out.note(&format!("note: {skipped} {what}: govctl history --verify"));
    }
    out.report(&History(list))?;
    Ok(Exit::Yes)
}

/// One array in JSON, one line each for people; oldest first.
#[derive(Debug, Serialize)]
struct History(VecDeque<Line>);

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Line {
    schema: &'static str,
    #[serde(flatten)]
    entry: Entry,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { entry, .. } in &self.0 {
            let time = rfc3339(entry.time.into());
            let sha = entry.sha.as_ref().map(ToString::to_string).unwrap_or_default();
            write!(
                f,
                "{time}  {:<18} {:<7}  {}",
                clean(&entry.what),
                short(&sha),
                clean(&entry.who)
            )?;
            if let Some(after) = &entry.after {
                write!(f, "  {}", clean(&in_words(after)))?;
            }
            if let Some(why) = &entry.why {
                write!(f, "  ({})", clean(why))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What was there after a change, as a person reads it; `--json` has all of it.
fn in_words(after: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(object) = after.as_object() else { return plain(after) };
    // A process: what else identifies it is for machines.
    if let (Some(pid), Some(host)) = (object.get("pid"), object.get("hostname")) {
        return format!("pid {pid} on {}", plain(host));
    }
    let said = object.iter().filter(|(_, value)| !value.is_null());
    said.map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::in_words;

    #[test]
    fn what_was_there_after_a_change_is_told_without_braces() {
        let process = json!({"pid": 7, "hostname": "web-1", "boot_id": "f2b09298"});
        let table = [
            (json!("success"), "success"),
            (process, "pid 7 on web-1"),
            (json!({"to": "8fa4f21", "why": null, "kept": 3}), "to 8fa4f21, kept 3"),
            (json!({"from": {"a": 1}}), "from {\"a\":1}"),
            (json!(null), "null"),
        ];
        for (after, words) in table {
            assert_eq!(in_words(&after), words, "{after}");
        }
    }
}
