//! A process that is killed at any moment loses nothing that it was told is stored.

use std::{fs, path::Path, time::Duration};

use warmstart::{Cache, CacheOptions, Handle, Ttl};

use crate::processes::{child, folder_of_parent};

/// So long that values span pages, and different for every key and round.
fn value(key: u32, round: u32) -> Vec<u32> {
    (0..200 + key % 700).map(|i| key.wrapping_mul(31) ^ round.wrapping_mul(7_919) ^ i).collect()
}

type Blocks = Handle<(u32, u32, Vec<u32>)>;

/// One category at home in SQLite and one in files.
fn blocks(cache: &Cache) -> [Blocks; 2] {
    ["week_data", "analytics_results"].map(|name| cache.category(name).unwrap())
}

fn open(folder: &Path) -> Cache {
    CacheOptions::new().dir(folder).open_strict().unwrap()
}

#[test]
fn child_writes_until_it_is_killed() {
    let Some(folder) = folder_of_parent() else { return };
    let cache = open(&folder);
    let blocks = blocks(&cache);
    for round in 0..u32::MAX {
        for (key, blocks) in (0..20).flat_map(|key| blocks.iter().map(move |blocks| (key, blocks))) {
            if (key + round) % 9 == 0 {
                blocks.remove(&key.to_string()).unwrap();
            } else {
                blocks.insert_with(&key.to_string(), (key, round, value(key, round)), Ttl::Never).unwrap();
            }
        }
        if round % 3 == 0 {
            cache.flush().unwrap();
            fs::write(folder.join("flushed.new"), round.to_string()).unwrap();
            fs::rename(folder.join("flushed.new"), folder.join("flushed")).unwrap();
        }
    }
}

#[test]
fn what_was_flushed_survives_a_kill_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    for pause in [30, 47, 71, 90, 113, 150, 190, 220] {
        let _ = fs::remove_file(folder.path().join("flushed"));
        let mut writer = child("crash::child_writes_until_it_is_killed", folder.path());
        while !folder.path().join("flushed").exists() {
            std::thread::sleep(Duration::from_millis(5));
            assert!(writer.try_wait().unwrap().is_none(), "the child ended by itself");
        }
        std::thread::sleep(Duration::from_millis(pause));
        writer.kill().unwrap();
        writer.wait().unwrap();

        let flushed: u32 = fs::read_to_string(folder.path().join("flushed")).unwrap().parse().unwrap();
        let blocks = blocks(&open(folder.path()));
        for (key, blocks) in (0..20).flat_map(|key| blocks.iter().map(move |blocks| (key, blocks))) {
            match blocks.get(&key.to_string()) {
                Some(found) => {
                    let (of, round, block) = &*found;
                    assert_eq!((*of, block), (key, &value(key, *round)), "a wrong value");
                    assert!(*round >= flushed, "key {key} is of round {round}, but {flushed} was flushed");
                }
                // Removed in the flushed round or in one of those before the next flush.
                None => {
                    let removed = (flushed..=flushed + 3).any(|round| (key + round) % 9 == 0);
                    assert!(removed, "key {key} is gone");
                }
            }
        }
    }
}
