use std::{
    error::Error,
    fmt,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use cache_core::{Handle, LoadError};

use crate::support::bench;

#[derive(Debug, PartialEq)]
struct NoSuchWeek(u32);

impl fmt::Display for NoSuchWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no week {}", self.0)
    }
}

impl Error for NoSuchWeek {}

fn handle() -> Handle<String> {
    bench().cache.category("db").unwrap()
}

/// Lets all threads that ask for the load come to wait for it.
fn dawdle() {
    thread::sleep(Duration::from_millis(20));
}

/// What so many threads get that do the same at the same moment.
fn at_once<R: Send>(threads: usize, work: impl Fn() -> R + Sync) -> Vec<thread::Result<R>> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            work()
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    })
}

#[test]
fn load_asks_the_home_tier_once() {
    let bench = bench();
    let numbers = bench.cache.category::<u32>("db").unwrap();
    for key in ["a", "b"] {
        let before = bench.home.gets.load(SeqCst);
        numbers.get_or_load(key, || Ok::<_, std::io::Error>(1)).unwrap();
        assert_eq!(bench.home.gets.load(SeqCst), before + 1);
    }
}

#[test]
fn sixty_four_threads_load_once_and_share_the_value() {
    let (texts, loads) = (handle(), AtomicUsize::new(0));
    let outcomes = at_once(64, || {
        texts.get_or_load("k", || {
            loads.fetch_add(1, SeqCst);
            dawdle();
            Ok::<_, NoSuchWeek>("value".to_owned())
        })
    });
    let values: Vec<Arc<String>> = outcomes.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect();
    assert_eq!(loads.into_inner(), 1);
    assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
}

#[test]
fn failing_loader_gives_its_error_to_all_and_leaves_nothing() {
    let (texts, loads) = (handle(), AtomicUsize::new(0));
    let outcomes = at_once(8, || {
        texts.get_or_load("k", || {
            loads.fetch_add(1, SeqCst);
            dawdle();
            Err::<String, _>(NoSuchWeek(47))
        })
    });
    let errors: Vec<LoadError> = outcomes.into_iter().map(|outcome| outcome.unwrap().unwrap_err()).collect();
    assert_eq!(loads.into_inner(), 1);
    for error in &errors {
        assert_eq!(error.downcast_ref(), Some(&NoSuchWeek(47)));
        assert!(Arc::ptr_eq(error.failure().unwrap(), errors[0].failure().unwrap()));
        assert_eq!(error.to_string(), "cannot load db/\"k\"");
        assert_eq!(error.source().unwrap().to_string(), "no week 47");
    }
    assert!(!texts.contains("k"));
    assert_eq!(*texts.get_or_load("k", || Ok::<_, NoSuchWeek>("again".to_owned())).unwrap(), "again");
}

#[test]
fn typed_error_keeps_its_type() {
    let texts = handle();
    let error = texts.get_or_load_typed("k", || Err::<String, _>(NoSuchWeek(1))).unwrap_err();
    let LoadError::Failed { error, .. } = error else { panic!("{error}") };
    assert_eq!(*error, NoSuchWeek(1));
    // Loads with another type of error are loads of their own.
    let nested = texts.get_or_load("k", || {
        texts
            .get_or_load_typed("k", || Ok::<_, NoSuchWeek>("inner".to_owned()))
            .map(|value| value.to_string())
    });
    assert_eq!(*nested.unwrap(), "inner");
}

