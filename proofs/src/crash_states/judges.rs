//! Many states at once: each is independent of the others.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle, available_parallelism};

use anyhow::Result;

use crate::crash_states::scratch::Scratch;
use crate::tree::Tree;

/// So many states are collected before they are judged: it takes a tenth of a second, so that
/// starting the threads costs nothing.
pub(crate) const AT_ONCE: usize = 1024;

/// A scratch for each processor.
pub(crate) struct Judges {
    scratches: Vec<Scratch>,
}

impl Judges {
    pub(crate) fn new() -> Result<Judges> {
        let count = available_parallelism().map_or(1, NonZero::get);
        Ok(Judges { scratches: (0..count).map(|_| Scratch::new()).collect::<Result<_>>()? })
    }

    /// Where there is no hurry.
    pub(crate) fn scratch(&mut self) -> &mut Scratch {
        self.scratches.first_mut().expect("there is one for each processor")
    }

    /// Makes each of these real and judges it. The answers are in the order of the trees.
    pub(crate) fn judge<T: Send>(
        &mut self,
        trees: &[&Tree],
        judge: impl Fn(&std::path::Path) -> T + Sync,
    ) -> Result<Vec<T>> {
        let share = trees.len().div_ceil(self.scratches.len()).max(1);
        let alone = |scratch: &mut Scratch, trees: &[&Tree]| -> Result<Vec<T>> {
            let one = |tree: &&Tree| {
                let top = scratch.clear()?;
                tree.write(top)?;
                Ok(judge(top))
            };
            trees.iter().map(one).collect()
        };
        let found: Vec<Result<Vec<T>>> = thread::scope(|scope| {
            let shares = self.scratches.iter_mut().zip(trees.chunks(share));
            let start = |(scratch, trees)| scope.spawn(move || alone(scratch, trees));
            let threads: Vec<_> = shares.map(start).collect();
            let end = |thread: ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            threads.into_iter().map(end).collect()
        });
        let found: Result<Vec<Vec<T>>> = found.into_iter().collect();
        Ok(found?.into_iter().flatten().collect())
    }
}
