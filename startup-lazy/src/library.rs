//! A shared library that is loaded when it is first used.

use std::{
    collections::BTreeMap,
    env::consts::{DLL_EXTENSION, DLL_PREFIX},
    ffi::c_void,
    fmt,
    mem::{self, ManuallyDrop},
    panic::Location,
    time::Duration,
};

use libloading::Library;
use parking_lot::Mutex;

use crate::{
    LazyError, LazyErrorKind, LazyState,
    core::{Core, NONE, failed},
    item::{Status, sealed::Sealed},
};

/// A shared library that is loaded when it is first used, and stays loaded.
///
/// Its names on the platform are made from one: `z` is `libz.so` on Linux, `libz.dylib` on macOS and `z.dll`
/// on Windows, and with [`versions`](Self::versions) `libz.so.1` too. The system looks for them where it
/// looks for libraries; [`paths`](Self::paths) come first.
///
/// ```no_run
/// use startup_lazy::LazyLibrary;
///
/// // SAFETY: zlib may be loaded at any time, on any thread.
/// static Z: LazyLibrary = unsafe { LazyLibrary::new("z") }.versions(&["1"]);
///
/// // SAFETY: this is its declaration in zlib.h.
/// let bound: unsafe extern "C" fn(std::ffi::c_ulong) -> std::ffi::c_ulong = unsafe { Z.symbol("compressBound")? };
/// // SAFETY: any number will do.
/// assert!(unsafe { bound(1000) } >= 1000);
/// # Ok::<(), startup_lazy::LazyError>(())
/// ```
pub struct LazyLibrary {
    core: Core<Loaded>,
    versions: &'static [&'static str],
    paths: &'static [&'static str],
}

struct Loaded {
    /// Unloading runs code of the library and invalidates its symbols, so it is asked for or not done.
    library: ManuallyDrop<Library>,
    file: String,
    /// Addresses by name. As numbers, since those of a loaded library are good on every thread.
    symbols: Mutex<BTreeMap<String, usize>>,
}

impl LazyLibrary {
    /// The library of this name, without `lib` and ending. The name stands in errors, reports and traces.
    ///
    /// # Safety
    /// Loading a library runs its initialisation: that of every file that can be found under these names
    /// must be sound on any thread at any time.
    #[expect(unsafe_code, reason = "what a library does when it is loaded is known to who names it")]
    pub const unsafe fn new(name: &'static str) -> Self {
        Self { core: Core::new(name), versions: &[], paths: &[] }
    }