#[test]
fn panicking_loader_wakes_the_others_who_try_again() {
    let (texts, loads) = (handle(), AtomicUsize::new(0));
    let outcomes = at_once(8, || {
        texts.get_or_load("k", || {
            dawdle();
            assert_ne!(loads.fetch_add(1, SeqCst), 0, "the first loader panics");
            Ok::<_, NoSuchWeek>("value".to_owned())
        })
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert!(outcomes.into_iter().flatten().all(|loaded| *loaded.unwrap() == "value"));
    assert_eq!(loads.into_inner(), 2);
}

#[test]
fn loader_may_load_another_key() {
    let texts = handle();
    let value = texts.get_or_load("outer", || {
        texts.get_or_load("inner", || Ok::<_, NoSuchWeek>("x".to_owned())).map(|inner| format!("({inner})"))
    });
    assert_eq!(*value.unwrap(), "(x)");
    assert!(texts.contains("inner"));
}

#[test]
fn load_that_needs_itself_is_an_error_with_the_path() {
    let texts = handle();
    let load = |key: &str, next: &dyn Fn() -> Result<Arc<String>, LoadError>| {
        texts.get_or_load(key, || next().map(|value| value.to_string()))
    };
    let error = load("a", &|| load("b", &|| load("c", &|| load("b", &|| panic!("never run"))))).unwrap_err();
    // Each load on the way fails with the one below it.
    let mut cause: &(dyn Error + 'static) = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    assert_eq!(cause.to_string(), "loads wait for each other: db/\"b\" -> db/\"c\" -> db/\"b\"");
    assert_eq!(*texts.get_or_load("a", || Ok::<_, NoSuchWeek>("free".to_owned())).unwrap(), "free");
}

#[test]
fn circle_over_several_threads_is_an_error_with_the_path() {
    const THREADS: usize = 3;
    let (texts, barrier) = (handle(), Barrier::new(THREADS));
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (texts, barrier) = (&texts, &barrier);
                scope.spawn(move || {
                    texts.get_or_load(&format!("k{thread}"), || {
                        barrier.wait();
                        let next = format!("k{}", (thread + 1) % THREADS);
                        let loaded = texts.get_or_load(&next, || Err::<String, _>(NoSuchWeek(0)));
                        loaded.map(|value| value.to_string())
                    })
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Whoever closed the circle got the path; its error went around to the others.
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        let mut cause: &(dyn Error + 'static) = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let path = cause.to_string();
        assert_eq!(path.matches(" -> ").count(), THREADS, "{path}");
        for thread in 0..THREADS {
            assert!(path.contains(&format!("db/\"k{thread}\"")), "{path}");
        }
    }
}

#[test]
fn waiting_for_a_load_that_waits_for_another_is_no_circle() {
    let texts = handle();
    let (barrier, inner_begun) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let outer = texts.get_or_load("outer", || {
                barrier.wait();
                inner_begun.wait();
                texts
                    .get_or_load("inner", || Ok::<_, NoSuchWeek>("unused".to_owned()))
                    .map(|value| value.to_string())
            });
            assert_eq!(*outer.unwrap(), "inner");
        });
        scope.spawn(|| {
            texts
                .get_or_load("inner", || {
                    inner_begun.wait();
                    dawdle();
                    Ok::<_, NoSuchWeek>("inner".to_owned())
                })
                .unwrap();
        });
        barrier.wait();
        assert_eq!(*texts.get_or_load("outer", || Err::<String, _>(NoSuchWeek(0))).unwrap(), "inner");
    });
}

#[test]
fn key_too_long_to_store_is_loaded_each_time() {
    let texts = handle();
    let key = "x".repeat(70_000);
    for i in 0..2 {
        assert_eq!(*texts.get_or_load(&key, || Ok::<_, NoSuchWeek>(i.to_string())).unwrap(), i.to_string());
    }
    assert!(texts.get_or_load(&key, || Err::<String, _>(NoSuchWeek(1))).is_err());
}

#[test]
fn value_is_not_loaded_again_while_it_is_stored() {
    let bench = bench();
    let numbers = bench.cache.category::<usize>("db").unwrap();
    let loads = Arc::new(AtomicUsize::new(0));
    let (late, count) = (numbers.clone(), loads.clone());
    let load = |count: Arc<AtomicUsize>| move || Ok::<_, NoSuchWeek>(count.fetch_add(1, SeqCst));
    bench.home.on_put(move || {
        thread::spawn(move || late.get_or_load("k", load(count)).unwrap());
        dawdle();
    });
    assert_eq!(*numbers.get_or_load("k", load(loads.clone())).unwrap(), 0);
    assert_eq!(loads.load(SeqCst), 1);
}
