//! One type at several times: fields that come, go, change places or types.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arbitrary::Arbitrary;
use serde::{Deserialize, Serialize};

use super::{Input, KeptTier, Stored};

/// Declares the types, each called `Week` for serde, and the functions that choose among them.
macro_rules! types {
    ($($place:literal $name:ident $body:tt)*) => {
        $(
            types!(@one $name $body);

            impl Stored for $name {
                const PLACE: u8 = $place;
            }
        )*

        /// A value of one of the types.
        #[derive(Debug, Arbitrary)]
        pub(super) enum Any {
            $($name($name),)*
        }

        pub(super) fn store(value: &Any, input: &Input) {
            match value {
                $(Any::$name(value) => super::store(value, input),)*
            }
        }

        pub(super) fn load<T: Stored>(read_as: u8, value: &T, input: &Input, home: &Arc<KeptTier>) {
            const COUNT: u8 = [$($place),*].len() as u8;
            match read_as % COUNT {
                $($place => super::load::<T, $name>(value, input, home),)*
                _ => unreachable!("as many as there are"),
            }
        }
    };
    (@one $name:ident { $($field:ident: $type:ty,)* }) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Arbitrary)]
        #[serde(rename = "Week")]
        pub(super) struct $name {
            $($field: $type,)*
        }
    };
    (@one $name:ident ( $($type:ty,)* )) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Arbitrary)]
        #[serde(rename = "Week")]
        pub(super) struct $name($($type,)*);
    };
    (@one $name:ident [ $($variant:tt)* ]) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Arbitrary)]
        #[serde(rename = "Week")]
        pub(super) enum $name {
            $($variant)*
        }
    };
}

types! {
    0 First { hours: Vec<u32>, note: Option<String>, }
    1 Swapped { note: Option<String>, hours: Vec<u32>, }
    2 Renamed { days: Vec<u32>, note: Option<String>, }
    3 Wider { hours: Vec<u64>, note: Option<String>, }
    4 Signed { hours: Vec<i32>, note: Option<String>, }
    5 More { hours: Vec<u32>, note: Option<String>, done: bool, }
    6 Fewer { hours: Vec<u32>, }
    7 Nested { hours: Vec<Hours>, note: Option<String>, }
    8 Bare (Vec<u32>, Option<String>,)
    9 Kinds [ Empty, Full { hours: Vec<u32>, note: Option<String> }, Note(String), Pair(u8, i64), ]
    10 KindsTurned [ Note(String), Empty, Pair(u8, i64), Full { hours: Vec<u32>, note: Option<String> }, ]
    11 Maps { hours: BTreeMap<String, u32>, note: BTreeSet<char>, }
    12 Deep { next: Option<Box<Deep>>, hours: (u8, i8, u16, [u32; 3], u128), }
    13 Nothing {}
    14 Newtype (Box<First>,)
    15 Text { hours: String, note: Option<char>, }
}

/// A part of [`Nested`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Arbitrary)]
struct Hours {
    from: u32,
    to: Option<u32>,
}
