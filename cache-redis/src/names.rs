//! What things are called at the server.

use cache_core::{Category, ErrorKind, Key, Result};

/// The names that begin with one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Box<str>,
}

impl Names {
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a prefix that would mean something in a pattern, or be unclear before a colon.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(allowed) {
            let why = format!("prefix: {prefix:?} is not 1 to 64 of the characters a-z A-Z 0-9 _ - . :");
            return Err(ErrorKind::InvalidOption(why).into());
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// `prefix:category:key`. The name of a category has no colon in it.
    pub(crate) fn entry(&self, category: &str, key: &str) -> String {
        [&*self.prefix, ":", category, ":", key].concat()
    }

    pub(crate) fn of(&self, key: &Key<'_>) -> String {
        self.entry(key.category().name(), key.as_str())
    }

    /// The pattern of all entries of a category. Neither prefix nor name means anything in a pattern.
    pub(crate) fn pattern(&self, category: &str) -> String {
        self.entry(category, "*")
    }

    /// The pattern of all entries.
    pub(crate) fn pattern_of_all(&self) -> String {
        [&*self.prefix, ":*"].concat()
    }

    /// The category and key of an entry, if it is called like one.
    pub(crate) fn parts<'a>(&self, name: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let name = std::str::from_utf8(name).ok()?;
        let (category, key) = name.strip_prefix(&*self.prefix)?.strip_prefix(':')?.split_once(':')?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let is_category =
            !category.is_empty() && category.len() <= Category::MAX_NAME_LEN && category.bytes().all(allowed);
        (is_category && key.len() <= Key::MAX_LEN).then_some((category, key))
    }

    /// Where programs tell each other of changes.
    pub(crate) fn channel(&self) -> String {
        [&*self.prefix, ":changes"].concat()
    }
}
