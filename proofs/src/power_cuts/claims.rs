//! Claimers whose file system loses its power.

use std::path::Path;

use anyhow::{Context, Result, bail};
use booty_state::{Claim, DeliveryCache, DeliveryId, DeliveryKey, Keep};
use state_store::Store;

use crate::disks::{Disk, Ioctls, cut_team};
use crate::evidence::Tally;
use crate::proof::Effort;
use crate::savers::{History, Report, Said, Team, die_with_the_proof};

/// The job of [`claim`].
pub(crate) const CLAIMER: &str = "claimer";

/// Claims one key after the other, and says which it has won: `DIR NUMBER FIRST-KEY`.
pub(crate) fn claim(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir, number, first] = words else { bail!("a claimer is given three words") };
    let deliveries = deliveries(Path::new(dir));
    let id: DeliveryId = event(number.parse()?).parse()?;
    for serial in first.parse()?.. {
        if deliveries.claim(&key(serial)?, &id)? == Claim::New {
            Report { said: Said::Saved, attempt: number.parse()?, serial }.send()?;
        }
    }
    Ok(())
}

/// After so many cuts the claims go to a new directory: each claim rewrites all of them.
const CUTS_PER_DIRECTORY: u64 = 20;

/// Cuts the power of claimers: what was won is won, and is never won again.
pub(crate) fn cut_claims(
    disk: &mut Disk,
    ioctls: &mut Ioctls,
    count: u64,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    let mut random = effort.random();
    let mut next = 0;
    let mut history = History::default();
    for cut in 0..count {
        disk.mount(ioctls)?;
        let dir = disk.path().join(format!("state-{}", cut / CUTS_PER_DIRECTORY));
        if cut % CUTS_PER_DIRECTORY == 0 {
            tally.count("acknowledged", history.count());
            history = History::default();
        }
        let found = deliveries(&dir).list(None);
        let found = found.context("the claims cannot be read after a cut")?;
        for (serial, number) in history.saved() {
            let (key, id) = (key(serial)?, event(number));
            let kept = found.iter().any(|it| it.key == key && it.id == id);
            if !kept {
                tally.violation(|| format!("{key} was won by {id}, and that is gone"));
            }
        }
        // They try to win again what was won last.
        let first = history.newest_saved.saturating_sub(20).to_string();
        let start = |team: &Team, _| {
            next += 1;
            let dir = dir.to_str().context("a quick directory has a plain name")?.to_owned();
            team.start_job(CLAIMER, &[dir, next.to_string(), first.clone()])
        };
        cut_team(disk, ioctls, 1 + random.below(4), start, &mut random, |report| {
            history.heard(report, tally);
        })?;
        tally.tried(1);
        disk.unmount()?;
    }
    tally.count("acknowledged", history.count());
    Ok(())
}

fn deliveries(dir: &Path) -> DeliveryCache {
    DeliveryCache::new(&Store::files(dir), Keep::default())
}

fn event(number: u64) -> String {
    format!("event-{number}")
}

fn key(serial: u64) -> Result<DeliveryKey> {
    Ok(format!("acme/site:run_{serial}").parse()?)
}
