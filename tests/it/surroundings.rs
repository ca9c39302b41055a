//! Closed pipes, full disks, missing permissions: clear errors, and nothing lost.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use system_tests::{Exit, Govctl, Mount, Stage, govctl_binary};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn a_reader_that_went_away_is_no_error() {
    let stage = Stage::new();
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        std::os::fd::OwnedFd::from(writer)
    };
    for words in
        ["status", "check HEAD", "completions zsh", "config show", "--json status", "--help"]
    {
        stage.govctl(words).stdout_to(closed()).run().exit(Exit::Yes);
    }
    // In the middle of a deploy it is a reason to go on, not to lose the result.
    stage.govctl("deploy HEAD -- ran").stdout_to(closed()).run().exit(Exit::Yes);
    assert_eq!(stage.ran().len(), 1);
    assert_eq!(stage.status()["last_deploy_result"], "success");
    stage.govctl("history").stdout_to(closed()).run().exit(Exit::Yes);
}

#[test]
fn closed_streams_are_no_error_and_no_file_takes_their_place() {
    let stage = Stage::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        stage.repository.commit("a.txt", closed);
        let script = format!("exec \"$@\" {closed}");
        let run = stage.govctl("deploy HEAD -- ran").under(["sh", "-c", &script, "sh"]).run();
        let run = run.whatever_is_said();
        assert_eq!(run.code(), 0, "{closed}: {}", run.shown());
    }
    assert_eq!(stage.ran().len(), 4);
    stage
        .govctl("history --verify")
        .run()
        .stderr_has("12 entries")
        .stdout_has("deploy")
        .exit(Exit::Yes);
}

#[test]
fn an_answer_that_cannot_be_printed_is_an_error() {
    let stage = Stage::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = stage.govctl("status").stdout_to(full).run();
    run.stderr_has("cannot print the answer").stderr_has("No space left").exit(Exit::Broken);
}

#[test]
fn a_full_disk_loses_nothing_and_is_named() {
    let stage = Stage::new();
    let Some(disk) = usable(Mount::small_disk(&stage.state(), 256 * 1024)) else { return };
    let claim =
        |key: &str| disk.seen_by(stage.govctl(&format!("delivery claim acme/site {key} event-1")));
    let has = |key: &str| disk.seen_by(stage.govctl(&format!("delivery has acme/site {key}")));
    claim("deploy_run_1").run().stdout_has("new").exit(Exit::Yes);

    let state = disk.inside(&stage.state());
    let filler = state.join("filler");
    fill(&filler);
    let whole = fs::read(state.join("delivery_ids.json")).unwrap();
    let run = claim("deploy_run_2").run();
    run.stderr_has("delivery_ids.json").stderr_has("No space left").exit(Exit::Broken);
    assert_eq!(fs::read(state.join("delivery_ids.json")).unwrap(), whole);
    assert_eq!(hidden(&state), [""; 0]);
    has("deploy_run_1").run().stdout_has("handled by").exit(Exit::Yes);
    has("deploy_run_2").run().stdout_has("not handled").exit(Exit::No);
    let run = disk.seen_by(stage.govctl("deploy HEAD -- ran")).run();
    run.any_stderr().stdout_has("ALLOW").exit(Exit::Broken);
    assert!(stage.ran().is_empty(), "nothing is run that cannot be written down");

    fs::remove_file(filler).unwrap();
    claim("deploy_run_2").run().stdout_has("new").exit(Exit::Yes);
    disk.seen_by(stage.govctl("deploy HEAD -- ran")).run().stdout_has("DEPLOYED").exit(Exit::Yes);
}

