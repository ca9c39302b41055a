//! What a program did to a directory, as the kernel saw it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use system_tests::{Call, Govctl, Trace};

use crate::tree::{Node, Tree};

/// Every call that can change a directory or make a change durable. What a program may call
/// and this does not list would be missed, so reading it fails on what it does not understand.
const CALLS: &str = "open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,lseek,\
                     truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,fsync,\
                     fdatasync,syncfs,sync,sync_file_range,msync,rename,renameat,renameat2,link,\
                     linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat";

/// One change of a directory, or what makes changes durable. Files go by number, because
/// their names change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A name for a node: a new file or directory, or another name for one that is there.
    Enter {
        name: String,
        number: usize,
        is_directory: bool,
    },
    Leave {
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Write {
        number: usize,
        offset: usize,
        bytes: Vec<u8>,
        is_appended: bool,
    },
    Resize {
        number: usize,
        length: usize,
    },
    SyncFile {
        number: usize,
    },
    SyncDirectory {
        name: String,
    },
    /// What cannot be taken back has begun: a command was started.
    Start,
    /// The program told its caller that it is done.
    Acknowledge,
}

/// A directory before a run, and what the run did to it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) before: Tree,
    pub(crate) steps: Vec<Step>,
}

impl Record {
    /// Runs `victim`, which must succeed, and records what it does below `top`.
    pub(crate) fn of(victim: Govctl, top: &Path) -> Result<Record> {
        let record = Record::ending_with(0, victim, top, None)?;
        ensure!(record.steps.contains(&Step::Acknowledge), "nothing was acknowledged");
        Ok(record)
    }

    /// The same of a command of ours, which has acknowledged what it did once it has ended. Where
    /// a command that it starts leaves a line is `witness`.
    pub(crate) fn of_command(code: i32, run: Govctl, top: &Path, witness: &Path) -> Result<Record> {
        let mut record = Record::ending_with(code, run, top, Some(witness))?;
        record.steps.retain(|step| *step != Step::Acknowledge);
        record.steps.push(Step::Acknowledge);
        Ok(record)
    }

    fn ending_with(
        code: i32,
        victim: Govctl,
        top: &Path,
        witness: Option<&Path>,
    ) -> Result<Record> {
        let before = Tree::read(top)?;
        // Hexadecimal strings, whole: what is written is binary and of any length.
        let trace = format!("--trace={CALLS}");
        let words = ["--follow-forks", "-xx", "-s", "1000000", &trace].map(str::to_owned);
        let (trace, answer) = Trace::of(victim, &words);
        let answer = answer.whatever_is_said();
        ensure!(answer.code() == code, "the victim fails before it is one\n{}", answer.shown());
        let mut reader = Reader {
            top: top.to_str().context("a path in UTF-8")?.to_owned(),
            witness: witness.and_then(Path::to_str).map(str::to_owned),
            names: before.names.clone(),
            directories: directories(&before),
            lengths: lengths(&before),
            next: before.nodes.keys().max().map_or(0, |most| most + 1),
            offsets: HashMap::new(),
            appending: HashSet::new(),
            steps: Vec::new(),
        };
        for call in trace.calls.iter().filter(|call| call.succeeded()) {
            reader.add(call).with_context(|| format!("at {}({})", call.name, call.args))?;
        }
        Ok(Record { before, steps: reader.steps })
    }
}

fn directories(tree: &Tree) -> BTreeSet<String> {
    let is_directory = |number: &usize| tree.nodes[number] == Node::Directory;
    let below = tree.names.iter().filter(|(_, number)| is_directory(number));
    below.map(|(name, _)| name.clone()).chain([String::new()]).collect()
}

fn lengths(tree: &Tree) -> HashMap<usize, usize> {
    let length = |node: &Node| match node {
        Node::Directory => 0,
        Node::File(bytes) => bytes.len(),
    };
    tree.nodes.iter().map(|(number, node)| (*number, length(node))).collect()
}

