//! All lazies of a program.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
};

use startup_lazy::{Lazy, LazyErrorKind, LazyRegistry, LazyState, register};

#[test]
fn what_is_deferred_waits_for_its_use() {
    static HEAVY: Lazy<u32> = Lazy::new("heavy", || Ok(1));
    static LIGHT: Lazy<u32> = Lazy::new("light", || Ok(2));
    let registry = register!(LazyRegistry::new(), HEAVY, LIGHT).defer_heavy(["heavy"]).unwrap();
    let preload = registry.preload_all();
    assert!(preload.wait().is_empty());
    assert!(preload.is_finished());
    assert_eq!(preload.progress(), (1, 1));
    assert_eq!((HEAVY.state(), LIGHT.state()), (LazyState::Unloaded, LazyState::Loaded));
    assert!(registry.report().to_string().contains("(deferred)"));
}

#[test]
fn unknown_name_is_an_error_with_the_nearest() {
    static PLOTTER: Lazy<u32> = Lazy::new("plotter", || Ok(1));
    static TABLES: Lazy<u32> = Lazy::new("tables", || Ok(2));
    let registry = register!(LazyRegistry::new(), PLOTTER, TABLES);
    let error = registry.defer_heavy(["tables", "ploter"]).unwrap_err();
    assert!(
        matches!(error.kind(), LazyErrorKind::UnknownName { nearest: Some(name), .. } if name == "plotter")
    );
    let text = "ploter: no lazy has this name; is it \"plotter\"? There are: plotter, tables";
    assert_eq!(error.to_string(), text);
}

/// An error whose cause says more than it does.
#[derive(Debug)]
struct Unreadable(std::io::Error);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the fonts cannot be read")
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn loading_at_once_loads_what_is_declared() {
    static GOOD: Lazy<u32> = Lazy::new("good", || Ok(1));
    static BAD: Lazy<u32> =
        Lazy::new("bad", || Err(std::fs::read("/nowhere/fonts").map_err(Unreadable).unwrap_err().into()));
    let registry = register!(LazyRegistry::loading_at_once(), GOOD, BAD);
    assert_eq!((GOOD.state(), BAD.state()), (LazyState::Loaded, LazyState::Failed));
    let report = registry.report();
    assert_eq!(report.rows()[1].last_error.as_ref().unwrap().name(), "bad");
    let told = "could not be loaded: the fonts cannot be read: No such file or directory (os error 2)";
    assert!(cfg!(not(unix)) || report.to_string().ends_with(told), "{report}");
}

#[test]
fn failures_come_in_order_of_declaration() {
    static FIRST: Lazy<u32> = Lazy::new("first", || Err("one".into()));
    static SECOND: Lazy<u32> = Lazy::new("second", || Ok(1));
    static THIRD: Lazy<u32> = Lazy::new("third", || Err("two".into()));
    let failures = register!(LazyRegistry::new(), FIRST, SECOND, THIRD).preload_all().wait();
    let names: Vec<_> = failures.iter().map(|error| error.name()).collect();
    assert_eq!(names, ["first", "third"]);
}

#[test]
fn threads_are_bounded() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    fn counted() -> Result<u32, startup_lazy::BoxError> {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        NOW.fetch_sub(1, Ordering::SeqCst);
        Ok(1)
    }
    static A: Lazy<u32> = Lazy::new("a", counted);
    static B: Lazy<u32> = Lazy::new("b", counted);
    static C: Lazy<u32> = Lazy::new("c", counted);
    static D: Lazy<u32> = Lazy::new("d", counted);
    let registry = register!(LazyRegistry::new(), A, B, C, D).threads(NonZeroUsize::MIN);
    assert!(registry.preload_all().wait().is_empty());
    // The one thread, and this one that helps while it waits.
    assert!(MOST.load(Ordering::SeqCst) <= 2);
}

#[test]
fn lazies_that_need_each_other_fail_and_end() {
    static A: Lazy<u32> = Lazy::new("a", || Ok(B.get()? + 1));
    static B: Lazy<u32> = Lazy::new("b", || Ok(A.get()? + 1));
    let failures = register!(LazyRegistry::new(), A, B).preload_all().wait();
    assert!(failures.iter().all(|error| error.cycle_path().is_some()) && failures.len() == 2, "{failures:?}");
}

#[test]
fn one_declared_twice_is_one() {
    static A: Lazy<u32> = Lazy::new("a", || Ok(1));
    assert_eq!(register!(LazyRegistry::new(), A, A).names().count(), 1);
}
