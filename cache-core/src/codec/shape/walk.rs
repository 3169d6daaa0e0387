//! One walk through a type.

use std::{
    any::{TypeId, type_name},
    collections::HashMap,
    fmt,
};

use foldhash::fast::FixedState;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor, value::U32Deserializer};

use super::{Id, Key, Kind, Shape, Shapes};

/// Why the shape of a type cannot be found out.
#[derive(Debug)]
pub(in crate::codec) enum Untraceable {
    /// It is one of those types that postcard cannot hold.
    AsksItsInput,
    Because(String),
}

impl fmt::Display for Untraceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsksItsInput => f.write_str("it asks its input what it holds"),
            Self::Because(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Untraceable {}

impl de::Error for Untraceable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Because(message.to_string())
    }
}

/// What one walk has to remember.
pub(super) struct Walk<'w> {
    shapes: &'w mut Shapes,
    guesses: &'w mut Guesses,
    /// The shapes that are being walked through, outermost first.
    active: Vec<Id>,
    /// For each enum that is being walked through: which variants.
    chosen: Vec<(Id, usize)>,
    /// How often it was asked for something.
    steps: usize,
    /// Options, sequences and maps that this walk has been in.
    visited: std::collections::HashSet<Id>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(shapes: &'w mut Shapes, guesses: &'w mut Guesses) -> Self {
        Self {
            shapes,
            guesses,
            active: Vec::new(),
            chosen: Vec::new(),
            steps: 0,
            visited: std::collections::HashSet::new(),
        }
    }

    /// Notes that part number `index` of `whole` is `part`.
    fn note(&mut self, whole: Id, index: usize, part: Option<Id>) -> Result<(), Untraceable> {
        let Some(part) = part else { return Err(Untraceable::Because("a part asks for nothing".into())) };
        let Shape { key, parts, .. } = &mut self.shapes.shapes[whole];
        if parts.len() <= index {
            parts.resize(index + 1, None);
        }
        match parts[index].replace(part) {
            Some(known) if known != part => {
                Err(Untraceable::Because(format!("`{}` is not always of one shape", key.name)))
            }
            _ => Ok(()),
        }
    }

    /// Whether to look into an option, a sequence or a map, or to leave it empty.
    fn enters(&mut self, id: Id) -> bool {
        let is_new = self.shapes.shapes[id].parts.is_empty();
        let leads_on = self.shapes.shapes[id].distance.is_some();
        !self.active.contains(&id) && (is_new || (leads_on && self.visited.insert(id)))
    }

    /// The variant of an enum to look into.
    fn choose(&mut self, id: Id) -> Result<usize, Untraceable> {
        let is_active = self.active.contains(&id);
        let Self { shapes: Shapes { shapes, .. }, chosen, .. } = self;
        let Shape { key, parts, begun, base, .. } = &shapes[id];
        let (begun, count) = (*begun, parts.len());
        let base = base.map(|(_, variant)| variant);
        if let (true, Some(base)) = (is_active, base) {
            return Ok(base);
        }
        if begun < count {
            shapes[id].begun += 1;
            return Ok(begun);
        }
        let distance = |variant: &usize| shapes[parts[*variant]?].distance;
        if !is_active && let Some(nearest) = (0..count).filter(|v| distance(v).is_some()).min_by_key(distance)
        {
            return Ok(nearest);
        }
        base.or_else(|| (0..count).find(|&variant| !chosen.contains(&(id, variant))))
            .ok_or_else(|| Untraceable::Because(format!("`{}` has no value that ends", key.name)))
    }
}

/// The deserializer: what it is asked for goes to `part`.
pub(super) struct Asked<'a, 'w> {
    pub(super) walk: &'a mut Walk<'w>,
    pub(super) part: &'a mut Option<Id>,
}

