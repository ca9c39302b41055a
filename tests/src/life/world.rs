//! The commits that are deployed, and what a decision about each must be.

use std::collections::BTreeSet;

use super::Commit;
use super::disk::{Breaker, Disk, End};

/// The file that each commit adds, after a first one that nobody deploys. The last one is on a
/// branch of its own.
pub(super) const FILES: [&str; 7] = [
    "docs/a.md",
    "docs/b.md",
    "db/migrations/1.sql",
    "docs/c.md",
    "Cargo.toml",
    "docs/d.md",
    "docs/side.md",
];

/// The last one, and where its branch leaves the others.
pub(super) const SIDE: Commit = 6;
pub(super) const FORK: Commit = 1;

/// The policy of the repository.
pub(super) const POLICY: &str = "cooldown_minutes: 30\nmax_deploys_per_hour: 7";
const COOLDOWN: i64 = 30 * 60;
const RATE: usize = 7;
const HOUR: i64 = 3600;

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    pub(super) redeploy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    Low,
    Medium,
    High,
}

/// The reason of a decision about a deploy.
pub(super) fn reason(disk: &Disk, commit: Commit, now: i64, ask: Ask) -> &'static str {
    let disk = &disk.known();
    let word = disk.word(commit);
    let is_live = disk.current == Some(commit) && matches!(word, Some(End::Success) | None);
    if is_live && !ask.redeploy {
        return "already_deployed";
    }
    if !disk.unknown().is_empty() || is_unrecorded(disk, commit) {
        return "outcome_unknown";
    }
    let is_open = matches!(disk.breaker, Breaker::Open { retry } if now < retry);
    if is_open {
        return "breaker_open";
    }
    let in_force = disk.freezes.iter().filter(|freeze| {
        let is_over = freeze.ended || freeze.until.is_some_and(|until| until <= now);
        !is_over && freeze.from.is_none_or(|from| from <= now)
    });
    if let Some(newest) = in_force.map(|freeze| freeze.declared).max()
        && !is_approved(disk, commit, now, newest)
    {
        return "freeze";
    }
    let live = disk.current.or(disk.previous);
    let risk = live.map_or(Risk::Low, |live| risk(live, commit));
    let is_degraded = !matches!(disk.breaker, Breaker::Closed { .. });
    if is_degraded && risk == Risk::High {
        return "degraded_high_risk";
    }
    let failed = disk
        .tries
        .iter()
        .rev()
        .find(|one| one.commit == commit && matches!(one.end, End::Failure | End::Superseded));
    if failed.is_some_and(|failed| now - failed.at < COOLDOWN) {
        return "cooldown";
    }
    if disk.tries.iter().filter(|one| now - one.at <= HOUR).count() >= RATE {
        return "rate_limit";
    }
    let mark = disk.marks.get(&commit);
    let is_brought_back = mark.is_some_and(|mark| is_approved(disk, commit, now, *mark));
    if mark.is_some() && !is_brought_back && !ask.redeploy {
        return "rolled_back";
    }
    if word.is_some() && !is_live && !ask.redeploy && !is_brought_back {
        return "redeploy_required";
    }
    if live.is_some_and(|live| !contained(commit).contains(&live)) && !ask.redeploy {
        return "not_descendant";
    }
    match risk {
        Risk::Low => "allow_low",
        Risk::Medium if is_degraded => "degraded_medium_hold",
        Risk::Medium => "allow_medium",
        Risk::High if is_approved(disk, commit, now, i64::MIN) => "allow_high_approved",
        Risk::High => "high_risk_no_approval",
    }
}

/// Whether the deploy of a commit that was taken back goes out by an order.
pub(super) fn is_brought_back(disk: &Disk, commit: Commit, now: i64) -> bool {
    disk.marks.get(&commit).is_some_and(|mark| is_approved(disk, commit, now, *mark))
}

/// The way of a rollback: from which commit, if that is taken back, to which; and what is
/// decided about it. `None` if there is nowhere to go.
pub(super) fn way_back(
    disk: &Disk,
    named: Option<Commit>,
    now: i64,
) -> Option<(Option<Commit>, Commit, &'static str)> {
    let disk = &disk.known();
    let settled = disk.tries.iter().rev().filter(|one| one.end != End::Open);
    let telling = settled
        .clone()
        .find(|one| one.end == End::Success || !disk.has_been_live(one.commit))
        .filter(|one| one.end != End::Success);
    let bad = telling.map(|one| one.commit).or(disk.current);
    let went_well = disk.tries.iter().rev().filter(|one| one.end == End::Success);
    let known = [disk.current, disk.previous].into_iter().flatten();
    let good = named.or_else(|| {
        let bad = bad?;
        let mut candidates = known.chain(went_well.map(|one| one.commit));
        candidates.find(|one| *one != bad && !disk.marks.contains_key(one))
    })?;
    let bad = bad.filter(|bad| *bad != good);
    let is_live =
        disk.current == Some(good) && matches!(disk.word(good), Some(End::Success) | None);
    let told_live = disk.log.iter().any(|(_, told)| told.is_success_of(good));
    let reason = if bad.is_none() && is_live {
        "already_deployed"
    } else if !disk.unknown().is_empty() || is_unrecorded(disk, good) {
        "outcome_unknown"
    } else if !disk.has_been_live(good) && !told_live {
        "never_live"
    } else if disk.marks.contains_key(&good) && !is_brought_back(disk, good, now) {
        "rolled_back"
    } else {
        "allow_rollback"
    };
    Some((bad, good, reason))
}

/// Whether the commit was claimed or begun, and nothing says how that ended.
pub(super) fn is_unrecorded(disk: &Disk, commit: Commit) -> bool {
    let disk = &disk.known();
    match disk.word(commit) {
        Some(end) => end == End::Open,
        None => disk.claims.contains_key(&commit) && disk.current != Some(commit),
    }
}

fn is_approved(disk: &Disk, commit: Commit, now: i64, since: i64) -> bool {
    disk.approvals.iter().any(|given| {
        given.commit == commit
            && !given.revoked
            && (given.given..given.until).contains(&now)
            && given.given >= since
    })
}

/// Every commit that is in this one.
fn contained(commit: Commit) -> BTreeSet<Commit> {
    match commit {
        SIDE => (0..=FORK).chain([SIDE]).collect(),
        _ => (0..=commit).collect(),
    }
}

fn risk(live: Commit, commit: Commit) -> Risk {
    let (live, commit) = (contained(live), contained(commit));
    let changed = live.symmetric_difference(&commit).map(|commit| match *commit {
        2 => Risk::High,
        4 => Risk::Medium,
        _ => Risk::Low,
    });
    changed.max().unwrap_or(Risk::Low)
}
