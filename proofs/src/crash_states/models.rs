//! What may be on disk after a power cut: the promises of file systems, as rules.

use anyhow::Result;
use system_tests::Random;

use crate::crash_states::disk::Disk;
use crate::crash_states::record::Record;
use crate::tree::Tree;

/// How a file system orders what it keeps. The contents of a file that was not synced are
/// free in each of them: `Contents` says what they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// As ext4 with a journal: names change in order, and every sync of anything makes all
    /// changes of names before it durable.
    Ordered,
    /// No order: of the changes of names since a directory was synced, any subset is there.
    Weak,
    /// As weak, and the two halves of a rename come apart: both names, or neither.
    Split,
}

impl Model {
    pub(crate) const ALL: [Model; 3] = [Model::Ordered, Model::Weak, Model::Split];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Model::Ordered => "ext4-like",
            Model::Weak => "weak",
            Model::Split => "split",
        }
    }
}

/// How many states are looked at, and how finely files are cut. Where there are more, chance
/// decides which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// So many sets of names of one moment, if there are more changes on their way.
    pub(crate) most_names: u64,
    /// So many contents of the files behind one set of names.
    pub(crate) most_contents: u64,
    /// Sizes of an unsynced file, in bytes apart.
    pub(crate) size_step: usize,
}

impl Bounds {
    /// Those of the gate, and of mutants.
    pub(crate) const SHORT: Bounds = Bounds { most_names: 32, most_contents: 40, size_step: 97 };
}

/// How far the run had come when the power went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    /// It had said that the change is made.
    pub(crate) acknowledged: bool,
    /// It had done what cannot be taken back: a deploy command had been started.
    pub(crate) started: bool,
}

/// Visits what a power cut may leave at any moment of the record, most of it more than once.
/// Returns how often there were more contents than are looked at.
pub(crate) fn each_crash(
    record: &Record,
    model: Model,
    bounds: Bounds,
    random: &mut Random,
    mut visit: impl FnMut(&Tree, Told) -> Result<()>,
) -> Result<u64> {
    let mut disk = Disk::new(&record.before, model);
    let mut sampled = 0;
    for at in 0..=record.steps.len() {
        for names in disk.name_maps(bounds.most_names, random) {
            let told = disk.told;
            let is_sampled = disk.each_contents(names, bounds, random, |tree| visit(tree, told))?;
            sampled += u64::from(is_sampled);
        }
        if let Some(step) = record.steps.get(at) {
            disk.step(step);
        }
    }
    Ok(sampled)
}
