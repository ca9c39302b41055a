//! `govctl health`

use std::{convert::Infallible, fmt, time::Duration};

use booty_state::NewEntry;
use clap::Args;
use serde::Serialize;

use crate::{
    context::{Context, rfc3339},
    duration,
    exit::{CliError, Exit},
    health::{Check, Found, Statuses, Url},
    health_args,
    output::{BAD, GOOD, Output, clean},
    project::Project,
};

/// Check whether what runs is well, over HTTP or HTTPS
///
/// Asks until an answer is good, or more of them were bad than --retries allows. Redirects are
/// not followed: they are answers like every other. With --record the result goes on record, and
/// production counts as degraded while the last one was bad. HTTPS believes the authorities that
/// are built in, or those in $SSL_CERT_FILE alone; a certificate that does not fit is a bad answer.
///
/// Exits 0 when it is healthy, 4 when it is not.
#[derive(Args, Debug)]
pub(crate) struct HealthArgs {
    /// What to ask [default: $RELEASE_GOVERNOR_HEALTH_URL]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// How many bad answers are borne
    #[arg(long, value_name = "N", default_value_t = 15)]
    retries: u32,
    /// How long to wait between two questions
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "6s")]
    interval: Duration,
    /// How long one answer may take
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "25s")]
    timeout: Duration,
    /// How long all of it may take
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    within: Option<Duration>,
    /// How many good answers in a row it takes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    successes: u32,
    /// The status of a good answer: 200, or 200-299
    #[arg(long, value_name = "STATUS", default_value = "200-299")]
    expect_status: Statuses,
    /// What the body of a good answer contains
    #[arg(long, value_name = "TEXT")]
    expect_body: Option<String>,
    /// Put the result on record
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(args: &HealthArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let Some(url) = health_args::url(args.url.as_ref(), context)? else {
        let message = "no address to check the health of";
        return Err(CliError::usage(message).hint("govctl health --url https://..."));
    };
    // What the result would be recorded for has to be known before anything is asked.
    let project = if args.record { Some(Project::open(context, out)?) } else { None };
    let check = Check {
        url,
        retries: args.retries,
        interval: args.interval,
        timeout: args.timeout,
        within: args.within,
        successes: args.successes,
        statuses: args.expect_status.clone(),
        body: args.expect_body.clone(),
        roots: context.roots()?,
    };
    let Ok(found) = check.run(|| None::<Infallible>);
    if let Some(project) = &project {
        record(context, project, &check, &found)?;
    }
    let exit = if found.healthy { Exit::Yes } else { Exit::Failed };
    let checked_at = rfc3339(context.now());
    out.report(&Report::of(&check, found, checked_at))?;
    Ok(exit)
}

fn record(
    context: &Context,
    project: &Project,
    check: &Check,
    found: &Found,
) -> Result<(), CliError> {
    let now = context.now();
    let word = |healthy| if healthy { "healthy" } else { "unhealthy" };
    let before = context.releases(project).load()?.production_healthy.map(word);
    let mut entry = NewEntry::new(now.into(), context.who(), "health_checked")
        .because(format!("{}: {found}", check.url))
        .changing(before, word(found.healthy));
    entry.repo = Some(project.repo.clone());
    let releases = context.releases(project);
    context.audit().change(&entry, || releases.health_found(found.healthy, now.into()))?;
    Ok(())
}

/// What a health check found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// Whether it is well.
    healthy: bool,
    /// How many questions were asked.
    attempts: u32,
    /// The status of the last answer; `null` if there was none.
    status: Option<u16>,
    /// When that was.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    checked_at: String,
    /// What was asked, without user, password and query.
    url: String,
    /// What was wrong; `null` if nothing was.
    detail: Option<String>,
}

impl Report {
    fn of(check: &Check, found: Found, checked_at: String) -> Report {
        Report {
            schema: "govctl.health/1",
            healthy: found.healthy,
            attempts: found.attempts,
            status: found.status,
            checked_at,
            url: check.url.to_string(),
            detail: found.trouble.filter(|_| !found.healthy),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = clean(&self.url);
        let asked = crate::view::counted(self.attempts as usize, "question");
        match &self.detail {
            None => write!(f, "{GOOD}HEALTHY{GOOD:#}  {url}  after {asked}"),
            Some(detail) => {
                write!(f, "{BAD}UNHEALTHY{BAD:#}  {url}  after {asked}: {}", clean(detail))
            }
        }
    }
}
