//! The options of a health check, of `health` and, with `health-` before them, of `deploy`.

use std::{ffi::OsStr, time::Duration};

use clap::{
    Arg, Args, Command, Error,
    builder::{TypedValueParser, ValueParserFactory},
    error::ErrorKind,
};

use crate::{
    context::Context,
    duration,
    exit::CliError,
    health::{Check, Statuses, Url},
};

/// The variable that names the address where no option does.
pub(crate) const VARIABLE: &str = "RELEASE_GOVERNOR_HEALTH_URL";

/// How `deploy` checks health.
#[derive(Args, Debug)]
#[command(next_help_heading = "Health check")]
pub(crate) struct HealthArgs {
    /// Check health there afterwards; unhealthy is a failure
    /// [default: $RELEASE_GOVERNOR_HEALTH_URL, else no check]
    #[arg(long, value_name = "URL")]
    health_url: Option<Url>,
    /// How many bad answers are borne
    #[arg(long, value_name = "N", default_value_t = 15)]
    health_retries: u32,
    /// How long to wait between two questions
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "6s")]
    health_interval: Duration,
    /// How long one answer may take
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "25s")]
    health_timeout: Duration,
    /// How long all of it may take
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    health_within: Option<Duration>,
    /// How many good answers in a row it takes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    health_successes: u32,
    /// The status of a good answer: 200, or 200-299
    #[arg(long, value_name = "STATUS", default_value = "200-299")]
    health_status: Statuses,
    /// What the body of a good answer contains; {sha} stands for the commit
    #[arg(long, value_name = "TEXT")]
    health_body: Option<String>,
}

impl HealthArgs {
    /// The check, if an address is known. `sha` is what should be running.
    pub(crate) fn check(&self, context: &Context, sha: &str) -> Result<Option<Check>, CliError> {
        let Some(url) = url(self.health_url.as_ref(), context)? else { return Ok(None) };
        Ok(Some(Check {
            url,
            retries: self.health_retries,
            interval: self.health_interval,
            timeout: self.health_timeout,
            within: self.health_within,
            successes: self.health_successes,
            statuses: self.health_status.clone(),
            body: self.health_body.as_ref().map(|body| body.replace("{sha}", sha)),
            roots: context.roots()?,
        }))
    }
}

/// The check of that address as nobody says otherwise, if there is one.
pub(crate) fn usual(option: Option<&Url>, context: &Context) -> Result<Option<Check>, CliError> {
    let Some(url) = url(option, context)? else { return Ok(None) };
    Ok(Some(Check::usual(url, context.roots()?)))
}

/// The address of the option, else of the variable.
pub(crate) fn url(option: Option<&Url>, context: &Context) -> Result<Option<Url>, CliError> {
    if let Some(url) = option {
        return Ok(Some(url.clone()));
    }
    let Some(text) = context.variable(VARIABLE)? else { return Ok(None) };
    // The value may hold a secret, so it is not repeated.
    let wrong = |why: String| CliError::usage(format!("`{VARIABLE}` is no address: {why}"));
    text.parse().map(Some).map_err(wrong)
}

/// Reads an address from the command line. What is no address is not repeated, as other wrong
/// values are: there may be a password in it.
#[derive(Clone)]
pub(crate) struct UrlParser;

impl TypedValueParser for UrlParser {
    type Value = Url;

    fn parse_ref(
        &self,
        command: &Command,
        option: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Url, Error> {
        value.to_str().unwrap_or_default().parse().map_err(|why| {
            let option = option.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value for '{option}': {why}\n");
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

impl ValueParserFactory for Url {
    type Parser = UrlParser;

    fn value_parser() -> UrlParser {
        UrlParser
    }
}
