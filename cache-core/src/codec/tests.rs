use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    num::NonZeroU32,
};

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ErrorKind, Fingerprint, codec::Codec};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Shape {
    Point,
    Circle(f64),
    Box { width: u16, kind: Kind },
    Many(Vec<Self>),
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Kind {
    Plain,
    Named(String),
    Deep(Option<Box<Self>>),
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Everything {
    numbers: (u8, i16, u32, i64, u128, i8),
    floats: [f32; 3],
    text: String,
    letter: char,
    unit: (),
    shapes: BTreeMap<String, Shape>,
    maybe: Option<Option<bool>>,
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync + 'static>(value: &T) {
    let codec = Codec::<T>::postcard(None).unwrap();
    let bytes = codec.encode(value).unwrap();
    assert_eq!(codec.encoded_len(value).unwrap(), bytes.len() as u64);
    assert_eq!(&codec.decode(&bytes).unwrap(), value);
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![Just(Kind::Plain), any::<String>().prop_map(Kind::Named), Just(Kind::Deep(None))];
    leaf.prop_recursive(4, 8, 1, |inner| inner.prop_map(|kind| Kind::Deep(Some(Box::new(kind)))))
}

fn shape() -> impl Strategy<Value = Shape> {
    let number = any::<f64>().prop_filter("equal to itself", |number| !number.is_nan());
    let leaf = prop_oneof![
        Just(Shape::Point),
        number.prop_map(Shape::Circle),
        (any::<u16>(), kind()).prop_map(|(width, kind)| Shape::Box { width, kind }),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Shape::Many))
}

proptest! {
    #[test]
    fn values_come_back_and_have_the_measured_length(
        numbers in any::<(u8, i16, u32, i64, u128, i8)>(),
        text in any::<String>(),
        letter in any::<char>(),
        shapes in proptest::collection::btree_map(any::<String>(), shape(), 0..5),
        maybe in any::<Option<Option<bool>>>(),
    ) {
        comes_back(&Everything { numbers, floats: [0.0, 1.5, -2.0], text, letter, unit: (), shapes, maybe });
    }

    #[test]
    fn any_bytes_decode_or_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Codec::<Everything>::postcard(None).unwrap().decode(&Bytes::from(bytes));
    }
}

fn fingerprint<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Fingerprint {
    Codec::<T>::postcard(None).unwrap().fingerprint()
}