    /// Versions that may stand in the name of the file, the best one first. They are tried before the name
    /// without one, which on many systems is there for compilers only.
    #[must_use]
    pub const fn versions(mut self, versions: &'static [&'static str]) -> Self {
        self.versions = versions;
        self
    }

    /// Files to try first. A relative one with a separator counts from the current folder.
    #[must_use]
    pub const fn paths(mut self, paths: &'static [&'static str]) -> Self {
        self.paths = paths;
        self
    }

    /// As [`Lazy::backoff`](crate::Lazy::backoff).
    #[must_use]
    pub const fn backoff(mut self, backoff: Duration) -> Self {
        self.core.backoff = backoff;
        self
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.core.name
    }

    /// The files to try, in this order.
    pub fn candidates(&self) -> Vec<String> {
        let mut files: Vec<String> = self.paths.iter().map(|path| (*path).to_owned()).collect();
        let name = self.core.name;
        for version in self.versions {
            match DLL_EXTENSION {
                "dll" => {
                    files.extend([format!("{name}-{version}.dll"), format!("{name}{version}.dll")]);
                    files.extend([format!("lib{name}-{version}.dll"), format!("lib{name}{version}.dll")]);
                }
                "dylib" => files.push(format!("lib{name}.{version}.dylib")),
                ending => files.push(format!("{DLL_PREFIX}{name}.{ending}.{version}")),
            }
        }
        files.push(format!("{DLL_PREFIX}{name}.{DLL_EXTENSION}"));
        if DLL_PREFIX.is_empty() {
            files.push(format!("lib{name}.{DLL_EXTENSION}"));
        }
        files
    }

    /// Where it is on its way.
    pub fn state(&self) -> LazyState {
        self.core.status().state
    }

    /// Which of the [candidates](Self::candidates) is loaded, if one is.
    pub fn file(&self) -> Option<&str> {
        self.core.value().map(|loaded| loaded.file.as_str())
    }

    /// How long it took to load, once it is loaded.
    pub fn load_time(&self) -> Option<Duration> {
        self.core.status().load_time
    }

    /// Loads it, if it is not loaded.
    ///
    /// # Errors
    /// None of the candidates can be loaded: [`LibraryNotFound`](LazyErrorKind::LibraryNotFound) says for each
    /// of them why. Or its initialisation needs itself.
    #[track_caller]
    pub fn load(&self) -> Result<(), LazyError> {
        self.get(Location::caller(), NONE).map(drop)
    }

    /// A symbol as a `S`: a function pointer, or a raw pointer to data. Looked up once and then remembered;
    /// [`LazySymbol`](crate::LazySymbol) takes even less.
    ///
    /// # Errors
    /// The library cannot be loaded, as [`load`](Self::load), or has no such symbol
    /// ([`SymbolNotFound`](LazyErrorKind::SymbolNotFound)).
    ///
    /// # Safety
    /// The symbol must be a `S`, which must be a function pointer or a raw pointer. It must not be used after
    /// an [`unload`](Self::unload).
    #[expect(unsafe_code, reason = "the type of a symbol is known to who names it")]
    #[track_caller]
    pub unsafe fn symbol<S: Copy + 'static>(&self, symbol: &str) -> Result<S, LazyError> {
        const { assert!(size_of::<S>() == size_of::<*mut c_void>(), "a symbol is a pointer") };
        let address = self.address(symbol, Location::caller())? as *mut c_void;
        // SAFETY: a `S` is a pointer as the caller says, not null, and has the size of one.
        Ok(unsafe { mem::transmute_copy::<*mut c_void, S>(&address) })
    }

    /// Unloads it, if it is loaded.
    ///
    /// # Errors
    /// The system refuses; the library may stay loaded.
    ///
    /// # Safety
    /// Nothing of the library may be in use or be used later: no symbol, no data, no thread.
    #[expect(unsafe_code, reason = "what is still in use is known to who unloads")]
    pub unsafe fn unload(self) -> Result<(), LazyError> {
        let name = self.core.name;
        let Some(loaded) = self.core.into_value() else { return Ok(()) };
        ManuallyDrop::into_inner(loaded.library).close().map_err(|error| failed(name, error))
    }

    #[expect(unsafe_code, reason = "a symbol is looked up")]
    pub(crate) fn address(
        &self,
        symbol: &str,
        caller: &'static Location<'static>,
    ) -> Result<usize, LazyError> {
        let loaded = self.get(caller, NONE)?;
        if let Some(address) = loaded.symbols.lock().get(symbol) {
            return Ok(*address);
        }
        // Not under the lock: the system may run code of the library to find out an address.
        // SAFETY: the symbol is only taken as an address here; nothing is read through it.
        let found = unsafe { loaded.library.get::<*mut c_void>(symbol) };
        let missing = LazyErrorKind::SymbolNotFound { library: self.core.name };
        let address = match found {
            Ok(found) => found.expose_provenance(),
            Err(error) => return Err(LazyError::caused_by(symbol, missing, error.into())),
        };
        if address == 0 {
            return Err(LazyError::new(symbol, missing));
        }
        loaded.symbols.lock().insert(symbol.to_owned(), address);
        Ok(address)
    }

    fn get(&self, caller: &'static Location<'static>, joined: u64) -> Result<&Loaded, LazyError> {
        match self.core.value() {
            Some(loaded) => Ok(loaded),
            None => self.core.load(caller, joined, || self.open()),
        }
    }

    #[expect(unsafe_code, reason = "a library is loaded")]
    fn open(&self) -> Result<Loaded, LazyError> {
        let mut tried = Vec::new();
        for file in self.candidates() {
            // SAFETY: `new` asks for libraries that may be loaded at any time.
            match unsafe { Library::new(&file) } {
                Ok(library) => {
                    let library = ManuallyDrop::new(library);
                    return Ok(Loaded { library, file, symbols: Mutex::default() });
                }
                Err(error) => tried.push((file, reason(&error))),
            }
        }
        Err(LazyError::new(self.core.name, LazyErrorKind::LibraryNotFound { tried }))
    }
}

/// What the system said, which libloading has as a cause on some platforms.
fn reason(error: &libloading::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| cause.to_string())
}

impl Sealed for LazyLibrary {
    fn name(&self) -> &'static str {
        self.core.name
    }

    fn status(&self) -> Status {
        self.core.status()
    }

    fn attempt_of_now(&self) -> u64 {
        self.core.attempt_of_now()
    }

    fn is_settled(&self, joined: u64) -> bool {
        self.core.is_settled(joined)
    }

    fn load(&self, caller: &'static Location<'static>, joined: u64) -> Result<(), LazyError> {
        self.get(caller, joined).map(drop)
    }
}

impl fmt::Debug for LazyLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyLibrary")
            .field("name", &self.core.name)
            .field("state", &self.state())
            .field("file", &self.file())
            .finish_non_exhaustive()
    }
}
