//! Log lines on stderr: what the libraries below report as events.

use std::io;

use tracing::Level;
use tracing_subscriber::fmt;

use crate::cli::{Global, LogFormat};

/// Starts logging: warnings and errors, more with `-v`, errors alone with `--quiet`.
pub(crate) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => Level::WARN,
        (false, 1) => Level::INFO,
        (false, _) => Level::DEBUG,
    };
    let lines = fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false);
    match global.log_format {
        LogFormat::Text => lines.without_time().init(),
        LogFormat::Json => lines.json().init(),
    }
}
