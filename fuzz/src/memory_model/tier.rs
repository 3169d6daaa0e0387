//! [`MemoryTier`], with categories that have budgets, and copies in front of another tier.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arbitrary::Arbitrary;
use warmstart::core::{
    Bytes, Category, Clock, Entry, ErrorKind, Fingerprint, Guard, Key, ManualClock, Route, Tier,
};
use warmstart::memory::MemoryTier;

use super::Policy;

#[derive(Debug, Arbitrary)]
pub(super) struct Input {
    policy: Policy,
    shards: u8,
    max_entries: u8,
    max_bytes: Option<u16>,
    budgets: [Option<u16>; 2],
    /// Of 255.
    front_share: u8,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
struct Place {
    category: u8,
    key: u8,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Put { at: Place, size: u16, age: i8, lives: Option<i8>, holds: bool },
    PutHuge { at: Place, size: u64 },
    Get(Place),
    Peek(Place),
    Remove { at: Place, holds: bool },
    Scan(u8),
    Clear(u8),
    TakeTouches(u8),
    Advance(u8),
    SetWall(i32),
    Maintain,
}

/// Whether a write counts.
struct Fixed(bool);

impl Guard for Fixed {
    fn holds(&self) -> bool {
        self.0
    }
}

/// The two categories at home in memory have budgets; the entries of the third are copies.
struct Bench {
    tier: MemoryTier,
    clock: Arc<ManualClock>,
    categories: [Arc<Category>; 3],
    max_entries: u64,
    max_bytes: u64,
    model: HashMap<(usize, String), Entry>,
    puts: u64,
}

pub(super) fn run(input: &Input) {
    let clock = ManualClock::at(1_000_000);
    let max_entries = u64::from(input.max_entries.max(1));
    let max_bytes = input.max_bytes.map_or(u64::MAX, |bytes| u64::from(bytes.max(1)));
    let tier = MemoryTier::builder()
        .max_entries(max_entries)
        .max_bytes(max_bytes)
        .front_share(f64::from(input.front_share.max(1)) / 255.0)
        .eviction_policy(input.policy.into())
        .shards(usize::from(input.shards % 8) + 1)
        .clock(clock.clone())
        .build()
        .expect("all bounds are over zero");
    let [a, b] = input.budgets.map(|budget| match budget {
        Some(bytes) => Route::memory().budget(u64::from(bytes.max(1))),
        None => Route::memory(),
    });
    let category = |index, name, route| Category::new(index, name, route).expect("a good name and route");
    let categories = [category(0, "a", a), category(1, "b", b), category(2, "front", Route::sqlite())];
    let mut bench = Bench { tier, clock, categories, max_entries, max_bytes, model: HashMap::new(), puts: 0 };
    for step in &input.steps {
        bench.step(step);
        bench.check();
    }
    bench.tier.close().expect("memory can be closed");
    assert!(bench.categories.iter().all(|category| bench.tier.usage(category).expect("usage").entries == 0));
}

impl Bench {
    fn step(&mut self, step: &Step) {
        let now = self.clock.now().wall;
        match *step {
            Step::Put { at, size, age, lives, holds } => {
                let expires_at = lives.map(|lives| now + i64::from(lives) * 1_000);
                self.put(at, size.into(), now - i64::from(age) * 1_000, expires_at, holds);
            }
            Step::PutHuge { at, size } => self.put(at, size, now, None, true),
            Step::Get(at) => self.get(at, |tier, key| tier.get(key)),
            Step::Peek(at) => self.get(at, |tier, key| tier.peek(key)),
            Step::Remove { at, holds } => {
                let (place, name) = self.place(at);
                let key = Key::new(&self.categories[place], &name).expect("a short key");
                self.tier.remove(&key, &Fixed(holds)).expect("memory can be written");
                if holds {
                    assert!(self.tier.peek(&key).expect("memory can be read").is_none());
                    self.model.remove(&(place, name));
                }
            }
            Step::Scan(category) => self.scan(usize::from(category) % 3),
            Step::Clear(category) => {
                let place = usize::from(category) % 3;
                self.tier.clear(&self.categories[place]).expect("memory can be cleared");
                self.model.retain(|(of, _), _| *of != place);
                assert_eq!(self.tier.usage(&self.categories[place]).expect("usage").entries, 0);
            }
            Step::TakeTouches(category) => {
                let place = usize::from(category) % 3;
                for touch in self.tier.take_touches(&self.categories[place]) {
                    assert!(touch.hits > 0 && self.model.contains_key(&(place, touch.key)));
                }
                assert!(self.tier.take_touches(&self.categories[place]).is_empty());
            }
            Step::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds.into())),
            Step::SetWall(wall) => self.clock.set_wall(wall.into()),
            Step::Maintain => self.tier.maintain().expect("memory can be maintained"),
        }
    }

    fn place(&self, at: Place) -> (usize, String) {
        (usize::from(at.category) % 3, "k".repeat(usize::from(at.key) % 40))
    }

    fn put(&mut self, at: Place, size: u64, created_at: i64, expires_at: Option<i64>, holds: bool) {
        self.puts += 1;
        let bytes = Bytes::copy_from_slice(&self.puts.to_le_bytes());
        let entry = Entry {
            size,
            expires_at,
            fingerprint: Fingerprint(self.puts),
            ..Entry::from_bytes(bytes, created_at)
        };
        let (place, name) = self.place(at);
        let key = Key::new(&self.categories[place], &name).expect("a short key");
        let counted = size.saturating_add(name.len() as u64).saturating_add(MemoryTier::ENTRY_OVERHEAD);
        let before = self.tier.peek(&key).expect("memory can be read").map(|entry| entry.fingerprint);
        match self.tier.put(&key, &entry, &Fixed(holds)) {
            Ok(()) if holds => {
                let found = self.tier.peek(&key).expect("memory can be read");
                let found = found.map(|entry| entry.fingerprint);
                assert_eq!(found, entry.is_fresh(self.clock.now()).then_some(entry.fingerprint));
                self.model.insert((place, name), entry);
            }
            Ok(()) => {}
            Err(error) => {
                let ErrorKind::TooLarge { size, limit } = *error.kind() else { panic!("{error}") };
                assert!(size == counted && size > limit, "{error}");
                let found = self.tier.peek(&key).expect("memory can be read").map(|entry| entry.fingerprint);
                assert_eq!(found, before, "what was there stays");
            }
        }
    }

    fn get(&self, at: Place, read: impl Fn(&MemoryTier, &Key<'_>) -> warmstart::Result<Option<Entry>>) {
        let (place, name) = self.place(at);
        let key = Key::new(&self.categories[place], &name).expect("a short key");
        let Some(found) = read(&self.tier, &key).expect("memory can be read") else { return };
        let stored = &self.model[&(place, name)];
        assert_eq!(found.fingerprint, stored.fingerprint);
        assert_eq!(found.value.to_bytes().expect("bytes"), stored.value.to_bytes().expect("bytes"));
        assert_eq!((found.created_at, found.expires_at), (stored.created_at, stored.expires_at));
        assert!(stored.expires_at.is_none_or(|at| self.clock.now().wall < at));
    }

    fn scan(&self, place: usize) {
        let (mut seen, category) = (Vec::new(), &self.categories[place]);
        let visit = &mut |info: warmstart::EntryInfo| {
            let stored = &self.model[&(place, info.key.clone())];
            let now = self.clock.now();
            assert!(stored.expires_at.is_none_or(|at| now.wall < at));
            assert_eq!((info.created_at, info.expires_at), (stored.created_at, stored.expires_at));
            // May be called: no lock is held.
            let key = Key::new(category, &info.key).expect("a short key");
            assert!(self.tier.peek(&key).expect("memory can be read").is_some());
            seen.push(info.key);
        };
        self.tier.scan(category, visit).expect("memory can be read");
        let found = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), found, "no key is shown twice");
    }

    fn check(&self) {
        let (mut entries, mut bytes) = (0, 0);
        for category in &self.categories {
            let usage = self.tier.usage(category).expect("usage");
            let is_home = category.route().level() == warmstart::Level::L1;
            assert!(!is_home || usage.bytes <= category.route().byte_limit());
            entries += usage.entries;
            bytes += usage.bytes;
            let (mut shown, mut size) = (0, 0);
            let visit = &mut |info: warmstart::EntryInfo| {
                shown += 1;
                size += info.size;
            };
            self.tier.scan(category, visit).expect("memory can be read");
            assert!(shown <= usage.entries && size <= usage.bytes);
        }
        assert!(entries <= self.max_entries && bytes <= self.max_bytes);
    }
}
