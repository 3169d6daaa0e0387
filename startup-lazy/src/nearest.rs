//! The known name that someone may have meant.

/// The name that takes the fewest edits, if that is no more than a third of its letters.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(name, known), known));
    let near = near.filter(|(edits, known)| edits * 3 <= known.chars().count().max(3));
    near.min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}

/// Levenshtein's distance, in letters, with one row of the table.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        row[0] = left;
        for (cell, other) in row[1..].iter_mut().zip(&b) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("plots", "plots"), 0);
    }

    #[test]
    fn far_names_are_not_suggested() {
        let known = || ["plotter", "tables"].into_iter();
        assert_eq!(nearest("ploter", known()), Some("plotter"));
        assert_eq!(nearest("numpy", known()), None);
    }
}
