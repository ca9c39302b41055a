//! `govctl breaker`

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use booty_state::NewEntry;
use circuit_breaker::{CircuitState, Event, Machine, Outages};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::breaker_run;
use crate::{
    breaker::{Breaker, Name, Rules, Told},
    context::{Context, rfc3339},
    exit::{CliError, Exit},
    output::{BAD, GOOD, Output, clean},
    reason,
};

/// Stop calling what keeps failing: circuit breakers for scripts
///
/// A breaker is a name; it begins closed. Failures in a row open it, and then nothing goes
/// through until its time is over and a trial decides. Those named deploy-ENVIRONMENT are the
/// governor's own.
#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Show a breaker and its outages
    Status {
        /// The breaker
        name: Name,
    },
    /// Show all breakers
    List,
    /// Ask whether to go on: exit 0 if so, 1 if not
    ///
    /// Half-open, this takes the trial. Say how it went with `success` or `failure`; a trial
    /// without an answer is given up after 10 minutes.
    Check(Ruled),
    /// Record a success
    Success(Ruled),
    /// Record a failure
    Failure(Ruled),
    /// Close a breaker by hand and forget its failures
    Reset(Order),
    /// Open a breaker by hand; it recovers as if failures had opened it
    Trip(Order),
    Run(breaker_run::RunArgs),
}

/// A breaker and its rules.
#[derive(Args, Debug)]
pub(crate) struct Ruled {
    /// The breaker
    name: Name,
    #[command(flatten)]
    rules: Rules,
}

