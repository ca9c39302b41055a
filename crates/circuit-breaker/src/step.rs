//! What a breaker does to its machine, as a value.

use std::time::SystemTime;

use crate::builder::Parts;
use crate::{Event, Machine, Refused, Ticket, Transition, chance};

/// One thing that a breaker does to its machine.
///
/// A value and not a closure, because it may have to be done again, on a newer machine.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Lets time pass.
    Advance,
    /// Asks for the right to a call.
    Ask,
    /// Tells of an event.
    Tell(Event),
    /// Tells of an answer that nobody asked for: it belongs to the machine as it is found.
    Unasked(fn(Ticket) -> Event),
    /// A person closes it, as it is found.
    Reset,
    /// A person opens it, as it is found.
    Trip(String),
}

/// When a step is taken, and its share of chance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: SystemTime,
    chance: f64,
}

impl Moment {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self { now: parts.clock.now(), chance: chance::draw() }
    }
}

/// What a step has brought about.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) transitions: Vec<Transition>,
    /// The answer, if the step was a question.
    pub(crate) ticket: Option<Result<Ticket, Refused>>,
    /// What a newer machine must be told, if this one is lost.
    pub(crate) event: Option<Event>,
}

impl Step {
    pub(crate) fn take(&self, machine: &mut Machine, moment: Moment, parts: &Parts) -> Done {
        let mut done = Done::default();
        let event = match self {
            Self::Advance => {
                done.transitions.extend(machine.advance(moment.now));
                return done;
            }
            Self::Ask => {
                let asked = machine.ask(&parts.owner, moment.now, &parts.settings);
                done.transitions.extend(asked.transition);
                done.ticket = Some(asked.ticket);
                return done;
            }
            Self::Tell(event) => event.clone(),
            Self::Unasked(event) => {
                // The time may be over though nobody has asked since: then it is a trial's answer.
                done.transitions.extend(machine.advance(moment.now));
                event(machine.ticket())
            }
            Self::Reset => Event::Reset { generation: machine.generation() },
            Self::Trip(reason) => {
                Event::Tripped { generation: machine.generation(), reason: reason.clone() }
            }
        };
        done.transitions.extend(moment.tell(&event, machine, parts));
        done.event = Some(event);
        done
    }
}

impl Moment {
    pub(crate) fn tell(
        self,
        event: &Event,
        machine: &mut Machine,
        parts: &Parts,
    ) -> Option<Transition> {
        machine.apply(event, self.now, self.chance, &parts.settings)
    }
}
