//! One symbol of a shared library.

use std::{ffi::c_void, fmt, mem, panic::Location};

use once_cell::sync::OnceCell;

use crate::{LazyError, LazyLibrary};

/// One symbol of a shared library, looked up when it is first used; then access costs one atomic load and a
/// branch.
///
/// ```no_run
/// use std::ffi::c_ulong;
/// use startup_lazy::{LazyLibrary, LazySymbol};
///
/// // SAFETY: zlib may be loaded at any time, on any thread.
/// static Z: LazyLibrary = unsafe { LazyLibrary::new("z") }.versions(&["1"]);
/// // SAFETY: this is its declaration in zlib.h.
/// static COMPRESS_BOUND: LazySymbol<unsafe extern "C" fn(c_ulong) -> c_ulong> =
///     unsafe { LazySymbol::new(&Z, "compressBound") };
///
/// // SAFETY: any number will do.
/// assert!(unsafe { COMPRESS_BOUND.get()?(1000) } >= 1000);
/// # Ok::<(), startup_lazy::LazyError>(())
/// ```
pub struct LazySymbol<S> {
    library: &'static LazyLibrary,
    name: &'static str,
    symbol: OnceCell<S>,
}

impl<S: Copy + 'static> LazySymbol<S> {
    /// The symbol of this name.
    ///
    /// # Safety
    /// The symbol must be a `S`, which must be a function pointer or a raw pointer.
    #[expect(unsafe_code, reason = "the type of a symbol is known to who names it")]
    pub const unsafe fn new(library: &'static LazyLibrary, name: &'static str) -> Self {
        const { assert!(size_of::<S>() == size_of::<*mut c_void>(), "a symbol is a pointer") };
        Self { library, name, symbol: OnceCell::new() }
    }

    /// The symbol; loads the library if it is not loaded.
    ///
    /// # Errors
    /// As [`LazyLibrary::symbol`].
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Result<S, LazyError> {
        match self.symbol.get() {
            Some(symbol) => Ok(*symbol),
            None => self.look_up(Location::caller()),
        }
    }

    /// The name of the symbol.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    #[cold]
    #[expect(unsafe_code, reason = "the address of a symbol becomes what it is")]
    fn look_up(&self, caller: &'static Location<'static>) -> Result<S, LazyError> {
        // Found outside of the cell, which would wait for ever for a library whose initialisation came here.
        let address = self.library.address(self.name, caller)? as *mut c_void;
        // SAFETY: a `S` is a pointer as `new` asks for, not null, and has the size of one. The library
        // cannot be unloaded, as it is borrowed for ever.
        let symbol = unsafe { mem::transmute_copy::<*mut c_void, S>(&address) };
        Ok(*self.symbol.get_or_init(|| symbol))
    }
}

impl<S> fmt::Debug for LazySymbol<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySymbol")
            .field("library", &self.library.name())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