/// Follows names and offsets, because calls speak of descriptors.
struct Reader {
    top: String,
    witness: Option<String>,
    names: BTreeMap<String, usize>,
    directories: BTreeSet<String>,
    lengths: HashMap<usize, usize>,
    next: usize,
    /// Where the next `write` to a descriptor goes.
    offsets: HashMap<String, usize>,
    /// Descriptors whose every `write` goes to the end.
    appending: HashSet<String>,
    steps: Vec<Step>,
}

impl Reader {
    fn add(&mut self, call: &Call) -> Result<()> {
        let args: Vec<&str> = call.args.split(", ").collect();
        match call.name.as_str() {
            "open" | "openat" => self.open(call, &args),
            "write" if self.is_witness(args[0]) => {
                self.steps.push(Step::Start);
                Ok(())
            }
            "write" if is_stdout(args[0]) => {
                self.steps.push(Step::Acknowledge);
                Ok(())
            }
            "write" => self.write(args[0], None, args[1]),
            "pwrite64" => self.write(args[0], Some(args[3].parse()?), args[1]),
            "lseek" => {
                let (number, _) = descriptor(args[0])?;
                let at = call.result.split(' ').next().unwrap_or_default().parse()?;
                self.offsets.insert(number, at);
                Ok(())
            }
            "ftruncate" => {
                let Some(number) = self.node(&descriptor(args[0])?.1) else { return Ok(()) };
                let length = args[1].parse()?;
                self.resize(number, length);
                Ok(())
            }
            "fsync" | "fdatasync" => self.sync(&descriptor(args[0])?.1),
            "rename" => self.rename(&text(args[0])?, &text(args[1])?),
            "renameat" | "renameat2" => self.rename(&at(args[0], args[1])?, &at(args[2], args[3])?),
            "link" => self.link(&text(args[0])?, &text(args[1])?),
            "linkat" => self.link(&at(args[0], args[1])?, &at(args[2], args[3])?),
            "unlink" | "rmdir" => self.unlink(&text(args[0])?),
            "unlinkat" => self.unlink(&at(args[0], args[1])?),
            "mkdir" => self.enter(&text(args[0])?, true),
            "mkdirat" => self.enter(&at(args[0], args[1])?, true),
            _ if !call.args.contains(&hex(&self.top)) => Ok(()),
            other => bail!("`{other}` is not understood"),
        }
    }

    fn is_witness(&self, word: &str) -> bool {
        let path = descriptor(word).map(|(_, path)| path).ok();
        self.witness.is_some() && path == self.witness
    }

