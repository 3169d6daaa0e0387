//! Observers that call their tier again, or panic.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use warmstart::{
    Bytes, Compression, ErrorKind, Route,
    core::{Category, Clock, Departure, Entry, Key, ManualClock, Observer, Put, Tier, Touch, Unguarded},
    file::FileCache,
    memory::MemoryTier,
    sqlite::{Durability, SqliteCache},
};

use crate::ends::ends;

/// What it does on each departure, with the tier.
struct Meddler {
    tier: OnceLock<Weak<dyn Tier>>,
    heard: AtomicU32,
    act: Box<Act>,
}

type Act = dyn Fn(&dyn Tier) + Send + Sync;

impl std::fmt::Debug for Meddler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddler")
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Observer for Meddler {
    fn departed(&self, _: Departure<'_>) {
        self.heard.fetch_add(1, SeqCst);
        // What it does may have others depart.
        if INSIDE.replace(true) {
            return;
        }
        let tier = self.tier.get().and_then(Weak::upgrade);
        let outcome = catch_unwind(AssertUnwindSafe(|| tier.iter().for_each(|tier| (self.act)(&**tier))));
        INSIDE.set(false);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Each tier, with room for four entries, and SQLite with and without its thread.
fn tiers(dir: &std::path::Path, clock: &Arc<ManualClock>) -> Vec<(Arc<dyn Tier>, Route)> {
    let sqlite = SqliteCache::options()
        .clock(clock.clone())
        .durability(Durability::Batched { max_delay: Duration::from_secs(3_600), max_entries: 2 });
    let alone = sqlite.clone().without_thread();
    let file = FileCache::options().clock(clock.clone());
    let memory = MemoryTier::builder().clock(clock.clone()).build().unwrap();
    let whole = |route: Route| route.compression(Compression::None);
    vec![
        (Arc::new(memory), Route::memory().budget(1_000)),
        (Arc::new(sqlite.open(dir.join("one.db")).unwrap()), whole(Route::sqlite().budget(450))),
        (Arc::new(alone.open(dir.join("two.db")).unwrap()), whole(Route::sqlite().budget(450))),
        (Arc::new(file.open(dir.join("files")).unwrap()), whole(Route::file().budget(1_000))),
    ]
}

fn entry(clock: &ManualClock) -> Entry {
    let now = clock.now().wall;
    Entry { expires_at: Some(now + 1_000), ..Entry::from_bytes(Bytes::from(vec![7; 100]), now) }
}

/// Has entries of each tier depart in every way, with an observer that acts so.
fn observed(act: fn(&dyn Tier)) {
    ends(move || {
        let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        for (tier, route) in tiers(dir.path(), &clock) {
            let meddler = Arc::new(Meddler {
                tier: OnceLock::from(Arc::downgrade(&tier)),
                heard: AtomicU32::new(0),
                act: Box::new(act),
            });
            tier.observe(meddler.clone());
            let category = Category::new(0, "c", route).unwrap();
            let key = |name: &'static str| Key::new(&category, name).unwrap();
            let put = |number: u32| {
                let name = number.to_string();
                drop(tier.put(&Key::new(&category, &name).unwrap(), &entry(&clock), &Unguarded));
            };
            let steps: [&dyn Fn(); 4] = [
                &|| (0..20).for_each(put),
                &|| drop(tier.flush()),
                &|| {
                    clock.advance(Duration::from_secs(2));
                    drop(tier.get(&key("19")));
                    drop(tier.maintain());
                },
                &|| drop(tier.clear(&category)),
            ];
            for step in steps {
                let _ = catch_unwind(AssertUnwindSafe(step));
                // On another thread too: no lock was left behind.
                thread::scope(|scope| {
                    let other = scope.spawn(|| {
                        INSIDE.set(true);
                        while tier.put(&key("works"), &entry(&clock), &Unguarded).is_err() {}
                        assert!(tier.get(&key("works")).unwrap().is_some());
                        tier.remove(&key("works"), &Unguarded).unwrap();
                        let _ = catch_unwind(AssertUnwindSafe(|| tier.flush().unwrap()));
                    });
                    other.join().unwrap();
                });
            }
            assert!(meddler.heard.load(SeqCst) > 0, "{}", tier.name());
            tier.close().unwrap();
        }
    });
}

#[test]
fn observer_may_call_everything() {
    observed(|tier| {
        let category = Category::new(1, "d", Route::sqlite().compression(Compression::None)).unwrap();
        let key = Key::new(&category, "k").unwrap();
        let entry = Entry::from_bytes(Bytes::from_static(b"v"), 1_767_225_600_000);
        tier.put(&key, &entry, &Unguarded).unwrap();
        tier.get(&key).unwrap();
        tier.peek(&key).unwrap();
        tier.get_many(&[key]);
        tier.put_many(&[Put { key, entry: entry.clone(), guard: &Unguarded }]);
        tier.touch(&category, &[Touch { key: "k".into(), hits: 1, last: 0 }]).unwrap();
        tier.take_touches(&category);
        tier.usage(&category).unwrap();
        let _ = tier.scan(&category, &mut |_| ());
        tier.remove(&key, &Unguarded).unwrap();
        tier.clear(&category).unwrap();
        tier.flush().unwrap();
        tier.maintain().unwrap();
        tier.background_errors();
    });
}

#[test]
fn observer_may_panic() {
    observed(|_| panic!("as foreign code may"));
}

#[test]
fn observer_may_close_its_tier() {
    ends(|| {
        let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        for (tier, route) in tiers(dir.path(), &clock) {
            let (closed, is_closed) = mpsc::channel();
            let act = move |tier: &dyn Tier| {
                tier.close().unwrap();
                closed.send(()).unwrap();
            };
            let tier_too = OnceLock::from(Arc::downgrade(&tier));
            tier.observe(Arc::new(Meddler { tier: tier_too, heard: AtomicU32::new(0), act: Box::new(act) }));
            let category = Category::new(0, "c", route).unwrap();
            for number in 0..20 {
                let name = number.to_string();
                let put = tier.put(&Key::new(&category, &name).unwrap(), &entry(&clock), &Unguarded);
                assert!(put.is_ok() || *put.unwrap_err().kind() == ErrorKind::Closed);
            }
            is_closed.recv().unwrap();
            let _ = tier.flush();
        }
    });
}
