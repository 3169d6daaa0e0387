//! Shared libraries.
#![expect(unsafe_code, reason = "symbols of a library have the types that their headers say")]

use std::ffi::c_double;

use startup_lazy::{LazyErrorKind, LazyLibrary, LazyRegistry, LazyState, LazySymbol, register};

type Function = unsafe extern "C" fn(c_double) -> c_double;

#[cfg(target_os = "linux")]
#[test]
fn system_library_is_loaded_when_a_symbol_is_used() {
    // SAFETY: the mathematical library does nothing when it is loaded, and `cos` has this type.
    static M: LazyLibrary = unsafe { LazyLibrary::new("m") }.versions(&["6"]);
    // SAFETY: as above.
    static COS: LazySymbol<Function> = unsafe { LazySymbol::new(&M, "cos") };

    assert_eq!((M.state(), M.file()), (LazyState::Unloaded, None));
    for _ in 0..2 {
        // SAFETY: `cos` takes any number.
        assert_eq!(unsafe { COS.get().unwrap()(0.0) }, 1.0);
    }
    assert_eq!((M.state(), M.file()), (LazyState::Loaded, Some("libm.so.6")));
    // SAFETY: as above.
    let sqrt: Function = unsafe { M.symbol("sqrt") }.unwrap();
    // SAFETY: `sqrt` takes any number.
    assert_eq!(unsafe { sqrt(9.0) }, 3.0);
    assert!(register!(LazyRegistry::new(), M).report().to_string().contains("loaded"));
}

#[cfg(target_os = "linux")]
#[test]
fn missing_symbol_names_the_library() {
    // SAFETY: as above.
    static M: LazyLibrary = unsafe { LazyLibrary::new("m") }.versions(&["6"]);
    // SAFETY: it is not there.
    let error = unsafe { M.symbol::<Function>("cosinus") }.unwrap_err();
    assert_eq!((error.name(), error.kind()), ("cosinus", &LazyErrorKind::SymbolNotFound { library: "m" }));
}

#[cfg(target_os = "linux")]
#[test]
fn library_can_be_unloaded_when_asked() {
    // SAFETY: as above.
    let library = unsafe { LazyLibrary::new("m") }.versions(&["6"]);
    library.load().unwrap();
    // SAFETY: no symbol is in use.
    unsafe { library.unload() }.unwrap();
}

#[test]
fn missing_library_lists_every_file_tried() {
    // SAFETY: it is not there.
    static NONE: LazyLibrary =
        unsafe { LazyLibrary::new("warmstart-none") }.versions(&["3", "2"]).paths(&["./none.so"]);
    let error = NONE.load().unwrap_err();
    let LazyErrorKind::LibraryNotFound { tried } = error.kind() else { panic!("{error}") };
    let files: Vec<_> = tried.iter().map(|(file, _)| file.clone()).collect();
    assert_eq!(files, NONE.candidates());
    assert_eq!(files[0], "./none.so");
    assert!(tried.iter().all(|(file, why)| error.to_string().contains(file) && !why.is_empty()));
    #[cfg(target_os = "linux")]
    assert_eq!(files[1..], ["libwarmstart-none.so.3", "libwarmstart-none.so.2", "libwarmstart-none.so"]);
    assert_eq!(NONE.state(), LazyState::Failed);
}
