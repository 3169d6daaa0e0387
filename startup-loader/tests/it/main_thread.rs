//! The main thread: barriers, pumping, an event loop.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use startup_loader::{EventKind, Loader, Pumped, Retry};

#[test]
fn main_components_run_here_and_need_not_be_send() {
    let here = thread::current().id();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let mut loader = Loader::new();
    let title = loader.add("title", (), move |_, ()| Ok((thread::current().id() != here, "planner")));
    let log = seen.clone();
    let window = loader.add_main("window", title, move |_, title| {
        log.borrow_mut().push(thread::current().id());
        Ok(Rc::new(title.1))
    });
    let frame = loader.add_main("frame", (window, title), |_, (window, _)| Ok(format!("[{window}]")));
    let shared =
        loader.component("fonts").main_thread().load((), move |_, ()| Ok(thread::current().id() == here));
    let ready = loader.add("ready", shared, |_, fonts| Ok(*fonts));
    loader.barrier("first_paint", (frame, ready));
    let running = loader.build().unwrap().start();
    running.run_until("first_paint").unwrap();
    assert_eq!(*running.get(frame).unwrap(), "[planner]");
    assert!(*running.get(ready).unwrap() && running.get(title).unwrap().0);
    assert_eq!(*seen.borrow(), [here]);
}

#[test]
fn barrier_is_reached_while_the_rest_still_loads() {
    let (release, hang) = mpsc::channel::<()>();
    let mut loader = Loader::new();
    let view = loader.add("view", (), |_, ()| Ok(1));
    loader.component("rest").after("view").load((), move |_, ()| Ok(hang.recv().is_err()));
    loader.barrier("ready", view);
    let running = loader.build().unwrap().start();
    running.run_until("ready").unwrap();
    assert!(!running.is_finished());
    drop(release);
    assert!(running.join().is_ok());
}

#[test]
fn barrier_that_cannot_be_reached_says_why() {
    let mut loader = Loader::new();
    let db = loader.add("db", (), |_, ()| Err::<(), _>("locked".into()));
    loader.barrier("ready", db);
    let running = loader.build().unwrap().start();
    assert_eq!(running.run_until("ready").unwrap_err().to_string(), "skipped, since db failed: locked");
    assert_eq!(
        running.run_until("redy").unwrap_err().to_string(),
        "\"redy\": there is no such component; is it \"ready\"?"
    );
}

/// An event loop as toolkits have it: it sleeps until an event, and turns once for each.
#[test]
fn event_loop_that_is_woken_loads_everything() {
    let (wake, events) = mpsc::channel();
    let mut loader = Loader::new();
    let mut last = loader.add_main("window", (), |_, ()| Ok(0));
    for step in 0..20 {
        let data = loader.add(format!("data {step}"), (), move |_, ()| Ok(step));
        let delay = Duration::from_millis(if step == 7 { 5 } else { 0 });
        last = loader
            .component(format!("widget {step}"))
            .delay(delay)
            .load_main((last, data), |_, (sum, data)| Ok(*sum + *data));
    }
    let running = loader.waker(move || _ = wake.send(())).build().unwrap().start();
    loop {
        // A waker that is not called when it should be ends the test here, by hanging.
        events.recv().unwrap();
        let mut pumped = running.pump(Duration::ZERO);
        while pumped == Pumped::More {
            pumped = running.pump(Duration::from_micros(1));
        }
        if pumped == Pumped::Finished {
            break;
        }
    }
    assert_eq!(*running.get(last).unwrap(), 190);
    assert!(events.try_iter().count() <= 1, "nothing is left to wake for");
}

#[test]
fn without_threads_whoever_waits_does_all() {
    let here = thread::current().id();
    let mut loader = Loader::new();
    let a = loader.add("a", (), move |_, ()| Ok(thread::current().id() == here));
    let b = loader.add_main("b", a, |_, a| Ok(*a));
    let running = loader.threads(0).build().unwrap().start();
    assert!(running.get(a).is_none());
    assert!(running.join().is_ok());
    assert!(*running.get(b).unwrap());
}

