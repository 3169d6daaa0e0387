//! Values of serde types and plain bytes, without a cache of tiers above.

use std::sync::Arc;

use cache_core::{Bytes, Result, Route, Typed};
use serde::{Serialize, de::DeserializeOwned};

use crate::RedisTier;

/// Use without a `TieredCache`. Each [`Typed`] keeps the tier open.
impl RedisTier {
    /// The category `name` as a store of `T`, with entries that live until they are removed.
    ///
    /// # Errors
    /// The name is not 1 to 64 of `a-z A-Z 0-9 _ -`, or the shape of the type cannot be traced
    /// ([`Untraceable`](cache_core::ErrorKind::Untraceable)): then [`typed_with`](Self::typed_with) and
    /// [`Route::version`] help.
    pub fn typed<T>(&self, name: &str) -> Result<Typed<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.typed_with(name, Route::redis())
    }

    /// The category `name` as a store of `T`, with the ttl, compression and version of a route.
    ///
    /// # Errors
    /// As [`typed`](Self::typed), and for a route that cannot be used.
    pub fn typed_with<T>(&self, name: &str, route: Route) -> Result<Typed<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Typed::new(Arc::new(self.clone()), self.clock().clone(), name, route)
    }

    /// The category `name` as a store of plain bytes, with entries that live until they are removed.
    ///
    /// # Errors
    /// The name is not 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub fn bytes(&self, name: &str) -> Result<Typed<Bytes>> {
        self.bytes_with(name, Route::redis())
    }

    /// The category `name` as a store of plain bytes, with the ttl, compression and version of a
    /// route.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and for a route that cannot be used.
    pub fn bytes_with(&self, name: &str, route: Route) -> Result<Typed<Bytes>> {
        Typed::bytes(Arc::new(self.clone()), self.clock().clone(), name, route)
    }
}
