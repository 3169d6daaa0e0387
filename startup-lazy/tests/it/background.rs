//! Loading on another thread.

use std::{
    sync::{Mutex, mpsc},
    thread::{self, ThreadId},
};

use startup_lazy::{Lazy, LazyState};

#[test]
fn preload_loads_on_another_thread() {
    static GATE: Mutex<Option<mpsc::Sender<ThreadId>>> = Mutex::new(None);
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        GATE.lock().unwrap().take().ok_or("no gate")?.send(thread::current().id())?;
        Ok(1)
    });
    let (sender, loader) = mpsc::channel();
    *GATE.lock().unwrap() = Some(sender);
    let preload = VALUE.preload();
    assert_ne!(loader.recv().unwrap(), thread::current().id());
    assert_eq!(*preload.wait().unwrap(), 1);
    assert!(preload.is_finished());
    assert!(VALUE.first_caller().unwrap().file().ends_with("background.rs"));
}

#[test]
fn preload_of_what_is_loaded_is_finished() {
    static VALUE: Lazy<u32> = Lazy::new("value", || Ok(1));
    VALUE.get().unwrap();
    assert!(VALUE.preload().is_finished());
}

#[test]
fn failed_preload_is_one_attempt() {
    static LOADS: Mutex<u32> = Mutex::new(0);
    static VALUE: Lazy<u32> = Lazy::new("value", || {
        *LOADS.lock().unwrap() += 1;
        Err("offline".into())
    });
    let preload = VALUE.preload();
    let first = preload.wait().unwrap_err();
    assert_eq!(first.to_string(), preload.wait().unwrap_err().to_string());
    assert_eq!((*LOADS.lock().unwrap(), VALUE.state()), (1, LazyState::Failed));
    VALUE.get().unwrap_err();
    assert_eq!(*LOADS.lock().unwrap(), 2);
}
