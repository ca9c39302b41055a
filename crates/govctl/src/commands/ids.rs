//! `govctl ids`

use std::fmt;

use booty_state::NewEntry;
use clap::{Args, Subcommand};
use external_ids::{ExternalId, IdsError, InternalId, Series, Tracker, TrackerKey};
use serde::Serialize;

use crate::{
    context::Context,
    exit::{CliError, Exit, Kind},
    output::{Output, clean},
};

/// Map our ids to those of a tracker, and back
#[derive(Debug, Subcommand)]
pub(crate) enum IdsCommand {
    /// Print the external id of an internal one; hand out the next number if it has none
    Map {
        /// The internal id, such as TASK-SHOP-12
        internal: InternalId,
        #[command(flatten)]
        series: SeriesArgs,
    },
    /// Print whose external id it is: exit 0 if anybody's, 1 if nobody's
    Find {
        /// The external id, such as SHOP-12, or 12 where the tracker has no keys
        external: String,
        /// azure_devops, github, jira or linear
        tracker: Tracker,
    },
    /// Print the external ids of an internal one: exit 1 if it has none
    Show {
        /// The internal id, such as TASK-SHOP-12
        internal: InternalId,
    },
    /// Hand out the next number without recording whose it is
    Next {
        #[command(flatten)]
        series: SeriesArgs,
    },
    /// Record an id that the tracker itself gave out: exit 1 if it contradicts what is recorded
    Link {
        /// The internal id, such as TASK-SHOP-12
        internal: InternalId,
        /// azure_devops, github, jira or linear
        tracker: Tracker,
        /// The external id
        external: String,
    },
    /// List every id
    List,
    /// Make counters that begin above every number that is recorded, after they were lost
    RebuildCounters {
        /// The largest number that may have been handed out without being recorded
        #[arg(long, value_name = "N")]
        floor: u64,
    },
}

/// In which series a number is handed out.
#[derive(Args, Debug)]
pub(crate) struct SeriesArgs {
    /// azure_devops, github, jira or linear
    tracker: Tracker,
    /// The project or team, where the tracker numbers each on its own
    #[arg(long)]
    key: Option<TrackerKey>,
}

pub(crate) fn run(command: &IdsCommand, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let (ids, now) = (context.ids(), context.now());
    match command {
        IdsCommand::Map { internal, series } => {
            let mapped = ids.map(internal, &series.checked()?, now)?;
            out.report(
                &Mapped::new(internal, &mapped.external, mapped.created).showing_external(),
            )?;
            Ok(Exit::Yes)
        }
        IdsCommand::Link { internal, tracker, external } => {
            let external = parse(*tracker, external)?;
            let mapped = ids.link(internal, &external, now)?;
            out.report(&Mapped::new(internal, &external, mapped.created).showing_external())?;
            Ok(Exit::Yes)
        }
        IdsCommand::Find { external, tracker } => {
            let external = parse(*tracker, external)?;
            let registry = ids.load()?;
            let found = registry.find(&external).iter();
            let found =
                found.map(|internal| Mapped::new(internal, &external, false).showing_internal());
            answer(out, found.collect())
        }
        IdsCommand::Show { internal } => {
            let registry = ids.load()?;
            let found = registry.all(internal);
            answer(out, found.map(|external| Mapped::new(internal, external, false)).collect())
        }
        IdsCommand::Next { series } => {
            out.report(&Next::of(&ids.next(&series.checked()?, now)?))?;
            Ok(Exit::Yes)
        }
        IdsCommand::List => {
            let registry = ids.load()?;
            let all = registry.iter();
            out.report(&Ids(all
                .map(|(internal, external)| Mapped::new(internal, external, false))
                .collect()))?;
            Ok(Exit::Yes)
        }
        IdsCommand::RebuildCounters { floor } => {
            ids.rebuild_counters(*floor, now)?;
            let entry = NewEntry::new(now.into(), context.who(), "id_counters_rebuilt")
                .because(format!("every series goes on above {floor}"));
            context.audit().append(&entry)?;
            out.note(&format!("every series goes on above {floor} and above what is recorded"));
            Ok(Exit::Yes)
        }
    }
}

/// Prints what was found: exit 1 if that is nothing.
fn answer(out: &Output, found: Vec<Mapped>) -> Result<Exit, CliError> {
    let exit = if found.is_empty() { Exit::No } else { Exit::Yes };
    out.report(&Ids(found))?;
    Ok(exit)
}

fn parse(tracker: Tracker, external: &str) -> Result<ExternalId, CliError> {
    ExternalId::parse(tracker, external).map_err(|error| CliError::usage(error.to_string()))
}

impl SeriesArgs {
    fn checked(&self) -> Result<Series, CliError> {
        Series::new(self.tracker, self.key.clone()).map_err(|error| {
            CliError::usage(error.to_string()).hint("--key KEY, for jira and linear only")
        })
    }
}

impl From<IdsError> for CliError {
    fn from(error: IdsError) -> CliError {
        match error {
            IdsError::Store(error) => error.into(),
            IdsError::HasAnother { .. } | IdsError::Taken { .. } => {
                CliError::new(Kind::Refused, error.to_string()).hint("govctl ids list")
            }
            IdsError::CountersMissing { .. } => CliError::broken(error.to_string()).hint(
                "bring the file back from its .bak, or: govctl ids rebuild-counters --floor N",
            ),
            other => CliError::broken(other.to_string()),
        }
    }
}

/// One pair of ids.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Mapped {
    schema: &'static str,
    /// Our id.
    internal: String,
    /// The tracker.
    #[cfg_attr(test, schemars(extend("enum" = ["azure_devops", "github", "jira", "linear"])))]
    tracker: &'static str,
    /// The tracker's id.
    external: String,
    /// Whether it was recorded just now.
    created: bool,
    #[serde(skip)]
    shown: Shown,
}

/// What of a pair people want to see.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Both,
    Internal,
    External,
}

impl Mapped {
    fn new(internal: &InternalId, external: &ExternalId, created: bool) -> Mapped {
        Mapped {
            schema: "govctl.id/1",
            internal: internal.to_string(),
            tracker: external.tracker().name(),
            external: external.to_string(),
            created,
            shown: Shown::Both,
        }
    }

    fn showing_external(self) -> Mapped {
        Mapped { shown: Shown::External, ..self }
    }

    fn showing_internal(self) -> Mapped {
        Mapped { shown: Shown::Internal, ..self }
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mapped { internal, tracker, external, .. } = self;
        match self.shown {
            Shown::Both => write!(f, "{}  {tracker}  {}", clean(internal), clean(external)),
            Shown::Internal => f.write_str(&clean(internal)),
            Shown::External => f.write_str(&clean(external)),
        }
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct Ids(Vec<Mapped>);

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mapped| writeln!(f, "{mapped}"))
    }
}

/// A number that was handed out.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Next {
    schema: &'static str,
    /// The tracker.
    #[cfg_attr(test, schemars(extend("enum" = ["azure_devops", "github", "jira", "linear"])))]
    tracker: &'static str,
    /// The id that was handed out.
    external: String,
}

impl Next {
    fn of(external: &ExternalId) -> Next {
        let tracker = external.tracker().name();
        Next { schema: "govctl.id-next/1", tracker, external: external.to_string() }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.external)
    }
}