    fn open(&mut self, call: &Call, args: &[&str]) -> Result<()> {
        let flags = if call.name == "open" { args[1] } else { args[2] };
        let (number, path) = descriptor(&call.result)?;
        if flags.contains("O_APPEND") {
            self.appending.insert(number.clone());
        } else {
            self.appending.remove(&number);
        }
        self.offsets.insert(number, 0);
        match self.node(&path) {
            None if flags.contains("O_CREAT") => self.enter(&path, false)?,
            Some(node) if flags.contains("O_TRUNC") => self.resize(node, 0),
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, file: &str, offset: Option<usize>, bytes: &str) -> Result<()> {
        let (descriptor, path) = descriptor(file)?;
        let Some(number) = self.node(&path) else { return Ok(()) };
        let bytes = unhex(bytes)?;
        let length = self.lengths.entry(number).or_default();
        let is_appended = offset.is_none() && self.appending.contains(&descriptor);
        let offset = match offset {
            Some(offset) => offset,
            None if is_appended => *length,
            None => {
                let position = self.offsets.entry(descriptor).or_default();
                let offset = *position;
                *position += bytes.len();
                offset
            }
        };
        *length = (*length).max(offset + bytes.len());
        self.steps.push(Step::Write { number, offset, bytes, is_appended });
        Ok(())
    }

    fn resize(&mut self, number: usize, length: usize) {
        self.lengths.insert(number, length);
        self.steps.push(Step::Resize { number, length });
    }

    fn sync(&mut self, path: &str) -> Result<()> {
        let Some(name) = self.below(path) else { return Ok(()) };
        if self.directories.contains(&name) {
            self.steps.push(Step::SyncDirectory { name });
        } else if let Some(number) = self.node(path) {
            self.steps.push(Step::SyncFile { number });
        }
        Ok(())
    }

    fn enter(&mut self, path: &str, is_directory: bool) -> Result<()> {
        let Some(name) = self.below(path) else { return Ok(()) };
        let number = self.next;
        self.next += 1;
        self.names.insert(name.clone(), number);
        if is_directory {
            self.directories.insert(name.clone());
        }
        self.steps.push(Step::Enter { name, number, is_directory });
        Ok(())
    }

    fn link(&mut self, from: &str, to: &str) -> Result<()> {
        let Some(name) = self.below(to) else { return Ok(()) };
        let number = self.node(from).context("a link to what was not there")?;
        self.names.insert(name.clone(), number);
        self.steps.push(Step::Enter { name, number, is_directory: false });
        Ok(())
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        let Some(name) = self.below(path) else { return Ok(()) };
        self.names.remove(&name).context("it was not there")?;
        self.steps.push(Step::Leave { name });
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (Some(from), Some(to)) = (self.below(from), self.below(to)) else { return Ok(()) };
        // Between two names of one file it does nothing.
        if self.names.get(&from) == self.names.get(&to) {
            return Ok(());
        }
        let number = self.names.remove(&from).context("it was not there")?;
        self.names.insert(to.clone(), number);
        self.steps.push(Step::Rename { from, to });
        Ok(())
    }

    fn node(&self, path: &str) -> Option<usize> {
        self.names.get(&self.below(path)?).copied()
    }

    /// The path below the top; that of the top is empty.
    fn below(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.top)?;
        if rest.is_empty() {
            Some(String::new())
        } else {
            rest.strip_prefix('/').map(str::to_owned)
        }
    }
}

/// Descriptor 1 and no pipe: what the victim itself says.
fn is_stdout(word: &str) -> bool {
    descriptor(word).is_ok_and(|(number, path)| number == "1" && !path.starts_with("pipe:"))
}

/// `3<\x2f\x61>` as its number and its path.
fn descriptor(word: &str) -> Result<(String, String)> {
    let (number, rest) = word.split_once('<').context("a descriptor with its path")?;
    let path = rest.split_once('>').context("the end of a path")?.0;
    Ok((number.to_owned(), text(path)?))
}

/// A name in an open directory as a whole path.
fn at(directory: &str, name: &str) -> Result<String> {
    let name = text(name)?;
    if name.starts_with('/') {
        return Ok(name);
    }
    Ok(format!("{}/{name}", descriptor(directory)?.1))
}

fn text(word: &str) -> Result<String> {
    Ok(String::from_utf8(unhex(word)?)?)
}

/// `"\x41\x42"`, with or without its quotes.
fn unhex(word: &str) -> Result<Vec<u8>> {
    ensure!(!word.ends_with("..."), "strace has cut it off");
    let digits = word.trim_matches('"').split("\\x").skip(1);
    digits.map(|pair| Ok(u8::from_str_radix(pair, 16)?)).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{at, descriptor, hex, is_stdout, unhex};

    #[test]
    fn what_strace_prints_is_read_back() {
        let name = hex("/a, b = (c)");
        assert_eq!(unhex(&format!("\"{name}\"")).unwrap(), b"/a, b = (c)");
        let open = format!("7<{name}>");
        assert_eq!(descriptor(&open).unwrap(), ("7".to_owned(), "/a, b = (c)".to_owned()));
        assert_eq!(at(&open, &hex("d")).unwrap(), "/a, b = (c)/d");
        assert_eq!(at(&open, &hex("/d")).unwrap(), "/d");
        assert!(unhex("\"\\x41\"...").is_err(), "half of it is not it");
        assert!(is_stdout(&format!("1<{name}>")));
        assert!(!is_stdout(&format!("1<{}>", hex("pipe:[1]"))));
    }
}