#[test]
fn a_read_only_disk_can_be_looked_at_and_nothing_else() {
    let stage = Stage::new();
    stage.deploy();
    let Some(disk) = usable(Mount::read_only(&stage.state())) else { return };
    let run = |words: &str| disk.seen_by(stage.govctl(words)).run();
    run("status").stdout_has("success").exit(Exit::Yes);
    run("history --verify").stdout_has("deploy").stderr_has("whole").exit(Exit::Yes);
    run("delivery list").stdout_has("local/shop").exit(Exit::Yes);
    run("check HEAD").stdout_has("already_deployed").exit(Exit::Yes);
    run("delivery claim acme/site deploy_run_1 event-1").stderr_has("Read-only").exit(Exit::Broken);
    stage.repository.commit("a.txt", "a");
    run("deploy HEAD -- ran").any_stderr().exit(Exit::Broken);
    assert_eq!(stage.ran().len(), 1);
}

#[test]
fn missing_permissions_are_named_and_never_mean_no() {
    let stage = Stage::new();
    stage
        .govctl(&format!("delivery claim acme/site {SHA} event-1"))
        .run()
        .stdout_has("new")
        .exit(Exit::Yes);
    let as_stranger = stranger(&stage);
    // Git itself refuses a stranger's repository; here it is told to trust it.
    let trust = |run: Govctl| {
        run.env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
    };
    let run = |words: &str| as_stranger(trust(stage.govctl(words))).run();

    permit(&stage.state(), 0o500);
    run(&format!("delivery has acme/site {SHA}")).stdout_has("handled by").exit(Exit::Yes);
    let refused = run(&format!("delivery claim acme/site {} event-2", SHA.replace('0', "1")));
    refused.stderr_has("Permission denied").exit(Exit::Broken);
    permit(&stage.state(), 0);
    for words in [
        &format!("delivery has acme/site {SHA}"),
        &format!("delivery claim acme/site {SHA} event-2"),
        "delivery list",
        "status",
        "history",
    ] {
        run(words).stderr_has("Permission denied").exit(Exit::Broken);
    }
    permit(&stage.state(), 0o700);
    permit(&stage.state().join("delivery_ids.json"), 0);
    run(&format!("delivery has acme/site {SHA}"))
        .stderr_has("Permission denied")
        .exit(Exit::Broken);
    run("deploy --repo acme/site HEAD -- ran").any_stderr().exit(Exit::Broken);
    assert!(stage.ran().is_empty());
}

#[test]
fn a_state_directory_is_private_to_its_user() {
    let stage = Stage::new();
    stage.deploy();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&stage.state()), 0o700);
    for name in stage.dir.names("state") {
        assert_eq!(mode(&stage.state().join(&name)), 0o600, "{name}");
    }
}

/// A mount, or a note that this machine allows none, such as a container: then there is
/// nothing to try it on.
#[expect(
    clippy::print_stderr,
    reason = "a test that could not be made must not look like one that was"
)]
pub(crate) fn usable(mount: Result<Mount, String>) -> Option<Mount> {
    mount.inspect_err(|why| eprintln!("note: NOT TESTED: {why}")).ok()
}

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::options().create_new(true).write(true).open(path).unwrap();
    while std::io::Write::write(&mut file, &[0; 4096]).is_ok() {}
}

fn hidden(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with('.')).collect()
}

/// How to run something that permissions apply to: root becomes somebody else, who owns the
/// state and gets the program where he can reach it.
pub(crate) fn stranger(stage: &Stage) -> Box<dyn Fn(Govctl) -> Govctl> {
    if !rustix::process::getuid().is_root() {
        return Box::new(|run| run);
    }
    const NOBODY: u32 = 65534;
    let place = stage.dir.join("bin/govctl");
    fs::copy(govctl_binary(), &place).unwrap();
    permit(stage.dir.path(), 0o755);
    let state = stage.state();
    let below = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
    for path in below.chain([state.clone()]) {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // The program's own path comes after these words, and the shell drops it.
    let words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let place = place.to_str().unwrap().to_owned();
    let shell = ["sh".to_owned(), "-c".to_owned(), "shift; exec \"$0\" \"$@\"".to_owned(), place];
    Box::new(move |run| run.under(words.map(str::to_owned).into_iter().chain(shell.clone())))
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
