//! What taking and releasing a lock costs when nobody else wants it.

use std::time::Duration;

use anyhow::Result;
use flock_guard::{LockFile, Wait};

use crate::arena::Arena;
use crate::contest::{self, Contender, Pace};
use crate::floor::RawLock;
use crate::gate::Gate;
use crate::report::Table;

const FLOOR: &str = "raw flock, unlock (floor)";
const OURS: &str = "flock-guard";

const GATES: &[Gate] = &[Gate { of: OURS, to: FLOOR, at_most: 6.0 }];

/// Some hundred nanoseconds each: too short to be timed alone.
const PACE: Pace = Pace { samples: 10, batch: 500 };

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    let dir = arena.field("lock")?;
    let raw = RawLock::open(&dir.join("raw.lock"))?;
    let path = dir.join("opened.lock");
    let lock = LockFile::new(dir.join("ours.lock"));
    let contenders = vec![
        Contender::timed(FLOOR, PACE, || {
            raw.lock()?;
            Ok(raw.unlock()?)
        }),
        Contender::timed("raw open, flock, check, close", PACE, || {
            Ok(RawLock::open_and_lock_once(&path)?)
        }),
        Contender::timed(OURS, PACE, || {
            lock.exclusive(Wait::UpTo(Duration::from_secs(1)))?.release();
            Ok(())
        }),
    ];
    #[cfg(feature = "peers")]
    let contenders =
        [contenders, crate::peers::locking(&dir, PACE)?].into_iter().flatten().collect();
    let standings = contest::hold(arena, Duration::from_secs(6), contenders)?;
    let mut table = standings.table("lock: take and release, uncontended", GATES);
    table.note(format!("each time is the mean of {} in a row", PACE.batch));
    Ok(vec![table])
}