#[test]
fn event_loop_without_threads_is_woken_for_everything() {
    let (wake, events) = mpsc::channel();
    let mut loader = Loader::new();
    let data = loader.add("data", (), |_, ()| Ok(1));
    let late = loader.component("late").delay(Duration::from_millis(10)).load_retrying(
        Retry::new(2, Duration::from_millis(10)),
        data,
        |context, data| {
            if context.attempt() == 1 { Err("not yet".into()) } else { Ok(*data) }
        },
    );
    let running = loader.threads(0).waker(move || _ = wake.send(())).build().unwrap().start();
    loop {
        match running.pump(Duration::from_secs(1)) {
            Pumped::Finished => break,
            Pumped::More => {}
            _ => events.recv().unwrap(),
        }
    }
    assert_eq!(*running.get(late).unwrap(), 1);

    let (wake, events) = mpsc::channel();
    let mut loader = Loader::new();
    loader.add("data", (), |_, ()| Ok(1));
    let _running = loader.threads(0).waker(move || _ = wake.send(())).build().unwrap().start();
    events.recv().unwrap();
}

#[test]
fn without_threads_there_is_none_after_a_deadline_either() {
    let here = thread::current().id();
    let (began, other) = mpsc::channel();
    let mut loader = Loader::new();
    loader.component("stuck").deadline(Duration::from_millis(5)).priority(1).load((), move |context, ()| {
        while !context.is_cancelled() {
            thread::yield_now();
        }
        // Nobody begins anything else meanwhile.
        let _ = other.recv_timeout(Duration::from_millis(50));
        Ok(())
    });
    let other = loader.add("other", (), move |_, ()| {
        let _ = began.send(());
        Ok(thread::current().id() == here)
    });
    let running = loader.threads(0).build().unwrap().start();
    running.join();
    assert!(*running.get(other).unwrap());
}

#[test]
fn event_loop_is_woken_for_what_is_due_while_a_listener_is_slow() {
    let (wake, events) = mpsc::channel();
    let (heard, due) = mpsc::channel::<()>();
    let (started, start) = mpsc::channel::<()>();
    let due = Mutex::new(due);
    let mut loader = Loader::new();
    loader.component("late").delay(Duration::from_millis(20)).load_main((), |_, ()| Ok(()));
    // Not before this thread has nothing to tell any more.
    loader.add("data", (), move |_, ()| Ok(start.recv().is_err()));
    let loader = loader.on_event(move |event| {
        if matches!(event.kind, EventKind::Finished) && &*event.component == "data" {
            let _ = due.lock().unwrap().recv();
        }
    });
    let running = loader.threads(1).waker(move || _ = wake.send(())).build().unwrap().start();
    drop(started);
    while running.report().component("late").unwrap().ready.is_none() {
        thread::yield_now();
    }
    drop(heard);
    events.recv().unwrap();
    assert!(running.join().is_ok());
}

#[test]
fn pump_goes_on_whatever_its_budget() {
    let mut loader = Loader::new();
    let first = loader.add_main("first", (), |_, ()| Ok(()));
    loader.add_main("second", first, |_, _| Ok(()));
    let running = loader.build().unwrap().start();
    assert_eq!(running.pump(Duration::ZERO), Pumped::More);
    assert!(running.get(first).is_some());
    assert_eq!(running.pump(Duration::ZERO), Pumped::Finished);
}

#[test]
fn barrier_is_a_dependency_like_any_other() {
    let mut loader = Loader::new();
    let view = loader.add("view", (), |_, ()| Ok(()));
    let ready = loader.barrier("ready", view);
    let broken = loader.add("broken", (), |_, ()| Err::<(), _>("no".into()));
    let never = loader.barrier("never", broken);
    let rest = loader.add("rest", (ready, never.wanted()), |_, (_, never)| Ok(never.is_none()));
    let running = loader.build().unwrap().start();
    running.join();
    assert!(*running.get(rest).unwrap());
    assert!(running.get(ready).is_some() && running.get(never).is_none());
}
