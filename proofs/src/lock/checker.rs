//! The same model in `stateright`, an independent checker: it has to meet the same number of
//! states, or one of the two searches is wrong.

use stateright::{Checker, Model, Property};

use super::{
    rules::Rules,
    state::State,
    step::{Action, next},
};

/// How many states `stateright` meets.
pub(super) fn states(first: State, rules: Rules) -> u64 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = Protocol { first, rules }.checker().threads(threads).spawn_bfs().join();
    checker.unique_state_count() as u64
}

struct Protocol {
    first: State,
    rules: Rules,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        next(state, &self.rules, &mut |action, _, _| actions.push(action));
    }

    fn next_state(&self, state: &State, wanted: Action) -> Option<State> {
        let mut found = None;
        next(state, &self.rules, &mut |action, after, _| {
            if action == wanted {
                found = Some(after);
            }
        });
        found
    }

    /// One that always holds, so that the search goes on to the end. What must not happen is a
    /// matter of transitions, and the other search looks for it.
    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("any state", |_, _| true)]
    }
}
