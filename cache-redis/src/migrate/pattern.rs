//! Redis' patterns for keys, matched on this side.

/// A pattern as `SCAN MATCH` reads it: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// In time of at most pattern by key: of all stars, only the last one is ever tried again.
    pub(super) fn matches(&self, key: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), key);
        let mut star: Option<(&[u8], &[u8])> = None;
        loop {
            if let [b'*', after @ ..] = pattern {
                star = Some((after, rest));
                pattern = after;
            } else if let Some((byte, tail)) = rest.split_first() {
                match one(pattern, *byte) {
                    Some(after) => (pattern, rest) = (after, tail),
                    None => {
                        let Some((after, [_, longer @ ..])) = star else { return false };
                        star = Some((after, longer));
                        (pattern, rest) = (after, longer);
                    }
                }
            } else {
                return pattern.is_empty();
            }
        }
    }
}

/// What is left of a pattern that does not begin with a star, if its first part stands for `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', class @ ..] => class_of(class, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
    }
}

/// As [`one`], after the bracket. A class that is not closed ends with the pattern, as in Redis.
fn class_of(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (wanted, mut class) = match class {
        [b'^', class @ ..] => (false, class),
        _ => (true, class),
    };
    let mut found = false;
    loop {
        let (hit, after) = match class {
            [] => break,
            [b']', after @ ..] => {
                class = after;
                break;
            }
            [b'\\', literal, after @ ..] => (*literal == byte, after),
            [first, b'-', last, after @ ..] => ((*first.min(last)..=*first.max(last)).contains(&byte), after),
            [literal, after @ ..] => (*literal == byte, after),
        };
        found |= hit;
        class = after;
    }
    (found == wanted).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_stars_take_no_longer_than_pattern_by_key() {
        let pattern = Pattern::new("*a".repeat(1000) + "b");
        assert!(!pattern.matches("a".repeat(60_000).as_bytes()));
    }
}
