//! refinery's checksum of a migration, as a function of its text that also runs at compile time.

/// What stands for the text of a step in Rust: a file with this one line has the same checksum.
pub(crate) const RUST_TEXT: &str = "-- a step in Rust";

/// The checksum that refinery gives a migration: SipHash-1-3 with a key of zeros over name, version and text,
/// as `std::hash` feeds them on a little-endian machine.
pub(crate) const fn of_text(version: i32, name: &str, sql: &str) -> u64 {
    let mut sip = Sip::new();
    sip.bytes(name.as_bytes(), false);
    sip.byte(0xff);
    sip.number(version);
    sip.bytes(sql.as_bytes(), false);
    sip.byte(0xff);
    sip.finish()
}

/// The same for the text with `\n` where it has `\r\n`.
pub(crate) const fn of_lines(version: i32, name: &str, sql: &str) -> u64 {
    let mut sip = Sip::new();
    sip.bytes(name.as_bytes(), false);
    sip.byte(0xff);
    sip.number(version);
    sip.bytes(sql.as_bytes(), true);
    sip.byte(0xff);
    sip.finish()
}

/// What a whole set is known by.
pub(crate) struct Digest(Sip);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(Sip::new())
    }

    pub(crate) const fn add(&mut self, version: i32, lines: u64) {
        self.0.number(version);
        self.0.word(lines);
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0.finish()
    }
}

/// SipHash-1-3 with a key of zeros.
struct Sip {
    v: [u64; 4],
    tail: u64,
    in_tail: u32,
    length: u64,
}

impl Sip {
    const fn new() -> Self {
        let v = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
        Self { v, tail: 0, in_tail: 0, length: 0 }
    }

    const fn bytes(&mut self, bytes: &[u8], lines: bool) {
        let mut start = 0;
        if lines {
            let mut at = 0;
            while at + 1 < bytes.len() {
                if bytes[at] == b'\r' && bytes[at + 1] == b'\n' {
                    self.slice(bytes, start, at);
                    start = at + 1;
                }
                at += 1;
            }
        }
        self.slice(bytes, start, bytes.len());
    }

    const fn slice(&mut self, bytes: &[u8], mut at: usize, end: usize) {
        while at + 8 <= end {
            let word = [
                bytes[at],
                bytes[at + 1],
                bytes[at + 2],
                bytes[at + 3],
                bytes[at + 4],
                bytes[at + 5],
                bytes[at + 6],
                bytes[at + 7],
            ];
            self.word(u64::from_le_bytes(word));
            at += 8;
        }
        while at < end {
            self.byte(bytes[at]);
            at += 1;
        }
    }

    const fn number(&mut self, number: i32) {
        let bytes = number.to_le_bytes();
        self.slice(&bytes, 0, bytes.len());
    }

    const fn word(&mut self, word: u64) {
        self.length = self.length.wrapping_add(8);
        if self.in_tail == 0 {
            self.block(word);
        } else {
            self.block(self.tail | (word << (8 * self.in_tail)));
            self.tail = word >> (64 - 8 * self.in_tail);
        }
    }

    const fn byte(&mut self, byte: u8) {
        self.length = self.length.wrapping_add(1);
        self.tail |= (byte as u64) << (8 * self.in_tail);
        self.in_tail += 1;
        if self.in_tail == 8 {
            self.block(self.tail);
            self.tail = 0;
            self.in_tail = 0;
        }
    }

    const fn block(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    const fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }

    const fn finish(mut self) -> u64 {
        let last = ((self.length & 0xff) << 56) | self.tail;
        self.block(last);
        self.v[2] ^= 0xff;
        self.round();
        self.round();
        self.round();
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }
}

#[cfg(test)]
mod tests {
    use refinery::Migration;

    use super::{of_lines, of_text};

    #[test]
    fn checksums_are_those_of_refinery() {
        for length in 0..40 {
            let sql =
                "CREATE TABLE é (a INTEGER);\r\nINSERT".chars().cycle().take(length).collect::<String>();
            for (version, name) in [(1, "a"), (77, "longer_name"), (i32::MAX, "x1")] {
                let theirs = Migration::unapplied(&format!("V{version}__{name}"), &sql).unwrap().checksum();
                assert_eq!(of_text(version, name, &sql), theirs);
            }
        }
    }

    #[test]
    fn line_endings_make_no_difference_to_the_lines() {
        assert_eq!(of_lines(1, "a", "x;\r\ny;\r\n\r\nz\r"), of_text(1, "a", "x;\ny;\n\nz\r"));
    }
}
