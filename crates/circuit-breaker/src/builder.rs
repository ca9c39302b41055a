//! Putting a breaker together.

#[cfg(feature = "persist")]
use crate::Stored;
use crate::clock::{Clock, SystemClock};
use crate::shared::Shared;
use crate::{CircuitBreaker, Machine, Settings, SettingsError, Transition};

/// What is told about transitions.
type Listener = Box<dyn Fn(&Transition) + Send + Sync>;

/// What a breaker consists of beside its machine.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) settings: Settings,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) listeners: Vec<Listener>,
}

/// A breaker about to be built; from [`CircuitBreaker::builder`].
///
/// # Examples
///
/// ```
/// use circuit_breaker::CircuitBreaker;
///
/// let breaker = CircuitBreaker::builder()
///     .name("deploys")
///     .on_transition(|transition| eprintln!("{transition}"))
///     .build()?;
/// # assert_eq!(breaker.name(), "deploys");
/// # Ok::<(), circuit_breaker::SettingsError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    parts: Parts,
    machine: Machine,
    shared: Option<Shared>,
}

impl Default for Builder {
    fn default() -> Self {
        let parts = Parts {
            name: String::new(),
            owner: String::new(),
            settings: Settings::default(),
            clock: Box::new(SystemClock::default()),
            listeners: Vec::new(),
        };
        Self { parts, machine: Machine::new(), shared: None }
    }
}

impl Builder {
    /// Gives the breaker a name, for events.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.parts.name = name.into();
        self
    }

    /// Says on whose behalf trials are taken. Matters only if several share one machine.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.parts.owner = owner.into();
        self
    }

    /// Replaces the default settings. They are checked by [`build`](Self::build).
    pub fn settings(mut self, settings: Settings) -> Self {
        self.parts.settings = settings;
        self
    }

    /// Replaces the clock of this machine.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.parts.clock = Box::new(clock);
        self
    }

    /// Adds a listener, called once for each transition, on the thread that brought it about and
    /// after the breaker has changed. It may use the breaker. It must not panic: a permit that is
    /// dropped during a panic calls it too.
    ///
    /// Transitions of several threads may arrive out of order; their generations tell the order.
    pub fn on_transition(mut self, listener: impl Fn(&Transition) + Send + Sync + 'static) -> Self {
        self.parts.listeners.push(Box::new(listener));
        self
    }

    /// Begins where another breaker was, instead of closed. No listener is told.
    pub fn machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// Keeps the machine in a document, shared with every other breaker that names it, in this
    /// process and in others. It continues where they are; what [`machine`](Self::machine) was
    /// given is not used.
    ///
    /// - **Counts** of all processes add up, whoever writes when.
    /// - **OPEN** is seen by everybody within [`Stored::look_every`].
    /// - **Trials** are counted over all processes. While the lock is busy none begins.
    /// - **Failures to write** never fail a call: the change counts here, and is merged into what
    ///   others have written by the next call that can. One warning event tells of it.
    ///
    /// # Limits
    ///
    /// A success that comes before the look does not reset the failures that others counted
    /// meanwhile. Failure rates write once for each call, which takes about as long as a sync of
    /// the disk.
    #[cfg(feature = "persist")]
    pub fn stored(mut self, stored: Stored) -> Self {
        self.shared = Some(Shared::new(stored));
        self
    }

    /// Builds the breaker. A document that cannot be read does not keep it from starting.
    ///
    /// # Errors
    ///
    /// - [`SettingsError::OutOfRange`]: a setting makes no sense.
    pub fn build(self) -> Result<CircuitBreaker, SettingsError> {
        self.parts.settings.check()?;
        if let Some(shared) = &self.shared {
            shared.check()?;
        }
        Ok(self.assemble())
    }

    /// Builds it without a check, for settings that are known to be good.
    pub(crate) fn assemble(self) -> CircuitBreaker {
        CircuitBreaker::assemble(self.parts, self.machine, self.shared)
    }
}
