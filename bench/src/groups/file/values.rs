//! What is stored.

use warmstart::Bytes;

/// What values are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lines of JSON, which lz4 makes 4 to 5 times smaller.
    Text,
    /// What no compression makes smaller.
    Random,
}

/// Some entries with values of one size, all different, so that nothing is stored once for all of them.
pub(crate) struct Values {
    pub(crate) entries: Vec<(String, Bytes)>,
}

impl Values {
    /// As many as there are in 4 MiB, within reason.
    pub(crate) fn new(kind: Kind, size: usize) -> Self {
        let count = ((4 << 20) / size).clamp(2, 256);
        let value = |number: usize| match kind {
            Kind::Text => text(number as u64, size),
            Kind::Random => random(number as u64, size),
        };
        Self { entries: (0..count).map(|number| (format!("entry number {number}"), value(number))).collect() }
    }

    /// Entries that there were not in an earlier turn, with values that there were not.
    pub(crate) fn new_entries(&self, turn: u64, count: u64) -> Vec<(String, Bytes)> {
        let entry = |(number, (_, value)): (u64, &(String, Bytes))| {
            let name = format!("entry number {number} of turn {turn}");
            let mut value = value.to_vec();
            value[..name.len()].copy_from_slice(name.as_bytes());
            (name, value.into())
        };
        (0..count).zip(self.entries.iter().cycle()).map(entry).collect()
    }
}

fn text(seed: u64, size: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = Vec::with_capacity(size + 80);
    while text.len() < size {
        let (id, hours) = (random.u32(..10_000), random.u8(..24));
        let line = format!("{{\"id\":{id},\"author\":\"ada\",\"hours\":{hours},\"done\":true}},\n");
        text.extend(line.into_bytes());
    }
    text.truncate(size);
    text.into()
}

fn random(seed: u64, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes.into()
}
