//! A run that is killed at every system call, one after the other.

use std::collections::BTreeSet;

use crate::{Answer, Exit, Govctl, Trace};

/// More calls of one kind than any run makes.
const MOST: usize = 200;

/// Kills a run at the first call of each of these names, the next one at the second, and so
/// on; the last one of each name makes no more such calls and ends with success.
///
/// `run` is given the number of the run, `after` the same number, the answer, and what to say
/// if it is wrong. Returns the names that were met: a sweep that meets fewer than it should
/// has shown less than it seems to.
#[track_caller]
pub fn killed_at_each<'a>(
    calls: &[&'a str],
    run: impl Fn(usize) -> Govctl,
    mut after: impl FnMut(usize, &Answer, &str),
) -> BTreeSet<&'a str> {
    let mut met = BTreeSet::new();
    let mut number = 0;
    for call in calls {
        for nth in 1..=MOST {
            let words =
                [format!("--trace={call}"), format!("--inject={call}:signal=KILL:when={nth}")];
            let (trace, answer) = Trace::of(run(number), &words);
            let what = format!("run {number}, killed at {call} {nth}\n{}", answer.shown());
            let what = format!("{what}\n{}", trace.text());
            let end = if trace.was_hit() { Exit::Interrupted(9) } else { Exit::Yes };
            assert_eq!(answer.code(), end.code(), "{what}");
            after(number, &answer, &what);
            number += 1;
            if !trace.was_hit() {
                break;
            }
            assert!(nth < MOST, "there is no end to it: {what}");
            met.insert(*call);
        }
    }
    met
}
