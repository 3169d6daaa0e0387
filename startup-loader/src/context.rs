//! What a component sees of the start that it is part of.

use crate::{shared::Shared, state::Ticket};

/// Lets a loader say how far it is, and see whether it is still wanted.
pub struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) ticket: &'a Ticket,
}

impl Context<'_> {
    /// The name of the component.
    pub fn name(&self) -> &str {
        &self.shared.nodes[self.ticket.place].name
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.ticket.attempt
    }

    /// Says how far the component is, from 0 to 1. Anything else is taken for the nearer end.
    pub fn progress(&self, part: f32) {
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        let mut state = self.shared.state.lock();
        state.progress(&self.shared.nodes, self.ticket, part);
        self.shared.tell(state);
    }

    /// Whether nobody waits for the result any more: the start was cancelled, or the deadline is over.
    pub fn is_cancelled(&self) -> bool {
        // Nobody else may look at the time while this runs.
        self.shared.is_late(self.ticket) || self.shared.state.lock().cancelled
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.name())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
