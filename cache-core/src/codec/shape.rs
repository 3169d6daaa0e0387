//! The shape of a type, as serde sees it.
//!
//! A type is asked to deserialize itself from a deserializer that has no input: what it asks for is its
//! shape. It is given numbers and texts that are guessed, so that most types that check what they decode
//! are content with one of them. One such walk sees one variant of each enum, so there are as many walks as it takes to see all.
//!
//! Types are told apart by their visitors, not by the names that serde knows: `Page<u8>` and
//! `Page<String>` are both called `Page`.

mod walk;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(super) use self::walk::Untraceable;
use self::walk::{Asked, Guesses, Walk};
use crate::Fingerprint;

/// A type with more variants than this, over all its enums, is not looked into.
const WALKS: usize = 10_000;

/// A canonical description of the shape of `T`.
pub(super) fn trace<T: DeserializeOwned>() -> Result<Vec<u8>, Untraceable> {
    let mut guesses = Guesses::default();
    loop {
        match walk_through::<T>(&mut guesses) {
            // From the beginning: what a walk that failed has left behind may be half of the truth.
            Err(Untraceable::Because(_)) if guesses.turn() => {}
            outcome => return outcome,
        }
    }
}

fn walk_through<T: DeserializeOwned>(guesses: &mut Guesses) -> Result<Vec<u8>, Untraceable> {
    let mut shapes = Shapes::default();
    for _ in 0..WALKS {
        let seen = shapes.seen();
        let mut root = None;
        T::deserialize(Asked { walk: &mut Walk::new(&mut shapes, guesses), part: &mut root })?;
        let root = root.ok_or_else(|| Untraceable::Because("it asks for nothing".into()))?;
        if !shapes.find_the_way() {
            return Ok(shapes.describe(root));
        }
        if shapes.seen() == seen {
            break;
        }
    }
    Err(Untraceable::Because("not all of its variants could be reached".into()))
}

pub(super) fn fingerprint(shape: &[u8], version: u32) -> Fingerprint {
    Fingerprint(xxh3_64_with_seed(shape, u64::from(version)))
}

/// A shape, by its place in [`Shapes`].
type Id = usize;

/// All that was found out so far.
#[derive(Debug, Default)]
struct Shapes {
    places: HashMap<Key, Id, FixedState>,
    shapes: Vec<Shape>,
}

/// What tells one shape from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    visitor: std::any::TypeId,
    kind: Kind,
    name: &'static str,
    /// Fields of a struct, variants of an enum.
    members: &'static [&'static str],
    /// Of a tuple.
    len: usize,
}

/// What serde calls a data type. The numbers are part of what is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Bool = 1,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Option,
    Unit,
    UnitStruct,
    NewtypeStruct,
    Seq,
    Tuple,
    TupleStruct,
    Map,
    Struct,
    Enum,
    UnitVariant,
    NewtypeVariant,
    TupleVariant,
    StructVariant,
}

#[derive(Debug)]
struct Shape {
    key: Key,
    /// What it consists of; of an enum, its variants. `None` where nobody looked yet.
    parts: Vec<Option<Id>>,
    /// Of an enum: the variants that were begun to be looked into.
    begun: usize,
    /// Of an enum: what a value took that was made, in steps, and its variant; the cheapest so far.
    base: Option<(usize, usize)>,
    /// How far it is to an enum with variants that nobody looked into.
    distance: Option<usize>,
}

impl Shapes {
    fn place(&mut self, key: Key) -> Id {
        *self.places.entry(key.clone()).or_insert_with(|| {
            let variants = if key.kind == Kind::Enum { key.members.len() } else { 0 };
            let parts = vec![None; variants];
            self.shapes.push(Shape { key, parts, begun: 0, base: None, distance: None });
            self.shapes.len() - 1
        })
    }

    /// Grows with every step that finds something.
    fn seen(&self) -> usize {
        self.shapes.len() + self.shapes.iter().map(|shape| shape.begun).sum::<usize>()
    }

    /// Works out the distances. False if everything was looked into.
    fn find_the_way(&mut self) -> bool {
        for shape in &mut self.shapes {
            let open = shape.key.kind == Kind::Enum && shape.begun < shape.parts.len();
            shape.distance = open.then_some(0);
        }
        loop {
            let mut changed = false;
            for id in 0..self.shapes.len() {
                let parts = self.shapes[id].parts.iter().flatten();
                let nearest = parts.filter_map(|&part| self.shapes[part].distance).min();
                if let Some(distance) = nearest.map(|distance| distance + 1)
                    && self.shapes[id].distance.is_none_or(|known| distance < known)
                {
                    self.shapes[id].distance = Some(distance);
                    changed = true;
                }
            }
            if !changed {
                return self.shapes.iter().any(|shape| shape.distance.is_some());
            }
        }
    }

    /// All shapes that `root` consists of, each once, numbered in the order in which they come up.
    fn describe(&self, root: Id) -> Vec<u8> {
        let (mut order, mut numbers) = (vec![root], HashMap::from([(root, 0)]));
        let mut bytes = Vec::new();
        let number = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u64).to_le_bytes());
        let mut next = 0;
        while let Some(shape) = order.get(next).map(|&id| &self.shapes[id]) {
            next += 1;
            bytes.push(shape.key.kind as u8);
            for text in [&[shape.key.name][..], shape.key.members].concat() {
                number(&mut bytes, text.len());
                bytes.extend(text.as_bytes());
            }
            number(&mut bytes, shape.key.members.len());
            number(&mut bytes, shape.parts.len());
            for &part in shape.parts.iter().flatten() {
                let place = *numbers.entry(part).or_insert_with(|| {
                    order.push(part);
                    order.len() - 1
                });
                number(&mut bytes, place);
            }
        }
        bytes
    }
}
