//! What claiming a delivery costs among those that are remembered, and as they grow more.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use atomic_file::{Backup, Options};
use booty_state::{Claim, DeliveryCache, DeliveryKey, Keep};
use state_store::Store;

use crate::arena::Arena;
use crate::contest::{self, Contender, Pace};
use crate::floor::{Extra, RawFile};
use crate::gate::Gate;
use crate::report::Table;

/// How many deliveries of a repository are remembered.
pub(crate) const ENTRIES: u64 = 1000;

const FLOOR: &str = "raw with .bak, 4 syncs (floor)";
const OURS: &str = "booty-state claim";
const GATES: &[Gate] = &[
    Gate { of: OURS, to: FLOOR, at_most: 1.6 },
    Gate { of: OURS, to: SQLITE, at_most: 2.0 },
    Gate { of: OURS, to: REDB, at_most: 2.0 },
];
pub(crate) const SQLITE: &str = "SQLite, WAL, synchronous=FULL";
pub(crate) const REDB: &str = "redb";

const PACE: Pace = Pace { samples: 4, batch: 1 };
const LIMIT: Duration = Duration::from_secs(12);

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    Ok(vec![among_others(arena)?, grows(arena, &CLAIMS)?, grows(arena, &FINDS)?])
}

fn among_others(arena: &Arena) -> Result<Table> {
    let dir = arena.field("claim")?;
    let cache = cache(&dir, 1)?;
    let contents = fs::read(dir.join(DOCUMENT))?;
    let raw = RawFile::new(&dir, "raw.json");
    let replaced = dir.join("replaced.json");
    let options = Options::new().backup(Backup::Beside);
    let contenders = vec![
        Contender::timed(FLOOR, PACE, || Ok(raw.replace(&contents, Extra::StrictBackup)?)),
        Contender::timed(OURS, PACE, claims(&cache)),
        Contender::timed("atomic-file with .bak", PACE, || {
            Ok(options.replace(&replaced, &contents)?)
        }),
    ];
    #[cfg(feature = "peers")]
    let contenders =
        [contenders, crate::peers::claiming(&dir, PACE)?].into_iter().flatten().collect();
    let standings = contest::hold(arena, LIMIT, contenders)?;
    let kilobytes = contents.len() / 1024;
    let title = format!("claim: one delivery more among {ENTRIES}, a file of {kilobytes} KB");
    Ok(standings.table(title, GATES))
}

/// The same operation on one, ten and a hundred repositories.
struct Growth {
    title: &'static str,
    names: [&'static str; 3],
    pace: Pace,
    gates: &'static [Gate],
}

const REPOSITORIES: [u64; 3] = [1, 10, 100];

const CLAIMS: Growth = Growth {
    title: "claim: with 1,000 deliveries for each repository",
    names: ["claim, 1 repository", "claim, 10 repositories", "claim, 100 repositories"],
    pace: Pace { samples: 1, batch: 1 },
    gates: &[
        Gate { of: "claim, 10 repositories", to: "claim, 1 repository", at_most: 10.0 },
        Gate { of: "claim, 100 repositories", to: "claim, 1 repository", at_most: 100.0 },
    ],
};

const FINDS: Growth = Growth {
    title: "has: with 1,000 deliveries for each repository",
    names: ["has, 1 repository", "has, 10 repositories", "has, 100 repositories"],
    pace: Pace { samples: 4, batch: 1 },
    gates: &[
        Gate { of: "has, 10 repositories", to: "has, 1 repository", at_most: 10.0 },
        Gate { of: "has, 100 repositories", to: "has, 1 repository", at_most: 100.0 },
    ],
};

fn grows(arena: &Arena, growth: &Growth) -> Result<Table> {
    let Growth { title, names, pace, gates } = growth;
    let is_claim = names == &CLAIMS.names;
    let mut contenders = Vec::new();
    for (name, repositories) in names.iter().zip(REPOSITORIES) {
        let dir = arena.field(&name.replace([' ', ','], "-"))?;
        let cache = cache(&dir, repositories)?;
        contenders.push(match is_claim {
            true => Contender::timed(name, *pace, claims(&cache)),
            false => Contender::timed(name, *pace, move || {
                ensure!(cache.find(&key(0, ENTRIES)?)?.is_some(), "a delivery was forgotten");
                Ok(())
            }),
        });
    }
    Ok(contest::hold(arena, Duration::from_secs(6), contenders)?.table(*title, gates))
}

const DOCUMENT: &str = "delivery_ids.json";

/// A cache in `dir` in which as many repositories have all they may have.
pub(crate) fn cache(dir: &Path, repositories: u64) -> Result<DeliveryCache> {
    // As the old program would write it, since a claim for each would take minutes.
    let mut document = serde_json::Map::new();
    for count in 0..ENTRIES {
        for repository in 0..repositories {
            document.insert(key(repository, count)?.to_string(), id(count).into());
        }
    }
    atomic_file::replace(dir.join(DOCUMENT), &serde_json::to_vec_pretty(&document)?)?;
    let cache = DeliveryCache::new(&Store::files(dir), Keep::default());
    // From the first claim on the document has the form, and the checksum, of ours.
    claim(&cache, ENTRIES)?;
    Ok(cache)
}

fn claim(cache: &DeliveryCache, count: u64) -> Result<()> {
    ensure!(cache.claim(&key(0, count)?, &id(count).parse()?)? == Claim::New, "claimed twice");
    Ok(())
}

/// Claims a delivery that nobody has claimed yet, each time another one.
fn claims(cache: &DeliveryCache) -> impl FnMut() -> Result<()> + use<> {
    let cache = cache.clone();
    let mut count = ENTRIES;
    move || {
        count += 1;
        claim(&cache, count)
    }
}

/// The key of a delivery, as long as real ones are.
pub(crate) fn key(repository: u64, count: u64) -> Result<DeliveryKey> {
    // Consecutive commits look nothing alike.
    let digits = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Ok(format!("acme/service-{repository}:{digits:016x}{count:024x}").parse()?)
}

/// The id of a delivery, as long as real ones are.
pub(crate) fn id(count: u64) -> String {
    format!("72d3162e-cc78-11e3-81ab-{count:012x}")
}

#[cfg(test)]
mod tests {
    use booty_state::Claim;

    use super::{ENTRIES, cache, claims, id, key};

    #[test]
    fn a_claim_is_new_and_the_oldest_makes_room_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path(), 2).unwrap();
        let mut claim = claims(&cache);
        claim().unwrap();
        claim().unwrap();
        super::claim(&cache, ENTRIES + 2).unwrap_err();
        assert_eq!(cache.list(None).unwrap().len() as u64, 2 * ENTRIES);
        let last = cache.claim(&key(0, ENTRIES + 2).unwrap(), &id(7).parse().unwrap()).unwrap();
        assert!(matches!(last, Claim::Already { .. }), "{last:?}");
    }
}
