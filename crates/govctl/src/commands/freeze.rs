//! `govctl freeze`

use std::time::SystemTime;

use booty_state::{Freeze, Moment, NewEntry, Withdrawn};
use clap::{Args, Subcommand};
use release_policy::{Edge, ScheduleError, Weekly, Zone};
use serde_json::{Map, Value, json};

use crate::{
    commands::freeze_report::{List, Report},
    context::Context,
    exit::{CliError, Exit},
    output::Output,
    project::Project,
    reason,
};

/// Say when nothing is to go out, and why
#[derive(Subcommand, Debug)]
pub(crate) enum FreezeCommand {
    Add(AddArgs),
    List(ListArgs),
    End(EndArgs),
}

/// Declare a freeze: from now on, between two moments, or in windows that come back every week
///
/// Nothing goes out while it is in force, except a commit that was approved since with `govctl
/// approve`, and a rollback. Several freezes are in force beside each other.
///
/// A TIME has an offset (2026-12-24T18:00:00Z), or is what the clock of --tz shows (2026-12-24
/// 18:00, or 2026-12-24 for the beginning of that day). Where that clock is set forward, a time
/// that it jumps over comes at the jump; where it is set back, a freeze starts at the first of
/// the two and ends at the second.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Nothing before this [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Nothing from this on [default: until it is ended]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only in this window of the week, such as "Fri 16:00-Mon 08:00"; may be given several times
    #[arg(long, value_name = "WINDOW")]
    weekly: Vec<Weekly>,
    /// The time zone of the clock that the times go by, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: Zone,
    /// Why; whoever is held by it reads this
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: String,
}

/// List the freezes that are not over, oldest first
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Also those that are over or were ended
    #[arg(long)]
    all: bool,
}

/// End a freeze before its time
///
/// Without an ID, the only one that is not over. Exits 1 if there is none to end.
#[derive(Args, Debug)]
pub(crate) struct EndArgs {
    /// Its number, as `freeze list` shows it
    id: Option<u64>,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(
    command: &FreezeCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    match command {
        FreezeCommand::Add(args) => add(args, context, out),
        FreezeCommand::List(args) => list(args, context, out),
        FreezeCommand::End(args) => end(args, context, out),
    }
}

fn add(args: &AddArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    // A freeze beside the state of another project would hold nobody.
    context.releases(&project).load()?;
    let now = context.now();
    let freezes = context.freezes();
    let line = |added: &Freeze| {
        let mut entry = NewEntry::new(now.into(), context.who(), "freeze_added")
            .because(&args.reason)
            .changing(Value::Null, traced(added));
        entry.repo = Some(project.repo.clone());
        entry
    };
    let freeze = freezes.add_after(&context.audit(), &declared(args, context, now)?, line)?;
    out.report_done(&Report::of(&freeze, &freezes.place(), now)?);
    Ok(Exit::Yes)
}

/// What the arguments ask for, unless it makes no sense.
fn declared(args: &AddArgs, context: &Context, now: SystemTime) -> Result<Freeze, CliError> {
    let unreadable =
        |error: ScheduleError| CliError::usage("cannot declare such a freeze").because(&error);
    let moment = |text: &Option<String>, edge| {
        text.as_deref().map(|text| args.tz.moment(text, edge)).transpose().map_err(unreadable)
    };
    let (from, until) = (moment(&args.from, Edge::Start)?, moment(&args.until, Edge::End)?);
    let refused = |why: &str| Err(CliError::usage(format!("cannot declare such a freeze: {why}")));
    if until.is_some_and(|until| until <= now) {
        return refused("it would be over already");
    }
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return refused("it would end before it begins");
    }
    Ok(Freeze {
        id: 0,
        reason: args.reason.clone(),
        by: context.who(),
        added_at: now.into(),
        from: from.map(Moment::from),
        until: until.map(Moment::from),
        weekly: args.weekly.iter().map(Weekly::to_string).collect(),
        time_zone: args.tz.to_string(),
        ended: None,
        unknown: Map::new(),
    })
}

/// What the audit log keeps of a freeze.
fn traced(freeze: &Freeze) -> Value {
    let Freeze { id, reason, from, until, weekly, time_zone, .. } = freeze;
    json!({
        "id": id, "reason": reason, "from": from, "until": until, "weekly": weekly,
        "time_zone": time_zone,
    })
}

fn list(args: &ListArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let now = context.now();
    let freezes = context.freezes();
    let recorded = freezes.load()?;
    let shown = recorded.list().iter().filter(|freeze| args.all || !freeze.is_over(now.into()));
    let list: Result<Vec<Report>, CliError> =
        shown.map(|freeze| Report::of(freeze, &freezes.place(), now)).collect();
    let list = list?;
    if list.is_empty() {
        out.note(&"note: nothing is frozen, now or later");
    }
    out.report(&List(list))?;
    Ok(Exit::Yes)
}

fn end(args: &EndArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let now = context.now();
    let freezes = context.freezes();
    let id = match args.id {
        Some(id) => Some(id),
        None => the_only_one(freezes.load()?.standing(now.into()))?,
    };
    let ended = Withdrawn { at: now.into(), by: context.who(), reason: args.reason.clone() };
    let line = |found: &Freeze| {
        let mut entry = NewEntry::new(now.into(), context.who(), "freeze_ended")
            .changing(traced(found), Value::Null);
        entry.repo = Some(project.repo.clone());
        entry.why.clone_from(&args.reason);
        entry
    };
    let log = context.audit();
    let found = id.map(|id| freezes.end_after(&log, id, &ended, line)).transpose()?.flatten();
    let Some(found) = found else {
        let which = id.map_or("there is no freeze".to_owned(), |id| {
            format!("freeze {id} is over, or was never declared")
        });
        out.note(&format!("note: {which}; nothing was changed"));
        out.report(&List(Vec::new()))?;
        return Ok(Exit::No);
    };
    // Also one that this program cannot read can be ended; then there is no more to say of it.
    out.report_done(&List(vec![Report::of_ended(&found)]));
    Ok(Exit::Yes)
}

fn the_only_one<'a>(standing: impl Iterator<Item = &'a Freeze>) -> Result<Option<u64>, CliError> {
    let standing: Vec<&Freeze> = standing.collect();
    if standing.len() > 1 {
        let message = format!("there are {} freezes: say which one to end", standing.len());
        let hints = standing.iter().map(|freeze| format!("govctl freeze end {}", freeze.id));
        return Err(hints.fold(CliError::usage(message), CliError::hint));
    }
    Ok(standing.first().map(|freeze| freeze.id))
}
