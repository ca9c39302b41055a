//! What may be on disk after a power cut: the promises of file systems, as rules.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use system_tests::Random;

use crate::crash_states::contents::{Contents, Life};
use crate::crash_states::record::{Record, Step};
use crate::tree::{Node, Tree, directory_of};

/// How a file system orders what it keeps. The contents of a file that was not synced are
/// free in each of them: [`Contents`] says what they may be.
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

/// A state that a power cut may leave.
pub(crate) struct Crash {
    pub(crate) tree: Tree,
    /// Whether the change had been acknowledged by then.
    pub(crate) acknowledged: bool,
}

/// Visits what a power cut may leave at any moment of the record. Returns how often there were
/// more contents than are looked at.
pub(crate) fn each_crash(
    record: &Record,
    model: Model,
    bounds: Bounds,
    random: &mut Random,
    mut visit: impl FnMut(Crash) -> Result<()>,
) -> Result<u64> {
    let mut disk = Disk::new(&record.before, model);
    let mut sampled = 0;
    let mut seen = HashSet::new();
    for at in 0..=record.steps.len() {
        let mut name_maps: Vec<BTreeMap<String, usize>> = Vec::new();
        for names in disk.name_maps(bounds.most_names, random) {
            if !name_maps.contains(&names) {
                name_maps.push(names);
            }
        }
        for names in name_maps {
            let is_sampled = disk.each_contents(&names, bounds, random, |tree| {
                let crash = Crash { tree, acknowledged: disk.acknowledged };
                let is_new = seen.insert((crash.tree.fingerprint(), crash.acknowledged));
                if is_new { visit(crash) } else { Ok(()) }
            })?;
            sampled += u64::from(is_sampled);
        }
        if let Some(step) = record.steps.get(at) {
            disk.step(step);
        }
    }
    Ok(sampled)
}

/// What is durable, and what is on its way.
struct Disk {
    model: Model,
    durable: BTreeMap<String, usize>,
    pending: Vec<Change>,
    lives: HashMap<usize, Option<Life>>,
    acknowledged: bool,
    /// What else may be found in a block that was never written: an older version.
    stale: Vec<u8>,
}

/// A change of names that happens whole or not at all.
struct Change {
    directory: String,
    enters: Option<(String, usize)>,
    leaves: Option<String>,
}

