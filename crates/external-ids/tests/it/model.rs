//! Any sequence of operations, beside a model that is too simple to be wrong.

use std::collections::HashSet;

use external_ids::{ExternalId, IdsError, InternalId, Series, Tracker};
use proptest::prelude::*;
use state_store::Key;

use crate::{
    COUNTERS, MAPPING, github, internal, jira, now,
    shaky::{Plan, Shaky},
};

#[derive(Debug, Clone, Copy)]
enum Op {
    Map { task: usize, series: usize },
    Next { series: usize },
    Link { task: usize, series: usize, number: u64 },
}

const TASKS: usize = 6;
const SERIES: usize = 4;

fn op() -> impl Strategy<Value = Op> {
    let number = 1..15_u64;
    prop_oneof![
        (0..TASKS, 0..SERIES).prop_map(|(task, series)| Op::Map { task, series }),
        (0..SERIES).prop_map(|series| Op::Next { series }),
        (0..TASKS, 0..SERIES, number).prop_map(|(task, series, number)| Op::Link {
            task,
            series,
            number
        }),
    ]
}

fn task(number: usize) -> InternalId {
    internal(&format!("TASK-E01-{number}"))
}

fn series(number: usize) -> Series {
    let linear = Series::new(Tracker::Linear, Some("PROJ".parse().unwrap()));
    [jira("PROJ"), jira("TEAM"), linear.unwrap(), github()][number].clone()
}

fn id_in(series: &Series, number: u64) -> ExternalId {
    let text = match series.key() {
        Some(key) => format!("{key}-{number}"),
        None => number.to_string(),
    };
    ExternalId::parse(series.tracker(), &text).unwrap()
}

/// Everything that ever happened, in lists; every question is a walk over all of it.
#[derive(Default)]
struct Naive {
    recorded: Vec<(InternalId, ExternalId)>,
    handed_out: Vec<ExternalId>,
}

impl Naive {
    fn next(&mut self, series: &Series) -> ExternalId {
        let seen = self.handed_out.iter().chain(self.recorded.iter().map(|(_, id)| id));
        let last = seen.filter(|id| id.series() == series).map(ExternalId::number).max();
        let next = id_in(series, last.unwrap_or(0) + 1);
        self.handed_out.push(next.clone());
        next
    }

    fn external(&self, task: &InternalId, tracker: Tracker) -> Option<ExternalId> {
        let of_task = self.recorded.iter().filter(|(owner, _)| owner == task);
        of_task.map(|(_, id)| id.clone()).find(|id| id.tracker() == tracker)
    }

    fn owner(&self, id: &ExternalId) -> Option<&InternalId> {
        self.recorded.iter().find(|(_, recorded)| recorded == id).map(|(owner, _)| owner)
    }

    /// What `op` answers: an id and whether it is new, or what is wrong with it.
    fn run(&mut self, op: Op) -> Result<(ExternalId, bool), String> {
        match op {
            Op::Next { series: number } => Ok((self.next(&series(number)), true)),
            Op::Map { task: owner, series: number } => {
                let (owner, series) = (task(owner), series(number));
                if let Some(id) = self.external(&owner, series.tracker()) {
                    return Ok((id, false));
                }
                let id = self.next(&series);
                self.recorded.push((owner, id.clone()));
                Ok((id, true))
            }
            Op::Link { task: owner, series: of, number } => {
                let (owner, id) = (task(owner), id_in(&series(of), number));
                match (self.external(&owner, id.tracker()), self.owner(&id)) {
                    (Some(has), _) if has == id => Ok((id, false)),
                    (Some(has), _) => Err(format!("has {has}")),
                    (None, Some(other)) => Err(format!("taken by {other}")),
                    (None, None) => {
                        self.recorded.push((owner, id.clone()));
                        Ok((id, true))
                    }
                }
            }
        }
    }
}

