//! The system calls before which a schedule may change: what they are, and which one a task is at.

use nix::libc::{self, c_long};

/// One call that is about to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: c_long,
    pub(super) args: [u64; 4],
}

/// Every call that an update makes and by which others might notice it, or it others.
#[cfg(target_arch = "x86_64")]
pub(super) const CALLS: &[(c_long, &str)] = &[
    (libc::SYS_openat, "openat"),
    (libc::SYS_statx, "statx"),
    (libc::SYS_newfstatat, "newfstatat"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_getdents64, "getdents64"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_write, "write"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_read, "read"),
    (libc::SYS_readlink, "readlink"),
    (libc::SYS_close, "close"),
];

/// Which register holds what is known here of one architecture alone.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const CALLS: &[(c_long, &str)] = &[];

/// The call that a task is stopped at.
#[cfg(target_arch = "x86_64")]
pub(super) fn call_of(task: nix::unistd::Pid) -> nix::Result<Call> {
    let registers = nix::sys::ptrace::getregs(task)?;
    let number = registers.orig_rax.cast_signed();
    Ok(Call { number, args: [registers.rdi, registers.rsi, registers.rdx, registers.r10] })
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn call_of(_: nix::unistd::Pid) -> nix::Result<Call> {
    Err(nix::errno::Errno::ENOSYS)
}

impl Call {
    pub(super) fn name(self) -> &'static str {
        let known = CALLS.iter().find(|(number, _)| *number == self.number);
        known.map_or("futex", |(_, name)| name)
    }
}
