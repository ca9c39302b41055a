//! What is on disk before anything is said or started, as the kernel sees it.

use system_tests::{Call, Exit, Stage, Trace};

fn traced() -> Vec<String> {
    let calls = "flock,fsync,fdatasync,rename,renameat,renameat2,unlink,write,execve";
    ["--follow-forks".to_owned(), format!("--trace={calls}")].into()
}

/// A call that did what it was asked for, with these words in its arguments.
fn is(names: &'static [&str], words: &'static [&str]) -> impl Fn(&Call) -> bool {
    move |call| {
        let has_all = words.iter().all(|word| call.args.contains(word));
        names.contains(&call.name.as_str()) && has_all && call.succeeded()
    }
}

const SYNC: &[&str] = &["fsync", "fdatasync"];
const RENAME: &[&str] = &["rename", "renameat", "renameat2"];

/// The end of the name of a directory or file, as `strace -y` shows a descriptor of it.
const STATE: &str = "/state>";

#[test]
fn a_claim_is_locked_synced_renamed_and_synced_before_it_is_answered() {
    let stage = Stage::new();
    for round in 0..2 {
        // The first makes the document, the second replaces it and keeps a backup.
        let run = stage.govctl(&format!("delivery claim acme/site run_{round} event-1"));
        let (trace, answer) = Trace::of(run, &traced());
        answer.stdout("new, claimed by event-1\n").exit(Exit::Yes);

        let lock = trace.next(
            None,
            "exclusive lock",
            is(&["flock"], &["/delivery_ids.json.lock>", "LOCK_EX"]),
        );
        let written = trace.next(
            Some(lock),
            "contents",
            is(&["write"], &["/state/.delivery_ids.json.", ".slot>"]),
        );
        let synced = trace.next(
            Some(written),
            "sync of the contents",
            is(SYNC, &["/state/.delivery_ids.json.", ".slot>"]),
        );
        // Else a power cut could keep the rename of the document and lose that of its backup.
        let kept = (round == 1).then(|| {
            let words = &[".bak\"", "\"delivery_ids.json.bak\""];
            let backup = trace.next(Some(synced), "rename of the backup", is(RENAME, words));
            trace.next(Some(backup), "sync of the backup's name", is(SYNC, &[STATE]))
        });
        let renamed = trace.next(
            kept.or(Some(synced)),
            "rename",
            is(RENAME, &[".slot\"", "\"delivery_ids.json\""]),
        );
        let durable = trace.next(Some(renamed), "sync of the directory", is(SYNC, &[STATE]));
        // XFS lets the directory's succeed although the rename is lost.
        let durable = trace.next(
            Some(durable),
            "sync of the renamed file",
            is(SYNC, &["/state/delivery_ids.json>"]),
        );
        let unlocked = trace.next(
            Some(durable),
            "unlock",
            is(&["flock"], &["/delivery_ids.json.lock>", "LOCK_UN"]),
        );
        let said = trace.next(None, "answer", is(&["write"], &["1<", "new, claimed by"]));
        assert!(
            said.started > durable.ended,
            "the answer came before it was true\n{}",
            trace.text()
        );
        assert!(said.started > unlocked.ended, "{}", trace.text());
    }
}

#[test]
fn claim_and_intent_are_durable_before_the_command_starts() {
    let stage = Stage::new();
    stage.deploy();
    stage.repository.commit("a.txt", "a");
    let (trace, answer) = Trace::of(stage.govctl("deploy HEAD -- ran"), &traced());
    answer.stdout_has("DEPLOYED").exit(Exit::Yes);

    let deploy_lock = trace.next(
        None,
        "deploy lock",
        is(&["flock"], &["/locks/deploy-production.lock>", "LOCK_EX"]),
    );
    let line = |after, what: &'static str| {
        let says =
            move |call: &Call| is(&["write"], &["/audit.jsonl>"])(call) && call.args.contains(what);
        let line = trace.next(Some(after), what, says);
        trace.next(Some(line), "sync of the log", is(SYNC, &["/audit.jsonl>"]))
    };
    let start = line(deploy_lock, "deploy_started");
    let claim = trace.next(Some(start), "claim", is(RENAME, &[".slot\"", "\"delivery_ids.json\""]));
    let claim = trace.next(Some(claim), "sync of the claim", is(SYNC, &[STATE]));
    let intent = trace.next(Some(claim), "intent", is(RENAME, &[".slot\"", "\"release.json\""]));
    let intent = trace.next(Some(intent), "sync of the intent", is(SYNC, &[STATE]));
    let process = line(intent, "command_started");

    let starts = |call: &Call| call.name == "execve" && call.args.contains("/bin/ran\"");
    let command = trace.next(None, "start of the command", starts);
    let note = is(&["unlink"], &["/locks/deploy-production.waits\""]);
    let note = trace.next(Some(process), "end of the note that it waits", note);
    let note = trace.next(Some(note), "sync of the end of the note", is(SYNC, &["/locks>"]));
    assert!(command.started > note.ended, "the command started too early\n{}", trace.text());
    let result = trace.next(Some(command), "result", is(RENAME, &[".slot\"", "\"release.json\""]));
    let result = trace.next(Some(result), "sync of the result", is(SYNC, &[STATE]));
    let said = trace.next(None, "answer", is(&["write"], &["1<", "DEPLOYED"]));
    assert!(said.started > result.ended, "{}", trace.text());
    let unlocked = trace.calls.iter().rfind(|call| call.args.contains("/deploy-production.lock>"));
    assert!(unlocked.is_none_or(|call| call.started > result.ended), "{}", trace.text());
}

#[test]
fn a_log_is_in_its_directory_for_good_before_its_first_line_is_written() {
    // Killed after the first line, its writer could not sync the directory any more; and the
    // next one, which finds a line, would not.
    let stage = Stage::new();
    let (trace, answer) = Trace::of(stage.govctl("session create planner"), &traced());
    answer.stdout_has("").exit(Exit::Yes);
    let log = &[".jsonl>", "planner"];
    let line = trace.next(None, "first line", is(&["write"], log));
    let is_synced = |call: &Call| is(SYNC, &["/sessions>"])(call) && call.ended < line.started;
    trace.next(None, "sync of the directory before the first line", is_synced);
}

#[test]
fn a_torn_line_is_cut_off_for_good_before_the_next_one_is_written() {
    // Else a power cut could leave its beginning, and the end of the next line in a block behind it.
    let stage = Stage::new();
    let answer = stage.govctl("session create planner").run().stdout_has("");
    let id = answer.said().trim().to_owned();
    answer.exit(Exit::Yes);
    let name = format!("state/sessions/{id}.jsonl");
    stage.dir.write(&name, &(stage.dir.read(&name) + "{\"half"));
    let words = ["--trace=ftruncate,fsync,fdatasync,write".to_owned()];
    let append = stage.govctl(&format!("session append {id}")).stdin(b"{\"text\": \"whole\"}\n");
    let (trace, answer) = Trace::of(append, &words);
    answer.stdout_has("").any_stderr().exit(Exit::Yes);
    let cut = trace.next(None, "cut", is(&["ftruncate"], &[".jsonl>"]));
    let line = trace.next(Some(cut), "next line", is(&["write"], &[".jsonl>", "whole"]));
    let is_synced = |call: &Call| is(SYNC, &[".jsonl>"])(call) && call.ended < line.started;
    trace.next(Some(cut), "sync of the cut before the next line", is_synced);
}
