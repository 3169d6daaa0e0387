//! How long the postcard form of a value is, and whether postcard can hold it at all.
//!
//! A pass over the value before it is encoded: it costs less than growing a buffer would, tells the size
//! of values that are never encoded, and sees the fields that `skip_serializing_if` leaves out.

use std::fmt;

use serde::{Serialize, Serializer, ser};

use crate::{Error, ErrorKind, Result};

/// Measures a value that postcard can hold.
pub(super) fn strictly<T: Serialize + ?Sized>(value: &T) -> Result<Measure> {
    measure(value, true)
}

/// About as many bytes as postcard would make of `value`, also of one that it cannot hold.
pub(super) fn weight<T: Serialize + ?Sized>(value: &T) -> Result<u64> {
    Ok(measure(value, false)?.len)
}

fn measure<T: Serialize + ?Sized>(value: &T, strict: bool) -> Result<Measure> {
    let mut measure = Measure { len: 0, variants: Vec::new(), strict };
    match value.serialize(&mut measure) {
        Ok(()) => Ok(measure),
        Err(Refusal(why)) => Err(Error::new(ErrorKind::Unencodable(why))),
    }
}

/// What there is to know of a value before it is encoded.
#[derive(Debug)]
pub(super) struct Measure {
    /// The number of bytes that postcard makes of it.
    pub(super) len: u64,
    /// The variants that occur in it, each once.
    pub(super) variants: Vec<Variant>,
    /// Refuses what would not come back.
    strict: bool,
}

/// The name of an enum, the number of a variant, and its name.
pub(super) type Variant = (&'static str, u32, &'static str);

#[derive(Debug)]
pub(super) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Measure {
    /// Seven bits of a number go into each byte.
    fn varint(&mut self, number: u128) {
        self.len += u64::from((128 - number.leading_zeros()).div_ceil(7).max(1));
    }

    fn signed(&mut self, number: i128) -> Result<(), Refusal> {
        self.varint(((number << 1) ^ (number >> 127)).cast_unsigned());
        Ok(())
    }

    fn unsigned(&mut self, number: u128) -> Result<(), Refusal> {
        self.varint(number);
        Ok(())
    }

    fn variant(&mut self, name: &'static str, index: u32, variant: &'static str) -> Result<(), Refusal> {
        // Few in number, so that a list is faster than a set.
        if self.strict && !self.variants.contains(&(name, index, variant)) {
            self.variants.push((name, index, variant));
        }
        self.unsigned(index.into())
    }

    fn fixed(&mut self, len: u64) -> Result<(), Refusal> {
        self.len += len;
        Ok(())
    }

    fn slice(&mut self, len: usize) -> Result<(), Refusal> {
        self.varint(len as u128);
        self.fixed(len as u64)
    }

    fn counted(&mut self, len: Option<usize>) -> Result<&mut Self, Refusal> {
        if len.is_none() && self.strict {
            return Err(Refusal(
                "a sequence or map does not say its length beforehand (serde's `flatten` does that)".into(),
            ));
        }
        self.varint(len.unwrap_or(0) as u128);
        Ok(self)
    }
}

impl Serializer for &mut Measure {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, _: bool) -> Result<(), Refusal> {
        self.fixed(1)
    }
    fn serialize_i8(self, _: i8) -> Result<(), Refusal> {
        self.fixed(1)
    }
    fn serialize_u8(self, _: u8) -> Result<(), Refusal> {
        self.fixed(1)
    }
    fn serialize_i16(self, v: i16) -> Result<(), Refusal> {
        self.signed(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<(), Refusal> {
        self.signed(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<(), Refusal> {
        self.signed(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<(), Refusal> {
        self.signed(v)
    }
    fn serialize_u16(self, v: u16) -> Result<(), Refusal> {
        self.unsigned(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<(), Refusal> {
        self.unsigned(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<(), Refusal> {
        self.unsigned(v.into())
    }
    fn serialize_u128(self, v: u128) -> Result<(), Refusal> {
        self.unsigned(v)
    }
    fn serialize_f32(self, _: f32) -> Result<(), Refusal> {
        self.fixed(4)
    }
    fn serialize_f64(self, _: f64) -> Result<(), Refusal> {
        self.fixed(8)
    }
    fn serialize_char(self, v: char) -> Result<(), Refusal> {
        self.slice(v.len_utf8())
    }
    fn serialize_str(self, v: &str) -> Result<(), Refusal> {
        self.slice(v.len())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Refusal> {
        self.slice(v.len())
    }
    fn serialize_none(self) -> Result<(), Refusal> {
        self.fixed(1)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        self.fixed(1)?;
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Refusal> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refusal> {
        Ok(())
    }
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Refusal> {
        self.variant(name, index, variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.variant(name, index, variant)?;
        value.serialize(self)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refusal> {
        self.counted(len)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        self.variant(name, index, variant)?;
        Ok(self)
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Self, Refusal> {
        self.counted(len)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        self.variant(name, index, variant)?;
        Ok(self)
    }
}

/// The compound forms have nothing of their own: their parts are measured one by one.
macro_rules! parts {
    ($($form:ident: $($method:ident($($name:ident)?)),+;)+) => {$(
        impl ser::$form for &mut Measure {
            type Ok = ();
            type Error = Refusal;
            $(parts!(@ $method $($name)?);)+
            fn end(self) -> Result<(), Refusal> {
                Ok(())
            }
        }
    )+};
    (@ $method:ident named) => {
        fn $method<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Refusal> {
            value.serialize(&mut **self)
        }
        fn skip_field(&mut self, field: &'static str) -> Result<(), Refusal> {
            if !self.strict {
                return Ok(());
            }
            Err(Refusal(format!("field `{field}` is left out (`skip_serializing_if`), and nothing would say so in the bytes")))
        }
    };
    (@ $method:ident) => {
        fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
            value.serialize(&mut **self)
        }
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(named);
    SerializeStructVariant: serialize_field(named);
}
