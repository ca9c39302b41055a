//! Savers and claimers whose file system loses its power.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use booty_state::{Claim, DeliveryCache, DeliveryId, DeliveryKey, Keep};
use state_store::{Change, Key, Store};
use system_tests::Random;

use crate::evidence::Tally;
use crate::power_cuts::cutter::Cutter;
use crate::power_cuts::disk::Disk;
use crate::proof::Effort;
use crate::savers::{
    Flaw, History, LEDGER, Ledger, Orders, Report, Said, Saver, Team, die_with_the_proof,
};

/// A mutant that was caught so often is let go.
const CAUGHT: u64 = 10;

/// The check itself makes an update each time, under names that no saver has.
const OURS: u64 = 1 << 62;

/// Cuts the power of savers again and again, on one file system that is never made anew.
pub(crate) fn cut_updates(
    disk: &mut Disk,
    cutter: &mut Cutter,
    flaw: Option<Flaw>,
    count: u64,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    let mut random = effort.random();
    let mut history = History::default();
    let mut next = 0;
    let mut acknowledged = 0;
    for cut in 0..count {
        disk.mount(cutter)?;
        let before = tally.violations();
        look_and_update(disk.path(), OURS + cut, &mut history, tally);
        if tally.violations() > before {
            // A new account, or this loss would be counted once for every cut that follows.
            acknowledged += history.count();
            history = History::default();
            forget(disk.path())?;
        }
        if flaw.is_some() && tally.violations() >= CAUGHT {
            break;
        }
        let start = |team: &Team| {
            next += 1;
            let dir = disk.path().to_owned();
            team.start(&Orders { dir, flaw, number: next, count: 1 << 20, break_after: None })
        };
        cut_team(disk, cutter, 1 + random.below(4), start, &mut random, |report| {
            history.heard(report, tally);
        })?;
        tally.tried(1);
        disk.unmount()?;
    }
    tally.count("acknowledged", acknowledged + history.count());
    Ok(())
}

/// Starts a team, cuts its power at a random moment, and hears it to its end.
fn cut_team(
    disk: &Disk,
    cutter: &mut Cutter,
    members: u64,
    mut start: impl FnMut(&Team) -> Result<Saver>,
    random: &mut Random,
    mut heard: impl FnMut(Report),
) -> Result<()> {
    let (team, mut ear) = Team::new()?;
    let all = (0..members).map(|_| start(&team)).collect::<Result<Vec<_>>>()?;
    let _complaints = team.closed(); // That they could not go on is what a cut is for.
    // Half of the cuts come once they are at it; the others also meet their first steps.
    if random.below(2) == 0
        && let Some(report) = ear.hear()?
    {
        heard(report);
    }
    thread::sleep(Duration::from_micros(1_500 + random.below(14_500)));
    disk.cut(cutter)?;
    while let Some(report) = ear.hear()? {
        heard(report);
    }
    drop(all);
    Ok(())
}

/// After a cut: the document is whole and no older than what was acknowledged, its backup is
/// whole and no older than the version before, and the next update works.
fn look_and_update(dir: &Path, attempt: u64, history: &mut History, tally: &mut Tally) {
    let store = Store::files(dir);
    let document = store.document::<Ledger>(LEDGER);
    let last = match document.load() {
        Ok(Some(last)) => last,
        Ok(None) if history.newest_saved == 0 => Ledger::default(),
        Ok(None) => return tally.violation(|| "there is no document after a cut".to_owned()),
        Err(error) => return tally.violation(|| format!("damaged after a cut: {error:?}")),
    };
    history.is_left(&last, tally);
    let backup = Key::fixed("ledger.json.bak");
    match store.document::<Ledger>(backup).load() {
        Ok(Some(backup)) if backup.serial + 1 >= last.serial && backup.serial <= last.serial => {}
        Ok(None) if last.serial <= 1 => {}
        Ok(backup) => tally.violation(|| {
            let found = backup.map_or("none".to_owned(), |backup| backup.serial.to_string());
            format!("the backup of {} is {found}", last.serial)
        }),
        Err(error) => tally.violation(|| format!("a damaged backup after a cut: {error}")),
    }
    let updated = document.update(|ledger| {
        ledger.turn_page(attempt);
        Change::Write(ledger.serial)
    });
    match updated {
        Ok(serial) => {
            let report = |said| Report { said, attempt, serial };
            history.heard(report(Said::Trying), tally);
            history.heard(report(Said::Saved), tally);
        }
        Err(error) => tally.violation(|| format!("no update after a cut: {error}")),
    }
}

fn forget(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

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
    cutter: &mut Cutter,
    count: u64,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    let mut random = effort.random();
    let mut next = 0;
    let mut history = History::default();
    for cut in 0..count {
        disk.mount(cutter)?;
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
        let start = |team: &Team| {
            next += 1;
            let dir = dir.to_str().context("a quick directory has a plain name")?.to_owned();
            team.start_job(CLAIMER, &[dir, next.to_string(), first.clone()])
        };
        cut_team(disk, cutter, 1 + random.below(4), start, &mut random, |report| {
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
