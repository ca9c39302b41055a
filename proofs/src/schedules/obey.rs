//! A saver that lives on: it makes its updates, and waits for the next orders.

use std::env::consts::ARCH;
use std::io::stdin;

use anyhow::{Context, Result};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::savers::{Orders, carry_out, die_with_the_proof};
use crate::schedules::calls::CALLS;

/// The job of [`obey`].
pub(crate) const OBEDIENT: &str = "obedient-saver";

/// Carries out one line of orders after the other. The first line says that somebody follows.
pub(crate) fn obey(_: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let mut lines = stdin().lines();
    lines.next().context("nobody follows")??;
    stop_at_each_call()?;
    for line in lines {
        let words: Vec<String> = serde_json::from_str(&line?)?;
        carry_out(&Orders::parse(&words)?)?;
    }
    Ok(())
}

/// From now on whoever follows is told of each of these calls before it is made, and of no
/// other: with `PTRACE_SYSCALL` alone it would be told of all, and twice.
fn stop_at_each_call() -> Result<()> {
    let always = CALLS.iter().map(|(number, _)| (*number, Vec::new()));
    let wait = |operation: libc::c_int| {
        // Without the flags: of one process alone, and by which clock.
        let mask = SeccompCmpOp::MaskedEq(0x7f);
        let is_it = SeccompCondition::new(1, SeccompCmpArgLen::Dword, mask, operation.try_into()?)?;
        Ok(SeccompRule::new(vec![is_it])?)
    };
    let waits = [libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET].map(wait);
    let waits = waits.into_iter().collect::<Result<Vec<_>>>()?;
    let rules = always.chain([(libc::SYS_futex, waits)]).collect();
    let (others, these) = (SeccompAction::Allow, SeccompAction::Trace(0));
    let filter = SeccompFilter::new(rules, others, these, ARCH.try_into()?)?;
    Ok(seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?)
}
