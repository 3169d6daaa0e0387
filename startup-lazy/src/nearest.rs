//! The known name that someone may have meant.

/// The name that takes the fewest edits, if that is no more than a third of its letters.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::levenshtein(name, known), known));
    let near = near.filter(|(edits, known)| edits * 3 <= known.chars().count().max(3));
    near.min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_names_are_not_suggested() {
        let known = || ["plotter", "tables"].into_iter();
        assert_eq!(nearest("ploter", known()), Some("plotter"));
        assert_eq!(nearest("numpy", known()), None);
    }
}
