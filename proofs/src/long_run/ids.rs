//! Numbers for a tracker, by processes that are killed, from counters that are damaged.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use external_ids::{ExternalIds, Series, Tracker};
use state_store::Store;
use system_tests::Random;

use crate::evidence::Tally;
use crate::proof::Effort;
use crate::quick;
use crate::savers::{History, Report, Said, Team, die_with_the_proof};

/// What a damaged document is restored from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Backup {
    Real,
    /// The mutant: somebody keeps a copy of his own, which is older than one change.
    Old,
}

/// So many processes ask at once.
const PROCESSES: u64 = 4;

/// Lets numbers be handed out until there are so many; kills all again and again, and damages
/// the counters between.
pub(super) fn hand_out(
    count: u64,
    backup: Backup,
    effort: Effort,
    tally: &mut Tally,
) -> Result<()> {
    let mut random = effort.random();
    let mut history = History::default();
    let dir = quick::dir()?;
    let words = |number: u64| -> Result<[String; 2]> {
        let dir = dir.path().to_str().context("a quick directory has a plain name")?;
        Ok([dir.to_owned(), number.to_string()])
    };
    // As long as it takes in the long form, so that the kills do not eat up the time.
    let round = effort.pick(40_000, 400_000);
    let (mut next, mut kills) = (0, 0);
    while history.count() < count && (backup == Backup::Real || tally.violations() == 0) {
        let (team, mut ear) = Team::new()?;
        let mut all = Vec::new();
        for _ in 0..PROCESSES {
            next += 1;
            all.push(team.start_job(ALLOCATOR, &words(next)?)?);
        }
        let complaints = team.closed();
        let heard = thread::scope(|scope| -> Result<_> {
            let listener = scope.spawn(move || {
                let mut all = Vec::new();
                while let Some(report) = ear.hear()? {
                    all.push(report);
                }
                anyhow::Ok(all)
            });
            for process in all {
                thread::sleep(Duration::from_micros(random.below(round)));
                process.kill()?;
                kills += 1;
            }
            listener.join().expect("listening does not panic")
        })?;
        heard.into_iter().for_each(|report| history.heard(report, tally));
        if let Some(line) = complaints.read()?.lines().next() {
            tally.violation(|| format!("a process could not go on: {line}"));
        }
        if random.below(2) == 0 {
            damage(dir.path(), backup, &mut random)?;
            tally.count("restored", 1);
        }
    }
    tally.tried(history.count());
    tally.count("killed", kills);
    Ok(())
}

const COUNTERS: &str = "external_id_counters.json";

/// Cuts the counters off somewhere: the next who asks gets the backup instead.
fn damage(dir: &Path, backup: Backup, random: &mut Random) -> Result<()> {
    let counters = dir.join(COUNTERS);
    let Ok(file) = File::options().write(true).open(&counters) else { return Ok(()) };
    let length = file.metadata()?.len();
    if backup == Backup::Real {
        // Not the file that is the backup, too, if a kill came between two names for it.
        let copy = std::fs::read(&counters)?;
        std::fs::remove_file(&counters)?;
        let cut = usize::try_from(random.below(length))?;
        return put(&counters, &copy[..cut]);
    }
    // A copy that was made some changes ago: the numbers since then are not in it.
    let kept = dir.join("kept");
    match std::fs::read(&kept) {
        Ok(old) => put(&counters, &old),
        Err(_) => put(&kept, &std::fs::read(&counters)?),
    }
}

#[expect(clippy::disallowed_methods, reason = "what damages a file does not ask how")]
fn put(path: &Path, contents: &[u8]) -> Result<()> {
    Ok(std::fs::write(path, contents)?)
}

/// The job of [`allocate`].
pub(crate) const ALLOCATOR: &str = "allocator";

/// Asks for one number after the other, and says which it got: `DIR NUMBER`.
pub(crate) fn allocate(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir, number] = words else { bail!("an allocator is given two words") };
    let attempt = number.parse()?;
    let ids = ExternalIds::new(&Store::files(dir));
    let series = Series::new(Tracker::Jira, Some("SHOP".parse()?))?;
    loop {
        let serial = ids.next(&series, SystemTime::UNIX_EPOCH)?.number();
        Report { said: Said::Saved, attempt, serial }.send()?;
    }
}
