//! The head of an entry's file, with any fields.

use std::fs;

use arbitrary::{Arbitrary, Unstructured};
use warmstart::core::{Category, ErrorKind, Key, ManualClock, Route, Tier, Unguarded};
use warmstart::file::FileCache;

use crate::{
    entry_format::{Content, Field, Head, read, sum_of_block},
    scratch,
};

const NOW: i64 = 1_767_225_600_000;

#[derive(Debug, Arbitrary)]
struct Input {
    head: Head,
    names: Field<(Vec<u8>, Vec<u8>)>,
    value: Vec<u8>,
    cut: Field<u16>,
    /// Nothing of the above: these bytes.
    instead: Option<Vec<u8>>,
}

impl Input {
    fn file(&self) -> Vec<u8> {
        if let Some(bytes) = &self.instead {
            return bytes.clone();
        }
        let mut block = Vec::new();
        if !self.value.is_empty() {
            block.extend(u32::try_from(self.value.len()).expect("inputs are small").to_le_bytes());
            block.extend(sum_of_block(&self.value, self.head.salt).to_le_bytes());
            block.extend(&self.value);
        }
        let (category, key) = self.names.or((b"c".to_vec(), b"k".to_vec()));
        let mut file = self.head.bytes(&category, &key, self.value.len() as u64, block.len() as u64);
        file.extend(block);
        if let Field::Other(len) = self.cut {
            file.truncate(len.into());
        }
        file
    }
}

/// A file is put in the place of an entry. It is served as it should be, or not at all; damage is an error once.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let dir = scratch::folder();
    let options = FileCache::options().clock(ManualClock::at(NOW)).without_thread();
    let cache = options.open(dir.path()).expect("an empty folder is opened");
    let category = Category::new(0, "c", Route::file()).expect("a good name");
    let key = Key::new(&category, "k").expect("a short key");
    let name = format!("{:016x}", key.stable_hash());
    let path = dir.path().join("c").join(&name[..1]).join(&name[1..2]).join(&name);
    fs::create_dir_all(path.parent().expect("folders")).expect("folders can be made");
    let file = input.file();
    fs::write(&path, &file).expect("a file can be written");

    let found = cache.get(&key);
    match read(&file, "c", "k", NOW) {
        Content::Entry(entry) => {
            let found = found.expect("the entry is whole").expect("the entry is there");
            assert_eq!(found.value.to_bytes().expect("bytes"), entry.value);
            assert_eq!((found.created_at, found.expires_at), (entry.created_at, entry.expires_at));
            assert_eq!((found.fingerprint.0, found.size), (entry.fingerprint, entry.value.len() as u64));
        }
        Content::Nothing => assert!(found.expect("nothing is damaged").is_none()),
        Content::Damaged => {
            let error = found.expect_err("damage is an error");
            assert!(matches!(error.kind(), ErrorKind::Corrupt(_) | ErrorKind::TooLarge { .. }), "{error}");
            if matches!(error.kind(), ErrorKind::Corrupt(_)) {
                assert!(cache.get(&key).expect("damage is an error once").is_none());
                assert!(!path.exists());
            }
        }
    }
    cache.remove(&key, &Unguarded).expect("anything can be removed");
    assert!(!path.exists());
}
