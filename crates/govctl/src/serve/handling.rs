//! One `govctl event` for each delivery, as a process of its own: whatever happens to the
//! server, a deploy that was begun is between that process and the state.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Read},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    sync::atomic::AtomicBool,
    thread,
};

use serde::Deserialize;

use super::{
    queue::{End, Next},
    spool::{Id, Spool},
};
use crate::{
    output::clean,
    process::{self, Ended},
};

/// How to run `govctl event`.
#[derive(Debug)]
pub(crate) struct Handling {
    pub(crate) program: PathBuf,
    /// The global options, which are those of the server.
    pub(crate) options: Vec<OsString>,
    /// Set once what is running has to end.
    pub(crate) stop: AtomicBool,
}

/// What `event --json` says, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Said {
    action: Option<String>,
    deploy: Option<Deploy>,
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Deploy {
    outcome: String,
}

#[derive(Debug, Deserialize)]
struct Failure {
    kind: String,
    message: String,
}

/// An answer that is longer is not read.
const SAID_BYTES: u64 = 8 << 20;

impl Handling {
    pub(crate) fn run(&self, spool: &Spool, id: &Id) -> End {
        match self.handled(spool, id) {
            Ok((ended, said)) => self.end(id, ended, said),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let place = spool.path(id).display().to_string();
                tracing::error!(delivery = id.as_str(), place, %error, "a delivery is damaged");
                // It stays for a person: `state check` says what to do.
                end(500, "damaged", Next::Keep)
            }
            Err(error) => {
                tracing::error!(delivery = id.as_str(), %error, "cannot handle a delivery");
                end(500, "failed", Next::TellOrRetry)
            }
        }
    }

    fn handled(&self, spool: &Spool, id: &Id) -> io::Result<(Ended, Said)> {
        let (name, body) = spool.open(id)?;
        let mut child = Command::new(&self.program)
            .args(&self.options)
            .args(["--json", "event"])
            .arg(format!("--name={}", name.as_str()))
            .arg(format!("--delivery-id={}", id.as_str()))
            .arg("-")
            .env_remove(SECRET) // It has no use for it.
            .stdin(body)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take();
        // Beside the watch: what does not fit into a pipe would never end.
        let reader = thread::Builder::new().spawn(move || stdout.map(said).transpose());
        let ended = process::watch_unless(child, &self.stop)?;
        let said = reader?.join().map_err(|_| io::Error::other("its answer was not read"))??;
        Ok((ended, said.unwrap_or_default()))
    }

    fn end(&self, id: &Id, ended: Ended, said: Said) -> End {
        if matches!(ended, Ended::Interrupted { .. }) {
            return end(503, "stopped", Next::Keep);
        }
        let code = ended.code();
        let action = said.action.as_deref().filter(|word| is_word(word));
        if let (Some(action), 0 | 1 | 4 | 6) = (action, code) {
            let deploy = said.deploy.map(|deploy| deploy.outcome).filter(|word| is_word(word));
            return End { deploy, ..end(200, action, Next::Forget) };
        }
        let is_payload = said.error.as_ref().is_some_and(|error| error.kind == "payload");
        let why = said.error.map(|error| error.message).unwrap_or_else(|| ended.to_string());
        tracing::error!(
            delivery = id.as_str(),
            code,
            "a delivery was not handled: {}",
            clean(&why)
        );
        match code {
            // Anything else that is used wrongly is mended here, as a broken `.booty.yml`.
            2 if is_payload => end(422, "refused", Next::Forget),
            5 => end(503, "busy", Next::TellOrRetry),
            // It may have happened: only a person can say what is next.
            6 => end(500, "unknown", Next::Forget),
            _ => end(500, "failed", Next::TellOrRetry),
        }
    }
}

/// The variable that has the secret.
pub(crate) const SECRET: &str = "GOVCTL_WEBHOOK_SECRET";

fn end(status: u16, outcome: &str, next: Next) -> End {
    End { status, outcome: outcome.to_owned(), deploy: None, next }
}

fn said(mut stdout: ChildStdout) -> io::Result<Said> {
    let mut bytes = Vec::new();
    stdout.by_ref().take(SAID_BYTES).read_to_end(&mut bytes)?;
    io::copy(&mut stdout, &mut io::sink())?;
    // Who was killed has said nothing, and its exit code says the rest.
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Whether it can be a label of a metric.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
}
