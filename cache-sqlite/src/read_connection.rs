//! A connection with the statement that it looks entries up with.
#![expect(unsafe_code, reason = "rusqlite cannot know that the two move together")]

use rusqlite::{Connection, PrepFlags, Statement};
use self_cell::self_cell;

use crate::record::ROW;

self_cell! {
    /// To ask for a statement by its text each time would take as long as a tenth of the lookup.
    pub(crate) struct ReadConnection {
        owner: Connection,
        #[covariant]
        dependent: Statement,
    }

    impl {Debug}
}

// SAFETY: a connection may move to another thread, only not be used by two at once. A statement may not, since the
// connection that it borrows could stay behind. Here both move as one, and nothing else borrows the connection.
unsafe impl Send for ReadConnection {}

impl ReadConnection {
    pub(crate) fn of(conn: Connection) -> rusqlite::Result<Self> {
        Self::try_new(conn, |conn| conn.prepare_with_flags(ROW, PrepFlags::SQLITE_PREPARE_PERSISTENT))
    }

    pub(crate) fn conn(&self) -> &Connection {
        self.borrow_owner()
    }

    /// Runs `work` with the statement of [`ROW`].
    pub(crate) fn with_row_statement<T>(&mut self, work: impl FnOnce(&mut Statement<'_>) -> T) -> T {
        self.with_dependent_mut(|_, statement| work(statement))
    }
}