impl Disk {
    fn new(before: &Tree, model: Model) -> Disk {
        let life = |node: &Node| match node {
            Node::Directory => None,
            Node::File(bytes) => Some(Life::durable(bytes.clone())),
        };
        let files = before.nodes.values().filter_map(|node| match node {
            Node::File(bytes) => Some(bytes),
            Node::Directory => None,
        });
        Disk {
            model,
            durable: before.names.clone(),
            pending: Vec::new(),
            lives: before.nodes.iter().map(|(number, node)| (*number, life(node))).collect(),
            acknowledged: false,
            stale: files.max_by_key(|bytes| bytes.len()).cloned().unwrap_or_default(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Enter { name, number, is_directory } => {
                let new = || if *is_directory { None } else { Some(Life::default()) };
                self.lives.entry(*number).or_insert_with(new);
                self.change(name, Some(*number), None);
            }
            Step::Leave { name } => self.change(name, None, Some(name)),
            Step::Rename { from, to } => {
                // A mutant may have nothing left to rename.
                let Some(number) = self.visible().get(from).copied() else { return };
                match self.model {
                    Model::Split => {
                        self.change(to, Some(number), None);
                        self.change(from, None, Some(from));
                    }
                    Model::Ordered | Model::Weak => self.change(to, Some(number), Some(from)),
                }
            }
            Step::Write { number, offset, bytes, is_appended } => {
                self.with_life(*number, |life| life.write(*offset, bytes, *is_appended));
            }
            Step::Resize { number, length } => {
                self.with_life(*number, |life| life.resize(*length));
            }
            Step::SyncFile { number } => {
                self.with_life(*number, Life::sync);
                if self.model == Model::Ordered {
                    self.commit(|_| true);
                }
            }
            Step::SyncDirectory { name } => {
                let is_ordered = self.model == Model::Ordered;
                self.commit(|change| is_ordered || change.directory == *name);
            }
            Step::Acknowledge => self.acknowledged = true,
        }
    }

    fn change(&mut self, name: &str, enters: Option<usize>, leaves: Option<&String>) {
        self.pending.push(Change {
            directory: directory_of(name).to_owned(),
            enters: enters.map(|number| (name.to_owned(), number)),
            leaves: leaves.cloned(),
        });
    }

    fn with_life(&mut self, number: usize, act: impl FnOnce(&mut Life)) {
        if let Some(Some(life)) = self.lives.get_mut(&number) {
            act(life);
        }
    }

    fn commit(&mut self, is_synced: impl Fn(&Change) -> bool) {
        for change in std::mem::take(&mut self.pending) {
            if is_synced(&change) {
                change.apply(&mut self.durable);
            } else {
                self.pending.push(change);
            }
        }
    }

    /// The names as a living program sees them.
    fn visible(&self) -> BTreeMap<String, usize> {
        self.with_changes(|_| true)
    }

    /// The names that may be there after a power cut now.
    fn name_maps(&self, most: u64, random: &mut Random) -> Vec<BTreeMap<String, usize>> {
        let count = self.pending.len();
        if self.model == Model::Ordered {
            return (0..=count).map(|until| self.with_changes(|at| at < until)).collect();
        }
        let subset = |bits: u64| self.with_changes(|at| bits & (1 << at) != 0);
        let all = 1_u64 << count.min(62);
        if all <= most {
            return (0..all).map(subset).collect();
        }
        let any: Vec<u64> = (0..most).map(|_| random.below(all)).collect();
        [0, all - 1].into_iter().chain(any).map(subset).collect()
    }

    fn with_changes(&self, is_there: impl Fn(usize) -> bool) -> BTreeMap<String, usize> {
        let mut names = self.durable.clone();
        let there = self.pending.iter().enumerate().filter(|(at, _)| is_there(*at));
        there.for_each(|(_, change)| change.apply(&mut names));
        // What is in a directory that is not there cannot be reached.
        loop {
            let reached = |name: &str| name.is_empty() || names.contains_key(name);
            let lost = names.keys().find(|name| !reached(directory_of(name))).cloned();
            match lost {
                Some(name) => names.remove(&name),
                None => return names,
            };
        }
    }

    /// Visits every tree with these names. Returns whether there were too many.
    fn each_contents(
        &self,
        names: &BTreeMap<String, usize>,
        bounds: Bounds,
        random: &mut Random,
        mut visit: impl FnMut(Tree) -> Result<()>,
    ) -> Result<bool> {
        let mut nodes = HashMap::new();
        let mut free = Vec::new();
        for number in names.values().collect::<HashSet<_>>() {
            match &self.lives[number] {
                None => {
                    nodes.insert(*number, Node::Directory);
                }
                Some(life) => {
                    free.push((*number, Contents::of(life, &self.stale, bounds.size_step)));
                }
            }
        }
        free.sort_by_key(|(number, _)| *number); // For the same chance in every run.
        let all = free.iter().fold(1_u64, |all, (_, it)| all.saturating_mul(it.count()));
        let is_sampled = all > bounds.most_contents;
        for at in 0..all.min(bounds.most_contents) {
            let mut rest = at;
            for (number, contents) in &free {
                let choice = if is_sampled {
                    random.below(contents.count())
                } else {
                    rest % contents.count()
                };
                rest /= contents.count();
                nodes.insert(*number, Node::File(contents.nth(choice)));
            }
            visit(Tree { names: names.clone(), nodes: nodes.clone() })?;
        }
        Ok(is_sampled)
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(name) = &self.leaves {
            names.remove(name);
        }
        if let Some((name, number)) = &self.enters {
            names.insert(name.clone(), *number);
        }
    }
}
