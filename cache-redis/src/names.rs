//! What things are called at the server.

use cache_core::{Category, ErrorKind, Key, Result};

/// The names that begin with one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Box<str>,
}

impl Names {
    /// What a prefix may be. In a pattern, none of it means anything but itself.
    pub(crate) const PREFIX: &str = "1 to 128 bytes without * ? [ ] \\ ^ and control characters";

    /// # Errors
    /// [`ErrorKind::InvalidOption`] for what is no prefix.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        if Self::is_prefix(prefix) {
            return Ok(Self { prefix: prefix.into() });
        }
        let why = format!("prefix: {prefix:?} is not {}", Self::PREFIX);
        Err(ErrorKind::InvalidOption(why).into())
    }

    pub(crate) fn is_prefix(text: &str) -> bool {
        let allowed = |c: char| !c.is_control() && !"*?[]\\^".contains(c);
        (1..=128).contains(&text.len()) && text.chars().all(allowed)
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
