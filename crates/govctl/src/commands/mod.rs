//! One file per command: its arguments, whose comments are its help, its run, its report.

pub(crate) mod approvals;
pub(crate) mod approve;
pub(crate) mod breaker;
pub(crate) mod breaker_run;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod delivery;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod freeze_report;
pub(crate) mod history;
pub(crate) mod ids;
pub(crate) mod init;
pub(crate) mod lock;
pub(crate) mod lock_break;
pub(crate) mod record;
pub(crate) mod resolve;
pub(crate) mod rollback;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod status;
