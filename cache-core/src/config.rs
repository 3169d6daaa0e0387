//! What the sections of a configuration have in common: categories, sizes, durations.
//!
//! A configuration is read by serde from any format that describes itself; `warmstart` reads TOML. Beside
//! [`CategoryConfig`], serde's `Deserialize` is there for:
//!
//! | type | is written as |
//! |---|---|
//! | [`Level`] | `"l1"` (memory), `"l2"` (SQLite), `"l3"` (files), `"l4"` (Redis) |
//! | [`Ttl`] | seconds, `"5m"`, `"2h 30m"`, `"never"` |
//! | [`Budget`] | bytes, `"10MB"`, `"1 MiB"`, `"unlimited"` |
//! | [`Compression`] | `"none"`, `"lz4"`, `"zstd"` |
//!
//! A size or time of zero is refused, and so is a compression that this build lacks. Errors name the value and
//! what would be right. The functions are for the sections of further tiers.

use std::{fmt, marker::PhantomData, path::PathBuf, str::FromStr, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use crate::{Budget, Compression, Level, Route, Ttl};

/// What a configuration says of one category; what it does not say is `None`.
///
/// ```
/// use cache_core::{Level, Route, config::CategoryConfig, hours};
///
/// let shorter = CategoryConfig { ttl: Some(hours(1).into()), ..Default::default() };
/// let known = Route::sqlite().ttl(hours(2)).budget("50MB");
/// assert_eq!(shorter.route(Some(&known)), Some(Route::sqlite().ttl(hours(1)).budget("50MB")));
///
/// assert_eq!(shorter.route(None), None, "a new category needs a tier");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct CategoryConfig {
    /// Where the category is at home.
    pub tier: Option<Level>,
    /// How long its entries live.
    pub ttl: Option<Ttl>,
    /// How many bytes all of its entries together may take.
    pub max_size: Option<Budget>,
    /// How its stored values are compressed.
    pub compression: Option<Compression>,
    /// What it is for. Nothing reads it but people.
    pub description: Option<String>,
}

impl CategoryConfig {
    /// The route: this, laid over the one that is `known`. `None` if no tier is named here and none is known.
    ///
    /// A category that moves to another tier loses the compression that it was known with.
    pub fn route(&self, known: Option<&Route>) -> Option<Route> {
        let mut route = match (known.cloned(), self.tier) {
            (Some(known), Some(tier)) => known.moved_to(tier),
            (Some(known), None) => known,
            (None, Some(tier)) => Route::at(tier),
            (None, None) => return None,
        };
        if let Some(ttl) = self.ttl {
            route = route.ttl(ttl);
        }
        if let Some(max_size) = self.max_size {
            route = route.budget(max_size);
        }
        if let Some(compression) = self.compression {
            route = route.compression(compression);
        }
        Some(route)
    }
}

/// A value that is read from a table only. What serde derives for a struct takes a list of its fields too.
#[derive(Debug)]
pub struct Table<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries))
            }
        }
        from.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

/// Reads a section, as a [`Table`].
///
/// # Errors
/// The value is no table, or not that of a `T`.
pub fn table<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Table::deserialize(from).map(|Table(section)| section)
}

/// Reads a value that is written as a whole `number` or as a `text`; each says `None` to what it cannot take.
///
/// # Errors
/// Neither takes the value; the error names it and what would be right, `expected`.
///
/// ```
/// use serde::{Deserialize, Deserializer};
///
/// struct Percent(u8);
///
/// impl<'de> Deserialize<'de> for Percent {
///     fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
///         let percent = |number: i64| u8::try_from(number).ok().filter(|&part| part <= 100).map(Self);
///         let text = |text: &str| text.strip_suffix('%')?.parse().ok().and_then(percent);
///         cache_core::config::scalar(from, "0 to 100, or \"0%\" to \"100%\"", percent, text)
///     }
/// }
/// ```
pub fn scalar<'de, D: Deserializer<'de>, T>(
    from: D,
    expected: &str,
    number: impl FnOnce(i64) -> Option<T>,
    text: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    from.deserialize_any(Scalar { expected, number, text })
}

struct Scalar<'a, N, S> {
    expected: &'a str,
    number: N,
    text: S,
}

impl<T, N: FnOnce(i64) -> Option<T>, S: FnOnce(&str) -> Option<T>> Visitor<'_> for Scalar<'_, N, S> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        (self.number)(number).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self.expected))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self.expected)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self.expected))
    }
}

/// Reads one of the names that `T` knows, which are `expected`.
///
/// # Errors
/// The value is none of them.
pub fn name<'de, D: Deserializer<'de>, T: FromStr>(from: D, expected: &str) -> Result<T, D::Error> {
    scalar(from, expected, |_| None, |text| text.parse().ok())
}

/// Reads a duration of 1 ms or more, written as seconds or as text such as `"2h 30m"`.
///
/// # Errors
/// The value is not one.
pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    scalar(from, "a time over 0: seconds, or text such as \"5m\" or \"2h 30m\"", from_seconds, from_text)
}

/// Reads a number of things, 1 or more.
///
/// # Errors
/// The value is not one.
pub fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = |number| u64::try_from(number).ok().filter(|&count| count > 0);
    scalar(from, "a whole number, 1 or more", number, |_| None)
}