/// The same of the real thing, of which each operation uses a new handle. `None`: it died.
fn run(store: &Shaky, op: Op) -> Option<Result<(ExternalId, bool), String>> {
    let ids = store.ids();
    let answer = match op {
        Op::Next { series: number } => ids.next(&series(number), now()).map(|id| (id, true)),
        Op::Map { task: owner, series: number } => {
            let mapped = ids.map(&task(owner), &series(number), now());
            mapped.map(|mapped| (mapped.external, mapped.created))
        }
        Op::Link { task: owner, series: of, number } => {
            let mapped = ids.link(&task(owner), &id_in(&series(of), number), now());
            mapped.map(|mapped| (mapped.external, mapped.created))
        }
    };
    match answer {
        Ok(answer) => Some(Ok(answer)),
        Err(IdsError::HasAnother { external, .. }) => Some(Err(format!("has {external}"))),
        Err(IdsError::Taken { internal, .. }) => Some(Err(format!("taken by {internal}"))),
        Err(IdsError::Store(_)) => None,
        Err(error) => panic!("{op:?}: {error:?}"),
    }
}

/// What the machine does to us before an operation.
#[derive(Debug, Clone, Copy)]
enum Event {
    Nothing,
    /// The operation dies at this write, before or after it was made.
    Death {
        swaps: usize,
        applied: bool,
    },
    /// A person brings back a copy of the counters that lacks the last change.
    Restore,
    /// Documents are damaged, and fall back to their backups.
    Damage {
        counters: bool,
        mapping: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Nothing),
        2 => (0..2_usize, any::<bool>())
            .prop_map(|(swaps, applied)| Event::Death { swaps, applied }),
        1 => Just(Event::Restore),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(counters, mapping)| Event::Damage { counters, mapping }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_naive_model(ops in prop::collection::vec(op(), 1..60)) {
        let (store, mut naive) = (Shaky::default(), Naive::default());
        for op in ops {
            prop_assert_eq!(run(&store, op), Some(naive.run(op)), "{:?}", op);
        }
        let registry = store.ids().load().unwrap();
        prop_assert_eq!(registry.duplicates().count(), 0);
        for owner in (0..TASKS).map(task) {
            let mut all = Vec::new();
            for tracker in Tracker::ALL {
                let expected = naive.external(&owner, tracker);
                prop_assert_eq!(registry.external(&owner, tracker), expected.as_ref());
                all.extend(expected);
            }
            prop_assert_eq!(registry.all(&owner).cloned().collect::<Vec<_>>(), all);
        }
        for (of, number) in (0..SERIES).flat_map(|of| (1..90).map(move |number| (of, number))) {
            let id = id_in(&series(of), number);
            prop_assert_eq!(registry.find(&id).first(), naive.owner(&id));
        }
    }

    #[test]
    fn whatever_dies_or_is_restored_no_number_is_handed_out_twice(
        ops in prop::collection::vec((event(), op()), 1..60)
    ) {
        let store = Shaky::default();
        let mut handed_out = HashSet::new();
        for (event, op) in ops {
            match event {
                Event::Nothing => {}
                Event::Death { swaps, applied } => store.plan(Plan::DieAt { swaps, applied }),
                Event::Damage { counters, mapping } => {
                    for (key, damaged) in [(COUNTERS, counters), (MAPPING, mapping)] {
                        let key = Key::fixed(key);
                        if damaged && store.has_backup(&key) {
                            store.damage(&key);
                        }
                    }
                }
                Event::Restore => {
                    if store.restore(&Key::fixed(COUNTERS)) {
                        store.ids().skip_after_restore(1, now()).unwrap();
                    }
                }
            }
            let answer = run(&store, op);
            store.plan(Plan::Succeed);
            if let (Some(Ok((id, true))), Op::Map { .. } | Op::Next { .. }) = (answer, op) {
                prop_assert!(handed_out.insert(id.clone()), "{} was handed out twice", id);
            }
            prop_assert_eq!(store.ids().load().unwrap().duplicates().count(), 0);
        }
    }
}
