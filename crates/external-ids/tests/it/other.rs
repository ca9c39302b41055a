//! Another process: this test program once more, told what to do through its standard input.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Lines, Write, stdin, stdout},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{ids, internal, jira, now};

/// Starts a process that does `role` in `dir`; `who` is part of the ids that it maps.
pub(crate) fn start(role: &str, who: &str, dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "other::process", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{role} {who} {}", dir.display()).unwrap();
    child
}

/// What it says, until its end. The last line of a process that was killed may be cut; such a
/// line was not said.
pub(crate) fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines: Lines<BufReader<ChildStdout>> = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.filter_map(|line| {
        let line = line.unwrap();
        let (_, said) = line.split_once("says: ")?;
        Some(said.strip_suffix('.')?.to_owned())
    })
}

/// One write, so that a kill cuts it off or does not.
fn say(what: impl Display) {
    let mut stdout = stdout().lock();
    stdout.write_all(format!("says: {what}.\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

#[test]
#[ignore = "this is the other process, started by the tests that need one"]
fn process() {
    let Some(Ok(order)) = stdin().lines().next() else { return };
    let [role, who, dir] = order.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let ids = ids(Path::new(dir));
    let map = |task: &str| ids.map(&internal(task), &jira("PROJ"), now()).unwrap().external;
    match role {
        "map-50" => (0..50).for_each(|count| say(map(&format!("TASK-{who}-{count}")))),
        "map-the-same-20" => (0..20).for_each(|count| say(map(&format!("TASK-same-{count}")))),
        "map-and-next-for-ever" => {
            say("ready");
            for count in 0.. {
                let task = format!("TASK-{who}-{count}");
                say(format_args!("{task} {}", map(&task)));
                say(format_args!("- {}", ids.next(&jira("PROJ"), now()).unwrap()));
            }
        }
        _ => panic!("unknown role `{role}`"),
    }
}
