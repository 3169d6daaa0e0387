//! What needs itself is an error, not a wait without an end.

use std::{
    sync::{Barrier, LazyLock},
    thread,
    time::Duration,
};

use startup_lazy::{BoxError, Lazy, LazyError};

fn path(error: &LazyError) -> String {
    error.cycle_path().unwrap().join(" -> ")
}

#[test]
fn lazy_that_uses_itself_is_an_error() {
    static A: Lazy<u32> = Lazy::new("a", || Ok(A.get()? + 1));
    assert_eq!(path(&A.get().unwrap_err()), "a -> a");
}

#[test]
fn cycle_on_one_thread_names_the_path() {
    static A: Lazy<u32> = Lazy::new("a", || Ok(B.get()? + 1));
    static B: Lazy<u32> = Lazy::new("b", || Ok(C.get()? + 1));
    static C: Lazy<u32> = Lazy::new("c", || Ok(A.get()? + 1));
    assert_eq!(path(&A.get().unwrap_err()), "a -> b -> c -> a");
    assert_eq!(path(&C.get().unwrap_err()), "c -> a -> b -> c");
}

#[test]
fn path_holds_only_what_is_in_the_circle() {
    static ROOT: Lazy<u32> = Lazy::new("root", || Ok(A.get()? + 1));
    static A: Lazy<u32> = Lazy::new("a", || Ok(B.get()? + 1));
    static B: Lazy<u32> = Lazy::new("b", || Ok(A.get()? + 1));
    assert_eq!(path(&ROOT.get().unwrap_err()), "a -> b -> a");
}

#[test]
fn cycle_over_three_threads_names_the_path() {
    // Each loader is inside before any of them goes on to the next.
    static ALL_IN: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(3));
    fn after_all(next: &Lazy<u32>) -> Result<u32, BoxError> {
        ALL_IN.wait();
        Ok(next.get()? + 1)
    }
    static A: Lazy<u32> = Lazy::new("a", || after_all(&B)).backoff(Duration::MAX);
    static B: Lazy<u32> = Lazy::new("b", || after_all(&C)).backoff(Duration::MAX);
    static C: Lazy<u32> = Lazy::new("c", || after_all(&A)).backoff(Duration::MAX);

    thread::scope(|scope| {
        let threads = [&A, &B, &C].map(|lazy| scope.spawn(|| lazy.get().unwrap_err()));
        for thread in threads {
            let found = path(&thread.join().unwrap());
            let circles = ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"];
            assert!(circles.contains(&found.as_str()), "{found}");
        }
    });
}

#[test]
fn loader_that_waits_for_a_preload_of_its_user_is_an_error() {
    static A: Lazy<u32> = Lazy::new("a", || Ok(B.preload().wait()? + 1));
    static B: Lazy<u32> = Lazy::new("b", || Ok(A.get()? + 1));
    let found = path(&A.get().unwrap_err());
    assert!(["a -> b -> a", "b -> a -> b"].contains(&found.as_str()), "{found}");
}

#[test]
fn shared_need_is_not_a_cycle() {
    static TOP: Lazy<u32> = Lazy::new("top", || {
        let left = LEFT.preload();
        let right = RIGHT.preload();
        Ok(left.wait()? + right.wait()?)
    });
    static LEFT: Lazy<u32> = Lazy::new("left", || Ok(*BASE.get()?));
    static RIGHT: Lazy<u32> = Lazy::new("right", || Ok(*BASE.get()?));
    static BASE: Lazy<u32> = Lazy::new("base", || Ok(1));
    assert_eq!(*TOP.get().unwrap(), 2);
}
