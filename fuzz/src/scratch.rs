//! A folder for one input.

use std::path::Path;

use tempfile::TempDir;

/// An empty folder, in memory where the system has a place for that.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = |builder: &mut tempfile::Builder<'_, '_>| match memory.is_dir() {
        true => builder.tempdir_in(memory),
        false => builder.tempdir(),
    };
    builder(tempfile::Builder::new().prefix("warmstart-fuzz-")).expect("a folder can be made")
}
