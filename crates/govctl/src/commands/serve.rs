//! `govctl serve`

use std::{
    ffi::OsString,
    fmt, fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use clap::{Args, ValueEnum};
use flock_guard::{LockError, LockGuard, Wait};
use serde::Serialize;

use super::event;
use crate::{
    cli::Global,
    context::{Context, own_path},
    duration,
    exit::{CliError, Exit, Kind},
    github::secret::Secret,
    output::Output,
    process::Signals,
    project::Project,
    serve::{
        connection::Memory,
        handling::{Handling, SECRET},
        metrics::Metrics,
        queue::Queue,
        server::{Limits, Server, Stopped},
        spool::{Spool, WEBHOOKS},
    },
};

/// Handle the webhooks of GitHub, each delivery once
///
/// POST / or /webhook runs `govctl event` for a delivery that is signed with the secret. It is
/// on disk before it is answered: 200 when it was handled, 202 when that takes longer, 4xx and
/// 5xx when it was not, so that GitHub shows it. GET /healthz, GET /metrics. It needs
/// GITHUB_TOKEN, and $GOVCTL_WEBHOOK_SECRET or --secret-file. It speaks HTTP: put a proxy with
/// HTTPS in front of it. See docs/webhooks.md.
///
/// INT or TERM stop it: exit 0, or 130 and 143 if what was running had to be stopped. What was
/// accepted and not handled is handled by the next start.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8737")]
    listen: SocketAddr,
    /// The file that has the secret of the webhook [default: $GOVCTL_WEBHOOK_SECRET]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// How long an answer waits for the end of a delivery; GitHub gives up after 10 s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "8s")]
    answer_within: Duration,
    /// How long a request may take to come
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s")]
    request_timeout: Duration,
    /// How many connections are served at a time; more are answered with 503
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// How many deliveries may wait; more are answered with 503
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// How many deliveries are handled at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// When a delivery that was accepted and failed is tried again; doubled each time
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    retry_after: Duration,
    /// How long what is running may go on after TERM
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    stop_within: Duration,
}

pub(crate) fn run(
    args: &ServeArgs,
    global: &Global,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    let secret = secret(args, context)?;
    let project = Project::open(context, out)?;
    if context.hub(&project)?.is_none() {
        return Err(CliError::usage("no GitHub to dispatch a workflow at")
            .hint("set GITHUB_TOKEN, and --repo OWNER/NAME if there is no remote"));
    }
    let lock = lock(context)?;
    state_store::create_private_dir(&context.state_dir.join(WEBHOOKS))?;
    let spool = Spool::of(&context.state_dir);
    let queue = Queue::new(args.queue.into(), args.retry_after);
    let kept = spool.kept().map_err(|error| {
        CliError::broken("cannot read the deliveries that are kept").because(&error)
    })?;
    let report = |listening: SocketAddr| Report {
        schema: "govctl.serve/1",
        listening: listening.to_string(),
        repo: project.repo.to_string(),
        resumed: kept.len(),
    };
    let mut signals = Signals::listen()
        .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
    let cannot_listen =
        |error| CliError::broken(format!("cannot listen on `{}`", args.listen)).because(&error);
    let listener = TcpListener::bind(args.listen).map_err(cannot_listen)?;
    out.report(&report(listener.local_addr().map_err(cannot_listen)?))?;
    kept.into_iter().for_each(|(_, id)| queue.restore(id));
    let handling = Handling {
        program: own_path()?,
        options: options(global, context),
        stop: AtomicBool::new(false),
    };
    let server = Server {
        context,
        project: &project,
        secret: &secret,
        limits: args.limits(),
        handling,
        queue,
        spool,
        memory: Memory::of(4 * usize::try_from(event::LIMIT_BYTES).unwrap_or(usize::MAX / 4)),
        metrics: Metrics::new(),
        open: AtomicUsize::new(0),
        streams: Mutex::default(),
        lock: &lock,
    };
    let stopped = server
        .run(listener, &mut signals)
        .map_err(|error| CliError::broken("cannot go on serving").because(&error))?;
    lock.release();
    Ok(match stopped {
        Stopped::Gracefully => Exit::Yes,
        Stopped::Forcibly(signal) => Exit::Signal(signal),
    })
}

impl ServeArgs {
    fn limits(&self) -> Limits {
        Limits {
            request: self.request_timeout,
            answer: self.answer_within,
            connections: self.connections.into(),
            jobs: self.jobs.into(),
            stop: self.stop_within,
        }
    }
}

/// The secret, from a place that other users of the machine cannot see, as they can arguments.
fn secret(args: &ServeArgs, context: &Context) -> Result<Secret, CliError> {
    let hint = |error: CliError| error.hint("govctl serve --secret-file FILE");
    let text = match (&args.secret_file, context.variable(SECRET)?) {
        (Some(file), _) => fs::read_to_string(file).map_err(|error| {
            let file = file.display();
            CliError::unreadable(format!("cannot read the secret from `{file}`"), &error)
        })?,
        (None, Some(text)) => text.to_owned(),
        (None, None) => return Err(hint(CliError::usage(format!("`{SECRET}` is not set")))),
    };
    Secret::agreed(&text)
        .ok_or_else(|| hint(CliError::usage("the secret is empty, or has control characters")))
}

/// One server for a state: two would run what was left there twice.
fn lock(context: &Context) -> Result<LockGuard, CliError> {
    state_store::create_private_dir(&context.locks_dir())?;
    context.serve_lock().exclusive(context.lock_wait).map_err(|error| match error {
        LockError::Busy { .. } => CliError::new(Kind::Busy, "another server has this state")
            .because(&error)
            .hint("govctl lock status serve"),
        _ => CliError::broken("cannot take the lock `serve`").because(&error),
    })
}

/// The global options of this run, as a child gets them. Its answer is ours alone, so it has no
/// `--json-file`, and a HOLD is exit 1.
fn options(global: &Global, context: &Context) -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    let mut add = |name: &str, value: OsString| options.extend([name.into(), value]);
    add("--state-dir", context.state_dir.clone().into());
    add("--workspace", context.workspace.clone().into());
    let lock_wait = match context.lock_wait {
        Wait::Never => "0".to_owned(),
        Wait::UpTo(limit) => format!("{}ms", limit.as_millis()),
        _ => "forever".to_owned(),
    };
    add("--lock-wait", lock_wait.into());
    if let Some(form) = global.log_format.to_possible_value() {
        add("--log-format", form.get_name().into());
    }
    let given = [("--repo", &context.repo), ("--now", &global.now)];
    given.into_iter().for_each(|(name, value)| {
        value.iter().for_each(|value| add(name, value.into()));
    });
    context.config.iter().for_each(|file| add("--config", file.into()));
    options.extend((0..global.verbose).map(|_| "--verbose".into()));
    let flags = [("--quiet", global.quiet), ("--no-github", global.no_github)];
    options.extend(flags.into_iter().filter(|(_, is)| *is).map(|(flag, _)| flag.into()));
    options.push("--no-input".into());
    options
}

/// Where the server listens.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The address that it really listens on.
    listening: String,
    /// The repository whose webhooks it handles.
    repo: String,
    /// How many deliveries of an earlier run it goes on with.
    resumed: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listening on http://{} for {}", self.listening, self.repo)?;
        match self.resumed {
            0 => Ok(()),
            count => write!(f, ", going on with {count} of an earlier run"),
        }
    }
}
