//! A directory as a value: what is in it at one moment.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bytes::Bytes;

/// Names and what they stand for. Two names may stand for one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Paths below the top, and the number of the node behind each.
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) nodes: HashMap<usize, Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Directory,
    File(Bytes),
}

impl Tree {
    /// What is below `top` now. Nodes are numbered from 0.
    pub(crate) fn read(top: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        let mut numbers = HashMap::new();
        tree.add(top, "", &mut numbers).with_context(|| format!("cannot read {top:?}"))?;
        Ok(tree)
    }

    fn add(
        &mut self,
        top: &Path,
        dir: &str,
        numbers: &mut HashMap<(u64, u64), usize>,
    ) -> Result<()> {
        for entry in fs::read_dir(top.join(dir))? {
            let name = entry?.file_name().into_string().ok().context("a name in UTF-8")?;
            let name = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            let path = top.join(&name);
            let metadata = fs::symlink_metadata(&path)?;
            let count = numbers.len();
            let number = *numbers.entry((metadata.dev(), metadata.ino())).or_insert(count);
            self.names.insert(name.clone(), number);
            if metadata.is_dir() {
                self.nodes.insert(number, Node::Directory);
                self.add(top, &name, numbers)?;
            } else {
                self.nodes.insert(number, Node::File(fs::read(&path)?.into()));
            }
        }
        Ok(())
    }

    /// Makes the empty directory `top` what this says.
    pub(crate) fn write(&self, top: &Path) -> Result<()> {
        let mut written: HashMap<usize, &String> = HashMap::new();
        // In the order of their names, so that a directory comes before what is in it.
        for (name, number) in &self.names {
            let path = top.join(name);
            match (&self.nodes[number], written.get(number)) {
                (Node::Directory, _) => fs::create_dir(path)?,
                (Node::File(_), Some(first)) => fs::hard_link(top.join(first), path)?,
                (Node::File(bytes), None) => {
                    let mut file = File::options().create_new(true).write(true).open(path)?;
                    file.write_all(bytes)?;
                    written.insert(*number, name);
                }
            }
        }
        Ok(())
    }

    /// Stands for what a program can see: names, contents, and which names are one file.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash_of(|_| true)
    }

    /// Stands for what a reader looks at: the contents of what is not hidden, and the names of
    /// what is.
    pub(crate) fn outline(&self) -> u64 {
        self.hash_of(|name| !is_hidden(name))
    }

    fn hash_of(&self, is_read: impl Fn(&str) -> bool) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut first: HashMap<usize, usize> = HashMap::new();
        for (at, (name, number)) in self.names.iter().enumerate() {
            let first = *first.entry(*number).or_insert(at);
            // The token in a hidden name is chance, and two runs do not share it.
            let name = if is_hidden(name) { without_token(name) } else { name.clone() };
            (name.as_str(), first).hash(&mut hasher);
            if first == at && is_read(&name) {
                self.nodes[number].hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// What it is like, in a few words.
    pub(crate) fn described(&self) -> String {
        let size = |number: &usize| match &self.nodes[number] {
            Node::Directory => "dir".to_owned(),
            Node::File(bytes) => format!("{} bytes", bytes.len()),
        };
        let names = self.names.iter().map(|(name, number)| format!("{name} ({})", size(number)));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The directory that `name` is in; the top is the empty one.
pub(crate) fn directory_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn is_hidden(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

fn without_token(name: &str) -> String {
    let is_token = |part: &&str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    name.split('.').filter(|part| !is_token(part)).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use system_tests::TestDir;

    use super::{Tree, without_token};

    #[test]
    fn what_is_written_is_what_was_read() {
        let from = TestDir::new();
        from.write("a.json", "one");
        from.write("sub/b.json", "two");
        fs::hard_link(from.join("a.json"), from.join("a.json.bak")).unwrap();
        let tree = Tree::read(from.path()).unwrap();
        let to = TestDir::new();
        tree.write(to.path()).unwrap();
        assert_eq!(to.read("sub/b.json"), "two");
        let copy = Tree::read(to.path()).unwrap();
        assert_eq!(copy.fingerprint(), tree.fingerprint());
        assert_eq!(copy.names["a.json"], copy.names["a.json.bak"]);

        to.write("sub/b.json", "three");
        assert_ne!(Tree::read(to.path()).unwrap().fingerprint(), tree.fingerprint());
    }

    #[test]
    fn chance_in_a_name_makes_no_other_state() {
        let token = "0123456789abcdef0123456789abcdef";
        assert_eq!(without_token(&format!(".a.json.{token}.slot")), ".a.json.slot");
        assert_eq!(without_token("a.json"), "a.json");
    }
}