impl<'a, 'w> Asked<'a, 'w> {
    fn place<V>(
        &mut self,
        kind: Kind,
        name: &'static str,
        members: &'static [&'static str],
        len: usize,
    ) -> Id {
        self.walk.steps += 1;
        let id = self.walk.shapes.place(Key { visitor: typeid::of::<V>(), kind, name, members, len });
        *self.part = Some(id);
        id
    }

    /// A shape that consists of others.
    fn within<T>(
        self,
        id: Id,
        visit: impl FnOnce(&mut Walk<'w>) -> Result<T, Untraceable>,
    ) -> Result<T, Untraceable> {
        self.walk.active.push(id);
        let outcome = visit(self.walk);
        self.walk.active.pop();
        outcome
    }

    fn parts<'de, V: Visitor<'de>>(self, id: Id, count: usize, visitor: V) -> Result<V::Value, Untraceable> {
        self.within(id, |walk| visitor.visit_seq(Parts { walk, whole: id, next: 0, count }))
    }
}

/// What is given to a type that asks for a number or a text: types that check what they decode, such as
/// dates, take only some.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// By visitor: the place of the next guess. The first one, where there is none.
    places: HashMap<TypeId, usize, FixedState>,
    /// The visitor that was given something last, and how many guesses there are for it.
    last: Option<(TypeId, usize)>,
}

impl Guesses {
    /// Turns to the next guess for what was asked for last, as that was most likely refused. False if there
    /// is none left.
    pub(super) fn turn(&mut self) -> bool {
        let Some((visitor, count)) = self.last else { return false };
        let place = self.places.entry(visitor).or_insert(0);
        *place += 1;
        *place < count
    }

    fn guess<V, G: Copy>(&mut self, guesses: &[G]) -> G {
        let visitor = typeid::of::<V>();
        self.last = Some((visitor, guesses.len()));
        let place = self.places.get(&visitor).copied().unwrap_or(0);
        guesses[place.min(guesses.len() - 1)]
    }
}

const TEXTS: [&str; 16] = [
    "",
    "1",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+00:00[UTC]",
    "00:00:00",
    "PT1S",
    "UTC",
    "Mon",
    "Jan",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "127.0.0.1",
    "1.0.0",
    "a@b.c",
];

const BYTES: [&[u8]; 8] = [&[], &[0; 16], &[0; 4], &[0; 8], &[0; 12], &[0; 20], &[0; 32], &[0; 64]];

macro_rules! leaves {
    ($($method:ident $kind:ident $visit:ident $guesses:expr;)+) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Untraceable> {
            // A number is a number, whoever reads it.
            self.place::<()>(Kind::$kind, "", &[], 0);
            let guess = self.walk.guesses.guess::<V, _>(&$guesses);
            visitor.$visit(guess).map_err(|error: Untraceable| {
                Untraceable::Because(format!("`{}` checks what it decodes: {error}", type_name::<V::Value>()))
            })
        }
    )+};
}

macro_rules! refused {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Untraceable> {
            Err(Untraceable::AsksItsInput)
        }
    )+};
}

impl<'de> de::Deserializer<'de> for Asked<'_, '_> {
    type Error = Untraceable;

    fn is_human_readable(&self) -> bool {
        false
    }

    leaves! {
        deserialize_bool Bool visit_bool [false, true];
        deserialize_i8 I8 visit_i8 [1, 0];
        deserialize_i16 I16 visit_i16 [1, 0];
        deserialize_i32 I32 visit_i32 [1, 0];
        deserialize_i64 I64 visit_i64 [1, 0];
        deserialize_i128 I128 visit_i128 [1, 0];
        deserialize_u8 U8 visit_u8 [1, 0];
        deserialize_u16 U16 visit_u16 [1, 0];
        deserialize_u32 U32 visit_u32 [1, 0];
        deserialize_u64 U64 visit_u64 [1, 0];
        deserialize_u128 U128 visit_u128 [1, 0];
        deserialize_f32 F32 visit_f32 [0.0, 1.0];
        deserialize_f64 F64 visit_f64 [0.0, 1.0];
        deserialize_char Char visit_char ['A', '0'];
        deserialize_str Str visit_borrowed_str TEXTS;
        deserialize_string Str visit_borrowed_str TEXTS;
        deserialize_bytes Bytes visit_borrowed_bytes BYTES;
        deserialize_byte_buf Bytes visit_borrowed_bytes BYTES;
    }