mod first {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Point {
        x: u32,
        y: u32,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Line {
        from: Point,
        kind: Kind,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Kind {
        Solid,
        Dotted(u8),
    }
}

mod swapped {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Point {
        y: u32,
        x: u32,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Line {
        from: Point,
        kind: Kind,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Kind {
        Solid,
        Dotted(u8),
    }
}

mod retyped {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Point {
        x: u32,
        y: u32,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Line {
        from: Point,
        kind: Kind,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Kind {
        Solid,
        Dotted(i8),
    }
}

#[test]
fn fingerprint_sees_into_nested_types() {
    assert_eq!(fingerprint::<first::Line>(), fingerprint::<first::Line>());
    assert_ne!(fingerprint::<first::Line>(), fingerprint::<swapped::Line>());
    assert_ne!(fingerprint::<first::Line>(), fingerprint::<retyped::Line>());
    assert_ne!(fingerprint::<Vec<u32>>(), fingerprint::<Vec<u64>>());
    assert_ne!(fingerprint::<(u8, Option<u8>)>(), fingerprint::<(Option<u8>, u8)>());
}

#[test]
fn fingerprint_sees_the_version() {
    let of = |version| Codec::<String>::postcard(version).unwrap().fingerprint();
    assert_eq!(of(None), of(Some(0)));
    assert_ne!(of(Some(1)), of(Some(2)));
    assert_ne!(Codec::bytes(None).fingerprint(), Codec::bytes(Some(1)).fingerprint());
}

/// Fingerprints are stored: a release that changes them throws every cache away.
#[test]
fn fingerprint_is_part_of_the_format() {
    assert_eq!(fingerprint::<Everything>(), Fingerprint(8_753_278_000_172_710_055));
}

mod generic {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Page<T> {
        next: Option<T>,
        all: Vec<T>,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Cached<T> {
        Missing,
        Found(T),
    }
}

/// Tracers that go by serde's names look into the first of two types of one name only.
#[test]
fn types_of_one_name_are_told_apart() {
    use generic::{Cached, Page};
    assert_ne!(fingerprint::<(Page<u64>, Page<u64>)>(), fingerprint::<(Page<u64>, Page<i64>)>());
    assert_ne!(fingerprint::<(Cached<u64>, Cached<u64>)>(), fingerprint::<(Cached<u64>, Cached<i64>)>());
    assert_ne!(
        fingerprint::<(Result<u8, u64>, Result<u8, u64>)>(),
        fingerprint::<(Result<u8, u64>, Result<u8, i64>)>()
    );
}

mod recursive {
    use std::collections::BTreeMap;

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Expression {
        Sum(Box<Self>, Box<Self>),
        Call { name: String, arguments: Vec<Self> },
        Block(Box<Block>),
        Number(i64),
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Block {
        first: Expression,
        rest: Option<Box<Self>>,
        names: BTreeMap<String, Self>,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) enum Endless {
        More(Box<Self>),
    }
}

#[test]
fn recursive_types_are_traced_whichever_variant_comes_first() {
    fingerprint::<recursive::Expression>();
    fingerprint::<recursive::Block>();
    fingerprint::<Vec<recursive::Block>>();
    assert!(Codec::<recursive::Endless>::postcard(None).is_err());
}

#[test]
fn deep_types_are_traced_in_no_time() {
    #[derive(Serialize, Deserialize)]
    enum Level<T> {
        Three(Box<T>, Box<T>, Box<T>),
        Both(Box<T>, Box<T>),
        One(Box<T>),
        Number(i64),
        None,
    }
    type Four<T> = Level<Level<Level<Level<T>>>>;
    fingerprint::<Four<Four<Four<Four<Four<Four<Four<Four<u8>>>>>>>>>();
}

#[test]
fn enums_of_many_variants_are_traced_to_the_last_one() {
    macro_rules! units {
        ($name:ident $last:ident: $($variant:ident)*) => {
            #[derive(Serialize, Deserialize)]
            #[serde(rename = "Colour")]
                    enum $name { $($variant,)* $last }
        };
    }
    units!(One Last: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z AA AB AC AD AE AF AG AH AI AJ AK AL);
    units!(Two Other: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z AA AB AC AD AE AF AG AH AI AJ AK AL);
    assert_ne!(fingerprint::<One>(), fingerprint::<Two>());
    assert_ne!(fingerprint::<Vec<(u8, Option<One>)>>(), fingerprint::<Vec<(u8, Option<Two>)>>());
}

/// A type that checks what it decodes, as those of many crates do.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(try_from = "String")]
struct Checked<const KIND: char>(String);

impl<const KIND: char> TryFrom<String> for Checked<KIND> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let accepted = match KIND {
            'd' => text.len() == 10 && text.as_bytes()[4] == b'-',
            'a' => text.starts_with("http"),
            _ => text == "open sesame",
        };
        if accepted { Ok(Self(text)) } else { Err(format!("{text:?} will not do")) }
    }
}

#[test]
fn types_that_check_what_they_decode_are_traced_by_guesses() {
    let number = NonZeroU32::new(7).unwrap();
    comes_back(&(number, std::net::IpAddr::from([127, 0, 0, 1]), std::time::Duration::from_millis(1)));
    comes_back(&vec![Checked::<'d'>("2026-11-23".into())]);
    comes_back(&Some(Checked::<'a'>("http://a".into())));
    assert_ne!(fingerprint::<NonZeroU32>(), fingerprint::<std::num::NonZeroU64>());
}

#[test]
fn untraceable_type_needs_a_version() {
    let error = Codec::<(u8, Checked<'p'>)>::postcard(None).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Route::version") && text.contains("will not do"), "{text}");
    let codec = Codec::<(u8, Checked<'p'>)>::postcard(Some(1)).unwrap();
    let value = (1, Checked("open sesame".into()));
    assert_eq!(codec.decode(&codec.encode(&value).unwrap()).unwrap(), value);
}

#[test]
fn skipped_field_is_refused_each_time() {
    #[derive(Serialize, Deserialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<()>,
        rest: Vec<u8>,
    }
    let codec = Codec::<Sparse>::postcard(None).unwrap();
    codec.encode(&Sparse { note: Some(()), rest: vec![] }).unwrap();
    // These bytes would come back as the value above.
    let error = codec.encode(&Sparse { note: None, rest: vec![0] }).unwrap_err();
    assert!(error.to_string().contains("field `note` is left out"), "{error}");
}

#[test]
fn untagged_enum_is_refused() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    for version in [None, Some(1)] {
        let error = Codec::<Either>::postcard(version).unwrap_err();
        assert!(error.to_string().contains("asks its input what it holds"), "{error}");
    }
}

#[test]
fn flattened_struct_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: BTreeMap<String, u32>,
    }
    let error = Codec::<Outer>::postcard(Some(1)).unwrap_err();
    assert!(error.to_string().contains("flatten"), "{error}");
}

#[test]
fn hash_map_in_another_order_is_the_same_value() {
    for _ in 0..10 {
        comes_back(&(0..50).map(|i| (i, i.to_string())).collect::<HashMap<u32, String>>());
    }
}

#[test]
fn left_over_bytes_are_an_error() {
    let codec = Codec::<u8>::postcard(None).unwrap();
    let error = codec.decode(&Bytes::from_static(&[1, 2, 3])).unwrap_err();
    assert!(error.to_string().contains("2 bytes are left over"), "{error}");
}

/// serde numbers a variant by its place among all of them when it writes, and among those that are not
/// skipped when it reads. The first value proves only its own variant.
#[test]
fn skipped_variant_does_not_turn_one_value_into_another() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Step {
        Idle,
        #[serde(skip)]
        #[expect(dead_code, reason = "skipped")]
        Local,
        Walk(u8),
        Run(u8),
    }
    let codec = Codec::<Step>::postcard(None).unwrap();
    codec.encode(&Step::Idle).unwrap();
    for step in [Step::Walk(5), Step::Run(5)] {
        let error = codec.encode(&step).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unencodable(_)), "{error}");
    }
    codec.encode(&Step::Idle).unwrap();
}
