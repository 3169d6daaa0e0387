//! What programs tell each other.
//!
//! ```text
//! origin = category key     an entry was stored or removed
//! origin * category         a category was cleared
//! origin ? number           nothing: whoever sent it waits until it is back
//! ```
//!
//! The origin is a number of 16 hexadecimal digits, drawn by each program for each tier that it opens. Parts are apart by
//! one space; a key may have further ones in it.

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Entry { category: &'a str, key: &'a str },
    Cleared(&'a str),
    Fence(u64),
}

impl<'a> Message<'a> {
    pub(crate) fn to_text(self, origin: u64) -> String {
        match self {
            Self::Entry { category, key } => format!("{origin:016x} = {category} {key}"),
            Self::Cleared(category) => format!("{origin:016x} * {category}"),
            Self::Fence(number) => format!("{origin:016x} ? {number}"),
        }
    }

    /// The origin and the message; `None` if it is nothing that this version says.
    pub(crate) fn parse(text: &'a [u8]) -> Option<(u64, Self)> {
        let mut parts = std::str::from_utf8(text).ok()?.splitn(3, ' ');
        let origin = u64::from_str_radix(parts.next()?, 16).ok()?;
        let message = match (parts.next()?, parts.next()?) {
            ("=", rest) => {
                let (category, key) = rest.split_once(' ')?;
                Self::Entry { category, key }
            }
            ("*", category) => Self::Cleared(category),
            ("?", number) => Self::Fence(number.parse().ok()?),
            _ => return None,
        };
        Some((origin, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_comes_back() {
        for key in ["", " ", "a b", "a\nb", "😀", "= c k"] {
            for message in
                [Message::Entry { category: "c-1", key }, Message::Cleared("c"), Message::Fence(u64::MAX)]
            {
                let text = message.to_text(u64::MAX - 1);
                assert_eq!(Message::parse(text.as_bytes()), Some((u64::MAX - 1, message)));
            }
        }
    }

    #[test]
    fn nonsense_is_no_message() {
        for text in ["", " ", "1", "1 =", "1 = c", "x = c k", "1 ! c", "1 ? x", "1 ? ", "\u{fe0f}"] {
            assert_eq!(Message::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Message::parse(&[0x31, 0x20, 0x2a, 0x20, 0xff]), None);
    }
}
