//! The machine as a document. Field names are the keys on disk.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

use crate::machine::GENERATIONS;
use crate::outages::{Outage, Outages};
use crate::phase::Phase;
use crate::settings::LONGEST;
use crate::trials::{Trial, Trials, later};
use crate::window::Window;
use crate::{CircuitState, DocumentError, Machine, Settings};

/// Seconds since the epoch beyond which a number is no time that a clock could show: the year 5138.
const END_OF_TIME: f64 = 1e11;

/// A [`Machine`] as it is written down.
///
/// `state`, `failure_count`, `success_count` and `opened_at` must be there; they are all that the
/// breakers of other programs write. Everything else may be missing. Times are seconds since the
/// epoch, as numbers; they keep about a microsecond.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use circuit_breaker::{CircuitState, Document, Settings};
///
/// let text = r#"{"state": "open", "failure_count": 0, "success_count": 0, "opened_at": 100.0}"#;
/// let document: Document = serde_json::from_str(text)?;
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(130);
/// let machine = document.into_machine(&Settings::default(), now)?;
/// assert_eq!(machine.state(now), CircuitState::Open);
/// assert_eq!(machine.retry_at(now), Some(now + Duration::from_secs(30)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    state: CircuitState,
    failure_count: u32,
    success_count: u32,
    // A missing `Option` would pass as null, but a document without the key is incomplete.
    #[serde(deserialize_with = "required")]
    opened_at: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_at: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How often it opened since it was last closed.
    #[serde(default)]
    openings: u32,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    next_trial: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trials: Vec<WrittenTrial>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    #[serde(default)]
    outages: Vec<WrittenOutage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WrittenTrial {
    id: u64,
    owner: String,
    since: f64,
    until: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WrittenOutage {
    start: f64,
    end: Option<f64>,
}

impl From<&Machine> for Document {
    fn from(machine: &Machine) -> Self {
        let mut document = Self {
            state: machine.phase.state(),
            failure_count: machine.failures(),
            success_count: machine.successes(),
            opened_at: machine.opened_at().map(seconds),
            retry_at: None,
            reason: machine.reason().map(str::to_owned),
            openings: 0,
            generation: machine.generation,
            next_trial: machine.next_trial,
            trials: machine.trials().iter().map(WrittenTrial::from).collect(),
            window: None,
            outages: machine.outages.iter().map(WrittenOutage::from).collect(),
        };
        match &machine.phase {
            Phase::Closed { window, .. } => document.window.clone_from(window),
            Phase::Open { retry_at, streak, .. } => {
                document.retry_at = Some(seconds(*retry_at));
                document.openings = *streak;
            }
            Phase::HalfOpen { streak, .. } => document.openings = *streak,
        }
        document
    }
}

impl Document {
    /// Turns the document into a machine, judged by the rules in `settings`: no wait that it names
    /// is longer than the longest that they allow.
    ///
    /// # Errors
    ///
    /// - [`DocumentError::Missing`]: it is open, but not since when.
    /// - [`DocumentError::NotATime`]: a time is no time.
    pub fn into_machine(
        self,
        settings: &Settings,
        now: SystemTime,
    ) -> Result<Machine, DocumentError> {
        let opened_at = self.opened_at.map(|at| moment("opened_at", at)).transpose()?;
        let streak = self.openings.max(1);
        let trials: Vec<Trial> =
            self.trials.into_iter().map(WrittenTrial::read).collect::<Result<_, _>>()?;
        // Whatever the document says, the next number must not be one that is in use.
        let used = trials.iter().map(|trial| trial.id.wrapping_add(1)).max().unwrap_or(0);
        let phase = match self.state {
            CircuitState::Closed => {
                Phase::Closed { failures: self.failure_count, window: self.window }
            }
            CircuitState::Open => {
                let opened_at = opened_at
                    .ok_or(DocumentError::Missing { key: "opened_at", state: self.state })?;
                let latest = later(opened_at, settings.recovery.longest());
                let retry_at = match self.retry_at {
                    Some(retry_at) => moment("retry_at", retry_at)?.min(latest),
                    None => later(opened_at, settings.recovery.wait(streak, 0.0)),
                };
                Phase::Open { opened_at, retry_at, streak, reason: self.reason }
            }
            CircuitState::HalfOpen => Phase::HalfOpen {
                opened_at: opened_at.unwrap_or(now),
                successes: self.success_count,
                streak,
                trials: Trials(trials),
            },
        };
        Ok(Machine {
            generation: self.generation % GENERATIONS,
            next_trial: self.next_trial.max(used),
            phase,
            outages: Outages::from_list(
                self.outages.into_iter().map(WrittenOutage::read).collect::<Result<Vec<_>, _>>()?,
            ),
        })
    }
}

impl From<&Trial> for WrittenTrial {
    fn from(trial: &Trial) -> Self {
        let Trial { id, owner, since, until } = trial;
        Self { id: *id, owner: owner.clone(), since: seconds(*since), until: seconds(*until) }
    }
}

impl WrittenTrial {
    fn read(self) -> Result<Trial, DocumentError> {
        let since = moment("trials.since", self.since)?;
        let until = moment("trials.until", self.until)?.min(later(since, LONGEST));
        Ok(Trial { id: self.id, owner: self.owner, since, until })
    }
}

impl From<&Outage> for WrittenOutage {
    fn from(outage: &Outage) -> Self {
        Self { start: seconds(outage.start), end: outage.end.map(seconds) }
    }
}

impl WrittenOutage {
    fn read(self) -> Result<Outage, DocumentError> {
        let start = moment("outages.start", self.start)?;
        let end = self.end.map(|end| moment("outages.end", end)).transpose()?;
        Ok(Outage { start, end })
    }
}

fn seconds(at: SystemTime) -> f64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

fn moment(key: &'static str, value: f64) -> Result<SystemTime, DocumentError> {
    let not_a_time = DocumentError::NotATime { key, value };
    // "Not a number" is in no range.
    if !(-END_OF_TIME..END_OF_TIME).contains(&value) {
        return Err(not_a_time);
    }
    let distance = Duration::from_secs_f64(value.abs());
    let moment = if value < 0.0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    moment.ok_or(not_a_time)
}

fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}
