//! `govctl session`

use std::{
    fmt, fs,
    io::{self, Read},
    ops::ControlFlow,
};

use clap::{Args, Subcommand};
use serde::Serialize;
use session_store::{
    Agents, Expiry, FileStore, Message, Metadata, RedisStore, Session, SessionError, SessionId,
    SessionStore, Skipped,
};

use crate::{
    context::{Context, rfc3339},
    duration,
    exit::{CliError, Exit, Kind},
    output::{Output, Reader, clean},
};

/// Keep sessions and their messages, in files or in Redis
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Where the sessions are: `file` (in the state directory), or redis://HOST:PORT/DB or unix:///PATH
    #[arg(long, global = true, value_name = "STORE", default_value = "file")]
    store: String,
    /// How long a session lives without being used: 24h, or `never`
    #[arg(long, global = true, value_name = "DURATION", default_value = "24h", value_parser = expiry)]
    expire_after: Expiry,
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// Create a session and print its id
    Create {
        /// The agent that it is with
        agent: String,
        /// Something to remember with it; may be given again
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        metadata: Vec<(String, String)>,
    },
    /// Append messages, one JSON object a line: exit 1 if the session is not alive
    Append {
        /// The session
        id: SessionId,
        /// Where the messages come from; - is standard input
        #[arg(value_name = "FILE", default_value = "-")]
        file: String,
    },
    /// Print the messages of a session, one JSON object a line: exit 1 if it is not alive
    Show {
        /// The session
        id: SessionId,
    },
    /// List the sessions that are alive, oldest first
    List {
        /// Only those with this agent
        #[arg(long)]
        agent: Option<String>,
    },
    /// Say that a session is in use: exit 1 if it is not alive
    Touch {
        /// The session
        id: SessionId,
    },
    /// Delete a session and its messages: exit 1 if it was not alive
    Delete {
        /// The session
        id: SessionId,
    },
}

pub(crate) fn run(args: &SessionArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let store = open(args, context)?;
    let now = context.now();
    match &args.command {
        SessionCommand::Create { agent, metadata } => {
            let metadata: Metadata = metadata.iter().cloned().collect();
            out.report(&Created::of(store.create(agent, metadata, now)?))?;
            Ok(Exit::Yes)
        }
        SessionCommand::Append { id, file } => {
            let messages = messages(file)?;
            let alive = store.append(id, &messages, now)?;
            done(out, id, "appended", messages.len(), alive)
        }
        SessionCommand::Show { id } => show(store.as_ref(), id, context, out),
        SessionCommand::List { agent } => {
            let agents = agent.as_deref().map_or(Agents::All, Agents::Named);
            let listing = store.list(agents, now)?;
            note_skipped(out, "sessions", listing.skipped);
            out.report(&Sessions(listing.sessions.into_iter().map(Created::in_list).collect()))?;
            Ok(Exit::Yes)
        }
        SessionCommand::Touch { id } => done(out, id, "touched", 0, store.touch(id, now)?),
        SessionCommand::Delete { id } => done(out, id, "deleted", 0, store.delete(id, now)?),
    }
}

fn open(args: &SessionArgs, context: &Context) -> Result<Box<dyn SessionStore>, CliError> {
    if args.store == "file" {
        let files = FileStore::new(context.state_dir.join("sessions"));
        return Ok(Box::new(files.expiring(args.expire_after).waiting(context.lock_wait)));
    }
    Ok(Box::new(RedisStore::open(&args.store)?.expiring(args.expire_after)))
}

/// Prints the messages, without keeping them where nobody asked for one JSON value.
fn show(
    store: &dyn SessionStore,
    id: &SessionId,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    let now = context.now();
    let skipped = if out.is_json() {
        let history = store.load(id, now)?;
        if let Some(history) = &history {
            out.report(&Messages(&history.messages))?;
        }
        history.map(|history| history.skipped)
    } else {
        let mut printed = Ok(());
        let skipped = store.read(id, now, &mut |message| match out.line(message.as_str()) {
            Ok(Reader::Listens) => ControlFlow::Continue(()),
            Ok(Reader::IsGone) => ControlFlow::Break(()),
            Err(error) => {
                printed = Err(error);
                ControlFlow::Break(())
            }
        })?;
        printed?;
        skipped
    };
    let Some(skipped) = skipped else { return done(out, id, "shown", 0, false) };
    note_skipped(out, "messages", skipped);
    Ok(Exit::Yes)
}

/// Reads one JSON object a line; nothing is appended if one of them is none.
fn messages(file: &str) -> Result<Vec<Message>, CliError> {
    let unreadable =
        |error| CliError::unreadable(format!("cannot read messages from `{file}`"), &error);
    let mut text = String::new();
    let read = if file == "-" {
        io::stdin().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(unreadable)?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        line.parse::<Message>().map_err(|error| {
            CliError::usage(format!("line {number} is no message; nothing was appended"))
                .because(&error)
        })
    });
    parsed.collect()
}

fn done(
    out: &Output,
    id: &SessionId,
    what: &'static str,
    messages: usize,
    alive: bool,
) -> Result<Exit, CliError> {
    let schema = "govctl.session-change/1";
    out.report(&Done { schema, id: id.to_string(), alive, messages, what })?;
    Ok(if alive { Exit::Yes } else { Exit::No })
}

fn note_skipped(out: &Output, what: &str, skipped: Skipped) {
    if skipped > 0 {
        out.note(&format!("note: {skipped} {what} could not be read and were left out"));
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    match text {
        "never" => Ok(Expiry::Never),
        _ => {
            duration::parse(text).map(Expiry::AfterIdle).map_err(|why| format!("{why}, or `never`"))
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> CliError {
        let kind = match &error {
            SessionError::Unknown { .. } => Kind::Unknown,
            SessionError::Address { .. } => Kind::Usage,
            _ => Kind::Broken,
        };
        match error {
            SessionError::Files(error) => error.into(),
            error => CliError::from_error(kind, &error),
        }
    }
}

/// A session, as it was created or found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Created {
    schema: &'static str,
    #[serde(flatten)]
    session: Session,
    #[serde(skip)]
    in_list: bool,
}

impl Created {
    fn of(session: Session) -> Created {
        Created { schema: "govctl.session/1", session, in_list: false }
    }

    fn in_list(session: Session) -> Created {
        Created { in_list: true, ..Created::of(session) }
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Session { id, agent_name, created_at, last_active, .. } = &self.session;
        write!(f, "{id}")?;
        if self.in_list {
            let (created, active) = (rfc3339(*created_at), rfc3339(*last_active));
            write!(f, "  {}  created {created}  active {active}", clean(agent_name))?;
        }
        Ok(())
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct Sessions(Vec<Created>);

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|session| writeln!(f, "{session}"))
    }
}

/// One array in JSON; people and programs without `--json` get a line each.
#[derive(Debug, Serialize)]
struct Messages<'a>(&'a [Message]);

impl fmt::Display for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|message| writeln!(f, "{message}"))
    }
}

/// What was done to a session.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Done {
    schema: &'static str,
    /// The session.
    id: String,
    /// Whether there was a session to do it to.
    alive: bool,
    /// How many messages were appended.
    messages: usize,
    #[serde(skip)]
    what: &'static str,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.alive, self.messages) {
            (false, _) => write!(f, "{} is not alive", self.id),
            (true, 0) => write!(f, "{} {}", self.id, self.what),
            (true, count) => write!(f, "{} {} {count} messages", self.id, self.what),
        }
    }
}