/// A person's order to a breaker.
#[derive(Args, Debug)]
pub(crate) struct Order {
    /// The breaker
    name: Name,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(
    command: &BreakerCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    let now = context.now();
    match command {
        BreakerCommand::Status { name } => {
            let breaker = Breaker::open(context, name, &Rules::default())?;
            out.report(&Report::of(&breaker, &breaker.load(now)?, now))?;
            Ok(Exit::Yes)
        }
        BreakerCommand::List => {
            let report = |name: &Name| {
                let breaker = Breaker::open(context, name, &Rules::default())?;
                Ok(Report::of(&breaker, &breaker.load(now)?, now))
            };
            let list: Result<Vec<Report>, CliError> =
                context.breaker_names()?.iter().map(report).collect();
            out.report(&List(list?))?;
            Ok(Exit::Yes)
        }
        BreakerCommand::Check(Ruled { name, rules }) => {
            let breaker = Breaker::open(context, name, rules)?;
            let asked = breaker.ask(now)?;
            let mut report = Report::of(&breaker, &breaker.load(now)?, now);
            report.go = Some(asked.is_ok());
            report.retry_at = asked.err().map(|refused| rfc3339(refused.retry_at));
            out.report(&report)?;
            Ok(if asked.is_ok() { Exit::Yes } else { Exit::No })
        }
        BreakerCommand::Success(ruled) => ruled.tell(Event::Success, context, out),
        BreakerCommand::Failure(ruled) => ruled.tell(Event::Failure, context, out),
        BreakerCommand::Reset(order) => order.give("breaker_reset", context, out, |machine| {
            Event::Reset { generation: machine.generation() }
        }),
        BreakerCommand::Trip(order) => order.give("breaker_tripped", context, out, |machine| {
            let reason = order.reason.clone().unwrap_or_default();
            Event::Tripped { generation: machine.generation(), reason }
        }),
        BreakerCommand::Run(args) => breaker_run::run(args, context, out),
    }
}

impl Ruled {
    fn tell(
        &self,
        event: fn(circuit_breaker::Ticket) -> Event,
        context: &Context,
        out: &Output,
    ) -> Result<Exit, CliError> {
        let (breaker, now) = (Breaker::open(context, &self.name, &self.rules)?, context.now());
        let told = breaker.tell(|machine| event(machine.ticket()), now)?;
        out.report(&Report::of(&breaker, &told.after, now))?;
        Ok(Exit::Yes)
    }
}

impl Order {
    fn give(
        &self,
        what: &'static str,
        context: &Context,
        out: &Output,
        event: impl Fn(&Machine) -> Event,
    ) -> Result<Exit, CliError> {
        let now = context.now();
        let breaker = Breaker::open(context, &self.name, &Rules::default())?;
        let Told { before, after, .. } = breaker.tell(event, now)?;
        let state = |machine: &Machine| json!({ "breaker": self.name.as_str(), "state": machine.state(now).to_string() });
        let mut entry =
            NewEntry::new(now.into(), context.who(), what).changing(state(&before), state(&after));
        entry.why.clone_from(&self.reason);
        context.audit().append(&entry)?;
        out.report(&Report::of(&breaker, &after, now))?;
        Ok(Exit::Yes)
    }
}

/// A breaker as people and programs see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    pub(super) schema: &'static str,
    /// Its name.
    name: String,
    /// The answer of `check`: whether to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) go: Option<bool>,
    /// Whether it lets calls through.
    state: CircuitState,
    /// Failures since the last success; 0 if it is not closed.
    failure_count: u32,
    /// Trials that succeeded since it turned half-open.
    success_count: u32,
    /// Failures in a row that open it.
    threshold: u32,
    /// When it opened; `null` if it is closed.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    opened_at: Option<String>,
    /// When to ask again.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub(super) retry_at: Option<String>,
    /// Why a person opened it.
    reason: Option<String>,
    /// When it let nothing through, oldest first.
    outages: Vec<OutageView>,
    /// How long an outage lasts on average, in seconds; `null` before the first one is over.
    mean_time_to_repair_s: Option<f64>,
    /// How long it works between two outages on average, in seconds; `null` before the second one.
    mean_time_between_failures_s: Option<f64>,
    /// The share of time during which it works, from 0 to 1; `null` while it cannot be known.
    availability: Option<f64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OutageView {
    /// When it began.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    start: String,
    /// When it was over; `null` if it is not.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    end: Option<String>,
}

impl Report {
    pub(super) fn of(breaker: &Breaker, machine: &Machine, now: SystemTime) -> Report {
        let outages: &Outages = machine.outages();
        let seconds = |duration: Duration| duration.as_secs_f64();
        let state = machine.state(now);
        Report {
            schema: "govctl.breaker/1",
            name: breaker.name.to_string(),
            go: None,
            state,
            failure_count: machine.failures(),
            success_count: machine.successes(),
            threshold: breaker.threshold,
            // The machine, too, counts from now what began in the future.
            opened_at: machine.opened_at().map(|at| rfc3339(at.min(now))),
            // Over once the trial may begin.
            retry_at: machine.retry_at(now).filter(|_| state == CircuitState::Open).map(rfc3339),
            reason: machine.reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            outages: outages
                .iter()
                .map(|outage| OutageView {
                    start: rfc3339(outage.start),
                    end: outage.end.map(rfc3339),
                })
                .collect(),
            mean_time_to_repair_s: outages.mean_time_to_repair().map(seconds),
            mean_time_between_failures_s: outages.mean_time_between_failures().map(seconds),
            availability: outages.availability(),
        }
    }

    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = if self.state == CircuitState::Closed { GOOD } else { BAD };
        write!(f, "{}  {style}{}{style:#}", self.name, self.state)?;
        if self.state == CircuitState::Closed {
            write!(f, "  {} of {} failures", self.failure_count, self.threshold)?;
        }
        if let Some(opened_at) = &self.opened_at {
            write!(f, "  since {opened_at}")?;
        }
        if let Some(retry_at) = &self.retry_at {
            write!(f, ", a trial at {retry_at}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, "  by hand: {}", clean(reason))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f)?;
        for outage in &self.outages {
            let end = outage.end.as_deref().unwrap_or("now");
            writeln!(f, "  outage  {} to {end}", outage.start)?;
        }
        let span = |seconds: f64| format!("{:.0} s", seconds);
        if let Some(repair) = self.mean_time_to_repair_s {
            writeln!(f, "  mean time to repair  {}", span(repair))?;
        }
        if let Some(between) = self.mean_time_between_failures_s {
            writeln!(f, "  mean time between failures  {}", span(between))?;
        }
        if let Some(availability) = self.availability {
            writeln!(f, "  availability  {:.2} %", availability * 100.0)?;
        }
        Ok(())
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct List(Vec<Report>);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|report| report.line(f))
    }
}
