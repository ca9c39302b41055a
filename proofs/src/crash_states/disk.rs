//! A disk while a program runs: what is durable, and what is on its way.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use system_tests::Random;

use crate::bytes::Bytes;
use crate::crash_states::contents::{Contents, Life};
use crate::crash_states::models::{Bounds, Model, Told};
use crate::crash_states::record::Step;
use crate::tree::{Node, Tree, directory_of};

/// What is durable, and what is on its way.
pub(super) struct Disk {
    model: Model,
    durable: BTreeMap<String, usize>,
    pending: Vec<Change>,
    lives: HashMap<usize, Option<Life>>,
    pub(super) told: Told,
    /// What the files that have changed may hold, calculated once for all sets of names.
    shown: HashMap<usize, Shown>,
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
    pub(super) fn new(before: &Tree, model: Model) -> Disk {
        let life = |node: &Node| match node {
            Node::Directory => None,
            Node::File(bytes) => Some(Life::durable(bytes.to_vec())),
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
            told: Told::default(),
            shown: HashMap::new(),
            stale: files.max_by_key(|bytes| bytes.len()).map_or_else(Vec::new, |it| it.to_vec()),
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
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
            Step::Start => self.told.started = true,
            Step::Acknowledge => self.told.acknowledged = true,
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
            self.shown.remove(&number);
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

    /// The names that may be there after a power cut now, each set of them once.
    pub(super) fn name_maps(&self, most: u64, random: &mut Random) -> Vec<BTreeMap<String, usize>> {
        let count = self.pending.len();
        let mut found: Vec<_> = if self.model == Model::Ordered {
            (0..=count).map(|until| self.with_changes(|at| at < until)).collect()
        } else {
            let subset = |bits: u64| self.with_changes(|at| bits & (1 << at) != 0);
            let all = 1_u64 << count.min(62);
            if all <= most {
                (0..all).map(subset).collect()
            } else {
                let any: Vec<u64> = (0..most).map(|_| random.below(all)).collect();
                [0, all - 1].into_iter().chain(any).map(subset).collect()
            }
        };
        let mut seen = HashSet::new();
        found.retain(|names| seen.insert(names.clone()));
        found
    }

    /// All of it as a living program sees it.
    pub(super) fn seen(&self) -> Tree {
        let node = |number: &usize| match &self.lives[number] {
            None => Node::Directory,
            Some(life) => Node::File(life.newest().to_vec().into()),
        };
        let names = self.visible();
        let nodes = names.values().map(|number| (*number, node(number))).collect();
        Tree { names, nodes }
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
    pub(super) fn each_contents(
        &mut self,
        names: BTreeMap<String, usize>,
        bounds: Bounds,
        random: &mut Random,
        mut visit: impl FnMut(&Tree) -> Result<()>,
    ) -> Result<bool> {
        let numbers: BTreeSet<usize> = names.values().copied().collect();
        let mut tree = Tree { names, nodes: HashMap::new() };
        let mut free = Vec::new();
        let mut all = 1_u64;
        for number in numbers {
            let Some(life) = &self.lives[&number] else {
                tree.nodes.insert(number, Node::Directory);
                continue;
            };
            let of_life = || Shown::of(Contents::of(life, &self.stale, bounds.size_step));
            let shown = self.shown.entry(number).or_insert_with(of_life);
            tree.nodes.insert(number, Node::File(shown.nth(0)));
            all = all.saturating_mul(shown.count);
            if shown.count > 1 {
                free.push((number, shown.count));
            }
        }
        let is_sampled = all > bounds.most_contents;
        for at in 0..all.min(bounds.most_contents) {
            let mut rest = at;
            for (number, count) in &free {
                let choice = if is_sampled { random.below(*count) } else { rest % count };
                rest /= count;
                let shown = self.shown.get_mut(number).expect("it was calculated above");
                tree.nodes.insert(*number, Node::File(shown.nth(choice)));
            }
            visit(&tree)?;
        }
        Ok(is_sampled)
    }
}

/// So many contents of one file are kept: where there are more, hardly one is met again.
const MOST_KEPT: u64 = 4096;

/// What one file may hold now.
struct Shown {
    contents: Contents,
    count: u64,
    kept: HashMap<u64, Bytes>,
}

impl Shown {
    fn of(contents: Contents) -> Shown {
        Shown { count: contents.count(), contents, kept: HashMap::new() }
    }

    fn nth(&mut self, number: u64) -> Bytes {
        let make = || self.contents.nth(number).into();
        if self.count > MOST_KEPT {
            return make();
        }
        self.kept.entry(number).or_insert_with(make).clone()
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
