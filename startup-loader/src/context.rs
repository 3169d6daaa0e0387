//! What a component sees of the start that it is part of.

use std::sync::{Arc, Weak};

use crate::{shared::Shared, state::Ticket};

/// Lets a loader say how far it is, and see whether it is still wanted.
pub struct Context<'a> {
    pub(crate) shared: &'a Arc<Shared>,
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
        tell(self.shared, self.ticket, part);
    }

    /// Something that says the same from elsewhere: another thread, or a callback that cannot borrow this.
    pub fn reporter(&self) -> Reporter {
        Reporter { shared: Arc::downgrade(self.shared), ticket: self.ticket.clone() }
    }

    /// Whether nobody waits for the result any more: the start was cancelled, or the deadline is over.
    pub fn is_cancelled(&self) -> bool {
        // Nobody else may look at the time while this runs.
        self.shared.is_late(self.ticket) || self.shared.state.lock().cancelled
    }
}

/// Says how far a component is, from anywhere and at any time. Once this attempt at it has ended, nobody listens.
#[derive(Clone)]
pub struct Reporter {
    /// It may be part of a result, which the start holds.
    shared: Weak<Shared>,
    ticket: Ticket,
}

impl Reporter {
    /// As [`Context::progress`].
    pub fn progress(&self, part: f32) {
        if let Some(shared) = self.shared.upgrade() {
            tell(&shared, &self.ticket, part);
        }
    }
}

fn tell(shared: &Shared, ticket: &Ticket, part: f32) {
    let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
    let mut state = shared.state.lock();
    state.progress(&shared.nodes, ticket, part);
    shared.tell(state);
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.name())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("attempt", &self.ticket.attempt).finish_non_exhaustive()
    }
}
