//! Another process: this test program once more, told what to do through its standard input.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use atomic_file::{Attributes, Backup, Durability, Options, Orphans, ReplaceError, sweep};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions};

/// The other process. Ends with its parent's end of the pipe.
pub(crate) struct Other {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Other {
    pub(crate) fn start(role: &str, path: &Path) -> Other {
        Other::by(Command::new(std::env::current_exe().unwrap()), role, path)
    }

    /// As another user and group, who is in no other group. Only root can start it.
    pub(crate) fn start_as(uid: u32, gid: u32, role: &str, path: &Path) -> Other {
        // The test program may be where other users cannot reach it.
        let exe = path.parent().unwrap().join("test-program");
        fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
        let mut command = Command::new(&exe);
        command.uid(uid).gid(gid);
        let other = Other::by(command, role, path);
        fs::remove_file(exe).unwrap();
        other
    }

    /// In a pid namespace of its own. Only root can start it.
    pub(crate) fn start_in_pid_namespace(role: &str, path: &Path) -> Other {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]).arg(std::env::current_exe().unwrap());
        Other::by(command, role, path)
    }

    pub(crate) fn by(mut command: Command, role: &str, path: &Path) -> Other {
        let mut child = command
            .args(["--exact", "other::process", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{role} {}", path.display()).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Other { child, stdin: Some(stdin), stdout }
    }

    /// Waits for the next thing that it says.
    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the other process is gone");
            if let Some((_, said)) = line.split_once("says: ") {
                return said.trim().to_owned();
            }
        }
    }

    /// Tells it to go on.
    pub(crate) fn go_on(&mut self) {
        drop(self.stdin.take());
    }

    /// Tells it to go on, and waits for its end.
    pub(crate) fn end(mut self) {
        self.go_on();
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP, and waits until it has stopped.
    pub(crate) fn stop(&self) {
        rustix::process::kill_process(self.pid(), Signal::STOP).unwrap();
        rustix::process::waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap();
    }

    pub(crate) fn wake(&self) {
        rustix::process::kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

fn say(what: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "says: {what}").unwrap();
}

#[test]
#[ignore = "this is the other process, started by the tests that need one"]
fn process() {
    let mut lines = std::io::stdin().lock().lines();
    let Some(Ok(order)) = lines.next() else { return };
    let (role, path) = order.split_once(' ').unwrap();
    let path = Path::new(path);
    match role {
        "write" => {
            let mut pending = Options::new().begin(path).unwrap();
            pending.write_all(b"new").unwrap();
            say("written");
            assert!(lines.next().is_none());
            pending.commit().unwrap();
        }
        "write-and-start-a-child" => {
            let _pending = Options::new().begin(path).unwrap();
            let child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn();
            say(child.unwrap().id());
            assert!(lines.next().is_none());
        }
        "link-the-backup" => {
            let pending = Options::new().backup(Backup::Beside).begin(path).unwrap();
            let mut asked = 0;
            let committed = pending.commit_if(|| {
                asked += 1;
                if asked == 1 {
                    say("linked");
                    assert!(lines.next().is_none());
                }
                Ok::<(), ()>(())
            });
            committed.unwrap();
        }
        "replace-often" => {
            let options = Options::new().durability(Durability::Relaxed).backup(Backup::Beside);
            for _ in 0..400 {
                options.replace(path, b"whole").unwrap();
            }
        }
        "sweep-often" | "look-often" => {
            let orphans = if role == "sweep-often" { Orphans::Remove } else { Orphans::Report };
            say("sweeping");
            let done = path.with_extension("done");
            while !done.exists() {
                sweep(path.parent().unwrap(), orphans).unwrap();
            }
        }
        "sweep" => {
            let found = sweep(path, Orphans::Remove).unwrap();
            say(format_args!("{:?}", found.iter().map(|it| &it.fate).collect::<Vec<_>>()));
        }
        "replace" => say(replaced(&Options::new().backup(Backup::Beside), path)),
        "replace-without-backup" => say(replaced(&Options::new(), path)),
        "live-through-it-all" => {
            let options = Options::new().backup(Backup::Beside);
            for contents in ["one", "two"] {
                options.replace(path, contents.as_bytes()).unwrap();
            }
            let _pending = options.begin(path).unwrap();
            let [found] = &sweep(path, Orphans::Remove).unwrap()[..] else { panic!("one") };
            let backup = path.with_file_name("a.bak");
            let [now, before] = [path, &backup].map(|path| fs::read_to_string(path).unwrap());
            // What is linked keeps its inode, what is copied gets a new one.
            let old = fs::metadata(path).unwrap().ino();
            options.replace(path, b"three").unwrap();
            let is_linked = fs::metadata(&backup).unwrap().ino() == old;
            let how = if is_linked { "link" } else { "copy" };
            say(format_args!("{:?}, {now}, {before}, {how}", found.fate));
        }
        "replace-keeping-all" => {
            say(replaced(&Options::new().attributes(Attributes::KeepAll), path));
        }
        "replace-and-say-the-kind" => match Options::new().replace(path, b"new") {
            Err(ReplaceError::Unchanged { step, source, .. }) => {
                say(format_args!("{step:?} {:?}", source.kind()));
            }
            other => panic!("{other:?}"),
        },
        "replace-without-room" => {
            let error = Options::new().backup(Backup::Beside).replace(path, &[0; 8192]);
            let Err(ReplaceError::Unchanged { step, source, .. }) = error else { panic!() };
            let names = crate::names(path.parent().unwrap());
            let old = fs::read_to_string(path).unwrap();
            say(format_args!("{step:?} {:?}, {old}, {names:?}", source.kind()));
        }
        "replace-with-few-descriptors" => {
            let null = || fs::File::open("/dev/null");
            let limit = Rlimit { current: Some(64), maximum: Some(64) };
            rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
            let mut all: Vec<_> = std::iter::from_fn(|| null().ok()).collect();
            let options = Options::new().backup(Backup::Beside);
            while let Err(error) = options.replace(path, b"new") {
                say(format_args!("{error:?}"));
                all.pop();
            }
            say("replaced");
        }
        "replace-without-standard-descriptors" => {
            (0..3).for_each(|descriptor| nix::unistd::close(descriptor).unwrap());
            let mut pending = Options::new().begin(path).unwrap();
            pending.write_all(b"new").unwrap();
            // Where it goes if a descriptor of ours is 1 or 2 by now.
            writeln!(std::io::stdout(), "noise").unwrap();
            writeln!(std::io::stderr(), "noise").unwrap();
            pending.commit().unwrap();
        }
        _ => panic!("unknown role `{role}`"),
    }
}

/// What the new file lacks, or why there is none.
fn replaced(options: &Options, path: &Path) -> String {
    let lacking = options.begin(path).and_then(|mut pending| {
        pending.write_all(b"new").unwrap();
        let lacking: Vec<_> =
            pending.not_kept().iter().map(|lost| lost.attribute.to_string()).collect();
        pending.commit()?;
        Ok(lacking.join(", "))
    });
    lacking.unwrap_or_else(|error| format!("{error:?}"))
}
