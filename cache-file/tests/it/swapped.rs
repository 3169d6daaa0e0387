//! Somebody who may write to the folder puts links in the place of folders, again and again, while the cache
//! works: between a look and a use too.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use cache_core::{Key, Tier};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::bench::{Bench, Calls, category, files_below};

/// How often a folder and a link have to have changed places.
const SWAPS: u64 = 3_000;

/// Swaps what is at `place` with a link to `outside` until it is told that it is enough.
struct Swapper {
    enough: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Swapper {
    fn start(place: PathBuf, outside: &Path) -> Self {
        let (link, outside) = (place.with_file_name("Swapped Link"), outside.to_owned());
        let (enough, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (enough, swaps) = (Arc::clone(&enough), Arc::clone(&swaps));
            move || {
                while !enough.load(SeqCst) {
                    if renameat_with(CWD, &place, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                        swaps.fetch_add(1, SeqCst);
                    } else {
                        // What was there was cleared or deleted.
                        let _ = fs::create_dir_all(&place);
                        let _ = symlink(&outside, &link);
                    }
                }
            }
        });
        Self { enough, swaps, thread }
    }

    fn has_swapped_enough(&self) -> bool {
        self.swaps.load(SeqCst) >= SWAPS
    }

    fn stop(self) {
        self.enough.store(true, SeqCst);
        self.thread.join().unwrap();
    }
}

#[test]
fn folders_that_turn_into_links_at_any_moment_lead_nowhere() {
    let c = category("c");
    let key = Key::new(&c, "k").unwrap();
    type Place<'a> = &'a dyn Fn(&Bench) -> PathBuf;
    let places: [Place<'_>; 4] = [
        &|bench| bench.path().join("c"),
        &|bench| bench.file(&c, "k").ancestors().nth(2).unwrap().into(),
        &|bench| bench.file(&c, "k").parent().unwrap().into(),
        &|bench| bench.path().join(".tmp"),
    ];
    for place in places {
        let bench = Bench::new();
        let cache = bench.options().without_thread().open(bench.path()).unwrap();
        cache.put_in(&c, "k", &bench.entry("v")).unwrap();
        // Outside stands all that a way into a cache may lead over, with a file at the end of each.
        let outside = bench.dir.path().join("outside");
        let below = bench.file(&c, "k").strip_prefix(bench.path().join("c")).unwrap().to_owned();
        for depth in 0..3 {
            let file = outside.join(below.iter().skip(depth).collect::<PathBuf>());
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "precious").unwrap();
        }
        fs::create_dir(outside.join("folder")).unwrap();
        fs::write(outside.join("folder/notes"), "precious").unwrap();
        fs::write(outside.join("usage.log"), "precious").unwrap();
        let before = files_below(&outside);

        let swapper = Swapper::start(place(&bench), &outside);
        while !swapper.has_swapped_enough() {
            let _ = cache.put_in(&c, "k", &bench.entry("new"));
            if let Ok(Some(value)) = cache.value(&c, "k") {
                assert!(value == b"new" || value == b"v");
            }
            let _ = cache.maintain();
            let _ = cache.remove(&key, &cache_core::Unguarded);
            let _ = cache.put_in(&c, "k", &bench.entry("new"));
            let _ = cache.clear(&c);
            let _ = cache.maintain();
        }
        swapper.stop();
        assert_eq!(files_below(&outside), before, "{}", place(&bench).display());
    }
}

/// What was cleared is deleted with all that is in it: the worst moment for a link.
#[test]
fn folder_that_turns_into_a_link_while_it_is_deleted_is_not_followed() {
    let bench = Bench::new();
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    (0..50).for_each(|i| fs::write(outside.join(i.to_string()), "precious").unwrap());
    let cleared = bench.path().join(".tmp/cleared");
    let swapper = Swapper::start(cleared.join("inner"), &outside);
    let mut rounds = 0;
    while !swapper.has_swapped_enough() || rounds < 300 {
        rounds += 1;
        // Deleted between the list, which says what is a folder, and the folder.
        for i in 0..100 {
            let _ = fs::write(cleared.join(i.to_string()), "");
        }
        let _ = cache.maintain();
    }
    swapper.stop();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 50);
}
