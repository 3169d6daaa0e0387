//! The names of folders.

/// The folder of a category: its name, with capital letters marked, since not every file system tells them
/// from small ones, and with a mark before names that stand for devices on Windows.
pub(crate) fn folder_name(category: &str) -> String {
    let numbered = |name: &str| matches!(name.len(), 4) && matches!(&name[..3], "com" | "lpt");
    if matches!(category, "con" | "prn" | "aux" | "nul") || numbered(category) {
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

/// The category of a folder.
pub(crate) fn category_name(folder: &str) -> Option<String> {
    let mut name = String::with_capacity(folder.len());
    let mut letters = folder.strip_prefix('~').unwrap_or(folder).chars();
    while let Some(letter) = letters.next() {
        name.push(if letter == '+' { letters.next()?.to_ascii_uppercase() } else { letter });
    }
    // A folder that no category has is somebody else's.
    (folder_name(&name) == folder && cache_core::Category::new(0, &name, cache_core::Route::file()).is_ok())
        .then_some(name)
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
        for stray in [".tmp", "a b", "", "Week", "~x", "+", "a+", "+1"] {
            assert_eq!(category_name(stray), None, "{stray}");
        }
    }
}
