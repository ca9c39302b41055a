//! Freezes as people and programs see them.

use std::{fmt, time::SystemTime};

use booty_state::{Freeze, Moment, Withdrawn};
use serde::Serialize;

use crate::{
    exit::CliError,
    freezes::understood,
    output::{BAD, clean},
};

/// A freeze on record.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// Its number.
    id: u64,
    /// What it means for a deploy now.
    #[cfg_attr(test, schemars(extend("enum" = ["in_force", "to_come", "over", "ended"])))]
    standing: &'static str,
    /// Why.
    reason: String,
    /// Who declared it.
    by: String,
    /// When.
    added_at: Moment,
    /// Nothing before this moment; `null` if it held from the beginning.
    from: Option<Moment>,
    /// Nothing from this moment on; `null` if it has to be ended.
    until: Option<Moment>,
    /// Only in these windows of the week; empty if there are none.
    weekly: Vec<String>,
    /// The time zone that the windows go by.
    time_zone: String,
    /// When it comes into force next; `null` if it is in force or never will be.
    begins_at: Option<Moment>,
    /// When this time of it ends; `null` if it is not in force, or has to be ended by hand.
    ends_at: Option<Moment>,
    /// Who ended it, when and why; `null` if nobody did.
    ended: Option<Withdrawn>,
}

impl Report {
    pub(super) fn of(freeze: &Freeze, place: &str, now: SystemTime) -> Result<Report, CliError> {
        if freeze.is_over(now.into()) {
            let over = Report::of_ended(freeze);
            return Ok(match freeze.ended {
                Some(_) => over,
                None => Report { standing: "over", ..over },
            });
        }
        let declared = understood(freeze, place)?;
        let (standing, begins_at, ends_at) = if declared.is_in_force(now) {
            ("in_force", None, declared.ends(now))
        } else {
            ("to_come", declared.begins(now), None)
        };
        let (begins_at, ends_at) = (begins_at.map(Moment::from), ends_at.map(Moment::from));
        Ok(Report { standing, begins_at, ends_at, ..Report::of_ended(freeze) })
    }

    /// What is said of a freeze that holds nothing any more.
    pub(super) fn of_ended(freeze: &Freeze) -> Report {
        let Freeze { id, reason, by, added_at, from, until, weekly, time_zone, ended, .. } =
            freeze.clone();
        Report {
            schema: "govctl.freeze/1",
            id,
            standing: "ended",
            reason,
            by,
            added_at,
            from,
            until,
            weekly,
            time_zone,
            begins_at: None,
            ends_at: None,
            ended,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { id, standing, begins_at, ends_at, .. } = self;
        write!(f, "{id:<4} ")?;
        match (*standing, begins_at, ends_at) {
            ("in_force", _, Some(end)) => write!(f, "{BAD}in force{BAD:#} until {end}")?,
            ("in_force", _, None) => write!(f, "{BAD}in force{BAD:#} until it is ended")?,
            ("to_come", Some(begin), _) => write!(f, "from {begin}")?,
            ("to_come", None, _) => write!(f, "never comes")?,
            _ => write!(f, "{standing}")?,
        }
        if !self.weekly.is_empty() {
            write!(f, "  {} {}", clean(&self.weekly.join(", ")), clean(&self.time_zone))?;
        }
        write!(f, "  {}  (by {})", clean(&self.reason), clean(&self.by))
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
pub(super) struct List(pub(super) Vec<Report>);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|freeze| writeln!(f, "{freeze}"))
    }
}
