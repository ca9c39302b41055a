//! `govctl delivery`

use std::fmt;

use booty_state::{Claim, Delivery, DeliveryId, DeliveryKey, Keep, NewEntry, Repo, Subject};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::{
    context::Context,
    exit::{CliError, Exit, Kind},
    output::{Output, clean},
    project::full_id,
};

/// Ask and tell which commits were handled
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveryCommand {
    /// Say whether a commit was handled: exit 0 if it was, 1 if not
    Has(Commit),
    /// Check and record in one step: exit 0 if it is new, 1 if it was handled
    ///
    /// Of any number of claims of one commit at once, exactly one is told that it is new, and
    /// that survives a power cut before it is told.
    Claim(Handled),
    /// Record who handled a commit, whatever was recorded before
    Record(Handled),
    /// List what was handled, in order of arrival
    List {
        /// Only of this repository
        #[arg(id = "delivery_repo", value_name = "OWNER/NAME")]
        repo: Option<Repo>,
    },
    /// Forget the oldest of each repository
    Prune {
        /// How many commits of each repository stay, and how many other keys; 0 keeps all
        #[arg(long, value_name = "N")]
        keep: u32,
    },
}

/// A commit of a repository.
#[derive(Args, Debug)]
pub(crate) struct Commit {
    // Its own id: `repo` is the global option.
    /// The repository
    #[arg(id = "delivery_repo", value_name = "OWNER/NAME")]
    repo: Repo,
    /// The commit, or another key such as deploy_run_123
    sha: String,
}

/// A commit of a repository and who handled it.
#[derive(Args, Debug)]
pub(crate) struct Handled {
    #[command(flatten)]
    subject: Commit,
    /// The delivery: the id of the event that it is handled for
    #[arg(value_name = "ID")]
    id: DeliveryId,
}

pub(crate) fn run(
    command: &DeliveryCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    let deliveries = context.deliveries();
    match command {
        DeliveryCommand::Has(subject) => {
            let delivery_id = deliveries.find(&subject.key(context)?)?;
            let handled = delivery_id.is_some();
            let schema = "govctl.delivery-has/1";
            out.report(&Has { schema, handled, delivery_id })?;
            Ok(if handled { Exit::Yes } else { Exit::No })
        }
        DeliveryCommand::Claim(Handled { subject, id }) => {
            let key = subject.key(context)?;
            let (new, delivery_id) = match deliveries.claim(&key, id)? {
                Claim::New => (true, id.to_string()),
                Claim::Already { by } => (false, by),
            };
            if new {
                note(context, "delivery_claimed", &key, id);
            }
            let claimed = Claimed { schema: "govctl.delivery-claim/1", new, delivery_id };
            // Whoever is not told that the claim is theirs must not take it for nobody's.
            let untold =
                |error| if new { CliError { kind: Kind::Unknown, ..error } } else { error };
            out.report(&claimed).map_err(untold)?;
            Ok(if new { Exit::Yes } else { Exit::No })
        }
        DeliveryCommand::Record(Handled { subject, id }) => {
            let key = subject.key(context)?;
            deliveries.record(&key, id)?;
            note(context, "delivery_recorded", &key, id);
            let schema = "govctl.delivery-record/1";
            out.report(&Recorded { schema, key: key.to_string(), delivery_id: id.to_string() })?;
            Ok(Exit::Yes)
        }
        DeliveryCommand::List { repo } => {
            let list = deliveries.list(repo.as_ref())?;
            let entry = |found: Delivery| Entry {
                schema: "govctl.delivery/1",
                repo: found.key.repo().to_string(),
                sha: found.key.subject().to_string(),
                delivery_id: found.id,
            };
            let entries = list.into_iter().map(entry);
            out.report(&List(entries.collect()))?;
            Ok(Exit::Yes)
        }
        DeliveryCommand::Prune { keep } => {
            let newest = if *keep == 0 { Keep::All } else { Keep::Newest(*keep) };
            let removed = deliveries.prune(newest)?;
            if removed > 0 {
                let now = context.now().into();
                let entry = NewEntry::new(now, context.who(), "delivery_pruned")
                    .because(format!("{removed} forgotten, {keep} of each repository kept"));
                write_down(context, &entry);
            }
            out.report(&Pruned { schema: "govctl.delivery-prune/1", removed })?;
            Ok(Exit::Yes)
        }
    }
}

