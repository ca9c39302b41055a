//! What this process knows about the document of all, and still has to say to it.

use state_store::StoreError;

use crate::machine::GENERATIONS;
use crate::step::Moment;
use crate::store::{is_distrust, warn_of};
use crate::{CircuitBreaker, CircuitState, Event, Machine, Transition};

/// How many events wait in memory for a document that cannot be written; then the oldest are
/// forgotten. Far more than any count that opens a breaker in a sensible time.
const UNSAVED_MAX: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Ledger {
    /// What has happened here and is not written down yet, oldest first.
    pub(crate) unsaved: Vec<(Event, Moment)>,
    seen: Seen,
    /// How many saves have begun, how many of them are over, and the latest whose machine is shown.
    pub(crate) begun: u64,
    pub(crate) over: u64,
    pub(crate) shown: u64,
    /// What has gone wrong, if somebody was told of it. That is done once.
    told: Option<Doing>,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Reading,
    Writing,
}

/// The newest document that was seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Generation and state, as they stood there.
    written: (u64, CircuitState),
    /// The generation that it has here.
    generation: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            unsaved: Vec::new(),
            seen: Seen { written: (0, CircuitState::Closed), generation: 0 },
            begun: 0,
            over: 0,
            shown: 0,
            told: None,
        }
    }

    /// Keeps an event for a better time.
    pub(crate) fn keep(&mut self, event: Event, moment: Moment) {
        if self.unsaved.len() == UNSAVED_MAX {
            self.unsaved.remove(0);
        }
        self.unsaved.push((event, moment));
    }

    /// The machine in the generation that it has here. A program that knows no generations, or a
    /// document that was started over, begins at 0 again; tickets of before must not fit it.
    pub(crate) fn continued(&self, mut machine: Machine) -> Machine {
        let Seen { written, generation } = self.seen;
        let found = (machine.generation, machine.phase.state());
        if found == written {
            machine.generation = generation;
        } else if found.0 < generation || found.0 == generation && found.1 != written.1 {
            machine.generation = (generation + 1) % GENERATIONS;
        }
        machine
    }

    /// Makes what was read or written the copy, with what is unsaved on top.
    pub(crate) fn show(
        &mut self,
        mut machine: Machine,
        written: (u64, CircuitState),
        breaker: &CircuitBreaker,
    ) {
        self.seen = Seen { written, generation: machine.generation };
        for (event, moment) in &self.unsaved {
            replay(event, *moment, &mut machine, breaker);
        }
        breaker.show(machine);
    }

    /// Trouble that comes now is news. Reading says nothing about writing; who can write has read.
    pub(crate) fn went_well(&mut self, doing: Doing) {
        if doing == Doing::Writing || self.told == Some(Doing::Reading) {
            self.told = None;
        }
    }

    /// Tells of trouble, unless that was done.
    pub(crate) fn tell(&mut self, error: &StoreError, doing: Doing) {
        if self.told.is_some() {
            return;
        }
        self.told = Some(doing);
        if is_distrust(error) {
            warn_of(error);
        } else {
            let why = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(why, "{error}; the breaker goes on in memory");
        }
    }
}

/// Tells a newer machine of something that happened a while ago.
pub(crate) fn replay(
    event: &Event,
    moment: Moment,
    machine: &mut Machine,
    breaker: &CircuitBreaker,
) -> Option<Transition> {
    // A trial of the copy begins with the end of the wait; a person's order is about what was seen.
    if !matches!(event, Event::Reset { .. } | Event::Tripped { .. }) {
        machine.advance(moment.now);
    }
    moment.tell(event, machine, breaker.parts())
}
