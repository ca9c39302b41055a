//! Circuit breakers by name, and the rules of the ones around deploys.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use circuit_breaker::{
    Event, Machine, Opening, Recovery, Refused, Settings, Stored, Ticket, Transition,
};
use clap::Args;

use crate::{context::Context, duration, exit::CliError};

/// What the name of a breaker around deploys begins with; the environment follows.
const DEPLOYS: &str = "deploy-";

/// How long deploys are held after the last of too many failures: time for a person to look, and
/// not so long that the repair would have to wait for it.
const DEPLOY_RECOVERY: Duration = Duration::from_secs(10 * 60);

/// The deploy lock lets one deploy run at a time, so whoever may ask for a trial knows that the
/// one before has died: its lease need not be waited for.
const DEPLOY_LEASE: Duration = Duration::from_millis(1);

/// The longest wait that is believed when a breaker is read; it was opened by other rules perhaps.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The name of a breaker, and of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// The breaker around deploys to an environment.
    pub(crate) fn of_deploys(environment: &str) -> Name {
        let named = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
        let environment: String = environment.chars().map(named).take(48).collect();
        Name(format!("{DEPLOYS}{environment}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Name, String> {
        let allowed = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
        if (1..=64).contains(&text.len()) && !text.starts_with('.') && text.chars().all(allowed) {
            return Ok(Name(text.to_owned()));
        }
        Err("expected letters, digits, `.`, `_` and `-`, not starting with `.`, at most 64".into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rules of a breaker, as far as a person gives them.
#[derive(Args, Debug, Default)]
pub(crate) struct Rules {
    /// Failures in a row that open it [default: 5]
    #[arg(long, value_name = "N")]
    failure_threshold: Option<u32>,
    /// How long it stays open before it lets a trial through [default: 60s; 10m around deploys]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    recovery_timeout: Option<Duration>,
    /// Successes in a row that close it again [default: 1]
    #[arg(long, value_name = "N")]
    success_threshold: Option<u32>,
}

/// A breaker, with its rules.
#[derive(Debug)]
pub(crate) struct Breaker {
    pub(crate) name: Name,
    pub(crate) threshold: u32,
    stored: Stored,
    settings: Settings,
    owner: String,
}

/// What an event has done to a breaker.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) before: Machine,
    pub(crate) after: Machine,
    pub(crate) transition: Option<Transition>,
}

impl Breaker {
    pub(crate) fn open(context: &Context, name: &Name, rules: &Rules) -> Result<Breaker, CliError> {
        let defaults = Settings::default();
        let (wait, lease) = if name.0.starts_with(DEPLOYS) {
            (DEPLOY_RECOVERY, DEPLOY_LEASE)
        } else {
            (Duration::from_secs(60), defaults.trial_lease)
        };
        let threshold = rules.failure_threshold.unwrap_or(5);
        let first = rules.recovery_timeout.unwrap_or(wait);
        // Always the first wait; the cap lets a longer one count that other rules have chosen.
        let recovery = Recovery::Growing { first, factor: 1.0, cap: LONGEST, jitter: 0.0 };
        let settings = defaults
            .opening(Opening::ConsecutiveFailures(threshold))
            .recovery(recovery)
            .successes_to_close(rules.success_threshold.unwrap_or(1))
            .trial_lease(lease);
        settings
            .check()
            .map_err(|error| CliError::usage("such a breaker makes no sense").because(&error))?;
        let (name, stored) = (name.clone(), context.breaker(name));
        Ok(Breaker { name, threshold, stored, settings, owner: context.who() })
    }

    /// The breaker around deploys to `environment`.
    pub(crate) fn of_deploys(context: &Context, environment: &str) -> Result<Breaker, CliError> {
        Breaker::open(context, &Name::of_deploys(environment), &Rules::default())
    }

    pub(crate) fn load(&self, now: SystemTime) -> Result<Machine, CliError> {
        Ok(self.stored.load(&self.settings, now)?)
    }

    /// Asks for the right to one call; half-open, that is the trial.
    pub(crate) fn ask(&self, now: SystemTime) -> Result<Result<Ticket, Refused>, CliError> {
        let ask = |machine: &mut Machine| machine.ask(&self.owner, now, &self.settings);
        let asked = self.stored.update(&self.settings, now, ask)?;
        self.log(asked.transition.as_ref());
        Ok(asked.ticket)
    }

    /// Tells of an event, which may depend on the machine that it is about.
    pub(crate) fn tell(
        &self,
        event: impl Fn(&Machine) -> Event,
        now: SystemTime,
    ) -> Result<Told, CliError> {
        let told = self.stored.update(&self.settings, now, |machine| {
            let before = machine.clone();
            // The time may be over though nobody has asked since.
            let advanced = machine.advance(now);
            let event = event(machine);
            // The rules have no jitter, so there is no chance in it.
            let transition = machine.apply(&event, now, 0.0, &self.settings).or(advanced);
            Told { before, after: machine.clone(), transition }
        })?;
        self.log(told.transition.as_ref());
        Ok(told)
    }

    fn log(&self, transition: Option<&Transition>) {
        if let Some(transition) = transition {
            tracing::info!(breaker = self.name.as_str(), "{transition}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_directory_or_hide_in_it() {
        let long = "n".repeat(65);
        for name in ["", ".", "..", ".a", "a/b", "a b", "é", "a\n", &long] {
            assert!(name.parse::<Name>().is_err(), "{name:?} was accepted");
        }
        for name in ["a", "A_b-1.c", "a..b", &long[..64]] {
            assert!(name.parse::<Name>().is_ok(), "{name:?} was refused");
        }
    }

    #[test]
    fn every_environment_has_a_breaker_with_a_good_name() {
        for environment in ["production", "", "eu/west 1", "..", &"é".repeat(100)] {
            let name = Name::of_deploys(environment);
            assert_eq!(name.as_str().parse(), Ok(name.clone()), "{environment}");
        }
    }
}