impl Commit {
    /// A full id is taken as it is, so that a webhook needs no work tree; anything shorter is
    /// what git says it is there, or else another key of the old program.
    fn key(&self, context: &Context) -> Result<DeliveryKey, CliError> {
        if let Some(sha) = full_id(&self.sha) {
            return Ok(DeliveryKey::of(&self.repo, &sha));
        }
        let git = context.git();
        if git.top_level()?.is_some()
            && let Ok(sha) = git.commit(&self.sha)
        {
            return Ok(DeliveryKey::of(&self.repo, &sha));
        }
        // Any other word is far more likely a revision that is not there.
        if is_numbered(&self.sha)
            && let Ok(word) = self.sha.parse::<Subject>()
        {
            return Ok(DeliveryKey::new(self.repo.clone(), word));
        }
        let message =
            format!("`{}` is neither a commit nor a key such as deploy_run_123", self.sha);
        Err(CliError::usage(message).hint("give all 40 or 64 hex digits of the commit"))
    }
}

/// Whether `word` looks like `deploy_run_123`: it ends in an underscore and a number,
/// decimal or hexadecimal.
fn is_numbered(word: &str) -> bool {
    word.rsplit_once('_').is_some_and(|(name, number)| {
        let is_hex = number.bytes().all(|byte| byte.is_ascii_hexdigit());
        !name.is_empty() && !number.is_empty() && is_hex
    })
}

pub(super) fn note(context: &Context, what: &'static str, key: &DeliveryKey, id: &DeliveryId) {
    let entry = NewEntry::new(context.now().into(), context.who(), what).changing(
        Value::Null,
        serde_json::json!({ "key": key.to_string(), "delivery_id": id.as_str() }),
    );
    write_down(context, &entry);
}

/// Adds a line about what has happened already. Without it the answer stays what it is: a
/// claim that was won must not look like one that was lost.
fn write_down(context: &Context, entry: &NewEntry) {
    if let Err(error) = context.audit().append(entry) {
        let error = CliError::from(error);
        tracing::error!(%error, "it is done, but its line in the audit log is missing");
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Has {
    schema: &'static str,
    /// Whether the commit was handled.
    handled: bool,
    /// The delivery that it was handled for.
    delivery_id: Option<String>,
}

impl fmt::Display for Has {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.delivery_id {
            Some(id) => write!(f, "handled by {}", clean(id)),
            None => f.write_str("not handled"),
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Claimed {
    schema: &'static str,
    /// Whether the commit was new, and is claimed now.
    new: bool,
    /// The delivery that has it now.
    delivery_id: String,
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.new { "new, claimed by" } else { "already handled by" };
        write!(f, "{word} {}", clean(&self.delivery_id))
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Recorded {
    schema: &'static str,
    /// What was handled: `owner/name:commit`, or another key of the old program.
    key: String,
    /// The delivery that it is handled for.
    delivery_id: String,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is handled by {}", clean(&self.key), clean(&self.delivery_id))
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct List(Vec<Entry>);

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    schema: &'static str,
    /// The repository, as `owner/name`.
    repo: String,
    /// The commit, or another key of the old program.
    sha: String,
    /// The delivery that it was handled for.
    delivery_id: String,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|entry| {
            let Entry { repo, sha, delivery_id, .. } = entry;
            writeln!(f, "{}:{}  {}", clean(repo), clean(sha), clean(delivery_id))
        })
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Pruned {
    schema: &'static str,
    /// How many were forgotten.
    removed: usize,
}

impl fmt::Display for Pruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} forgotten", self.removed)
    }
}