/// Reads the path of a file or folder.
///
/// # Errors
/// The value is not text, is empty, or has a NUL in it, which no file system takes.
pub fn path<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let is_path = |text: &str| !text.is_empty() && !text.contains('\0');
    scalar(from, "a path", |_| None, |text| is_path(text).then(|| text.into()))
}

fn from_seconds(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).map(Duration::from_secs)
}

/// Of a shorter time than the millisecond, in which the cache counts, nothing would remain.
fn from_text(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| duration.as_millis() > 0)
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "a time over 0: seconds, text such as \"5m\" or \"2h 30m\", or \"never\"";
        let text = |text: &str| match text {
            "never" => Some(Self::Never),
            text => from_text(text).map(Self::After),
        };
        scalar(from, expected, |seconds| from_seconds(seconds).map(Self::After), text)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "a size over 0: bytes, text such as \"10MB\" or \"1 MiB\", or \"unlimited\"";
        let some = |budget: &Self| *budget != Self::Bytes(0);
        let bytes = |bytes| u64::try_from(bytes).ok().map(Self::Bytes).filter(some);
        scalar(from, expected, bytes, |text| text.parse().ok().filter(some))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        name(from, "\"l1\" (memory), \"l2\" (SQLite), \"l3\" (files) or \"l4\" (Redis)")
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let compression: Self = name(from, "\"none\", \"lz4\" or \"zstd\"")?;
        // Where nothing can compress, there is no tier that would: then it does not matter.
        #[cfg(any(feature = "lz4", feature = "zstd"))]
        compression.check().map_err(|why| serde::de::Error::custom(format_args!("{why}; write another")))?;
        Ok(compression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hours, minutes, seconds};

    fn read<'de, T: Deserialize<'de>>(value: &'de str) -> Result<T, String> {
        let value = toml::de::ValueDeserializer::parse(value).unwrap();
        T::deserialize(value).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn sizes_are_read_in_each_way_of_writing() {
        for (text, bytes) in [("10", 10), ("'10'", 10), ("'10MB'", 10_000_000), ("'1 MiB'", 1 << 20)] {
            assert_eq!(read(text), Ok(Budget::Bytes(bytes)), "{text}");
        }
        assert_eq!(read("'unlimited'"), Ok(Budget::Unlimited));
    }

    #[test]
    fn times_are_read_in_each_way_of_writing() {
        for (text, ttl) in [("7200", hours(2)), ("'5m'", minutes(5)), ("'2h 30m'", minutes(150))] {
            assert_eq!(read(text), Ok(Ttl::After(ttl)), "{text}");
        }
        assert_eq!(read("'never'"), Ok(Ttl::Never));
        assert_eq!(read("9223372036854775807"), Ok(Ttl::After(seconds(i64::MAX.unsigned_abs()))));
    }

    #[test]
    fn error_names_the_value_and_what_would_be_right() {
        let size = "expected a size over 0: bytes, text such as \"10MB\" or \"1 MiB\", or \"unlimited\"";
        for (text, value) in [
            ("0", "invalid value: integer `0`"),
            ("-5", "invalid value: integer `-5`"),
            ("18446744073709551615", "invalid value: integer `18446744073709551615`"),
            ("'0 KB'", "invalid value: string \"0 KB\""),
            ("'10 parsecs'", "invalid value: string \"10 parsecs\""),
            ("true", "invalid type: boolean `true`"),
            ("1.5", "invalid type: floating point `1.5`"),
        ] {
            assert_eq!(read::<Budget>(text), Err(format!("{value}, {size}")));
        }
        let time = "expected a time over 0: seconds, text such as \"5m\" or \"2h 30m\", or \"never\"";
        for text in ["soon", "", "5", "1ns", "99999999999999999999h"] {
            let expected = format!("invalid value: string {text:?}, {time}");
            assert_eq!(read::<Ttl>(&format!("{text:?}")), Err(expected));
        }
        assert_eq!(
            read::<Level>("'l5'").unwrap_err(),
            "invalid value: string \"l5\", expected \"l1\" (memory), \"l2\" (SQLite), \"l3\" (files) or \"l4\" (Redis)"
        );
        assert_eq!(
            read::<Compression>("3").unwrap_err(),
            "invalid value: integer `3`, expected \"none\", \"lz4\" or \"zstd\""
        );
    }

    #[test]
    fn what_is_written_is_laid_over_what_is_known() {
        let known = Route::file().ttl(hours(1)).budget(5).compression(Compression::Lz4).version(3);
        let route = |text| toml::from_str::<CategoryConfig>(text).unwrap().route(Some(&known)).unwrap();
        assert_eq!(route(""), known);
        assert_eq!(route("tier = 'l3'\nmax_size = 6"), known.clone().budget(6));
        assert_eq!(route("ttl = 'never'"), known.clone().ttl(Ttl::Never));
        assert_eq!(route("compression = 'none'"), known.clone().compression(Compression::None));
        assert_eq!(route("tier = 'l2'"), Route::sqlite().ttl(hours(1)).budget(5).version(3));
    }
}
