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
}

/// What a read goes through.
pub(crate) enum Through<'a> {
    Reader(&'a mut ReadConnection),
    Writer(&'a Connection),
}

impl Through<'_> {
    pub(crate) fn conn(&self) -> &Connection {
        match self {
            Self::Reader(reader) => reader.conn(),
            Self::Writer(conn) => conn,
        }
    }

    /// Runs `work` with a statement of [`ROW`].
    pub(crate) fn with_row_statement<T>(
        &mut self,
        work: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        match self {
            Self::Reader(reader) => reader.with_dependent_mut(|_, statement| work(statement)),
            Self::Writer(conn) => work(&mut *conn.prepare_cached(ROW)?),
        }
    }
}