    refused!(deserialize_any deserialize_identifier deserialize_ignored_any);

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Untraceable> {
        self.place::<()>(Kind::Unit, "", &[], 0);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.place::<()>(Kind::UnitStruct, name, &[], 0);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Option, "", &[], 0);
        if !self.walk.enters(id) {
            return visitor.visit_none();
        }
        self.within(id, |walk| {
            let mut part = None;
            let value = visitor.visit_some(Asked { walk, part: &mut part })?;
            walk.note(id, 0, part)?;
            Ok(value)
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::NewtypeStruct, name, &[], 0);
        self.within(id, |walk| {
            let mut part = None;
            let value = visitor.visit_newtype_struct(Asked { walk, part: &mut part })?;
            walk.note(id, 0, part)?;
            Ok(value)
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Seq, "", &[], 0);
        let count = usize::from(self.walk.enters(id));
        self.parts(id, count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Map, "", &[], 0);
        let count = if self.walk.enters(id) { 2 } else { 0 };
        self.within(id, |walk| visitor.visit_map(Parts { walk, whole: id, next: 0, count }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Tuple, "", &[], len);
        self.parts(id, len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::TupleStruct, name, &[], len);
        self.parts(id, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Struct, name, fields, 0);
        self.parts(id, fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let id = self.place::<V>(Kind::Enum, name, variants, 0);
        let variant = self.walk.choose(id)?;
        let name =
            *variants.get(variant).ok_or_else(|| Untraceable::Because(format!("`{name}` has no variant")))?;
        self.walk.chosen.push((id, variant));
        let before = self.walk.steps;
        self.within(id, |walk| {
            let mut part = None;
            let value = visitor.visit_enum(Variant { walk, part: &mut part, name, index: variant })?;
            walk.note(id, variant, part)?;
            walk.chosen.pop();
            // The parts of the cheapest value are cheaper than it is: made of such variants alone, a value
            // ends, and is not larger than it needs to be.
            let made = (walk.steps - before, variant);
            let base = walk.shapes.shapes[id].base.get_or_insert(made);
            *base = made.min(*base);
            Ok(value)
        })
    }
}

/// The parts of `whole`, in their order.
struct Parts<'a, 'w> {
    walk: &'a mut Walk<'w>,
    whole: Id,
    next: usize,
    count: usize,
}

impl Parts<'_, '_> {
    fn part<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Untraceable> {
        if self.next == self.count {
            return Ok(None);
        }
        let mut part = None;
        let value = seed.deserialize(Asked { walk: self.walk, part: &mut part })?;
        self.walk.note(self.whole, self.next, part)?;
        self.next += 1;
        Ok(Some(value))
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_, '_> {
    type Error = Untraceable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Untraceable> {
        self.part(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.next)
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, '_> {
    type Error = Untraceable;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Untraceable> {
        self.part(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Untraceable> {
        self.part(seed)?.ok_or_else(|| Untraceable::Because("it asks for a value without a key".into()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some((self.count - self.next) / 2)
    }
}

/// One variant of an enum.
struct Variant<'a, 'w> {
    walk: &'a mut Walk<'w>,
    part: &'a mut Option<Id>,
    name: &'static str,
    index: usize,
}

impl<'a, 'w> Variant<'a, 'w> {
    fn place<V>(self, kind: Kind, fields: &'static [&'static str], len: usize) -> (Id, Asked<'a, 'w>) {
        let mut asked = Asked { walk: self.walk, part: self.part };
        (asked.place::<V>(kind, self.name, fields, len), asked)
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, '_> {
    type Error = Untraceable;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Untraceable> {
        let index = u32::try_from(self.index).map_err(de::Error::custom)?;
        let index: U32Deserializer<Untraceable> = index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, '_> {
    type Error = Untraceable;

    fn unit_variant(self) -> Result<(), Untraceable> {
        self.place::<()>(Kind::UnitVariant, &[], 0);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Untraceable> {
        let (id, asked) = self.place::<T>(Kind::NewtypeVariant, &[], 0);
        asked.within(id, |walk| {
            let mut part = None;
            let value = seed.deserialize(Asked { walk, part: &mut part })?;
            walk.note(id, 0, part)?;
            Ok(value)
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Untraceable> {
        let (id, asked) = self.place::<V>(Kind::TupleVariant, &[], len);
        asked.parts(id, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        let (id, asked) = self.place::<V>(Kind::StructVariant, fields, 0);
        asked.parts(id, fields.len(), visitor)
    }
}
