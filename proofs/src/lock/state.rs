//! What the kernel and the processes know, in some hundred bytes.
//!
//! Names that only have to differ (tokens, inodes) are small numbers that are used again as
//! soon as nothing refers to them, so that runs that differ in names only are one state.

/// At most so many processes take part.
pub(super) const MOST_PROCESSES: usize = 3;
/// More than can be referred to at once: the search panics if it is not.
pub(super) const TOKENS: usize = 16;
pub(super) const INODES: usize = 12;

/// No inode, no token, nobody.
pub(super) const NONE: u8 = u8::MAX;
/// The owner of a lock whose descriptor a child of a dead process has.
pub(super) const CHILD: u8 = u8::MAX - 1;

/// The version of the document at the start, and of its backup: one less.
pub(super) const FIRST_VERSION: u8 = 2;

/// Everything that is shared, and where each process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The inode that `NAME.lock` names.
    pub(super) path: u8,
    /// Who holds the lock on each inode.
    pub(super) owner: [u8; INODES],
    /// The token in the record of each inode; none once its holder has let go.
    pub(super) record: [u8; INODES],
    /// Lock files on their way, `.NAME.lock.<token>.lk`: token and inode.
    pub(super) on_its_way: [(u8, u8); 2],
    /// Who is behind the gate.
    pub(super) gate: u8,
    /// The versions that `NAME` and `NAME.bak` hold.
    pub(super) target: u8,
    pub(super) backup: u8,
    /// `.NAME.<token>.slot`, one bit for each token.
    pub(super) slots: u16,
    /// `.NAME.<token>.bak`: the version it links to, 0 for none.
    pub(super) links: [u8; TOKENS],
    pub(super) processes: [Process; MOST_PROCESSES],
    pub(super) left: Budget,
}

/// What may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// Lock files that waiters judge stale.
    pub(super) breaks: u8,
    /// Processes that are killed.
    pub(super) crashes: u8,
    /// Processes that are killed and leave a child that has their descriptors.
    pub(super) orphans: u8,
    /// Lock files that somebody removes by hand.
    pub(super) removals: u8,
}

/// One process: where it is, and what it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) at: At,
    /// The inode of the lock file that it has open.
    pub(super) open: u8,
    pub(super) token: u8,
    /// The leftovers that it has listed.
    pub(super) listed_slots: u16,
    pub(super) listed_links: u16,
    /// The version that it has loaded.
    pub(super) loaded: u8,
    /// The lock that it has judged stale: inode and token. Then the lock file that it has made.
    pub(super) judged: (u8, u8),
    pub(super) made: u8,
    /// Changes that it still has to make.
    pub(super) changes: u8,
}

/// The next system call of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum At {
    Idle,
    Lock,
    CheckLocked,
    UnlockStranger,
    Sign,
    List,
    MakeSlot,
    CheckSlot,
    Remove,
    Load,
    LookAgain,
    Link,
    CheckLink,
    DropLink,
    KeepBackup,
    UnlinkKept,
    CheckLast,
    Commit,
    DropSlot,
    MarkReleased,
    UnlinkLockHeld,
    Unlock,
    UnlinkLock,
    EnterGate,
    SeePath,
    SeeRecord,
    SeeHeld,
    Sweep,
    Make,
    Replace,
    LeaveGate,
    GiveUpBreaking,
}

impl State {
    pub(super) fn first(changes: [u8; MOST_PROCESSES], left: Budget) -> State {
        let process = |changes: u8| Process {
            at: At::Idle,
            open: NONE,
            token: NONE,
            listed_slots: 0,
            listed_links: 0,
            loaded: 0,
            judged: (NONE, NONE),
            made: NONE,
            changes,
        };
        State {
            path: 0,
            owner: [NONE; INODES],
            record: [NONE; INODES],
            on_its_way: [(NONE, NONE); 2],
            gate: NONE,
            target: FIRST_VERSION,
            backup: FIRST_VERSION - 1,
            slots: 0,
            links: [0; TOKENS],
            processes: changes.map(process),
            left,
        }
    }

    /// Whether every process has done what it had to do.
    pub(super) fn is_over(&self) -> bool {
        self.processes.iter().all(|process| process.at == At::Idle && process.changes == 0)
    }

    /// A token that nothing refers to.
    pub(super) fn new_token(&self) -> u8 {
        let mut used = self.slots;
        let mut uses = |token: u8| {
            if token != NONE {
                used |= 1 << token;
            }
        };
        self.record.iter().for_each(|&token| uses(token));
        self.on_its_way.iter().for_each(|&(token, _)| uses(token));
        for process in &self.processes {
            uses(process.token);
            uses(process.judged.1);
        }
        for process in &self.processes {
            used |= process.listed_slots | process.listed_links;
        }
        for (token, version) in self.links.iter().enumerate() {
            used |= u16::from(*version != 0) << token;
        }
        let free = used.trailing_ones() as u8;
        assert!(usize::from(free) < TOKENS, "the model needs more tokens");
        free
    }

    /// An inode that nothing refers to.
    pub(super) fn new_inode(&self) -> u8 {
        let free = self.inodes_in_use().trailing_ones() as u8;
        assert!(usize::from(free) < INODES, "the model needs more inodes");
        free
    }

    /// Forgets what was written into files that are gone.
    pub(super) fn forget_unused(&mut self) {
        let used = self.inodes_in_use();
        for inode in 0..INODES {
            if used & (1 << inode) == 0 {
                self.record[inode] = NONE;
            }
        }
        self.on_its_way.sort_unstable();
    }

    fn inodes_in_use(&self) -> u16 {
        let mut used = 0;
        let mut uses = |inode: u8| {
            if inode != NONE {
                used |= 1 << inode;
            }
        };
        uses(self.path);
        self.on_its_way.iter().for_each(|&(_, inode)| uses(inode));
        for process in &self.processes {
            uses(process.open);
            uses(process.judged.0);
            uses(process.made);
        }
        for (inode, owner) in self.owner.iter().enumerate() {
            used |= u16::from(*owner != NONE) << inode;
        }
        used
    }
}
