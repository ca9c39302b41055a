//! The freezes on record, as the policy understands them.

use std::time::SystemTime;

use booty_state::Freeze as Recorded;
use release_policy::{DeclaredFreeze, Freeze, ScheduleError, freeze_at};

use crate::{context::Context, exit::CliError};

/// The freeze that is in force at `now`, if one is.
///
/// What cannot be understood is an error: a window that nobody can read may be this very moment.
pub(crate) fn in_force(context: &Context, now: SystemTime) -> Result<Option<Freeze>, CliError> {
    let store = context.freezes();
    let recorded = store.load()?;
    let standing = recorded.standing(now.into());
    let declared: Result<Vec<DeclaredFreeze>, CliError> =
        standing.map(|freeze| understood(freeze, &store.place())).collect();
    Ok(freeze_at(&declared?, now))
}

/// A recorded freeze as the policy goes by it.
pub(crate) fn understood(freeze: &Recorded, place: &str) -> Result<DeclaredFreeze, CliError> {
    declared(freeze).map_err(|error| {
        CliError::broken(format!("cannot tell when freeze {} of `{place}` is in force", freeze.id))
            .because(&error)
            .hint("run the newer govctl that declared it")
            .hint(format!("govctl freeze end {} --reason \"...\"", freeze.id))
    })
}

fn declared(freeze: &Recorded) -> Result<DeclaredFreeze, ScheduleError> {
    let weekly: Result<_, _> = freeze.weekly.iter().map(|window| window.parse()).collect();
    Ok(DeclaredFreeze {
        id: freeze.id.to_string(),
        reason: freeze.reason.clone(),
        declared_at: freeze.added_at.into(),
        from: freeze.from.map(Into::into),
        until: freeze.until.map(Into::into),
        weekly: weekly?,
        zone: freeze.time_zone.parse()?,
    })
}
