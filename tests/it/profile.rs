//! Times of one start, kept in the cache for the next.

use std::time::Duration;

use warmstart::{
    Route,
    loader::{Loader, Profile},
};

#[test]
fn profile_of_a_start_is_there_at_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let order = |time| {
        let cache = warmstart::open_dir(dir.path()).unwrap();
        let profiles = cache.define::<Profile>("startup", Route::sqlite()).unwrap();
        let mut loader = Loader::new();
        loader.add("short", (), |_, ()| Ok(()));
        loader.add("long", (), |_, ()| Ok(()));
        let known = profiles.get("profile").unwrap_or_default();
        let plan = loader.profile(&known).build().unwrap();
        let order = plan.order().join(" ");
        let mut profile = plan.run().profile();
        profile.set("long", time);
        profiles.insert("profile", profile).unwrap();
        cache.close().unwrap();
        order
    };
    assert_eq!(order(Duration::from_secs(1)), "short long");
    assert_eq!(order(Duration::from_secs(1)), "long short");
}
