//! Sessions in files and on a real Redis server: every acknowledged message is there, once.

mod files;
mod legacy;
mod many;
mod outages;

use std::path::PathBuf;

use system_tests::{Answer, Exit, Govctl, Redis, Stage};

/// Where sessions are kept.
struct Place {
    stage: Stage,
    store: String,
    server: Option<Redis>,
}

impl Place {
    fn file() -> Place {
        Place { stage: Stage::new(), store: "file".to_owned(), server: None }
    }

    fn redis() -> Place {
        let server = Redis::start();
        Place { stage: Stage::new(), store: server.url(), server: Some(server) }
    }

    fn server(&self) -> &Redis {
        self.server.as_ref().unwrap()
    }

    fn session(&self, words: &str) -> Govctl {
        self.stage.govctl(&format!("session --store {} {words}", self.store))
    }

    fn show(&self, id: &str) -> Govctl {
        self.session(&format!("show {id}"))
    }

    fn append(&self, id: &str, message: &str) -> Govctl {
        self.session(&format!("append {id}")).stdin(message.as_bytes())
    }

    /// Where a session is, if they are kept in files.
    fn file_of(&self, id: &str) -> PathBuf {
        self.stage.state().join(format!("sessions/{id}.jsonl"))
    }

    /// Creates a session. Returns its id.
    #[track_caller]
    fn create(&self) -> String {
        let (said, what) = lines(self.session("create planner").run());
        let [id] = &said[..] else { panic!("{what}") };
        id.clone()
    }

    /// Appends the message with this number, with success.
    #[track_caller]
    fn appended(&self, id: &str, number: usize) {
        let append = self.append(id, &message(number)).run().any_stderr();
        append.stdout(&format!("{id} appended 1 messages\n")).exit(Exit::Yes);
    }

    /// Every message, in order.
    #[track_caller]
    fn history(&self, id: &str) -> Vec<String> {
        lines(self.show(id).run()).0
    }
}

/// What a run said, line by line, if it had success; and everything, for messages.
#[track_caller]
fn lines(answer: Answer) -> (Vec<String>, String) {
    let (said, what) = (answer.said().to_owned(), answer.shown());
    answer.stdout(&said).exit(Exit::Yes);
    (said.lines().map(str::to_owned).collect(), what)
}

fn message(number: usize) -> String {
    format!(r#"{{"role": "user", "n": {number}}}"#)
}

fn messages_key(id: &str) -> String {
    format!("session:{id}:messages")
}
