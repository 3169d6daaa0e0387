//! The suite that every tier must pass, under each way of opening one.

use std::sync::Arc;

use cache_core::{Clock, Compression, Tier};
use cache_file::{FileCache, FileOptions};

fn check(configure: impl Fn(FileOptions) -> FileOptions) {
    let dirs = std::cell::RefCell::new(Vec::new());
    cache_core::conformance::check(|clock: Arc<dyn Clock>| {
        let dir = tempfile::tempdir().unwrap();
        let cache = configure(FileCache::options().clock(clock)).open(dir.path().join("files")).unwrap();
        dirs.borrow_mut().push(dir);
        Arc::new(cache) as Arc<dyn Tier>
    });
}

#[test]
fn cache_conforms() {
    check(|options| options);
}

#[test]
fn cache_without_compression_conforms() {
    check(|options| options.compression(Compression::None));
}

#[cfg(feature = "zstd")]
#[test]
fn cache_with_zstd_conforms() {
    check(|options| options.compression(Compression::Zstd));
}

#[test]
fn cache_without_thread_and_with_a_bound_conforms() {
    check(|options| options.without_thread().byte_limit(1 << 30));
}
