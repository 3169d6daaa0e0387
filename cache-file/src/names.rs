//! The names of folders and entries, below the root.

use cache_core::{Category, Key, Route};

/// Two digits of a hash: the folder of an entry within its category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf(u8);

impl Leaf {
    pub(crate) fn of(id: u64) -> Self {
        Self(u8::try_from(id >> 56).unwrap_or(0))
    }

    /// The folder number `number`, counted round and round.
    pub(crate) fn number(number: u64) -> Self {
        Self(u8::try_from(number % 256).unwrap_or(0))
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

/// The folder of some entries of a category.
pub(crate) fn leaf_name(category: &str, Leaf(digits): Leaf) -> String {
    format!("{}/{:x}/{:x}", folder_name(category), digits >> 4, digits & 15)
}

/// The file of an entry in its folder.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016x}")
}

/// The file of an entry.
pub(crate) fn entry_name(category: &str, id: u64) -> String {
    format!("{}/{}", leaf_name(category, Leaf::of(id)), file_name(id))
}

/// The folder of a category: its name, with capital letters marked, since not every file system tells them
/// from small ones, and with a mark before names that stand for devices on Windows.
pub(crate) fn folder_name(category: &str) -> String {
    let is_numbered = category.len() == 4 && (category.starts_with("com") || category.starts_with("lpt"));
    if is_numbered || matches!(category, "con" | "prn" | "aux" | "nul") {
        return format!("~{category}");
    }
    let mut name = String::with_capacity(category.len());
    for letter in category.chars() {
        if letter.is_ascii_uppercase() {
            name.push('+');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Whether an entry with these names belongs under the id.
pub(crate) fn is_at_home(id: u64, (category, key): (&[u8], &[u8])) -> bool {
    let (Ok(category), Ok(key)) = (str::from_utf8(category), str::from_utf8(key)) else { return false };
    let Ok(category) = Category::new(0, category, Route::file()) else { return false };
    Key::new(&category, key).is_ok_and(|key| key.stable_hash() == id)
}

/// The category of a folder.
pub(crate) fn category_name(folder: &str) -> Option<String> {
    let mut name = String::with_capacity(folder.len());
    let mut letters = folder.strip_prefix('~').unwrap_or(folder).chars();
    while let Some(letter) = letters.next() {
        name.push(if letter == '+' { letters.next()?.to_ascii_uppercase() } else { letter });
    }
    // A folder that no category has is somebody else's.
    (folder_name(&name) == folder && Category::new(0, &name, Route::file()).is_ok()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_that_differ_in_case_have_folders_that_do_not() {
        for (category, folder) in [
            ("week_data", "week_data"),
            ("Week-2", "+week-2"),
            ("nul", "~nul"),
            ("com1", "~com1"),
            ("NUL", "+n+u+l"),
            ("a", "a"),
        ] {
            assert_eq!(folder_name(category), folder);
            assert_eq!(category_name(folder).as_deref(), Some(category));
        }
        for stray in [".tmp", "a b", "", "Week", "~x", "+", "a+", "+1", "aaä"] {
            assert_eq!(category_name(stray), None, "{stray}");
        }
    }
}
