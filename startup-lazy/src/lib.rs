//! Parts of a program that load when they are first used.
//!
//! A [`Lazy`] is a named value in a `static` whose loader may fail. A [`LazyRegistry`] knows all of them:
//! it loads some in the background and reports on all.
//!
//! ```
//! use startup_lazy::{Lazy, LazyRegistry, register};
//!
//! static WORDS: Lazy<Vec<String>> = Lazy::new("words", || Ok(vec!["warm".to_owned(), "start".to_owned()]));
//! static LONGEST: Lazy<usize> = Lazy::new("longest", || {
//!     Ok(WORDS.get()?.iter().map(String::len).max().ok_or("no words")?)
//! });
//!
//! let registry = register!(LazyRegistry::new(), WORDS, LONGEST).defer_heavy(["longest"])?;
//! let preload = registry.preload_all(); // words, on another thread
//! assert_eq!(*LONGEST.get()?, 5); // waits for the words, if they are on their way
//! assert!(preload.wait().is_empty());
//! # Ok::<(), startup_lazy::LazyError>(())
//! ```
//!
//! # What holds
//!
//! - Once a value is loaded, access costs one atomic load and a branch, and it stays where it is.
//! - One attempt at a time runs for a lazy. All who wait for it share its outcome, an error too; the next
//!   call after a failure tries again, once the [back-off](Lazy::backoff) is over.
//! - A panic in a loader is an error for all who wait, with its message.
//! - A lazy that needs itself to load, over whatever other lazies and threads, is an error that names the
//!   path (`a -> b -> a`). Lazies never wait for each other in a circle, and neither do the handles of
//!   preloading.
//! - No lock is held while a loader, a destructor of an error or a listener to traces runs.
//!
//! # What it is not for
//!
//! It has no asynchronous interface, and a loaded value is never unloaded or loaded anew: that is what a cache
//! is for. Waits that do not go through a lazy are not seen: a loader that joins a thread, or receives from
//! one, that uses the same lazy waits for ever. It decides no order; for parts that depend on each other and
//! always load, take `startup-loader`.
//!
//! # Traces
//!
//! Each attempt is a `tracing` span `lazy.load` with the target `startup` and the field `name`; when it fails,
//! the field `error` is recorded. Background threads speak to the subscriber of the thread that started them.
//!
//! # Features
//!
//! - `dylib`: `LazyLibrary`, a shared library and its symbols, loaded when they are first used.

mod core;
mod error;
mod graph;
mod item;
mod lazy;
#[cfg(feature = "dylib")]
mod library;
mod machine;
mod nearest;
mod preload;
mod registry;
mod report;
#[cfg(feature = "dylib")]
mod symbol;
mod sync;

pub use error::{BoxError, LazyError, LazyErrorKind};
pub use item::{LazyItem, LazyState};
pub use lazy::Lazy;
#[cfg(feature = "dylib")]
pub use library::LazyLibrary;
pub use preload::Preload;
pub use registry::{LazyRegistry, PreloadAll};
pub use report::{LazyReport, LazyRow};
#[cfg(feature = "dylib")]
pub use symbol::LazySymbol;
