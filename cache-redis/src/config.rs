//! The section of a configuration that is about Redis.

use std::{fmt, time::Duration};

use cache_core::{Compression, config};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{RedisOptions, names::Names, server::Server};

/// `[redis_cache]`.
///
/// ```
/// use cache_redis::RedisConfig;
///
/// let config: RedisConfig = toml::from_str("url = 'redis://10.0.0.1:6379'\ntimeout = '100ms'")?;
/// let options = config.options(); // options.open(url), if there is one
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct RedisConfig {
    /// Where the server is. Without it there is no such tier.
    #[serde(deserialize_with = "url")]
    pub url: Option<String>,
    /// Whether it is a cluster, of which the URL names nodes with commas between them. Default: no.
    pub cluster: bool,
    /// What the keys of this cache begin with. Default: `warmstart`.
    #[serde(deserialize_with = "prefix")]
    pub prefix: String,
    /// How long the server may be silent. Default: 250 ms.
    #[serde(deserialize_with = "config::duration")]
    pub timeout: Duration,
    /// How values are compressed when their category says nothing. Default: lz4.
    pub compression: Compression,
}

impl RedisConfig {
    /// The options of the tier.
    pub fn options(&self) -> RedisOptions {
        let options =
            RedisOptions::new().prefix(&self.prefix).timeout(self.timeout).compression(self.compression);
        if self.cluster { options.cluster() } else { options }
    }
}

/// Without the URL, in which there may be a password.
impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, cluster, prefix, timeout, compression } = self;
        f.debug_struct("RedisConfig")
            .field("url", &url.as_ref().map(|_| "..."))
            .field("cluster", cluster)
            .field("prefix", prefix)
            .field("timeout", timeout)
            .field("compression", compression)
            .finish()
    }
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: None,
            cluster: false,
            prefix: RedisOptions::PREFIX.into(),
            timeout: RedisOptions::TIMEOUT,
            compression: Compression::Lz4,
        }
    }
}

/// Does not say in an error what was written, since a password may be in it. (`toml` by itself shows the line.)
fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(from)?;
    // What is to be checked depends on nothing else that is written here.
    match Server::new(&url, true, RedisOptions::TIMEOUT)
        .or_else(|_| Server::new(&url, false, RedisOptions::TIMEOUT))
    {
        Ok(_) => Ok(Some(url)),
        Err(error) => Err(D::Error::custom(error.kind())),
    }
}

fn prefix<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    config::scalar(from, Names::PREFIX, |_| None, |text| Names::is_prefix(text).then(|| text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_section_is_the_default() {
        let written = "cluster = false\nprefix = 'warmstart'\ntimeout = '250ms'\ncompression = 'lz4'";
        for text in ["", written] {
            assert_eq!(toml::from_str::<RedisConfig>(text).unwrap(), RedisConfig::default());
        }
    }

    #[test]
    fn options_are_as_configured() {
        let text = "cluster = true\nprefix = 'planner'\ntimeout = 2\ncompression = 'none'";
        let options = toml::from_str::<RedisConfig>(text).unwrap().options();
        assert_eq!((&*options.prefix, options.cluster), ("planner", true));
        assert_eq!((options.timeout, options.compression), (Duration::from_secs(2), Compression::None));
    }
}
